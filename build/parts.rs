//! The C parts: which objects make which file of the bundle.

use std::path::PathBuf;

use crate::compile::{Object, Toolchain};

/// A file of the bundle.
pub struct File {
    /// Its path in the unpacked bundle.
    pub path: String,
    /// Where it lies now.
    pub from: PathBuf,
    /// Whether it is run or loaded.
    pub executable: bool,
}

const COUNTING: [&str; 4] = ["vector", "counters", "environment", "object"];
const SHIM: [&str; 4] = ["trace", "lookup", "runtime", "shim"];
const RUNTIME: [&str; 10] =
    ["runtime", "errors", "handles", "memory", "copy", "set", "stream", "device", "module", "launch"];
/// The observer's C; its trampolines are assembly.
const OBSERVER: [&str; 12] = [
    "audit",
    "calls",
    "counters",
    "departures",
    "entries",
    "given",
    "log",
    "memory",
    "names",
    "objects",
    "retag",
    "state",
];
/// It has no libc: not even one that a compiler expects; and its callers' vector registers hold arguments.
const OBSERVER_FLAGS: [&str; 5] = [
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",
    "-mgeneral-regs-only",
    "-U_FORTIFY_SOURCE",
];
const MAJORS: [&str; 3] = ["5", "6", "7"];

/// Compiles and links everything.
///
/// # Errors
/// The first command that fails.
pub fn build(toolchain: &Toolchain) -> Result<Vec<File>, String> {
    // The client carries the kernel's code object, so that one comes first.
    toolchain.compile(&[Object::new("fixtures/hip-matmul/matmul_cpu.c", "matmul_cpu", &[])])?;
    toolchain.link("matmul_cpu.so", &["matmul_cpu"], &["-shared"])?;
    toolchain.compile(&objects())?;
    let mut files = vec![generated(toolchain, "share/hip_version.map", "hip_version.map")];
    files.push(link_shim(toolchain, "lib/libshimhip.so", &[], &[])?);
    files.push(link_observer(toolchain)?);
    for major in MAJORS {
        files.push(link_runtime(toolchain, major)?);
        files.push(link_client(toolchain, major)?);
    }
    files.push(File { path: "share/pytorch.py".to_owned(), from: here()?.join("checks/pytorch.py"), executable: true });
    files.extend(sample(toolchain)?);
    Ok(files)
}

/// Flags that only some sources want.
fn own_flags(name: &str) -> &'static [&'static str] {
    match name {
        // It runs while the caller's vector arguments are still in their registers.
        "vector" => &["-mgeneral-regs-only"],
        _ => &[],
    }
}

fn objects() -> Vec<Object> {
    let mut objects = vec![
        Object::new("shim/count/trampoline.S", "shim_trampoline", &[]),
        Object::new("shim/count/trampoline.S", "hip_trampoline", &["-DCOUNT_IMPLEMENTATIONS"]),
        Object::new("fixtures/hip-matmul/register.c", "register", &[]),
        Object::new("fixtures/hip-matmul/rtc.c", "rtc", &[]),
        Object::new("fixtures/hip-matmul/embed.S", "embed", &["-Wa,-Ifixtures/hip-matmul"]),
        Object::new("fixtures/sample/src/hal.c", "hal", &[]),
        Object::new("fixtures/sample/src/use_hal.c", "use_hal", &[]),
    ];
    for name in COUNTING {
        objects.push(Object::new(&format!("shim/count/{name}.c"), &format!("count_{name}"), own_flags(name)));
    }
    for name in SHIM {
        objects.push(Object::new(&format!("shim/{name}.c"), &format!("shim_{name}"), &[]));
    }
    objects.push(Object::new("shim/observer/trampoline.S", "observer_trampoline", &[]));
    for name in OBSERVER {
        objects.push(Object::new(&format!("shim/observer/{name}.c"), &format!("observer_{name}"), &OBSERVER_FLAGS));
    }
    for name in RUNTIME {
        objects.push(Object::new(&format!("fixtures/hip-runtime/{name}.c"), &format!("hip_{name}"), &[]));
    }
    for major in MAJORS {
        let runtime = format!("-DCPU_RUNTIME_MAJOR={major}");
        let client = format!("-DHIP_MAJOR={major}");
        objects.push(Object::new("fixtures/hip-runtime/version.c", &format!("version{major}"), &[&runtime]));
        objects.push(Object::new("fixtures/hip-matmul/matmul.c", &format!("matmul{major}"), &[&client]));
        objects.push(Object::new("fixtures/hip-matmul/calls.c", &format!("calls{major}"), &[&client]));
    }
    objects
}

