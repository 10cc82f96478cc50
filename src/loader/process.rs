//! A process as ld.so would make it: the objects, their scopes, and what every reference is bound to.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::closure::{Closure, Index, Loaded, Missing, Reason};
use super::relocate::{Binding, Relocator, Scope, Uniques};
use super::scope::{List, Scopes, Seen};
use super::search::{NotFound, Platform, Search};
use super::tls::StaticTls;
use super::versions::{self, VersionError};
use super::{FileId, Glibc, Hwcaps, Object, Objects, Refused, Tree, order, secure};
use crate::elf::Kind;

/// What of the environment ld.so looks at.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `LD_LIBRARY_PATH`.
    pub library_path: Option<OsString>,
    /// `LD_PRELOAD`.
    pub preload: Option<OsString>,
    /// The `glibc-hwcaps` subdirectories that the processor can use, best first; this processor's where `None`.
    pub hwcaps: Option<Vec<String>>,
}

/// A process, modelled.
#[derive(Debug)]
pub struct Process<'o, 'f> {
    pub(super) closure: Closure<'o, 'f>,
    pub(super) scopes: Scopes,
    pub(super) version_errors: Vec<VersionError>,
    uniques: Uniques,
    pub(super) bindings: Vec<Binding>,
    /// Once a module was opened: the room for thread-local variables at fixed places.
    pub(super) static_tls: Option<StaticTls>,
    /// The scope that each object was relocated in: later modules may change it, but not what was bound.
    relocated_in: Vec<Option<Arc<[Index]>>>,
    secure: bool,
    interpreter: Option<PathBuf>,
    /// The loader's file.
    loader: Option<FileId>,
}

/// Why a target cannot be modelled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unmodelled {
    /// It cannot be read.
    #[error("{}: {why}", .path.display())]
    Refused {
        /// The target.
        path: PathBuf,
        /// Why.
        why: Refused,
    },
    /// It is no program and no library.
    #[error("{}: expected a program or a library, found an ELF file of type {kind}", .path.display())]
    NotLoadable {
        /// The target.
        path: PathBuf,
        /// What it is.
        kind: Kind,
    },
    /// Its loader is another libc's, for which glibc's rules say nothing.
    #[error("{}: its loader is {}, not glibc's: what it binds is not known", .path.display(), .interpreter.display())]
    OtherLoader {
        /// The target.
        path: PathBuf,
        /// Its interpreter.
        interpreter: PathBuf,
    },
}

impl Unmodelled {
    /// The target.
    pub fn path(&self) -> &Path {
        let (Unmodelled::Refused { path, .. }
        | Unmodelled::NotLoadable { path, .. }
        | Unmodelled::OtherLoader { path, .. }) = self;
        path
    }
}

impl<'o, 'f> Process<'o, 'f> {
    /// Models the start of a program, up to the first of its instructions. A library stands for a program that consists
    /// of it alone.
    ///
    /// # Errors
    /// Where the target cannot be read, or is not glibc's to load. What is missing besides is part of the model.
    pub fn start(
        objects: &'o Objects<'f>,
        target: &Path,
        environment: &Environment,
    ) -> Result<Process<'o, 'f>, Unmodelled> {
        let refused = |why| Unmodelled::Refused { path: target.to_owned(), why };
        let program = objects.open(target).map_err(refused)?;
        let image = program.image();
        if !matches!(image.kind(), Kind::Executable | Kind::Pie | Kind::Shared) {
            return Err(Unmodelled::NotLoadable { path: target.to_owned(), kind: image.kind() });
        }
        let platform = Platform::of(image);
        let interpreter = image.interpreter().map(|path| PathBuf::from(OsStr::from_bytes(path)));
        if let Some(interpreter) = interpreter.as_deref().filter(|path| !Glibc::may_be_at(path)) {
            return Err(Unmodelled::OtherLoader { path: target.to_owned(), interpreter: interpreter.to_owned() });
        }
        let origin = origin(objects.tree(), target, interpreter.is_some());
        let (search, loader) = search(objects, platform, interpreter.as_deref(), environment);
        let mut process = Process {
            closure: Closure::new(objects, search),
            scopes: Scopes::default(),
            version_errors: Vec::new(),
            uniques: Uniques::new(),
            bindings: Vec::new(),
            static_tls: None,
            relocated_in: Vec::new(),
            secure: secure::is_secure(&program, &objects.tree().on_host(target)),
            interpreter,
            loader: loader.as_ref().map(|(object, _)| object.id()),
        };
        process.closure.secure = process.secure;
        if let Some(list) = environment.library_path.as_deref().filter(|_| !process.secure) {
            process.closure.search.set_library_path(list, origin.as_deref());
        }
        let is_dynamic = program.image().is_dynamic();
        process.closure.add(program, target.to_owned(), Reason::Program, origin.as_deref());
        if is_dynamic {
            process.add_interpreter(loader);
            let preloads = process.preload(environment);
            process.link(&preloads);
        } else {
            process.scopes.add_root(0, vec![0]);
            process.scopes.add_objects(&process.closure.loaded, 0..1, List::GLOBAL, false);
        }
        Ok(process)
    }

