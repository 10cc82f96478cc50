//! CuPy for ROCm with numpy, unmodified from PyPI, and what it needs around it to start without a GPU.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const WHEEL: &str = "cupy-rocm-7-0==14.2.0";

/// CuPy where it is installed, with the interpreter it was built for.
pub struct Cupy {
    /// The interpreter itself: a wrapper script's own processes would run under the shim, too.
    pub python: PathBuf,
    /// For `PYTHONPATH`.
    pub packages: PathBuf,
}

/// Out of the user's cache, or from PyPI, which is asked in the gate only.
pub fn installed() -> Option<&'static Cupy> {
    static CUPY: LazyLock<Option<Cupy>> = LazyLock::new(|| {
        let said = Command::new("python3").args(["-c", ABOUT]).output().ok()?;
        let said = String::from_utf8(said.stdout).ok()?;
        let (python, tag) = said.trim().split_once('\n')?;
        let packages = cache()?.join(format!("{}-{tag}", WHEEL.replace("==", "-")));
        let asked = std::env::var_os("XDOCTOR_TEST_REQUIRE").is_some();
        let there = packages.exists() || (asked && install(python, &packages).is_some());
        there.then(|| Cupy { python: python.into(), packages })
    });
    CUPY.as_ref()
}

const ABOUT: &str = "import sys; print(sys.executable, 'cp%d%d' % sys.version_info[:2], sep='\\n')";

fn cache() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    Some(std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from).join("xdoctor"))
}

/// Into a folder beside it first, so that what is there is whole.
fn install(python: &str, packages: &Path) -> Option<()> {
    fs::create_dir_all(packages.parent()?).ok()?;
    let beside = tempfile::tempdir_in(packages.parent()?).ok()?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "-q", "--only-binary=:all:", "--root-user-action=ignore", "--target"]);
    let installed = pip.arg(beside.path()).arg(WHEEL).status().is_ok_and(|status| status.success());
    (installed && fs::rename(beside.path(), packages).is_ok()).then_some(())
}

/// Compiles into that folder what fixtures/cupy has in place of libraries of ROCm that CuPy NEEDs and does not use here.
pub fn build_stand_ins(folder: &Path) {
    compile(&folder.join("librocfft.so.0"), "cupy/rocfft.c", &["-Wl,-soname,librocfft.so.0"]);
    let map = format!("-Wl,--version-script={}", source("cupy/roctracer.map").display());
    compile(&folder.join("libroctracer64.so.4"), "cupy/roctracer.c", &["-Wl,-soname,libroctracer64.so.4", &map]);
    compile(&folder.join("libhiprtc.so.7"), "cupy/hiprtc.c", &["-Wl,-soname,libhiprtc.so.7"]);
}

/// Compiles the matmul's code object.
pub fn build_kernel(folder: &Path) -> PathBuf {
    let object = folder.join("matmul.co");
    compile(&object, "hip-matmul/matmul_cpu.c", &[]);
    object
}

/// A file of `fixtures`.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn compile(output: &Path, name: &str, flags: &[&str]) {
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(output).arg(source(name));
    let result = cc.args(flags).output().expect("a C compiler");
    assert!(result.status.success(), "{name}: {}", String::from_utf8_lossy(&result.stderr));
}
