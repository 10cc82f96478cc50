//! Small programs and libraries out of fixtures/loader, built with the machine's compiler and linker.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::ldso::{Bound, With, agreed};

/// A folder to build in.
pub struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub fn new() -> Fixture {
        Fixture { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    /// A path in the folder, its parents made.
    pub fn path(&self, name: &str) -> PathBuf {
        let path = fs::canonicalize(self.folder.path()).unwrap().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A version script, as the flag that makes the linker use it.
    pub fn script(&self, name: &str, text: &str) -> String {
        format!("-Wl,--version-script={}", self.file(name, text).display())
    }

    /// A shared library from a source of fixtures/loader.
    pub fn library(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        let mut all = vec!["-shared", "-fPIC"];
        all.extend(flags);
        self.build(name, source, &all)
    }

    /// A program from a source of fixtures/loader. Its libraries are found beside it, unless the flags say otherwise.
    pub fn program(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        self.build(name, source, flags)
    }

    fn build(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        let path = self.path(name);
        let compiler = if source.ends_with(".cc") { "c++" } else { "cc" };
        let output = Command::new(compiler)
            .args(["-O1", "-Wall", "-o"])
            .arg(&path)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/loader").join(source))
            .args(flags.iter().map(OsStr::new))
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        path
    }
}

/// Runs a program; its exit status.
#[track_caller]
pub fn run(program: &Path, with: &With) -> i32 {
    let output = with.command(program).output().unwrap();
    output.status.code().unwrap_or_else(|| panic!("{}: {}", program.display(), output.status))
}

/// Where the model, and the loader with it, binds a symbol of a referrer.
#[track_caller]
pub fn provider(bound: &Bound, referrer: &Path, symbol: &str) -> PathBuf {
    let mut found = bound.bindings.iter().filter(|binding| binding.0 == referrer && binding.1 == symbol);
    let first = found.next().unwrap_or_else(|| panic!("{} is bound to nothing in {bound:#?}", symbol));
    assert!(found.all(|other| other.3 == first.3), "{symbol} is bound to several");
    first.3.clone()
}

/// Asserts that model and loader bind a program's symbol to that library, and that it answers as the library does.
#[track_caller]
pub fn binds(program: &Path, with: &With, symbol: &str, to: &Path, answers: i32) {
    assert_eq!(provider(&agreed(program, with), program, symbol), to);
    assert_eq!(run(program, with), answers, "what {} answers", program.display());
}
