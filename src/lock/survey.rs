//! Looking at everything that a plan names, all cores at once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::elf::escape;

use super::file::FILE_NAME;
use super::hash::{Hashed, Hashes};
use super::host;
use super::plan::{Plan, Planned, What};
use super::state::{Elf, Entry, FileState, State, Thing, TreeState};
use super::{repository, tree};

/// What was seen, and what could not be looked at.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// What was seen.
    pub state: State,
    /// Things that are there and cannot be looked at, each with the reason.
    pub unreadable: BTreeMap<String, String>,
    /// Bytes that were hashed.
    pub bytes: u64,
}

/// Looks at everything that the plan names; what was hashed already is not hashed again.
pub fn survey(plan: &Plan, known: &Hashes) -> Survey {
    let lock = plan.base.join(FILE_NAME);
    let mut survey = Survey { state: State { host: host::facts(), ..State::default() }, ..Survey::default() };
    let mut wanted = Vec::new();
    for (name, planned) in &plan.things {
        match Wanted::of(planned, &lock) {
            Ok(Some(files)) => wanted.push((name, planned, files)),
            Ok(None) => survey.keep(name, Ok(Thing::Absent)),
            Err(reason) => survey.keep(name, Err(reason)),
        }
    }
    let paths: Vec<PathBuf> = wanted.iter().flat_map(|(_, _, wanted)| wanted.paths()).collect();
    let hashes = Contents::of(paths, known);
    survey.bytes = hashes.bytes();
    let seen: Vec<_> =
        wanted.into_par_iter().map(|(name, planned, wanted)| (name, wanted.look(planned, &hashes))).collect();
    seen.into_iter().for_each(|(name, thing)| survey.keep(name, thing));
    forget_repeated(&mut survey.state);
    survey
}

/// What is a file of its own, or of a folder within, is remembered there.
fn forget_repeated(state: &mut State) {
    let names: Vec<String> = state.things.keys().cloned().collect();
    for (tree, thing) in &mut state.things {
        let Thing::Tree(TreeState { libraries, .. }) = thing else { continue };
        let within: Vec<&String> = names.iter().filter(|name| *name != tree && name.starts_with(tree)).collect();
        libraries.retain(|file, _| {
            let name = format!("{tree}{file}");
            !within.iter().any(|other| name == **other || (other.ends_with('/') && name.starts_with(*other)))
        });
    }
}

impl Survey {
    fn keep(&mut self, name: &str, thing: Result<Thing, String>) {
        match thing {
            Ok(thing) => drop(self.state.things.insert(name.to_owned(), thing)),
            Err(reason) => drop(self.unreadable.insert(name.to_owned(), reason)),
        }
    }
}

/// What must be hashed before a thing is known.
enum Wanted {
    File(PathBuf),
    Tree(Vec<(String, PathBuf)>),
    Known(Thing),
}

impl Wanted {
    /// `None` where the thing is not there.
    fn of(planned: &Planned, lock: &Path) -> Result<Option<Wanted>, String> {
        let path = &planned.path;
        if planned.what == What::Repository {
            let state = repository::look(path, lock).map_err(|error| error.message().to_owned())?;
            return Ok(state.map(|state| Wanted::Known(Thing::Repository(state))));
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => tree::files(path, lock).map(Wanted::Tree).map(Some),
            Ok(_) => Ok(Some(Wanted::File(path.clone()))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The regular files among them.
    fn paths(&self) -> Vec<PathBuf> {
        match self {
            Wanted::File(path) => vec![path.clone()],
            Wanted::Tree(files) => {
                files.iter().map(|(_, path)| path).filter(|path| !path.is_symlink()).cloned().collect()
            }
            Wanted::Known(_) => Vec::new(),
        }
    }

    fn look(self, planned: &Planned, hashes: &Contents) -> Result<Thing, String> {
        match self {
            Wanted::Known(thing) => Ok(thing),
            Wanted::File(_) => file(&planned.path, hashes).map(|file| Thing::File(Box::new(file))),
            Wanted::Tree(files) => {
                let libraries = Elf::read_all(files.iter().map(|(name, path)| (name.as_str(), path.as_path())));
                let entries = files.into_iter().map(|(name, path)| Ok((name, entry(&path, hashes)?)));
                Ok(Thing::Tree(TreeState { files: entries.collect::<Result<_, String>>()?, libraries }))
            }
        }
    }
}

fn file(path: &Path, hashes: &Contents) -> Result<FileState, String> {
    let failed = |error: io::Error| error.to_string();
    let metadata = fs::metadata(path).map_err(failed)?;
    Ok(FileState {
        content: hashes.get(path)?,
        mode: metadata.mode() & 0o7777,
        modified: metadata.mtime(),
        link: fs::read_link(path).ok().map(|target| shown(&target)),
        elf: Elf::read(path),
    })
}

fn shown(target: &Path) -> String {
    escape(target.as_os_str().as_encoded_bytes()).to_string()
}

fn entry(path: &Path, hashes: &Contents) -> Result<Entry, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if metadata.is_symlink() {
        return Ok(Entry::Link(shown(&fs::read_link(path).map_err(failed)?)));
    }
    let content = hashes.get(path).map_err(|reason| format!("{}: {reason}", path.display()))?;
    Ok(Entry::File(content, metadata.mode() & 0o111 != 0))
}

/// The hash of every file, each computed once though several names lead to it.
struct Contents {
    files: BTreeMap<(u64, u64), Result<Hashed, String>>,
    errors: BTreeMap<PathBuf, String>,
}

impl Contents {
    fn of(paths: Vec<PathBuf>, known: &Hashes) -> Contents {
        let mut hashes = Contents { files: BTreeMap::new(), errors: BTreeMap::new() };
        let mut once: BTreeMap<(u64, u64), PathBuf> = BTreeMap::new();
        for path in paths {
            match identity(&path) {
                Ok(identity) => drop(once.entry(identity).or_insert(path)),
                Err(error) => drop(hashes.errors.insert(path, error.to_string())),
            }
        }
        let (identities, paths): (Vec<_>, Vec<_>) = once.into_iter().unzip();
        let hashed = known.sha256_all(&paths).into_iter().map(|hashed| hashed.map_err(|error| error.to_string()));
        hashes.files = identities.into_iter().zip(hashed).collect();
        hashes
    }

    fn get(&self, path: &Path) -> Result<Hashed, String> {
        if let Some(error) = self.errors.get(path) {
            return Err(error.clone());
        }
        let identity = identity(path).map_err(|error| error.to_string())?;
        self.files.get(&identity).cloned().unwrap_or_else(|| Err("it changed while it was looked at".to_owned()))
    }

    fn bytes(&self) -> u64 {
        self.files.values().flatten().map(|hashed| hashed.size).sum()
    }
}

/// Device and inode.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}
