//! What a call costs under the observer, against the same call unobserved, in one process and one run.
//!
//! `cargo bench --bench observer_cost`. The process starts itself anew under the observer, which counts one of two functions that
//! do nothing, alike but for their names.
#![expect(unsafe_code, reason = "the functions measured are C functions of a library that is loaded here")]

mod calls;

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use calls::Function;
use divan::Bencher;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// Set in the second start: the folder with the library, which the observer's folder lies in.
const FOLDER: &str = "XDOCTOR_BENCH_FOLDER";
const SOURCE: &str = "int unobserved(void) { return 0; } __attribute__((aligned(64))) int observed(void) { return 0; }";

struct Paths {
    unobserved: Function,
    observed: Function,
    _library: Library,
}

static PATHS: LazyLock<Paths> = LazyLock::new(|| open().unwrap_or_else(|error| unwelcome(&*error)));

fn open() -> Result<Paths, Box<dyn Error>> {
    let file = Path::new(&std::env::var(FOLDER)?).join("functions.so");
    // SAFETY: the library was compiled below and has no constructors.
    let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) }?;
    // SAFETY: that is the functions' type.
    let find = |name: &[u8]| unsafe { library.get::<Function>(name).map(|function| *function) };
    let (unobserved, observed) = (find(b"unobserved\0")?, find(b"observed\0")?);
    Ok(Paths { unobserved, observed, _library: library })
}

/// Starts this very program again, observed: that one removes the folder.
fn start_observed() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?.keep();
    let (source, library) = (folder.join("functions.c"), folder.join("functions.so"));
    std::fs::write(&source, SOURCE)?;
    if !Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).status()?.success() {
        return Err("cc failed".into());
    }
    xdoctor::bundle::unpack(&folder)?;
    std::fs::write(folder.join("api"), "observed\n")?;
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env(FOLDER, &folder).env("XDOCTOR_OBSERVER", &folder);
    Err(again.env("LD_AUDIT", folder.join("lib/libxdoctor-observer.so")).exec().into())
}

fn unwelcome(error: &(dyn Error + 'static)) -> ! {
    eprintln!("observer_cost: {error}");
    std::process::exit(1)
}

fn main() {
    if std::env::var_os(FOLDER).is_none() {
        start_observed().unwrap_or_else(|error| unwelcome(&*error));
    }
    LazyLock::force(&PATHS);
    let mapped = std::fs::read_to_string("/proc/self/maps").unwrap_or_else(|error| unwelcome(&error));
    let at = |function: Function| mapped.lines().find(|line| holds(line, function as usize)).unwrap_or_default();
    assert!(at(PATHS.unobserved).ends_with("functions.so"), "a plain address");
    assert!(at(PATHS.observed).ends_with("libxdoctor-observer.so"), "a trampoline");
    divan::main();
    if let Some(folder) = std::env::var_os(FOLDER) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Whether a line of /proc/self/maps covers the address.
fn holds(line: &str, address: usize) -> bool {
    let number = |text: &str| usize::from_str_radix(text, 16).unwrap_or_default();
    let range = line.split(' ').next().and_then(|range| range.split_once('-'));
    range.is_some_and(|(from, to)| (number(from)..number(to)).contains(&address))
}

#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 20)]
fn thousand_unobserved(bencher: Bencher) {
    calls::thousand(bencher, PATHS.unobserved);
}

#[divan::bench(threads = [1, 2], sample_count = 500, sample_size = 20)]
fn thousand_observed(bencher: Bencher) {
    calls::thousand(bencher, PATHS.observed);
}
