//! CuPy for ROCm with numpy, unmodified from PyPI, and what it needs around it to start without a GPU.

#![allow(dead_code, clippy::allow_attributes, reason = "not every test uses all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support;

const WHEEL: &str = "cupy-rocm-7-0==14.2.0";

/// CuPy where it is installed, with the interpreter it was built for.
pub struct Cupy {
    /// The interpreter itself: a wrapper script's own processes would run under the shim, too.
    pub python: PathBuf,
    /// For `PYTHONPATH`.
    pub packages: PathBuf,
}

/// Out of the user's cache, or from PyPI, which is asked in the gate only. `None` where it is not to be had: said so, and a
/// failure where nothing may be skipped.
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
    let what = "cupy-rocm-7-0 14.2.0 for this python3 in the cache, and PyPI is asked in the gate only";
    if support::require(CUPY.is_some(), what) { CUPY.as_ref() } else { None }
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
    (installed && (fs::rename(beside.path(), packages).is_ok() || packages.exists())).then_some(())
}

/// A file of `fixtures`.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Builds into that folder what stands in for libraries of ROCm, and the matmul's code object, `matmul.co`.
pub fn build(folder: &Path) {
    let output = Command::new(source("cupy/build")).arg(folder).output().expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
