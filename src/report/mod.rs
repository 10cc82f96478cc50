//! Reports: one file per format, each a function of what came of a run and of nothing else.

mod account;
mod fleet;
mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod prometheus;
mod sarif;
mod tap;
mod text;
mod visible;

pub use fleet::fleet;
pub use github::github;
pub use html::html;
pub use json::document;
pub use junit::junit;
pub use markdown::markdown;
pub(crate) use markdown::{code as code_span, inline as escaped};
pub use prometheus::prometheus;
pub use sarif::sarif;
pub use tap::tap;
pub use text::{Style, outcome, render};
pub(crate) use text::{field, mark};
pub(crate) use visible::{visible, visible_line};

use std::path::{Path, PathBuf};

use crate::check::{Outcome, Results, Status};
use crate::probe::shell_word;

/// A run, with what it was a run of.
#[derive(Debug)]
pub struct Run<'a> {
    /// The machine's name.
    pub host: String,
    /// The folder that it was run in: what lies below it is named from there where a report points into files.
    pub folder: PathBuf,
    /// The checklist's title.
    pub title: &'a str,
    /// Where the checklist came from.
    pub checklist: PathBuf,
    /// The command that brings this run back, for `rerun:` lines; of a checklist, one check can be asked for.
    pub command: Command,
    /// The variables' values.
    pub vars: std::collections::BTreeMap<&'a str, &'a str>,
    /// What came of it.
    pub results: &'a Results,
    /// What counts as a failure besides `fail`: `--fail-on`.
    pub raised: Vec<Status>,
    /// The exit status.
    pub exit_status: u8,
}

/// What a run was started by.
#[derive(Clone, Debug)]
pub enum Command {
    /// `xdoctor check` with these arguments.
    Check(String),
    /// A command line that runs all of it again.
    Whole(String),
}

impl Run<'_> {
    /// Every check, with the heading of its step.
    fn checks(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        self.results.steps.iter().flat_map(|step| step.checks.iter().map(|check| (step.title.as_str(), check)))
    }

    /// Whether a check with this status makes the run fail.
    pub fn fails(&self, status: Status) -> bool {
        status == Status::Fail || self.raised.contains(&status)
    }

    /// The command line that runs just this check again.
    fn again(&self, check: &Outcome) -> String {
        match &self.command {
            Command::Check(arguments) => format!("xdoctor check{arguments} --only {}", shell_word(check.id.as_ref())),
            Command::Whole(line) => line.clone(),
        }
    }

    /// A path, from the folder of the run where it lies below it.
    fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }
}
