//! What the loader model says of a run's processes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::ladder::prediction::Prediction;
use crate::ladder::same_file::same_file;

/// For each reference of a client, the file that it is bound to; `None` where nothing defines it.
pub(super) type Bound = BTreeMap<(PathBuf, String), Option<PathBuf>>;

/// The model of the run's processes.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// How it compares with the run.
    pub said: Prediction,
    /// The object that each client's reference is bound to; `None` where nothing defines it.
    pub bound: Bound,
    /// What was loaded before any module was opened, in the global scope: there RTLD_NEXT looks.
    pub at_start: BTreeSet<PathBuf>,
    /// The same as `bound`, had every module been opened with RTLD_DEEPBIND.
    pub bound_deeply: Bound,
}

impl Model {
    /// Where the model binds this reference; the outer `None` where it says nothing of it.
    pub(super) fn provider(&self, client: &Path, symbol: &str) -> Option<Option<&Path>> {
        Some(self.bound.get(&(client.to_owned(), symbol.to_owned()))?.as_deref())
    }

    /// Whether a preload's RTLD_NEXT finds the functions of this file.
    pub(super) fn is_next(&self, path: &Path) -> bool {
        self.at_start.iter().any(|loaded| same_file(loaded, path))
    }

    /// Whether RTLD_DEEPBIND would bind it where it was seen.
    pub(super) fn is_deep(&self, client: &Path, symbol: &str, seen: &Path) -> bool {
        let deeply = self.bound_deeply.get(&(client.to_owned(), symbol.to_owned()));
        deeply.is_some_and(|provider| provider.as_deref().is_some_and(|provider| same_file(provider, seen)))
    }
}
