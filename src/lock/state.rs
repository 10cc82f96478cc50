//! What was seen of each thing: enough to say later what has changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::interpose::Abi;

use super::hash::Hashed;

/// What was seen of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Facts about the machine, as information.
    pub host: BTreeMap<String, String>,
    /// The things, by name.
    pub things: BTreeMap<String, Thing>,
}

/// What was seen of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// It is not there.
    Absent,
    /// A file.
    File(Box<FileState>),
    /// A folder with all files below.
    Tree(TreeState),
    /// A git work tree.
    Repository(RepositoryState),
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its content.
    pub content: Hashed,
    /// Its permission bits.
    pub mode: u32,
    /// When its content was last written, in seconds since 1970.
    pub modified: i64,
    /// Where it leads, where it is a symbolic link: all else is of the file behind it.
    pub link: Option<String>,
    /// What it is made of, where it is an ELF file.
    pub elf: Option<Elf>,
}

/// An ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// The build id, in hexadecimal.
    pub build_id: Option<String>,
    /// DT_RPATH, as it stands.
    pub rpath: Option<String>,
    /// DT_RUNPATH, as it stands.
    pub runpath: Option<String>,
    /// What others can rely on, and what it relies on; without the names of nodes that stand in `many`.
    pub abi: Abi<'static>,
    /// What it asks others for: a name, and the node; without the names of nodes that stand in `many`.
    pub references: BTreeSet<(String, Option<String>)>,
    /// Names that are too many to be remembered one by one.
    pub many: BTreeMap<Crowd, Many>,
}

/// Names that belong together: those exported in a node (none: in no node), or asked for in one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crowd {
    /// Asked for rather than exported.
    pub wanted: bool,
    /// The node.
    pub node: Option<String>,
}

/// How many names there are, and a hash of them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Many {
    /// How many.
    pub count: usize,
    /// SHA-256 of the names with their attributes, a line each, sorted.
    pub sha256: String,
}

/// Every file below a folder, by its path from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeState {
    /// The files.
    pub files: BTreeMap<String, Entry>,
    /// What its ELF files are made of, where they are few enough; without those that are things of their own.
    pub libraries: BTreeMap<String, Elf>,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A regular file: content, and whether it may be run.
    File(Hashed, bool),
    /// A symbolic link, and where it leads.
    Link(String),
}

/// A git work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryState {
    /// The commit; none before the first one.
    pub commit: Option<String>,
    /// The commit's tree: two commits of the same tree have the same sources.
    pub tree: Option<String>,
    /// The branch; none where HEAD is detached.
    pub branch: Option<String>,
    /// Files that are not as committed: what was done to each, and the blob that its content would be.
    pub dirty: BTreeMap<String, Dirty>,
    /// The commit at which each submodule is checked out; none where it is not.
    pub submodules: BTreeMap<String, Option<String>>,
}

/// A file that is not as committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// `new`, `changed`, `deleted` or `in conflict`.
    pub change: String,
    /// The id of the blob that its content would be; none where it is deleted or cannot be read.
    pub blob: Option<String>,
}

impl RepositoryState {
    /// Whether what is built from it is the same: commits may differ in their message or history alone.
    pub fn same_sources(&self, other: &RepositoryState) -> bool {
        self.tree == other.tree && self.dirty == other.dirty && self.submodules == other.submodules
    }
}

impl Thing {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&FileState> {
        match self {
            Thing::File(file) => Some(file),
            _ => None,
        }
    }

    /// The ELF file, where it is one.
    pub fn elf(&self) -> Option<&Elf> {
        self.file()?.elf.as_ref()
    }

    /// The repository, where it is one.
    pub fn repository(&self) -> Option<&RepositoryState> {
        match self {
            Thing::Repository(repository) => Some(repository),
            _ => None,
        }
    }
}
