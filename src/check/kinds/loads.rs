//! `loads`: ld.so really loads a library, in a child process, with every symbol that it needs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::lock::Subject;
use crate::probe::{Child, Ending, Limits, loader_words};

use super::refused::refused;
use super::{Context, Found, Kind, Texts};

/// What `xdoctor load` prints once dlopen has returned.
const LOADED: &str = "xdoctor: loaded";

#[derive(Debug)]
struct LoadsCheck {
    path: PathBuf,
    library_path: Vec<PathBuf>,
    limits: Limits,
}

/// What its fields are for.
pub(super) const FIELDS: Texts =
    &[("path", "The library."), ("library_path", "The folders of LD_LIBRARY_PATH, in order.")];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the library", Fields::path);
    let library_path = fields.paths("library_path").unwrap_or_default();
    let limits = Limits::default();
    let limits = Limits { time: fields.duration("timeout").unwrap_or(limits.time), ..limits };
    Some(Arc::new(LoadsCheck { path: path?, library_path, limits }))
}

impl Kind for LoadsCheck {
    fn title(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        format!("{} loads, and every symbol that it needs resolves", name.display())
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::File(self.path.clone())]
    }

    fn run(&self, context: &Context<'_>) -> Found {
        if let Some(finding) = refused([self.path.as_path()]) {
            return finding.into();
        }
        if !self.path.exists() {
            let expected = self.path.display().to_string();
            return Finding::violation(Diagnosis::new(Code::LibraryMissing, expected, "no such file")).into();
        }
        let xdoctor = match std::env::current_exe() {
            Ok(path) => path,
            Err(error) => return Finding::undetermined(format!("xdoctor cannot find itself: {error}")).into(),
        };
        let mut child = Child::new(xdoctor).args(["load".as_ref(), self.path.as_os_str()]);
        child = child.limits(self.limits).log(context.log.clone());
        if !self.library_path.is_empty() {
            match std::env::join_paths(&self.library_path) {
                Ok(list) => child = child.env("LD_LIBRARY_PATH", list),
                Err(error) => return Finding::undetermined(error.to_string()).into(),
            }
        }
        match child.run() {
            Ok(ended) => self.judge(&ended).into(),
            Err(error) => Finding::undetermined(error.to_string()).into(),
        }
    }
}

impl LoadsCheck {
    fn judge(&self, ended: &crate::probe::Ended) -> Finding {
        let expected = format!("dlopen({}, RTLD_NOW) succeeds", self.path.display());
        let said = ended.last_word().unwrap_or_else(|| ended.ending.to_string());
        let code = match ended.ending {
            Ending::Exited(0) if !ended.stdout.text().lines().any(|line| line == LOADED) => {
                let actual = "the process ended with status 0 before dlopen returned: a constructor ended it";
                return Finding::violation(Diagnosis::new(Code::Crash, expected, actual));
            }
            Ending::Exited(0) => {
                let mut finding = Finding::default();
                finding.saw(format!("dlopen with RTLD_NOW in a child process: {:.3} s", ended.seconds));
                return finding;
            }
            Ending::Exited(_) => {
                let words = loader_words(&ended.stderr.text());
                words.first().map_or(Code::CommandFailed, |word| word.code)
            }
            ending => match ending.code() {
                Some(code) => code,
                None => return Finding::undetermined("interrupted"),
            },
        };
        Finding::violation(Diagnosis::new(code, expected, said))
    }
}
