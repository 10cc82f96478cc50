//! The files that processes are made of, each mapped and indexed once, however many processes load it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use elsa::sync::FrozenVec;

use super::references::{Reference, references};
use super::{Cache, Glibc, Tree};
use crate::elf::{Bloom, ElfError, HashTable, Image, Mapped, Symbols};

/// The mapped files. [`Objects`] borrows from it.
#[derive(Debug, Default)]
pub struct Files(FrozenVec<Box<Mapped>>);

impl Files {
    /// No file yet.
    pub fn new() -> Files {
        Files::default()
    }
}

/// What the device and inode numbers of a file tell: two paths with the same lead to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// A file that can be loaded, with what is looked at again and again.
#[derive(Debug)]
pub struct Object<'f> {
    id: FileId,
    metadata: fs::Metadata,
    image: Image<'f>,
    bytes: &'f [u8],
    symbols: Symbols<'f>,
    table: Option<HashTable<'f>>,
    bloom: Option<Bloom<'f>>,
    references: OnceLock<Box<[Reference<'f>]>>,
}

impl<'f> Object<'f> {
    fn parse(id: FileId, metadata: fs::Metadata, bytes: &'f [u8]) -> Result<Object<'f>, ElfError> {
        let image = Image::parse(bytes)?;
        let symbols = image.symbols()?;
        let table = image.hash_table()?;
        let bloom = table.as_ref().and_then(HashTable::bloom);
        Ok(Object { id, metadata, image, bytes, symbols, table, bloom, references: OnceLock::new() })
    }

    /// Which file it is.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// The file's owner, mode and size.
    pub fn metadata(&self) -> &fs::Metadata {
        &self.metadata
    }

    /// Its header and dynamic section.
    pub fn image(&self) -> &Image<'f> {
        &self.image
    }

    /// The whole file.
    pub fn bytes(&self) -> &'f [u8] {
        self.bytes
    }

    /// Its dynamic symbols.
    pub fn symbols(&self) -> &Symbols<'f> {
        &self.symbols
    }

    /// The table by which its definitions are found.
    pub fn table(&self) -> Option<&HashTable<'f>> {
        self.table.as_ref()
    }

    /// Whether it can define a name of that GNU hash: false is certain.
    #[inline]
    pub fn may_define(&self, hash: u32) -> bool {
        self.bloom.is_none_or(|bloom| bloom.may_hold(hash))
    }

    /// What its relocations ask for.
    pub fn references(&self) -> &[Reference<'f>] {
        self.references.get_or_init(|| references(&self.image, &self.symbols))
    }
}

/// Why a path gives no object.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such file.
    #[error("no such file")]
    Absent,
    /// It is there and cannot be opened.
    #[error("{0}")]
    Unreadable(Arc<io::Error>),
    /// It is not a sound ELF file.
    #[error("{0}")]
    Corrupt(Arc<ElfError>),
    /// It is a sound ELF file, and no library.
    #[error("{0}")]
    NoLibrary(&'static str),
}

type Opened<'f> = Result<Arc<Object<'f>>, Refused>;

/// Every file that was asked for, by path and by identity. Threads share it.
#[derive(Debug)]
pub struct Objects<'f> {
    files: &'f Files,
    tree: Tree,
    by_path: Mutex<HashMap<PathBuf, Opened<'f>>>,
    by_id: Mutex<HashMap<FileId, Opened<'f>>>,
    cache: OnceLock<Arc<Cache>>,
    glibcs: Mutex<HashMap<FileId, Glibc>>,
}

impl<'f> Objects<'f> {
    /// The objects of a tree; none is opened yet.
    pub fn new(files: &'f Files, tree: Tree) -> Objects<'f> {
        Objects {
            files,
            tree,
            by_path: Mutex::default(),
            by_id: Mutex::default(),
            cache: OnceLock::new(),
            glibcs: Mutex::default(),
        }
    }

    /// The tree that paths are in.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The loader's cache of the tree.
    pub fn cache(&self) -> Arc<Cache> {
        let read = || Arc::new(Cache::read(&self.tree.on_host(Path::new("/etc/ld.so.cache"))));
        Arc::clone(self.cache.get_or_init(read))
    }

    /// What a loader's file says of itself, read once.
    pub fn glibc_of(&self, loader: &Object<'_>) -> Glibc {
        let read = || Glibc::read(loader.bytes(), loader.image().class(), loader.image().machine());
        lock(&self.glibcs).entry(loader.id()).or_insert_with(read).clone()
    }

    /// The object at a path of the tree, opened when it is first asked for.
    ///
    /// # Errors
    /// Where there is none that can be read as ELF.
    pub fn open(&self, path: &Path) -> Opened<'f> {
        if let Some(known) = lock(&self.by_path).get(path) {
            return known.clone();
        }
        let opened = self.open_file(&self.tree.on_host(path));
        lock(&self.by_path).insert(path.to_owned(), opened.clone());
        opened
    }

    fn open_file(&self, path: &Path) -> Opened<'f> {
        let metadata = fs::metadata(path).map_err(refused_by_system)?;
        let id = FileId { device: metadata.dev(), inode: metadata.ino() };
        if let Some(known) = lock(&self.by_id).get(&id) {
            return known.clone();
        }
        let opened = self.parse(path, id, metadata);
        match lock(&self.by_id).entry(id) {
            // Another thread was faster.
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(free) => free.insert(opened).clone(),
        }
    }

    fn parse(&self, path: &Path, id: FileId, metadata: fs::Metadata) -> Opened<'f> {
        let mapped = Mapped::open(path).map_err(|error| match error {
            ElfError::Open { source, .. } => refused_by_system(source),
            other => Refused::Corrupt(Arc::new(other)),
        })?;
        let bytes = self.files.0.push_get(Box::new(mapped)).bytes();
        Object::parse(id, metadata, bytes).map(Arc::new).map_err(|error| Refused::Corrupt(Arc::new(error)))
    }
}

fn refused_by_system(error: io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Refused::Absent,
        _ => Refused::Unreadable(Arc::new(error)),
    }
}

/// The maps hold whole entries at all times, so that a thread that panicked leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