    /// The loader is there before anything else, in the name that the program calls it by.
    fn add_interpreter(&mut self, loader: Option<(Arc<Object<'f>>, PathBuf)>) {
        match (loader, &self.interpreter) {
            (Some((loader, path)), _) => {
                self.closure.add(loader, path, Reason::Interpreter, None);
            }
            (None, Some(path)) => {
                let name = path.as_os_str().as_bytes().to_owned();
                let why = NotFound::Nowhere { passed_over: Vec::new() };
                self.closure.missing.push(Missing { name, reason: Reason::NeededBy(0), why });
            }
            (None, None) => {}
        }
    }

    /// Loads the preloads. One that is there already is none.
    fn preload(&mut self, environment: &Environment) -> Vec<Index> {
        let asked = environment.preload.as_deref().unwrap_or_default().as_bytes();
        let asked = asked.split(|byte| b" :".contains(byte)).map(|name| (name.to_owned(), Reason::Preload));
        let listed = listed_preloads(self.closure.objects.tree());
        let mut preloads = Vec::new();
        for (name, reason) in asked.chain(listed).filter(|(name, _)| !name.is_empty()) {
            let before = self.closure.loaded.len();
            if self.secure && reason == Reason::Preload && name.contains(&b'/') {
                self.closure.missing.push(Missing { name, reason, why: NotFound::Secure });
                continue;
            }
            if let Some(index) = self.closure.map(&name, 0, reason).filter(|&index| index >= before) {
                preloads.push(index);
            }
        }
        preloads
    }

    /// Builds the global scope, checks versions, and relocates.
    fn link(&mut self, preloads: &[Index]) {
        let list = self.closure.search_list(0, preloads);
        let all = 0..self.closure.loaded.len();
        self.version_errors = all.clone().flat_map(|index| versions::check(&self.closure, index)).collect();
        let order = order::initialisation(0, &list, &self.closure.loaded);
        let root = self.scopes.add_root(0, list);
        self.scopes.add_objects(&self.closure.loaded, all, root, false);
        self.relocate(&order);
        self.closure.loaded[0].order = Some(order);
    }

    /// Relocates objects that are not yet, dependencies first. The loader has relocated itself: what it binds is its own
    /// affair, also in a second copy of it that a module brings in.
    pub(super) fn relocate(&mut self, order: &[Index]) {
        self.relocated_in.resize(self.closure.loaded.len(), None);
        // Most objects have the scope of the one before.
        let mut last: Option<(&[List], Members<'_>)> = None;
        for &index in order.iter().rev() {
            if Some(self.closure.loaded[index].object.id()) == self.loader || self.relocated_in[index].is_some() {
                continue;
            }
            let lists = self.scopes.lists_of(index);
            let (members, scope) = match &last {
                Some((known, scope)) if *known == lists => scope,
                _ => {
                    let members: Arc<[Index]> = self.scopes.of(index).into();
                    let scope = Scope::new(members.iter().copied(), &self.closure.loaded);
                    &last.insert((lists, (members, scope))).1
                }
            };
            let mut relocator = Relocator {
                loaded: &self.closure.loaded,
                glibc: self.closure.search.glibc(),
                uniques: &mut self.uniques,
                bindings: &mut self.bindings,
                version_errors: &mut self.version_errors,
            };
            relocator.relocate(index, scope);
            self.relocated_in[index] = Some(Arc::clone(members));
        }
    }

    /// Forgets the definitions that only objects from `index` on gave to the whole process.
    pub(super) fn forget_uniques(&mut self, index: Index) {
        self.uniques.retain(|_, (provider, _)| *provider < index);
    }

    /// The objects that an object's references were looked up in, in order, each once; empty where it was not relocated.
    pub fn scope(&self, index: Index) -> &[Index] {
        self.relocated_in.get(index).and_then(Option::as_deref).unwrap_or_default()
    }

    /// Which part of the process sees an object.
    pub fn seen(&self, index: Index) -> Seen {
        if self.closure.loaded[index].refused { Seen::Refused } else { self.scopes.seen(index) }
    }

    /// The objects, the program first.
    pub fn loaded(&self) -> &[Loaded<'f>] {
        &self.closure.loaded
    }

    /// The names that no object was found for.
    pub fn missing(&self) -> &[Missing] {
        &self.closure.missing
    }

    /// What is wrong with versions.
    pub fn version_errors(&self) -> &[VersionError] {
        &self.version_errors
    }

    /// What every reference is bound to.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The loader that the program names; `None` for a static program, and for a library.
    pub fn interpreter(&self) -> Option<&Path> {
        self.interpreter.as_deref()
    }

    /// The tree that its paths are in.
    pub fn tree(&self) -> &Tree {
        self.closure.objects.tree()
    }

    /// The loader whose rules were applied.
    pub fn glibc(&self) -> &Glibc {
        self.closure.search.glibc()
    }

    /// The processor's subdirectories that were searched.
    pub fn hwcaps(&self) -> &Hwcaps {
        self.closure.search.hwcaps()
    }

    /// Whether it runs with another user's rights (`AT_SECURE`), so that most of the environment is ignored.
    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

/// A scope's objects, and the same made ready to be asked.
type Members<'f> = (Arc<[Index]>, Scope<'f>);

/// The search of a process, and its loader's file.
fn search<'f>(
    objects: &Objects<'f>,
    platform: Platform,
    interpreter: Option<&Path>,
    environment: &Environment,
) -> (Search, Option<(Arc<Object<'f>>, PathBuf)>) {
    let path = interpreter.map(Path::to_owned).or_else(|| Glibc::usual_loader(platform.class, platform.machine));
    let fits = |object: &Arc<Object<'f>>| Platform::of(object.image()) == platform;
    let loader = path.and_then(|path| Some((objects.open(&path).ok().filter(fits)?, path)));
    let glibc = match &loader {
        Some((loader, _)) => objects.glibc_of(loader),
        None => Glibc::assumed(platform.class, platform.machine),
    };
    let hwcaps = match &environment.hwcaps {
        Some(names) => Hwcaps::of(names.clone()),
        None => Hwcaps::here(platform.class, platform.machine, &glibc),
    };
    (Search::new(platform, glibc, hwcaps, objects.cache()), loader)
}

/// `$ORIGIN` of the program: the kernel tells its real path. A library that is its own root is named as it was called.
fn origin(tree: &Tree, target: &Path, is_program: bool) -> Option<PathBuf> {
    let real = std::fs::canonicalize(tree.on_host(target)).ok().filter(|_| is_program);
    let real = real.map(|path| tree.inside(&path).into_owned());
    real.as_deref().unwrap_or(target).parent().map(Path::to_owned)
}

/// The names in `/etc/ld.so.preload`, separated by white space or colons; a `#` starts a comment.
fn listed_preloads(tree: &Tree) -> Vec<(Vec<u8>, Reason)> {
    let text = std::fs::read(tree.on_host(Path::new("/etc/ld.so.preload"))).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b'#').next().unwrap_or(line));
    let names = lines.flat_map(|line| line.split(|byte| byte.is_ascii_whitespace() || *byte == b':'));
    names.map(|name| (name.to_owned(), Reason::SystemPreload)).collect()
}
