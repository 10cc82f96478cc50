//! What coverage is asked, and what it answers: for each client, which references the shim gets, and what is wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::loader::{Module, Object, Objects, Refused};

use super::api::{Api, Role};
use super::client::{ClientError, Progress};
use super::deploy::Deploy;
use super::library::{Library, LibraryError, Reference};

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The shim.
    pub shim: &'q Path,
    /// The runtime behind it.
    pub runtime: &'q Path,
    /// How the shim gets in front.
    pub deploy: Deploy,
    /// The API.
    pub api: &'q Api,
    /// Programs, libraries, and folders of them.
    pub clients: &'q [PathBuf],
    /// What programs among the clients open after start-up.
    pub modules: &'q [Module],
    /// Is told how far the look through a folder has come.
    pub progress: Progress<'q>,
}

/// The answer.
#[derive(Debug)]
pub struct Coverage {
    /// Each client that refers to the API, in the order asked.
    pub clients: Vec<ClientCoverage>,
    /// What is wrong, worst first.
    pub diagnoses: Vec<Subject>,
    /// How many files were looked at that have nothing to do with the API.
    pub unconcerned: usize,
}

/// A diagnosis, and what it is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The file.
    pub subject: PathBuf,
    /// How many other files it is said of alike.
    pub others: usize,
    /// What is wrong with it.
    pub diagnosis: Diagnosis,
}

/// What one client needs and gets.
#[derive(Clone, Debug)]
pub struct ClientCoverage {
    /// The file.
    pub client: PathBuf,
    /// Its references to the API.
    pub symbols: Vec<SymbolCoverage>,
}

/// One reference.
#[derive(Clone, Debug)]
pub struct SymbolCoverage {
    /// What is asked for.
    pub reference: Reference,
    /// What it is for.
    pub role: Role,
    /// Whether the shim gets it.
    pub covered: bool,
    /// Why not.
    pub code: Option<Code>,
}

/// A question that has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// The shim or the runtime cannot be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The shim cannot be loaded at all.
    #[error("{}: {why}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        why: Refused,
    },
    /// A client cannot be read.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Whether bypassing the shim here makes an experiment worthless.
pub fn is_critical(role: Role) -> bool {
    matches!(role, Role::Allocate | Role::Free | Role::Copy | Role::Launch)
}

impl ClientCoverage {
    /// For each role that the client needs, in the order of reports: how many references, and how many the shim gets.
    pub fn roles(&self) -> BTreeMap<Role, (usize, usize)> {
        let mut roles = BTreeMap::new();
        for symbol in &self.symbols {
            let (needed, covered) = roles.entry(symbol.role).or_insert((0, 0));
            *needed += 1;
            *covered += usize::from(symbol.covered);
        }
        roles
    }

    /// The references that bypass the shim.
    pub fn bypassing(&self) -> impl Iterator<Item = &SymbolCoverage> {
        self.symbols.iter().filter(|symbol| !symbol.covered)
    }
}

impl Coverage {
    /// Whether a launch, allocate, free or copy function that a client needs bypasses the shim, or something else fails.
    pub fn fails(&self) -> bool {
        let bypasses = |client: &ClientCoverage| client.bypassing().any(|symbol| is_critical(symbol.role));
        self.clients.iter().any(bypasses)
            || self.diagnoses.iter().any(|subject| subject.diagnosis.severity() == Severity::Fail)
    }

    /// What an experiment with this shim would measure, in one sentence.
    pub fn sentence(&self) -> String {
        let all: Vec<&SymbolCoverage> = self.clients.iter().flat_map(|client| &client.symbols).collect();
        let bypassed: Vec<&&SymbolCoverage> = all.iter().filter(|symbol| !symbol.covered).collect();
        let role = |role| bypassed.iter().any(|symbol| symbol.role == role);
        if all.is_empty() {
            "none of the clients refers to the API: an experiment would measure nothing of the shim".to_owned()
        } else if bypassed.len() == all.len() {
            "no call reaches the shim: an experiment would compare the runtime with itself".to_owned()
        } else if role(Role::Launch) {
            "launches bypass the shim: an experiment would time kernels that it never saw".to_owned()
        } else if bypassed.iter().any(|symbol| is_critical(symbol.role)) {
            "memory calls bypass the shim: an experiment would miss part of what the client does".to_owned()
        } else if self.diagnoses.iter().any(|subject| subject.diagnosis.severity() == Severity::Fail) {
            "the shim would not get as far as being called: an experiment would measure nothing of it".to_owned()
        } else if bypassed.is_empty() {
            "every reference of every client binds to the shim: an experiment would measure what it does".to_owned()
        } else {
            "launches and memory calls reach the shim, some others bypass it".to_owned()
        }
    }
}

/// What all judgements look at.
pub(super) struct Parts<'p, 'f> {
    pub question: &'p Question<'p>,
    pub objects: &'p Objects<'f>,
    pub shim: Library,
    pub runtime: Library,
    /// The shim, as the loader sees it.
    pub object: Arc<Object<'f>>,
}

pub(super) fn about(subject: &Path, diagnosis: Diagnosis) -> Subject {
    Subject { subject: subject.to_owned(), others: 0, diagnosis }
}
