//! What a call costs through the shim, against the same call made to the runtime directly, in one process and one run.
//!
//! `cargo bench --bench shim_cost`. The function is the cheapest that the CPU runtime has, so that the difference of the two rows is
//! the shim's own: a load, a test, an increment and a jump.
#![expect(unsafe_code, reason = "the functions measured are C functions of libraries that are loaded here")]

use std::sync::LazyLock;

use divan::Bencher;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// `hipError_t hipPeekAtLastError(void)`
type Peek = unsafe extern "C" fn() -> i32;

struct Paths {
    direct: Peek,
    shimmed: Peek,
    _libraries: [Library; 2],
    _files: tempfile::TempDir,
}

/// The runtime comes first, by dlopen(RTLD_LOCAL), as under Python; the shim finds it as it always does.
static PATHS: LazyLock<Paths> = LazyLock::new(|| {
    let files = tempfile::tempdir().unwrap_or_else(|error| unwelcome(&error));
    xdoctor::bundle::unpack(files.path()).unwrap_or_else(|error| unwelcome(&error));
    let open = |name: &str| {
        // SAFETY: the two libraries were built with this program; their constructors only read the environment and loaded objects.
        unsafe { Library::open(Some(files.path().join(name)), RTLD_NOW | RTLD_LOCAL) }
            .unwrap_or_else(|error| unwelcome(&error))
    };
    let find = |library: &Library| -> Peek {
        // SAFETY: that is the function's type in the API.
        *unsafe { library.get::<Peek>(b"hipPeekAtLastError\0") }.unwrap_or_else(|error| unwelcome(&error))
    };
    let libraries = [open("lib/libamdhip64.so.7"), open("lib/libshimhip.so")];
    Paths { direct: find(&libraries[0]), shimmed: find(&libraries[1]), _libraries: libraries, _files: files }
});

fn unwelcome(error: &dyn std::fmt::Display) -> ! {
    eprintln!("shim_cost: {error}");
    std::process::exit(1)
}

fn main() {
    assert!(PATHS.direct as usize != PATHS.shimmed as usize);
    divan::main();
}

#[divan::bench(threads = [1, 2])]
fn direct(bencher: Bencher) {
    let call = PATHS.direct;
    // SAFETY: the function takes nothing, and may be called from any thread.
    bencher.bench(|| unsafe { call() });
}

#[divan::bench(threads = [1, 2])]
fn shimmed(bencher: Bencher) {
    let call = PATHS.shimmed;
    // SAFETY: as in `direct`.
    bencher.bench(|| unsafe { call() });
}
