//! The xdoctor under test, run as a user runs it.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// How a run of xdoctor ended, and what it said.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Run {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let status = output.status.code().expect("no signal");
        Run { status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The one JSON document on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// Asserts the exit status, showing all that was said where it is another.
    #[track_caller]
    pub fn exits(self, status: i32) -> Run {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A command line of xdoctor, in an environment where neither colours nor loader variables come from outside.
pub fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xdoctor"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LC_ALL", "LC_CTYPE", "XDOCTOR_TRACE"] {
        command.env_remove(name);
    }
    command.env("LANG", "C.UTF-8").env("TERM", "xterm").args(args);
    command
}

/// Runs xdoctor.
pub fn xdoctor(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    Run::of(command(args).output().expect("xdoctor starts"))
}

/// Runs `xdoctor check` over a checklist with this text, in a folder. What it takes, the schema of checklists takes.
#[track_caller]
pub fn check(folder: &Path, checklist: &str, args: &[&str]) -> Run {
    let file = folder.join("checklist.yaml");
    std::fs::write(&file, checklist).expect("written");
    let mut all = vec!["check".as_ref(), file.as_os_str()];
    all.extend(args.iter().map(OsStr::new));
    let run = xdoctor(all);
    if run.status != 2 {
        follows_the_schema(checklist);
    }
    run
}

#[track_caller]
fn follows_the_schema(checklist: &str) {
    static SCHEMA: OnceLock<(Schemas, SchemaIndex)> = OnceLock::new();
    let (schemas, schema) = SCHEMA.get_or_init(|| {
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/schema/checklist.json");
        let schema = compiler.compile(file.to_str().expect("text"), &mut schemas).expect("a schema");
        (schemas, schema)
    });
    let document: Value = serde_yaml::from_str(checklist).expect("YAML");
    if let Err(error) = schemas.validate(&document, *schema) {
        panic!("xdoctor takes this checklist, and its schema does not: {error:#}\n{checklist}");
    }
}

/// The outcome of the check with that id, out of the JSON of `xdoctor check`.
pub fn outcome<'a>(document: &'a Value, id: &str) -> &'a Value {
    let steps = document["steps"].as_array().expect("steps").iter();
    let mut checks = steps.flat_map(|step| step["checks"].as_array().expect("checks"));
    checks.find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id} in {document:#}"))
}
