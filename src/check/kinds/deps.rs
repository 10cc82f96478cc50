//! `deps`: everything that a program or library needs is found, in the versions that it needs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::elf::escape;
use crate::loader::{Environment, Files, Objects, Process, Tree};

use super::{Context, Found, Kind};

#[derive(Debug)]
struct DepsCheck {
    path: PathBuf,
    environment: Environment,
}

/// What ld.so is told: `preload` and `library_path`.
pub(super) fn environment(fields: &Fields<'_>) -> Environment {
    let preload = fields.paths("preload").map(|paths| {
        let paths: Vec<OsString> = paths.into_iter().map(OsString::from).collect();
        paths.join(std::ffi::OsStr::new(":"))
    });
    let library_path = fields.paths("library_path").and_then(|paths| std::env::join_paths(paths).ok());
    Environment { library_path, preload, hwcaps: None }
}

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the program or library", Fields::path);
    let environment = environment(fields);
    Some(Arc::new(DepsCheck { path: path?, environment }))
}

impl Kind for DepsCheck {
    fn title(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        format!("{} finds every library and version that it needs", name.display())
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let files = Files::new();
        let objects = Objects::new(&files, Tree::host());
        let process = match Process::start(&objects, &self.path, &self.environment) {
            Ok(process) => process,
            Err(error) => {
                let expected = "a program or library that ld.so can load";
                return Finding::violation(Diagnosis::new(Code::WrongType, expected, error.to_string())).into();
            }
        };
        let mut finding = Finding::default();
        finding.saw(format!("{} objects, {} bindings", process.loaded().len(), process.bindings().len()));
        for missing in process.missing() {
            let name = escape(&missing.name).to_string();
            finding.violates(Diagnosis::new(Code::MissingLibrary, name, "found nowhere that ld.so searches"));
        }
        let path =
            |index: usize| process.loaded().get(index).map(|by| by.path.display().to_string()).unwrap_or_default();
        for error in process.version_errors().iter().filter(|error| error.flaw.is_fatal()) {
            let expected = format!("version {}, which {} needs", escape(&error.node), path(error.needed_by));
            let actual =
                error.library.map_or_else(|| "no library has it".into(), |index| format!("{} lacks it", path(index)));
            finding.violates(Diagnosis::new(Code::MissingVersion, expected, actual));
        }
        finding.into()
    }
}
