//! What a call costs through the shim, against the same call made to the runtime directly, in one process and one run.
//!
//! `cargo bench --bench shim_cost`. The runtime here is one bare function that returns, compiled on the spot: the CPU runtime counts
//! its calls too, and a processor that does both counts at once would hide the shim's. What remains between the two rows is the
//! shim's own: loading the thread's block, a test, an increment and a jump.
#![expect(unsafe_code, reason = "the functions measured are C functions of libraries that are loaded here")]

mod calls;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use calls::Function;
use divan::Bencher;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

struct Paths {
    direct: Function,
    shimmed: Function,
    _libraries: [Library; 2],
    _files: tempfile::TempDir,
}

/// The runtime comes first, by dlopen(RTLD_LOCAL), as under Python; the shim finds it as it always does.
static PATHS: LazyLock<Paths> = LazyLock::new(|| {
    let files = tempfile::tempdir().unwrap_or_else(|error| unwelcome(&error));
    xdoctor::bundle::unpack(files.path()).unwrap_or_else(|error| unwelcome(&error));
    compile(&files.path().join("bare.so")).unwrap_or_else(|error| unwelcome(&error));
    let open = |name: &str| {
        // SAFETY: both libraries were built here; their constructors only read the environment and loaded objects.
        unsafe { Library::open(Some(files.path().join(name)), RTLD_NOW | RTLD_LOCAL) }
            .unwrap_or_else(|error| unwelcome(&error))
    };
    let find = |library: &Library| -> Function {
        // SAFETY: that is the function's type in the API.
        *unsafe { library.get::<Function>(b"hipPeekAtLastError\0") }.unwrap_or_else(|error| unwelcome(&error))
    };
    let libraries = [open("bare.so"), open("lib/libshimhip.so")];
    Paths { direct: find(&libraries[0]), shimmed: find(&libraries[1]), _libraries: libraries, _files: files }
});

/// As little of a runtime as the shim recognises as one.
const BARE: &str = "int hipInit(unsigned flags) { return (int)flags; } int hipPeekAtLastError(void) { return 0; }";

fn compile(output: &Path) -> std::io::Result<()> {
    let source = output.with_extension("c");
    std::fs::write(&source, BARE)?;
    let mut command = Command::new("cc");
    command.args(["-O2", "-shared", "-fPIC", "-o"]).arg(output).arg(source);
    match command.status()?.success() {
        true => Ok(()),
        false => Err(std::io::Error::other("cc failed")),
    }
}

fn unwelcome(error: &dyn std::fmt::Display) -> ! {
    eprintln!("shim_cost: {error}");
    std::process::exit(1)
}

fn main() {
    assert!(PATHS.direct as usize != PATHS.shimmed as usize);
    // SAFETY: as below. Not hipErrorNotSupported: the shim has found the runtime.
    assert_eq!(unsafe { (PATHS.shimmed)() }, 0);
    divan::main();
}

#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 20)]
fn thousand_direct(bencher: Bencher) {
    calls::thousand(bencher, PATHS.direct);
}

#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 20)]
fn thousand_shimmed(bencher: Bencher) {
    calls::thousand(bencher, PATHS.shimmed);
}
