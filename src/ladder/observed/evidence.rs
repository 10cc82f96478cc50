//! What both runs showed, put side by side: who is a client, who lies behind the shim, and which calls went where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::diagnosis::counted;
use crate::elf::Mapped;
use crate::interpose::{Api, Library, Reference, Role};
use crate::ladder::same_file::same_file;
use crate::ladder::setup::Setup;
use crate::ladder::stage::Stage;
use crate::loader::{Environment, Files, Objects, Process, Tree};
use crate::probe::{Counters, Ending, Image, Reason, Row};

use super::model::Model;
use super::run::Run;

/// Calls per function.
pub(super) type Calls = BTreeMap<String, u64>;

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
    /// The shimmed run's rows, with their counts.
    pub rows: Vec<(Row, Option<u64>)>,
    pub clients: Vec<Client>,
    /// What the loader model says of the shimmed run, once it was asked.
    pub prediction: Option<Model>,
    /// What a shim and a runtime that count have counted; empty for all others.
    pub counters: Counted,
    /// The libraries whose API the clients called natively, or the one that was given; empty where nobody knows.
    pub runtimes: BTreeSet<PathBuf>,
    native_rows: Vec<(Row, Option<u64>)>,
    shim_paths: BTreeSet<PathBuf>,
    /// The libraries that came with the shim.
    support: BTreeSet<PathBuf>,
    behind: BTreeSet<PathBuf>,
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
        let objects = objects(&shimmed.observation.images);
        let shim_paths = objects.iter().filter(|path| same_file(path, &shim.path)).cloned().collect();
        let mut evidence = Evidence {
            setup,
            api: setup.api.api(std::iter::empty()),
            shim,
            native,
            shimmed,
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
        evidence.support = evidence.find_support(&objects);
        evidence.runtimes = evidence.find_runtimes(runtime);
        evidence.behind = evidence.find_behind(&objects);
        let opened = evidence.find_opened();
        if !opened.is_empty() {
            evidence.support.extend(opened);
            evidence.behind = evidence.find_behind(&objects);
        }
        evidence.clients = evidence.find_clients(&objects);
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

    /// What served the API natively, to others than itself.
    fn find_runtimes(&self, given: Option<&Library>) -> BTreeSet<PathBuf> {
        let serving = self.native_rows.iter().filter(|(row, _)| row.provider.as_ref() != Some(&row.caller));
        let mut runtimes: BTreeSet<PathBuf> = serving.filter_map(|(row, _)| row.provider.clone()).collect();
        runtimes.extend(given.map(|runtime| runtime.path.clone()));
        runtimes
    }

    /// What the shim NEEDs, and what that NEEDs, as far as it is there for the shim's sake only and offers none of the API: a shim
    /// that is built in layers calls the runtime from one of these.
    fn find_support(&self, objects: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let natively = self.native.iter().flat_map(|run| &run.observation.images).flat_map(|image| &image.objects);
        let natively: BTreeSet<&Path> = natively.map(|object| object.path.as_path()).collect();
        let mut support = BTreeSet::new();
        let mut needed = self.shim.needed.clone();
        while let Some(name) = needed.pop() {
            let is_it = |path: &&PathBuf| path.file_name().is_some_and(|file| file == name.as_str());
            for path in objects.iter().filter(is_it).filter(|path| !natively.contains(path.as_path())) {
                let Ok(library) = Library::read(path) else { continue };
                let is_of_api = library.exports.keys().any(|export| self.setup.api.takes(export));
                if !is_of_api && support.insert(path.clone()) {
                    needed.extend(library.needed);
                }
            }
        }
        support
    }

    /// Objects that only the shimmed run loaded, that offer none of the API, and whose calls nobody misses: what the clients call
    /// natively arrives in the shim without them. The shim has opened these and calls the runtime from there.
    fn find_opened(&self) -> BTreeSet<PathBuf> {
        let (Some(native), Some(calls)) = (&self.native, self.native_calls()) else { return BTreeSet::new() };
        let known: BTreeSet<&Path> = native
            .observation
            .images
            .iter()
            .flat_map(|image| &image.objects)
            .map(|object| object.path.as_path())
            .collect();
        let arrived = self.arrived();
        let past = self.client_rows().filter(|(row, count)| self.goes_past(row) && *count > Some(0));
        let mut symbols: BTreeMap<&Path, BTreeSet<&str>> = BTreeMap::new();
        for (row, _) in past.filter(|(row, _)| !known.contains(row.caller.as_path())) {
            symbols.entry(&row.caller).or_default().insert(&row.symbol);
        }
        let is_missed = |symbol: &&str| {
            let of = |calls: &Calls| calls.get(*symbol).copied().unwrap_or_default();
            of(&arrived) == 0 || of(&arrived) < of(&calls)
        };
        let offers = |path: &Path| {
            Library::read(path).is_ok_and(|library| library.exports.keys().any(|export| self.setup.api.takes(export)))
        };
        let opened = symbols.into_iter().filter(|(path, symbols)| !symbols.iter().any(&is_missed) && !offers(path));
        opened.map(|(path, _)| path.to_owned()).collect()
    }

    /// The runtimes, whatever the shim calls, and whatever those call in turn.
    fn find_behind(&self, objects: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let is_runtime = |path: &&PathBuf| self.runtimes.iter().any(|runtime| same_file(runtime, path));
        let mut behind: BTreeSet<PathBuf> = objects.iter().filter(is_runtime).cloned().collect();
        loop {
            let calling =
                self.rows.iter().filter(|(row, _)| self.is_shims(&row.caller) || behind.contains(&row.caller));
            let called = calling.filter_map(|(row, _)| row.provider.clone()).filter(|path| !self.is_shim(path));
            let more: Vec<PathBuf> = called.filter(|path| !behind.contains(path)).collect();
            if more.is_empty() {
                return behind;
            }
            behind.extend(more);
        }
    }

    fn find_clients(&self, objects: &BTreeSet<PathBuf>) -> Vec<Client> {
        let client = |path: &PathBuf| {
            let references = Library::read(path).ok()?.references;
            let references: Vec<Reference> =
                references.into_iter().filter(|reference| self.setup.api.takes(&reference.symbol)).collect();
            (!references.is_empty()).then(|| Client { path: path.clone(), references })
        };
        objects.iter().filter(|path| self.is_client(path) && path.is_file()).filter_map(client).collect()
    }

    /// Whether the shimmed run was ended, by a signal or a limit: calls were under way then.
    pub(super) fn was_cut(&self) -> bool {
        !matches!(self.shimmed.ended.ending, Ending::Exited(_))
    }

    /// Functions that a client was in when the run was cut, and the shim had not called the runtime's.
    pub(super) fn under_way(&self) -> Vec<String> {
        let forwarded = self.forwarded().unwrap_or_default();
        let is_open = |symbol: &str, arrived: u64| arrived > forwarded.get(symbol).copied().unwrap_or_default();
        let arrived = if self.was_cut() { self.arrived() } else { Calls::new() };
        arrived.into_iter().filter(|(symbol, arrived)| is_open(symbol, *arrived)).map(|(symbol, _)| symbol).collect()
    }

    /// Whether a preload that asks RTLD_NEXT finds a runtime, as far as the loader model was asked.
    pub(super) fn has_next(&self) -> bool {
        let is_next =
            |runtime: &PathBuf| self.prediction.as_ref().is_some_and(|prediction| prediction.is_next(runtime));
        self.runtimes.iter().any(is_next)
    }

    /// Whether processes that run this program call the API: what it is linked with refers to it, it was seen to open what does,
    /// or it asks for dlsym and has the name of a function that was called.
    pub(super) fn is_clients_program(&self, program: &Path) -> bool {
        let is_client = |path: &Path| self.clients.iter().any(|client| client.path == path);
        let opens = |image: &Image| {
            let own = image.program().is_some_and(|own| same_file(own, program));
            own && image.objects.iter().any(|object| is_client(&object.path))
        };
        self.shimmed.observation.images.iter().any(opens) || self.is_linked(program) || self.looks_up(program)
    }

    fn is_linked(&self, program: &Path) -> bool {
        let refers =
            |library: Library| library.references.iter().any(|reference| self.setup.api.takes(&reference.symbol));
        let files = Files::new();
        let objects = Objects::new(&files, Tree::host());
        let process = Process::start(&objects, program, &Environment::default());
        let closure = process.iter().flat_map(|process| process.loaded()).map(|loaded| loaded.path.as_path());
        std::iter::once(program).chain(closure).any(|path| Library::read(path).is_ok_and(refers))
    }

    fn looks_up(&self, program: &Path) -> bool {
        let asks = |library: Library| {
            library.references.iter().any(|reference| matches!(reference.symbol.as_str(), "dlsym" | "dlvsym"))
        };
        let Ok(file) = Mapped::open(program) else { return false };
        let holds = |symbol: &str| memchr::memmem::find(file.bytes(), format!("\0{symbol}\0").as_bytes()).is_some();
        let called: BTreeSet<&str> = self.rows.iter().map(|(row, _)| row.symbol.as_str()).collect();
        Library::read(program).is_ok_and(asks) && called.into_iter().any(holds)
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

    /// Whether ld.so's line `PROGRAM: FILE: version ...` is about the shim, under whatever name it was loaded.
    pub(super) fn is_named_in(&self, line: &str) -> bool {
        let before = line.split(": version `").next().unwrap_or_default();
        let file = before.rsplit(": ").next().map(Path::new).unwrap_or(Path::new(""));
        self.is_shim(file) || same_file(file, &self.shim.path)
    }

    /// Whether the object is the shim.
    pub(super) fn is_shim(&self, path: &Path) -> bool {
        self.shim_paths.contains(path)
    }

    /// Whether the object is the shim, or came with it: what it calls, the shim calls.
    pub(super) fn is_shims(&self, path: &Path) -> bool {
        self.is_shim(path) || self.support.contains(path)
    }

    /// The files of the shim, itself first.
    pub(super) fn shims(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.shim.path.as_path()).chain(self.support.iter().map(PathBuf::as_path))
    }

    /// Whether the object lies behind the shim: the runtime, or what that calls.
    pub(super) fn is_behind(&self, path: &Path) -> bool {
        self.behind.contains(path)
    }

    /// Whether the object is neither.
    pub(super) fn is_client(&self, path: &Path) -> bool {
        !self.is_shims(path) && !self.is_behind(path)
    }

    /// Rows of clients, less what they have inside themselves.
    pub(super) fn client_rows(&self) -> impl Iterator<Item = (&Row, Option<u64>)> {
        let rows = self.rows.iter().map(|(row, count)| (row, *count));
        rows.filter(|(row, _)| self.is_client(&row.caller) && row.provider.as_ref() != Some(&row.caller))
    }

    /// Whether the row leads past the shim.
    pub(super) fn goes_past(&self, row: &Row) -> bool {
        row.reason.is_none() && !row.provider.as_ref().is_some_and(|provider| self.is_shim(provider))
    }

    /// Calls of clients that arrived in the shim.
    pub(super) fn arrived(&self) -> Calls {
        summed(self.client_rows().filter(|(row, _)| row.reason.is_none() && !self.goes_past(row)))
    }

    /// Calls of clients that went past it.
    pub(super) fn past(&self) -> Calls {
        summed(self.client_rows().filter(|(row, _)| self.goes_past(row)))
    }

    /// Rows of the shim's own calls, to others than itself.
    pub(super) fn onward_rows(&self) -> impl Iterator<Item = (&Row, Option<u64>)> {
        let rows = self.rows.iter().map(|(row, count)| (row, *count));
        rows.filter(|(row, _)| self.is_shims(&row.caller) && self.goes_past(row))
    }

    /// The shim's own calls, to others than itself: as observed, or, where it finds the runtime without ld.so's help, as
    /// that runtime counts them. `None` where neither tells.
    pub(super) fn forwarded(&self) -> Option<Calls> {
        if self.onward_rows().next().is_some() {
            return Some(summed(self.onward_rows()));
        }
        let mut calls = Counters::total(&self.counters.runtime);
        calls.retain(|symbol, _| self.setup.api.takes(symbol));
        for (symbol, past) in self.past() {
            calls.entry(symbol).and_modify(|count| *count = count.saturating_sub(past));
        }
        (!self.counters.runtime.is_empty()).then_some(calls)
    }

    /// Whether the shim answers dlsym itself, in which case nobody sees what it answers, and calls the runtime at least as
    /// often as was done natively while nobody goes past it: then it has caught what was looked up.
    pub(super) fn catches_lookups(&self) -> bool {
        let hijacks = ["dlsym", "dlvsym"].iter().any(|name| self.shim.exports.contains_key(*name));
        let (Some(native), Some(forwarded)) = (self.native_calls(), self.forwarded()) else { return false };
        let leaves = |symbol: &str| forwarded.get(symbol).copied().unwrap_or_default();
        hijacks
            && !native.is_empty()
            && self.past().values().all(|count| *count == 0)
            && native.iter().all(|(symbol, count)| leaves(symbol) >= *count)
    }

    /// The libraries that the shim calls, as observed or as it says itself.
    pub(super) fn forwarded_to(&self) -> BTreeSet<&Path> {
        let observed = self.onward_rows().filter_map(|(row, _)| row.provider.as_deref());
        observed.chain(self.counters.shim.iter().filter_map(|counters| counters.runtime.as_deref())).collect()
    }

    /// What the clients called natively, whoever served it; `None` where there was no native run.
    pub(super) fn native_calls(&self) -> Option<Calls> {
        self.native.as_ref()?;
        let is_runtime = |path: &Path| self.runtimes.contains(path);
        let rows = self.native_rows.iter().map(|(row, count)| (row, *count));
        Some(summed(rows.filter(|(row, _)| !is_runtime(&row.caller) && row.provider.as_ref() != Some(&row.caller))))
    }

    /// The roles that the clients turned out to need, natively or shimmed.
    pub(super) fn roles(&self) -> BTreeSet<Role> {
        let all = [self.native_calls().unwrap_or_default(), self.arrived(), self.past()];
        let called = all.iter().flatten().filter(|(_, count)| **count > 0);
        called.map(|(symbol, _)| self.setup.api.role(symbol)).filter(|role| *role != Role::Other).collect()
    }

    /// The calls of one role.
    pub(super) fn of_role(&self, calls: &Calls, role: Role) -> u64 {
        calls.iter().filter(|(symbol, _)| self.setup.api.role(symbol) == role).map(|(_, count)| count).sum()
    }

    /// References and pointers that count for nothing because nobody could count them, by name.
    pub(super) fn uncounted(&self, from_shim: bool) -> BTreeMap<&str, Reason> {
        let rows = self.rows.iter().filter(|(row, _)| self.is_shims(&row.caller) == from_shim);
        let rows = rows.filter(|(row, _)| from_shim || self.is_client(&row.caller));
        let uncounted = rows.filter_map(|(row, _)| Some((row.symbol.as_str(), row.reason?)));
        // These are counted, as calls of the program or of the object itself.
        uncounted.filter(|(_, reason)| !matches!(reason, Reason::Canonical | Reason::Own | Reason::Protected)).collect()
    }
}

fn objects(images: &[Image]) -> BTreeSet<PathBuf> {
    images.iter().flat_map(|image| &image.objects).map(|object| object.path.clone()).collect()
}

fn summed<'r>(rows: impl Iterator<Item = (&'r Row, Option<u64>)>) -> Calls {
    let mut calls = Calls::new();
    for (row, count) in rows {
        *calls.entry(row.symbol.clone()).or_default() += count.unwrap_or_default();
    }
    calls
}
