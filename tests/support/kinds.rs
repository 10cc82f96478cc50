//! One check at a time: a checklist of one step with one check, and how it came out.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::xdoctor::{Run, command};

/// A folder with a checklist in it.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let folder = tempfile::tempdir().expect("scratch");
        // Other users look into it, too.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
        Place { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and says where.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    /// Writes a file that may be executed.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        path
    }

    /// The command line that runs a checklist of this one check.
    pub fn command(&self, check: &str) -> Command {
        let lines: String = check.trim_matches('\n').lines().map(|line| format!("        {line}\n")).collect();
        let text = format!("title: Test\nsteps:\n  - title: Step\n    checks:\n      - id: it\n{lines}");
        let list = self.write("checklist.yaml", &text);
        let mut command = command(["check", "--format", "json"]);
        command.arg(list);
        command
    }

    pub fn run(&self, check: &str) -> Run {
        Run::of(self.command(check).output().expect("xdoctor starts"))
    }

    /// Holds; gives all that was seen, line by line.
    #[track_caller]
    pub fn passes(&self, check: &str) -> String {
        passed(self.run(check))
    }

    /// Fails with this code; gives what was found and what mends it.
    #[track_caller]
    pub fn fails(&self, check: &str, code: &str) -> String {
        failed(self.run(check), code)
    }

    /// Is wrong, and weighs a warning only.
    #[track_caller]
    pub fn warns(&self, check: &str, code: &str) -> String {
        let it = it(&self.run(check).exits(0));
        assert_eq!((&it["status"], &it["code"]), (&"warn".into(), &code.into()), "{it:#}");
        said(&it)
    }

    /// Is skipped; gives the reason.
    #[track_caller]
    pub fn skips(&self, check: &str) -> String {
        skipped(self.run(check))
    }

    /// Cannot be carried out; gives the reason.
    #[track_caller]
    pub fn is_undetermined(&self, check: &str) -> String {
        undetermined(self.run(check))
    }

    /// Is no check at all; gives every complaint.
    #[track_caller]
    pub fn is_refused(&self, check: &str) -> String {
        let mut command = command(["check"]);
        self.command(check);
        let run = Run::of(command.arg(self.path("checklist.yaml")).output().expect("xdoctor starts")).exits(2);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run.stderr
    }
}

#[track_caller]
fn it(run: &Run) -> Value {
    run.json()["steps"][0]["checks"][0].clone()
}

fn said(it: &Value) -> String {
    let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
    format!("expected {}\nfound {}\nfix {}\n{}", text("expected"), text("actual"), text("fix"), evidence(it))
}

fn evidence(it: &Value) -> String {
    let lines = it["evidence"].as_array().expect("evidence").iter();
    lines.map(|line| line.as_str().expect("text").to_owned() + "\n").collect()
}

#[track_caller]
pub fn passed(run: Run) -> String {
    let it = it(&run.exits(0));
    assert_eq!(it["status"], "pass", "{it:#}");
    evidence(&it)
}

#[track_caller]
pub fn failed(run: Run, code: &str) -> String {
    let it = it(&run.exits(1));
    assert_eq!((&it["status"], &it["code"]), (&"fail".into(), &code.into()), "{it:#}");
    assert!(it["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "nothing mends it: {it:#}");
    said(&it)
}

#[track_caller]
pub fn skipped(run: Run) -> String {
    let it = it(&run.exits(0));
    assert_eq!(it["status"], "skip", "{it:#}");
    it["reason"].as_str().expect("a reason").to_owned()
}

#[track_caller]
pub fn undetermined(run: Run) -> String {
    let it = it(&run.exits(3));
    assert_eq!(it["status"], "undetermined", "{it:#}");
    it["reason"].as_str().expect("a reason").to_owned()
}

/// Asserts that a text holds another, showing both.
#[track_caller]
pub fn has(text: &str, wanted: &str) {
    assert!(text.contains(wanted), "`{wanted}` is not in:\n{text}");
}

/// The command as a user without rights: nobody, where this is root; else whoever this is.
pub fn without_rights(command: &Command) -> Command {
    if !is_root() {
        let mut same = Command::new(command.get_program());
        same.args(command.get_args());
        return same;
    }
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
    nobody.arg(command.get_program()).args(command.get_args());
    nobody
}

pub fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("coreutils");
    output.stdout == b"0\n"
}

/// The SHA-256 of a file by sha256sum's word.
pub fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("coreutils");
    String::from_utf8_lossy(&output.stdout).split(' ').next().expect("a digest").to_owned()
}
