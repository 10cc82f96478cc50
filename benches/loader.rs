//! The loader model against the loader itself, side by side: one program with 59 objects, and all of /usr/bin.
//!
//! `peer_*` is what ld.so takes for the same: trace mode, which maps and binds all and stops before the program starts.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use divan::Bencher;
use rayon::prelude::*;
use xdoctor::loader::{Environment, Files, Objects, Process, Tree};

const ONE: &str = "/usr/bin/gdb";

fn main() {
    divan::main();
}

/// The bindings of a program, modelled anew.
fn model(program: &Path) -> usize {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    Process::start(&objects, program, &Environment::default()).map_or(0, |process| process.bindings().len())
}

/// Everything that a user's call takes: the process is started, and its JSON written.
#[divan::bench]
fn xdoctor_bindings_of_one_program() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xdoctor"));
    run(command.args(["bindings", ONE, "--format", "json"]));
}

#[divan::bench]
fn peer_ldd_r_of_one_program() {
    run(Command::new("ldd").args(["-r", ONE]));
}

/// The library alone, without a process and without output.
#[divan::bench]
fn model_of_one_program(bencher: Bencher<'_, '_>) {
    bencher.bench(|| model(black_box(Path::new(ONE))));
}

/// All programs in one process: each object is mapped and indexed once.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn model_of_all_programs(bencher: Bencher<'_, '_>) {
    let programs = programs();
    bencher.bench(|| {
        let files = Files::new();
        let objects = Objects::new(&files, Tree::host());
        let bindings = |program: &PathBuf| {
            Process::start(&objects, program, &Environment::default()).map_or(0, |process| process.bindings().len())
        };
        programs.par_iter().map(bindings).sum::<usize>()
    });
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn peer_ldso_of_all_programs(bencher: Bencher<'_, '_>) {
    let programs = programs();
    bencher.bench(|| {
        for program in &programs {
            let mut command = Command::new(program);
            run(command.env("LD_TRACE_LOADED_OBJECTS", "1").env("LD_WARN", "yes").env("LD_BIND_NOW", "1"));
        }
    });
}

fn run(command: &mut Command) {
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// The dynamic programs of /usr/bin, each once.
fn programs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/bin").into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.path().canonicalize().ok()).collect();
    paths.sort();
    paths.dedup();
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let is_glibcs = |path: &PathBuf| {
        let interpreter = objects.open(path).ok().and_then(|object| object.image().interpreter());
        interpreter.is_some_and(|path| path.starts_with(b"/lib64/ld-linux"))
    };
    paths.retain(is_glibcs);
    paths
}
