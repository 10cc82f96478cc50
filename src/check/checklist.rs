//! A checklist, ready to be run: title, variables, steps, and the checks in them.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::code::Severity;

use super::attempt::Attempts;
use super::complaint::BadChecklist;
use super::document;
use super::kinds::Kind;
use super::outcome::Location;
use super::variables::Variables;
use super::when::Condition;

/// A fifo must not keep the reader waiting for a writer.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// A checklist, ready to be run.
#[derive(Debug)]
pub struct Checklist {
    /// What it is about.
    pub title: String,
    /// The values of its variables.
    pub variables: Variables,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// Where it was read from.
    pub source: PathBuf,
}

/// A heading, and the checks below it.
#[derive(Debug)]
pub struct Step {
    /// The heading.
    pub title: String,
    /// Its checks, in order.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its name, unique in the checklist; of a matrix with the values of its combination: `id[a,x]`.
    pub id: String,
    /// The names that mean it together with its siblings of a matrix: `id`.
    pub families: Vec<String>,
    /// What it claims, in words.
    pub title: String,
    /// Names of groups that it belongs to.
    pub tags: Vec<String>,
    /// How much a failure weighs, where the checklist says so.
    pub severity: Option<Severity>,
    /// Checks that must have passed before this one makes sense: ids, or families.
    pub needs: Vec<String>,
    /// What must hold on this machine, or it is skipped; all of them.
    pub when: Vec<Arc<Condition>>,
    /// How long a try may take, and how many there are.
    pub attempts: Attempts,
    /// What mends a failure.
    pub fix: Option<String>,
    /// Where it stands.
    pub location: Location,
    /// What it does.
    pub kind: Arc<dyn Kind>,
}

/// Where a checklist's text comes from, and what its paths and variables start from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, or the name of a bundled one; for messages.
    pub name: PathBuf,
    /// Its text.
    pub text: String,
    /// The folder that relative paths in it start from.
    pub base: PathBuf,
    /// Nobody named it, it was found: then what it includes must be trusted as it is.
    pub unasked: bool,
}

impl Source {
    /// Reads a file. Relative paths in it start from its own folder.
    ///
    /// # Errors
    /// Where it cannot be read, or is not UTF-8.
    pub fn read(path: &Path) -> io::Result<Source> {
        Source::from_file(&mut Source::open(path)?, path)
    }

    /// Opens a file to be read as a checklist.
    pub(super) fn open(path: &Path) -> io::Result<fs::File> {
        fs::File::options().read(true).custom_flags(NONBLOCK).open(path)
    }

    /// Reads a file that is open already, so that what was looked at is what is read.
    ///
    /// # Errors
    /// Where it is no regular file, cannot be read, or is not UTF-8.
    pub fn from_file(file: &mut fs::File, path: &Path) -> io::Result<Source> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("expected a regular file"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8: {}", error.utf8_error()))
        })?;
        let name = fs::canonicalize(path).or_else(|_| std::path::absolute(path))?;
        let base = name.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Source { name, text, base, unasked: false })
    }
}

impl Checklist {
    /// Reads a checklist and all that it includes. `given` are the values of `--var`, which beat its own.
    ///
    /// # Errors
    /// Every complaint about it at once: no YAML, unknown fields, duplicate keys, wrong types, undefined variables.
    pub fn parse(source: &Source, given: &[(String, String)]) -> Result<Checklist, BadChecklist> {
        document::read(source, given)
    }

    /// Every check, in order.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.steps.iter().flat_map(|step| &step.checks)
    }
}