fn generated(toolchain: &Toolchain, path: &str, name: &str) -> File {
    File { path: path.to_owned(), from: toolchain.out.join(name), executable: false }
}

fn library(path: &str, from: PathBuf) -> File {
    File { path: path.to_owned(), from, executable: true }
}

fn prefixed(prefix: &str, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{prefix}_{name}")).collect()
}

fn link_shim(toolchain: &Toolchain, path: &str, more: &[&str], flags: &[&str]) -> Result<File, String> {
    let map = format!("-Wl,--version-script={}", toolchain.out.join("shim.map").display());
    let mut names = prefixed("count", &COUNTING);
    names.extend(prefixed("shim", &SHIM));
    names.push("shim_trampoline".to_owned());
    let mut objects: Vec<&str> = names.iter().map(String::as_str).collect();
    objects.extend(more);
    // Its thread-end hook and its trampolines must outlive a dlclose.
    let mut all = vec!["-shared", "-Wl,-soname,libshimhip.so", "-Wl,-z,nodelete", &map];
    all.extend(flags);
    all.push("-ldl");
    Ok(library(path, toolchain.link(path, &objects, &all)?))
}

fn link_observer(toolchain: &Toolchain) -> Result<File, String> {
    let path = "lib/libxdoctor-observer.so";
    let mut names = prefixed("observer", &OBSERVER);
    names.push("observer_trampoline".to_owned());
    let objects: Vec<&str> = names.iter().map(String::as_str).collect();
    let flags = ["-shared", "-nostdlib", "-Wl,-soname,libxdoctor-observer.so", "-Wl,-s"];
    Ok(library(path, toolchain.link(path, &objects, &flags)?))
}

fn link_runtime(toolchain: &Toolchain, major: &str) -> Result<File, String> {
    let map = format!("-Wl,--version-script={}", toolchain.out.join("hip_version.map").display());
    let soname = format!("-Wl,-soname,libamdhip64.so.{major}");
    let version = format!("version{major}");
    let mut names = prefixed("count", &COUNTING);
    names.extend(prefixed("hip", &RUNTIME));
    let mut objects: Vec<&str> = names.iter().map(String::as_str).collect();
    objects.extend(["hip_trampoline", &version]);
    let path = format!("lib/libamdhip64.so.{major}");
    let flags = ["-shared", "-Wl,-z,nodelete", &soname, &map, "-ldl"];
    Ok(library(&path, toolchain.link(&path, &objects, &flags)?))
}

/// The client of ROCm 7 has the plain name.
fn link_client(toolchain: &Toolchain, major: &str) -> Result<File, String> {
    let path = match major {
        "7" => "bin/hip-matmul".to_owned(),
        _ => format!("bin/hip-matmul-so{major}"),
    };
    let (matmul, calls) = (format!("matmul{major}"), format!("calls{major}"));
    let runtime = toolchain.out.join(format!("lib/libamdhip64.so.{major}"));
    let runtime = runtime.display().to_string();
    let flags = ["-pie", &runtime, "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib", "-ldl", "-lm"];
    let linked = toolchain.link(&path, &[&matmul, &calls, "register", "rtc", "embed"], &flags)?;
    Ok(library(&path, linked))
}

fn sample(toolchain: &Toolchain) -> Result<Vec<File>, String> {
    let hal_path = "sample/lib/libhalhip.so";
    let hal = toolchain.link(hal_path, &["hal"], &["-shared", "-Wl,-soname,libhalhip.so"])?;
    let hal_flag = hal.display().to_string();
    let flags = [hal_flag.as_str(), "-Wl,--enable-new-dtags,-rpath,$ORIGIN"];
    let shim = link_shim(toolchain, "sample/lib/libshimhip.so", &["use_hal"], &flags)?;
    let mut files =
        vec![library(hal_path, hal), shim, generated(toolchain, "sample/source/hip_version.map", "shim.map")];
    for source in ["README.md", "CMakeLists.txt", "src/hal.c", "src/use_hal.c"] {
        files.push(File {
            path: format!("sample/source/{source}"),
            from: here()?.join("fixtures/sample").join(source),
            executable: false,
        });
    }
    Ok(files)
}

fn here() -> Result<std::path::PathBuf, String> {
    std::env::current_dir().map_err(|error| error.to_string())
}
