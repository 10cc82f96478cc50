//! What `bindings` and `deps` share: a process modelled from a target and what ld.so is told.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::loader::{Environment, Files, Objects, Process, Tree};

use super::Found;
use super::refused::refused;

/// What ld.so is told: `preload` and `library_path`.
pub(super) fn environment(fields: &Fields<'_>) -> Environment {
    let preload = fields.paths("preload").map(|paths| {
        let paths: Vec<OsString> = paths.into_iter().map(OsString::from).collect();
        paths.join(OsStr::new(":"))
    });
    let library_path = fields.paths("library_path").and_then(|paths| std::env::join_paths(paths).ok());
    Environment { library_path, preload, hwcaps: None }
}

/// Judges the process that ld.so would make of the target; what it cannot load is a finding, too.
pub(super) fn modelled(
    target: &Path,
    environment: &Environment,
    judge: impl FnOnce(&Process<'_, '_>) -> Finding,
) -> Found {
    if let Some(finding) = refused([target]) {
        return finding.into();
    }
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    match Process::start(&objects, target, environment) {
        Ok(process) => judge(&process).into(),
        Err(error) => {
            let expected = "a program or library that ld.so can load";
            Finding::violation(Diagnosis::new(Code::WrongType, expected, error.to_string())).into()
        }
    }
}
