//! Over a machine's own programs and libraries, the model binds exactly as the machine's loader does.
//!
//! `XDOCTOR_AGREEMENT` says how many are compared: a number, or `all`. The programs of /usr/bin are run in trace mode, so
//! that no code of theirs runs; libraries are really opened, and their constructors run.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/built.rs"]
mod built;
#[path = "support/ldso.rs"]
mod ldso;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use built::Fixture;
use ldso::{Bound, With, bound, ldso};
use rayon::prelude::*;
use xdoctor::elf::{Image, Mapped};
use xdoctor::loader::{Files, Objects, Process, Tree};

/// How many are compared where nothing is said.
const SOME: usize = 40;

fn how_many() -> usize {
    match std::env::var("XDOCTOR_AGREEMENT").as_deref() {
        Ok("all") => usize::MAX,
        Ok(number) => number.parse().expect("XDOCTOR_AGREEMENT: a number, or `all`"),
        Err(_) => SOME,
    }
}

/// Evenly spread over the list.
fn spread(all: Vec<PathBuf>) -> Vec<PathBuf> {
    let step = (all.len() / how_many().max(1)).max(1);
    all.into_iter().step_by(step).take(how_many()).collect()
}

/// Files of a folder for which `wanted` holds, each once.
fn files(folder: &str, wanted: impl Fn(&Image<'_>) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect(folder).filter_map(|entry| fs::canonicalize(entry.ok()?.path()).ok());
    let unique: BTreeSet<PathBuf> = entries.filter(|path| path.is_file()).collect();
    let is_wanted = |path: &PathBuf| {
        Mapped::open(path).is_ok_and(|file| Image::parse(file.bytes()).is_ok_and(|image| wanted(&image)))
    };
    unique.into_iter().filter(is_wanted).collect()
}

fn programs() -> Vec<PathBuf> {
    let glibc = |image: &Image<'_>| image.interpreter().is_some_and(|path| path.starts_with(b"/lib64/ld-linux"));
    spread(files("/usr/bin", glibc))
}

/// Compares all; every difference is told.
fn compare(programs: &[PathBuf], with: &(impl Fn(&Path) -> With + Sync)) {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let differences: Vec<(usize, Option<String>)> = programs
        .par_iter()
        .filter_map(|program| {
            let with = with(program);
            let process = Process::start(&objects, program, &with.environment()).expect("modelled");
            if process.is_secure() {
                return None;
            }
            let (predicted, found) = (bound(&process), ldso(program, &with));
            let only = |a: &Bound, b: &Bound| a.bindings.difference(&b.bindings).take(3).cloned().collect::<Vec<_>>();
            let told = (predicted != found).then(|| {
                let (here, there) = (only(&predicted, &found), only(&found, &predicted));
                format!("{}: the model only {here:#?}, ld.so only {there:#?}", program.display())
            });
            Some((found.bindings.len(), told))
        })
        .collect();
    let bindings: usize = differences.iter().map(|(count, _)| count).sum();
    let told: Vec<&String> = differences.iter().filter_map(|(_, told)| told.as_ref()).collect();
    eprintln!("{} programs, {bindings} bindings, {} differ", differences.len(), told.len());
    assert!(bindings > 100 * differences.len(), "the loader told of {bindings} bindings only");
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn programs_are_bound_as_the_loader_binds_them() {
    compare(&programs(), &|_| With::default());
}

#[test]
fn programs_are_bound_as_the_loader_binds_them_with_a_preload_that_defines_what_they_call() {
    let fixture = Fixture::new();
    let definitions = ["malloc", "free", "calloc", "strlen", "memcpy", "getenv", "dlsym"];
    let source: String = definitions.iter().map(|name| format!("int {name}(void) {{ return 0; }}\n")).collect();
    let source = fixture.file("preload.c", &source);
    let preload = fixture.path("libpreload.so");
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-fno-builtin", "-o"])
        .args([&preload, &source])
        .status();
    assert!(built.expect("a compiler").success());
    compare(&programs(), &|_| With::preload(&[&preload]));
}

#[test]
fn libraries_are_bound_as_the_loader_binds_them_when_they_are_opened() {
    let folder = "/usr/lib/x86_64-linux-gnu";
    if !support::require(Path::new(folder).is_dir(), folder) {
        return;
    }
    let fixture = Fixture::new();
    let opener = fixture.program("opener", "opener.c", &[]);
    // The constructor of AddressSanitizer ends a program that it was not started with.
    let left_out = ["asan"];
    let is_library = |image: &Image<'_>| image.interpreter().is_none() && image.soname().is_some();
    let mut libraries = files(folder, is_library);
    libraries.retain(|path| !left_out.iter().any(|name| path.to_string_lossy().contains(name)));
    let libraries = spread(libraries);
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let mut opened = 0;
    for (number, library) in libraries.iter().enumerate() {
        let flags = ["local", "global", "deepbind"][number % 3];
        let before = &libraries[number.saturating_sub(1)];
        for modules in [vec![(library.as_path(), flags)], vec![(before, "global"), (library, "local")]] {
            let with = With::modules(&modules);
            let mut process = Process::start(&objects, &opener, &with.environment()).expect("modelled");
            let opens = with.modules.iter().all(|module| process.open(module).is_ok());
            let status = with.command(&opener).output().expect("runs").status;
            assert_eq!(opens, status.code() != Some(97), "whether {modules:?} opens: {status}");
            if opens {
                opened += 1;
                let (predicted, found) = (bound(&process), ldso(&opener, &with));
                assert!(!found.bindings.is_empty());
                assert_eq!(predicted, found, "{modules:?}");
            }
        }
    }
    eprintln!("{opened} dlopens compared");
    assert!(opened > 0);
}

/// Where Debian's cross packages put a tree of the other architecture.
const ARM: &str = "/usr/aarch64-linux-gnu";

#[test]
fn another_architectures_libraries_are_bound_as_its_own_loader_binds_them() {
    let loader = Path::new(ARM).join("lib/ld-linux-aarch64.so.1");
    let found = loader.exists() && Command::new("qemu-aarch64").arg("--version").output().is_ok();
    if !support::require(found, "qemu-aarch64 with libc6-arm64-cross") {
        return;
    }
    let files = Files::new();
    let objects = Objects::new(&files, Tree::below(ARM));
    for name in ["libm.so.6", "libresolv.so.2", "libgcc_s.so.1", "libstdc++.so.6"] {
        let library = Path::new("/lib").join(name);
        if !objects.tree().on_host(&library).exists() {
            continue;
        }
        let mut command = Command::new("qemu-aarch64");
        for variable in ["LD_TRACE_LOADED_OBJECTS=1", "LD_WARN=yes", "LD_BIND_NOW=1", "LD_DEBUG=bindings"] {
            command.args(["-E", variable]);
        }
        let output = command.args(["-L", ARM]).arg(&loader).arg(&library).output().expect("runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let process = Process::start(&objects, &library, &With::default().environment()).expect("modelled");
        let (told, predicted) = (by_name(ldso::read(&said, &library, false)), by_name(bound(&process)));
        assert!(told.len() > 50, "{said}");
        assert_eq!(predicted, told, "{name}");
    }
}

/// By file names: the tree's links are not those of this machine.
fn by_name(bound: Bound) -> BTreeSet<(PathBuf, String, Option<String>, PathBuf)> {
    let name = |path: &Path| path.file_name().map(PathBuf::from).unwrap_or_default();
    let rows = bound.bindings.into_iter();
    rows.map(|(referrer, symbol, version, provider)| (name(&referrer), symbol, version, name(&provider))).collect()
}
