//! `deps`: everything that a program or library needs is found, in the versions that it needs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::elf::escape;
use crate::interpose::missing_versions;
use crate::loader::{Environment, Process};
use crate::lock::Subject;

use super::modelled::{environment, modelled};
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct DepsCheck {
    path: PathBuf,
    environment: Environment,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The program or library."),
    ("preload", "Libraries that LD_PRELOAD names, in order."),
    ("library_path", "The folders of LD_LIBRARY_PATH, in order."),
];

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

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::File(self.path.clone())]
    }

    fn run(&self, _: &Context<'_>) -> Found {
        modelled(&self.path, &self.environment, judge)
    }
}

fn judge(process: &Process<'_, '_>) -> Finding {
    let mut finding = Finding::default();
    finding.saw(format!("{} objects, {} bindings", process.loaded().len(), process.bindings().len()));
    for missing in process.missing() {
        let name = escape(&missing.name).to_string();
        finding.violates(Diagnosis::new(Code::MissingLibrary, name, "found nowhere that ld.so searches"));
    }
    for diagnosis in missing_versions(process) {
        finding.violates(diagnosis);
    }
    finding
}
