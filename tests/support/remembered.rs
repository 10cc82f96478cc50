//! An environment that a lock remembers: the bundled sample with a checklist beside it.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use xdoctor::sample::Sample;

use crate::xdoctor::{Run, command, outcome};

/// The sample, its checklist, and once [`Remembered::locked`] its lock.
pub struct Remembered {
    pub folder: TempDir,
}

pub const CHECKLIST: &str = "
title: The sample
steps:
  - title: All
    checks:
      - {id: source, kind: git, path: source}
      - {id: build, kind: build, path: build, source: source, products: [libshimhip.so]}
      - {id: shim, kind: library, path: install/lib/libshimhip.so}
      - {id: hal, kind: library, path: install/lib/libhalhip.so}
      - {id: map, kind: path, path: source/hip_version.map, type: file}
      - {id: matmul, kind: smoke, shim: install/lib/libshimhip.so, runtime: install/lib/libamdhip64.so.7, tags: [slow]}
";

pub const SHIM: &str = "install/lib/libshimhip.so";
pub const RUNTIME: &str = "install/lib/libamdhip64.so.7";

impl Remembered {
    pub fn with(checklist: &str) -> Remembered {
        let folder = tempfile::tempdir().expect("scratch");
        Sample::unpack(folder.path()).expect("the sample");
        fs::write(folder.path().join("xdoctor.yaml"), checklist).expect("written");
        Remembered { folder }
    }

    /// The sample with its lock written.
    pub fn locked() -> Remembered {
        let remembered = Remembered::with(CHECKLIST);
        remembered.run(&["lock"]).exits(0);
        remembered
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn lock(&self) -> PathBuf {
        self.path("xdoctor.lock")
    }

    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(command(args).current_dir(self.folder.path()).output().expect("runs"))
    }

    /// What `check` says of what the lock remembers.
    pub fn drift(&self, status: i32) -> Value {
        self.run(&["check", "--only", "lock", "--format", "json"]).exits(status).json()
    }

    /// What it says of one thing.
    pub fn drift_of(&self, thing: &str, status: i32) -> Value {
        outcome(&self.drift(status), &format!("lock.{thing}")).clone()
    }

    /// Runs git in the source tree.
    pub fn git(&self, args: &[&str]) {
        git(&self.path("source"), args);
    }
}

pub fn git(folder: &Path, args: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@xdoctor.invalid", "-c", "commit.gpgsign=false"]);
    let output = git.arg("-C").arg(folder).args(args).output().expect("git");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// All that was said of a check, in one text.
pub fn said(outcome: &Value) -> String {
    let evidence = outcome["evidence"].as_array().expect("evidence").iter().map(|line| line.as_str().expect("text"));
    let parts = ["expected", "actual", "fix", "reason"].map(|part| outcome[part].as_str().unwrap_or_default());
    parts.into_iter().chain(evidence).collect::<Vec<_>>().join("\n")
}
