//! What is wrong with a checklist: every complaint at once, each with its file, line, column, and the line itself.

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use super::yaml::{Place, Problem};

/// One thing that is wrong with a checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file: the checklist, or one that it includes.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong, and what was expected.
    pub message: String,
    /// That line, made safe to show.
    line: Option<String>,
    /// The include that brought the file in: a file and a line of it.
    included_from: Option<(PathBuf, usize)>,
}

/// A checklist that cannot be used: every complaint about it at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct BadChecklist {
    /// What is wrong, in the order of the file, what it includes at the end; never empty.
    pub complaints: Vec<Complaint>,
}

impl BadChecklist {
    fn describe(&self) -> String {
        self.complaints.iter().map(Complaint::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "{}:{line}:{column}: {}", self.file.display(), self.message)?;
        if let Some(text) = &self.line {
            write!(f, "\n  {line:>4} | {text}")?;
        }
        if let Some((file, line)) = &self.included_from {
            write!(f, "\n       = included from {}:{line}", file.display())?;
        }
        Ok(())
    }
}

/// Characters of a line that are shown with a complaint about it.
const LONGEST: usize = 160;

/// A file's problems as complaints: in the order of the file, each once, with its line.
pub(super) fn complaints(
    problems: Vec<Problem>,
    file: &Path,
    text: &str,
    included_from: Option<&(PathBuf, usize)>,
) -> Vec<Complaint> {
    if problems.is_empty() {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut said = HashSet::new();
    let mut problems: Vec<Problem> =
        problems.into_iter().filter(|problem| said.insert((problem.place, problem.message.clone()))).collect();
    problems.sort_by_key(|problem| problem.place);
    let complaint = |Problem { place, message }| Complaint {
        file: file.to_owned(),
        place,
        message,
        line: lines.get(place.line.wrapping_sub(1)).map(|text| shown(text)),
        included_from: included_from.cloned(),
    };
    problems.into_iter().map(complaint).collect()
}

fn shown(text: &str) -> String {
    let shown: String = text.chars().take(LONGEST).collect();
    let more = if shown.len() < text.len() { " …" } else { "" };
    format!("{}{more}", crate::elf::escape(shown.as_bytes()))
}
