//! What the runs of a climb with the bundled client left behind: ld.so's own account of its bindings, and the counters of a
//! shim and a runtime that count.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::interpose::{Api, Library, Reference, Role};
use crate::probe::{Binding, Counters, CountersError, Ended, Observed};

use crate::ladder::same_file::same_file;
use crate::ladder::stage::Stage;

/// Everything that the rungs are judged by.
#[derive(Debug)]
pub(super) struct Evidence {
    pub api: &'static Api,
    pub shim: Library,
    pub runtime: Library,
    pub client: PathBuf,
    /// The client's references that are functions of the API.
    pub needed: Vec<Reference>,
    pub native: Option<Ended>,
    pub shimmed: Ended,
    pub observed: Option<Observed>,
    pub shim_counters: Vec<Counters>,
    pub runtime_counters: Vec<Counters>,
    /// What could not be read, in words.
    pub unreadable: Vec<String>,
}

/// Reads what the runs left on the stage.
pub(super) fn gather(
    shim: Library,
    runtime: Library,
    client: &Library,
    stage: &Stage<'_>,
    native: Option<Ended>,
    shimmed: Ended,
) -> io::Result<Evidence> {
    let api = Api::hip();
    let mut unreadable = Vec::new();
    let mut counters = |name: &str| {
        let read: Result<Vec<Counters>, CountersError> = Counters::read_all(&stage.file("shimmed", name));
        read.unwrap_or_else(|error| {
            unreadable.push(error.to_string());
            Vec::new()
        })
    };
    let (shim_counters, runtime_counters) = (counters("shim."), counters("runtime."));
    let is_api = |reference: &&Reference| api.function(&reference.symbol).is_some();
    Ok(Evidence {
        api,
        needed: client.references.iter().filter(is_api).cloned().collect(),
        shim,
        runtime,
        client: client.path.clone(),
        native,
        shimmed,
        observed: Observed::read(&stage.file("shimmed", "ld"))?,
        shim_counters,
        runtime_counters,
        unreadable,
    })
}

impl Evidence {
    /// Whether ld.so named the shim among the objects of the shimmed run; `None` where ld.so told nothing.
    pub(super) fn shim_was_loaded(&self) -> Option<bool> {
        let observed = self.observed.as_ref()?;
        Some(observed.objects.iter().any(|object| self.is_shim(object)))
    }

    /// The client's own bindings of a name, one for each process.
    pub(super) fn bindings_of<'a>(&'a self, reference: &'a Reference) -> impl Iterator<Item = &'a Binding> {
        let all = self.observed.iter().flat_map(|observed| &observed.bindings);
        all.filter(|binding| binding.symbol == reference.symbol && same_file(&binding.referrer, &self.client))
    }

    /// Whether this object is the shim.
    pub(super) fn is_shim(&self, object: &Path) -> bool {
        same_file(object, &self.shim.path)
    }

    /// What the function is for.
    pub(super) fn role(&self, symbol: &str) -> Role {
        self.api.function(symbol).map_or(Role::Other, |function| function.role)
    }

    /// The roles that the client needs, in the order of reports. `other` is what no experiment turns on: the words for an
    /// error, say, which a client asks for only where something went wrong.
    pub(super) fn roles(&self) -> BTreeSet<Role> {
        let roles = self.needed.iter().map(|reference| self.role(&reference.symbol));
        roles.filter(|role| *role != Role::Other).collect()
    }

    /// The roles of which the shim gets some call, as far as `binds` tells.
    pub(super) fn bound_roles(&self) -> BTreeSet<Role> {
        let bound = self
            .needed
            .iter()
            .filter(|reference| self.bindings_of(reference).any(|binding| self.is_shim(&binding.provider)));
        bound.map(|reference| self.role(&reference.symbol)).filter(|role| *role != Role::Other).collect()
    }

    /// Calls per function, as the shim counted them in all processes.
    pub(super) fn shim_calls(&self) -> BTreeMap<String, u64> {
        Counters::total(&self.shim_counters)
    }

    /// Calls per function, as the runtime counted them in all processes.
    pub(super) fn runtime_calls(&self) -> BTreeMap<String, u64> {
        Counters::total(&self.runtime_counters)
    }

    /// Calls in the runtime, less those of functions that `binds` has already found bypassing.
    pub(super) fn without_bypassed(&self, mut reached: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        for reference in &self.needed {
            if self.bindings_of(reference).any(|binding| !self.is_shim(&binding.provider)) {
                reached.remove(&reference.symbol);
            }
        }
        reached
    }

    /// The calls of one role.
    pub(super) fn of_role(&self, calls: &BTreeMap<String, u64>, role: Role) -> u64 {
        calls.iter().filter(|(symbol, _)| self.role(symbol) == role).map(|(_, count)| count).sum()
    }
}
