//! Libraries that tests look at: made with the machine's tools, or found on it.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    reason = "each test uses a part of it"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xdoctor::elf::{Image, Mapped};

/// Whether a program can be run.
pub fn has_program(name: &str) -> bool {
    Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// The program under test, in an environment that does not change its words.
pub fn xdoctor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xdoctor"));
    command
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("LD_LIBRARY_PATH");
    command
}

/// A C library, compiled and linked in `dir` from a source and, where one is given, a version script.
pub fn library(dir: &Path, name: &str, source: &str, script: Option<&str>) -> PathBuf {
    let (c, map, out) = (dir.join(format!("{name}.c")), dir.join(format!("{name}.map")), dir.join(name));
    std::fs::write(&c, source).expect("the scratch folder can be written");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-w", "-o"]).arg(&out).arg(&c);
    if let Some(script) = script {
        std::fs::write(&map, script).expect("the scratch folder can be written");
        cc.arg(format!("-Wl,--version-script={}", map.display()));
    }
    run(&mut cc);
    out
}

/// Runs a tool that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The shared libraries of the machine that define version nodes, each once.
pub fn versioned_libraries() -> Vec<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"];
    let entries = folders.iter().flat_map(|folder| walkdir::WalkDir::new(folder).sort_by_file_name());
    let files =
        entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path());
    files.filter(|path| defines_nodes(path)).collect()
}

fn defines_nodes(path: &Path) -> bool {
    let Ok(file) = Mapped::open(path) else { return false };
    let Ok(image) = Image::parse(&file) else { return false };
    image.versions().is_ok_and(|versions| versions.definitions().iter().any(|definition| !definition.base))
}
