//! The objects of a process: which are loaded, under which names, because of whom (glibc, `elf/dl-load.c`,
//! `_dl_map_object`, and `elf/dl-deps.c`, `_dl_map_object_deps`).

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use goblin::elf::dynamic::DT_NEEDED;

use super::objects::FileId;
use super::search::{Asker, NotFound, Search, Where, directories};
use super::{Object, Objects};

const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;
const DF_1_NODEFLIB: u64 = 0x800;

/// An object's place among those of its process.
pub type Index = usize;

/// Why an object is in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the program.
    Program,
    /// It is the program's interpreter: the loader itself.
    Interpreter,
    /// `LD_PRELOAD`.
    Preload,
    /// `/etc/ld.so.preload`.
    SystemPreload,
    /// It was opened by dlopen.
    Module,
    /// Another object needs it.
    NeededBy(Index),
}

/// An object in a process.
#[derive(Debug)]
pub struct Loaded<'f> {
    /// The file.
    pub object: Arc<Object<'f>>,
    /// Its path, as found.
    pub path: PathBuf,
    /// Why it is there.
    pub reason: Reason,
    /// What led to the file; `None` for the program and its interpreter.
    pub by: Option<Where>,
    /// The names that it was asked for by.
    pub names: Vec<Vec<u8>>,
    /// Who brought it in first, for the chain of RPATHs; `None` at the chain's top.
    pub(super) loader: Option<Index>,
    pub(super) rpath: Vec<PathBuf>,
    pub(super) runpath: Option<Vec<PathBuf>>,
    /// What it needs, in the order of its dynamic section.
    pub dependencies: Vec<Dependency>,
    /// Once it has been the root of a closure: that closure in the order of initialisation.
    pub(super) order: Option<Vec<Index>>,
    /// It came with a module that dlopen refuses.
    pub(super) refused: bool,
}

/// One entry of an object's `DT_NEEDED`, `DT_FILTER` or `DT_AUXILIARY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name, its tokens replaced.
    pub name: Vec<u8>,
    /// Which of the three.
    pub kind: DependencyKind,
    /// The object that it led to; `None` where it is missing.
    pub object: Option<Index>,
}

/// How an object needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencyKind {
    /// `DT_NEEDED`: it comes behind.
    Needed,
    /// `DT_FILTER`: it answers before the object that names it.
    Filter,
    /// `DT_AUXILIARY`: the same, where it is there.
    Auxiliary,
}

/// A name for which no object was found.
#[derive(Clone, Debug)]
pub struct Missing {
    /// The name asked for.
    pub name: Vec<u8>,
    /// Who asks.
    pub reason: Reason,
    /// Why there is none.
    pub why: NotFound,
}

/// All objects of a process.
#[derive(Debug)]
pub(super) struct Closure<'o, 'f> {
    pub objects: &'o Objects<'f>,
    pub search: Search,
    pub loaded: Vec<Loaded<'f>>,
    pub missing: Vec<Missing>,
    pub secure: bool,
    names: HashMap<Vec<u8>, Index>,
    ids: HashMap<FileId, Index>,
}

impl<'o, 'f> Closure<'o, 'f> {
    pub fn new(objects: &'o Objects<'f>, search: Search) -> Closure<'o, 'f> {
        Closure {
            objects,
            search,
            loaded: Vec::new(),
            missing: Vec::new(),
            secure: false,
            names: HashMap::new(),
            ids: HashMap::new(),
        }
    }

    /// Adds an object that no search brought in. The program's file is not matched by identity: the kernel maps it, and
    /// ld.so does not know which file it is.
    pub fn add(&mut self, object: Arc<Object<'f>>, path: PathBuf, reason: Reason, origin: Option<&Path>) -> Index {
        let by = None;
        self.insert(object, path, reason, by, None, origin)
    }

    fn insert(
        &mut self,
        object: Arc<Object<'f>>,
        path: PathBuf,
        reason: Reason,
        by: Option<Where>,
        loader: Option<Index>,
        origin: Option<&Path>,
    ) -> Index {
        let index = self.loaded.len();
        let folder = path.parent().map(absolute);
        let tokens = self.search.tokens(origin.or(folder.as_deref()));
        let image = object.image();
        let runpath = image.runpath().map(|list| directories(list, b":", &tokens));
        let rpath = image.rpath().filter(|_| runpath.is_none()).map(|list| directories(list, b":", &tokens));
        if reason != Reason::Program {
            self.name(path.as_os_str().as_bytes(), index);
        }
        if let Some(soname) = image.soname() {
            self.name(soname, index);
        }
        if by.is_some() {
            self.ids.insert(object.id(), index);
        }
        let rpath = rpath.unwrap_or_default();
        self.loaded.push(Loaded {
            object,
            path,
            reason,
            by,
            names: Vec::new(),
            loader,
            rpath,
            runpath,
            dependencies: Vec::new(),
            order: None,
            refused: false,
        });
        index
    }

    /// Lets a name find an object, unless an earlier one has it.
    fn name(&mut self, name: &[u8], index: Index) {
        if !self.names.contains_key(name) {
            self.names.insert(name.to_owned(), index);
        }
    }

    /// The object loaded under a name.
    pub fn named(&self, name: &[u8]) -> Option<Index> {
        self.names.get(name).copied()
    }

