//! Reports: one file per format, each a function of what came of a run and of nothing else.

mod json;
mod text;

pub use json::document;
pub use text::{Style, outcome, render};

use std::path::PathBuf;

use crate::check::Results;

/// A run, with what it was a run of.
#[derive(Debug)]
pub struct Run<'a> {
    /// The machine's name.
    pub host: String,
    /// The checklist's title.
    pub title: &'a str,
    /// Where the checklist came from.
    pub checklist: PathBuf,
    /// What `xdoctor check` was called with to run this checklist, for `rerun:` lines.
    pub arguments: String,
    /// The variables' values.
    pub vars: std::collections::BTreeMap<&'a str, &'a str>,
    /// What came of it.
    pub results: &'a Results,
    /// The exit status.
    pub exit_status: u8,
}
