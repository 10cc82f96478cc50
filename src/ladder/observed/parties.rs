//! Who is who among the objects of a run: the shim and what came with it, the clients, and what lies behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::elf::Mapped;
use crate::interpose::{Library, Reference};
use crate::ladder::same_file::same_file;
use crate::loader::{Environment, Files, Objects, Process, Tree};
use crate::probe::Image;

use super::calls::Calls;
use super::evidence::{Client, Evidence};
use super::layers::layers;

impl Evidence<'_> {
    /// Tells them apart: first what is known by its name, then by who calls whom.
    pub(super) fn tell_apart(&mut self, runtime: Option<&Library>, objects: &BTreeSet<PathBuf>) {
        self.support = self.find_support(objects);
        self.runtimes = self.find_runtimes(runtime);
        self.behind = self.find_behind(objects);
        let opened = self.find_opened();
        if !opened.is_empty() {
            self.support.extend(opened);
            self.behind = self.find_behind(objects);
        }
        self.clients = self.find_clients(objects);
    }

    /// What served the API natively, to others than itself.
    fn find_runtimes(&self, given: Option<&Library>) -> BTreeSet<PathBuf> {
        let serving = self.native_rows.iter().filter(|(row, _)| row.provider.as_ref() != Some(&row.caller));
        let mut runtimes: BTreeSet<PathBuf> = serving.filter_map(|(row, _)| row.provider.clone()).collect();
        runtimes.extend(given.map(|runtime| runtime.path.clone()));
        runtimes
    }

    /// The shim's layers that are there for its sake only.
    fn find_support(&self, objects: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let natively = self.loaded_natively();
        let added = objects.iter().filter(|path| !natively.contains(path.as_path())).collect();
        layers(&self.shim, &added, &|name| self.setup.api.takes(name))
    }

    fn loaded_natively(&self) -> BTreeSet<&Path> {
        let objects = self.native.iter().flat_map(|run| run.observation.objects());
        objects.map(|object| object.path.as_path()).collect()
    }

    /// Objects that only the shimmed run loaded, that offer none of the API, and whose calls nobody misses: what the clients call
    /// natively arrives in the shim without them. The shim has opened these and calls the runtime from there.
    fn find_opened(&self) -> BTreeSet<PathBuf> {
        let Some(calls) = self.native_calls() else { return BTreeSet::new() };
        let known = self.loaded_natively();
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
}