    /// Loads what a name stands for, unless it is loaded already: matched by name, by SONAME, and once a file has been
    /// found, by its identity.
    pub fn map(&mut self, name: &[u8], asker: Index, reason: Reason) -> Option<Index> {
        if let Some(index) = self.named(name) {
            self.remember(name, index);
            return Some(index);
        }
        let found = match self.search.find(self.objects, name, &self.asker(asker)) {
            Ok(found) => found,
            Err(why) => {
                self.missing.push(Missing { name: name.to_owned(), reason, why });
                return None;
            }
        };
        let index = match self.ids.get(&found.object.id()) {
            Some(&index) => index,
            None => {
                let loader = if reason == Reason::Module { None } else { Some(asker) };
                self.insert(found.object, found.path, reason, Some(found.by), loader, None)
            }
        };
        self.name(name, index);
        self.remember(name, index);
        Some(index)
    }

    fn remember(&mut self, name: &[u8], index: Index) {
        let names = &mut self.loaded[index].names;
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }

    /// Takes the objects from `first` on out again: nothing finds them any more, but they can still be looked at.
    pub fn refuse(&mut self, first: Index) {
        self.names.retain(|_, index| *index < first);
        self.ids.retain(|_, index| *index < first);
        for loaded in &mut self.loaded[first..] {
            loaded.refused = true;
        }
    }

    /// What of an object counts when it asks: its own RPATH and those of the objects above it, then the program's.
    fn asker(&self, index: Index) -> Asker<'_> {
        let asker = &self.loaded[index];
        let mut rpaths = Vec::new();
        if asker.runpath.is_none() {
            let mut above = Some(index);
            while let Some(at) = above {
                rpaths.push((at, self.loaded[at].rpath.as_slice()));
                above = self.loaded[at].loader;
            }
            rpaths.push((0, self.loaded[0].rpath.as_slice()));
        }
        Asker {
            rpaths,
            runpath: asker.runpath.as_deref().map(|dirs| (index, dirs)),
            no_default: asker.object.image().flags_1() & DF_1_NODEFLIB != 0,
        }
    }

    /// The search list of a root: itself, the preloads, then breadth first what they need. An object that filters
    /// another stands behind it.
    pub fn search_list(&mut self, root: Index, preloads: &[Index]) -> Vec<Index> {
        let mut list: Vec<Entry> = Vec::new();
        let mut listed = HashSet::new();
        for index in std::iter::once(root).chain(preloads.iter().copied()) {
            if listed.insert(index) {
                list.push(Entry { index, done: false });
            }
        }
        let mut at = 0;
        while at < list.len() {
            list[at].done = true;
            self.add_dependencies(at, &mut list, &mut listed);
            while list.get(at).is_some_and(|entry| entry.done) {
                at += 1;
            }
        }
        list.into_iter().map(|entry| entry.index).collect()
    }

    /// Adds what the object at a place of the list needs: at its end, and what filters the object, before it.
    fn add_dependencies(&mut self, at: usize, list: &mut Vec<Entry>, listed: &mut HashSet<Index>) {
        let (index, mut here) = (list[at].index, at);
        let known = !self.loaded[index].dependencies.is_empty();
        let object = Arc::clone(&self.loaded[index].object);
        for &(tag, value) in object.image().dynamic().entries() {
            let Some(kind) = DependencyKind::of(tag) else { continue };
            let name = object.image().strings().name(usize::try_from(value).unwrap_or(usize::MAX));
            let dependency = self.need(name, kind, index);
            let needed = dependency.object;
            if !known {
                self.loaded[index].dependencies.push(dependency);
            }
            let Some(needed) = needed else { continue };
            let is_new = listed.insert(needed);
            if kind == DependencyKind::Needed {
                if is_new {
                    list.push(Entry { index: needed, done: false });
                }
                continue;
            }
            let later = list.iter().skip(here).position(|entry| entry.index == needed).map(|place| place + here);
            if let Some(later) = later {
                list.remove(later);
            } else if !is_new {
                continue;
            }
            list.insert(here, Entry { index: needed, done: false });
            here += 1;
        }
    }

    /// Loads a dependency, its name's tokens replaced. An auxiliary one may be missing.
    fn need(&mut self, name: &[u8], kind: DependencyKind, by: Index) -> Dependency {
        let expanded = if name.contains(&b'$') {
            let folder = self.loaded[by].path.parent().map(absolute);
            self.search.tokens(folder.as_deref()).expand(name)
        } else {
            None
        };
        let name = expanded.as_deref().map_or(name, OsStr::as_bytes);
        let missing = self.missing.len();
        let object = self.map(name, by, Reason::NeededBy(by));
        if kind == DependencyKind::Auxiliary {
            self.missing.truncate(missing);
        }
        Dependency { name: name.to_owned(), kind, object }
    }
}

impl DependencyKind {
    fn of(tag: u64) -> Option<DependencyKind> {
        match tag {
            DT_NEEDED => Some(DependencyKind::Needed),
            DT_FILTER => Some(DependencyKind::Filter),
            DT_AUXILIARY => Some(DependencyKind::Auxiliary),
            _ => None,
        }
    }
}

struct Entry {
    index: Index,
    done: bool,
}

fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
