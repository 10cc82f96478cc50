//! What both runs showed, put side by side: what the rungs are judged by.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::diagnosis::counted;
use crate::interpose::{Api, Library, Reference};
use crate::ladder::same_file::same_file;
use crate::ladder::setup::Setup;
use crate::ladder::stage::Stage;
use crate::probe::{Counters, Ended, Ending, Image, Row};

use super::compared::without_the_shims_lines;
use super::model::Model;
use super::run::Run;

/// Counters that the bundled shim and the bundled runtime write.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub shim: Vec<Counters>,
    pub runtime: Vec<Counters>,
}

impl Counted {
    /// Reads what a run left. Counters that were cut off count for nothing.
    pub(super) fn read(stage: &Stage<'_>, run: &str) -> Counted {
        let read = |name: &str| Counters::read_all(&stage.file(run, name)).unwrap_or_default();
        Counted { shim: read("shim."), runtime: read("runtime.") }
    }
}

/// An object that refers to the API, and is neither the shim nor behind it.
#[derive(Debug)]
pub(super) struct Client {
    pub path: PathBuf,
    pub references: Vec<Reference>,
}

/// Everything that the rungs are judged by.
#[derive(Debug)]
pub(super) struct Evidence<'s> {
    pub setup: &'s Setup,
    pub api: Api,
    pub shim: Library,
    pub native: Option<Run>,
    pub shimmed: Run,
    /// The shimmed run as the native one is compared with it: stdout is without the shim's own lines.
    pub compared: Ended,
    /// The shimmed run's rows, with their counts.
    pub rows: Vec<(Row, Option<u64>)>,
    pub clients: Vec<Client>,
    /// What the loader model says of the shimmed run, once it was asked.
    pub prediction: Option<Model>,
    /// What a shim and a runtime that count have counted; empty for all others.
    pub counters: Counted,
    /// The libraries whose API the clients called natively, or the one that was given; empty where nobody knows.
    pub runtimes: BTreeSet<PathBuf>,
    /// The native run's rows, with their counts.
    pub native_rows: Vec<(Row, Option<u64>)>,
    /// The names under which the shim was loaded.
    pub shim_paths: BTreeSet<PathBuf>,
    /// The libraries that came with the shim.
    pub support: BTreeSet<PathBuf>,
    /// The runtime, and what that calls.
    pub behind: BTreeSet<PathBuf>,
}

impl<'s> Evidence<'s> {
    pub(super) fn gather(
        setup: &'s Setup,
        shim: Library,
        runtime: Option<&Library>,
        (native, shimmed): (Option<Run>, Run),
        counters: Counted,
    ) -> Evidence<'s> {
        let rows = shimmed.observation.rows();
        let native_rows = native.as_ref().map(|run| run.observation.rows()).unwrap_or_default();
        let objects = shimmed.observation.objects();
        let objects = objects.map(|object| object.path.clone()).collect::<BTreeSet<PathBuf>>();
        let shim_paths = objects.iter().filter(|path| same_file(path, &shim.path)).cloned().collect();
        let compared = without_the_shims_lines(setup, native.as_ref(), &shimmed);
        let mut evidence = Evidence {
            setup,
            api: setup.api.api(std::iter::empty()),
            shim,
            native,
            shimmed,
            compared,
            rows,
            clients: Vec::new(),
            prediction: None,
            counters,
            runtimes: BTreeSet::new(),
            native_rows,
            shim_paths,
            support: BTreeSet::new(),
            behind: BTreeSet::new(),
        };
        evidence.tell_apart(runtime, &objects);
        let named = evidence.clients.iter().flat_map(|client| &client.references).map(|reference| &*reference.symbol);
        let seen = evidence.rows.iter().map(|(row, _)| &*row.symbol);
        let symbols: BTreeSet<&str> = named.chain(seen).collect();
        evidence.api = setup.api.api(symbols);
        evidence
    }

    /// The device, where a runtime counted the calls: the one that counts is the CPU reference.
    pub(super) fn device(&self) -> Option<&'static str> {
        let counted = self.counters.runtime.iter().any(|counters| !counters.calls.is_empty());
        counted.then_some(crate::bundle::CPU_DEVICE)
    }

    /// Whether the shimmed run was ended, by a signal or a limit: calls were under way then.
    pub(super) fn was_cut(&self) -> bool {
        !matches!(self.shimmed.ended.ending, Ending::Exited(_))
    }

    /// Whether a preload that asks RTLD_NEXT finds a runtime, as far as the loader model was asked.
    pub(super) fn has_next(&self) -> bool {
        let is_next =
            |runtime: &PathBuf| self.prediction.as_ref().is_some_and(|prediction| prediction.is_next(runtime));
        self.runtimes.iter().any(is_next)
    }

    /// What was called and could not be recorded at all, in words.
    pub(super) fn lost(&self) -> Option<String> {
        let sum = |count: fn(&Image) -> u64| self.shimmed.observation.images.iter().map(count).sum::<u64>();
        let (bindings, children) = (sum(|image| image.lost), sum(|image| image.lost_children));
        let bindings = (bindings > 0).then(|| counted(bindings, "binding"));
        let children = (children > 0).then(|| format!("{children} of the forked processes"));
        let parts: Vec<String> = bindings.into_iter().chain(children).collect();
        (!parts.is_empty()).then(|| {
            format!(
                "the calls of {} could not be counted: the process could write no more files (its limits, its user or its \
                 root folder had changed, or the disk is full)",
                parts.join(" and ")
            )
        })
    }

    /// Whether anything was called.
    pub(super) fn has_calls(&self) -> bool {
        self.rows.iter().any(|(_, count)| *count > Some(0))
    }
}
