//! Where ld.so finds a library by its bare name (glibc, `elf/dl-load.c`, `_dl_map_object`).

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Cache;
use crate::elf::{Class, Image, Machine, Mapped};

/// The search for a library that no object asks for: no RPATH and no RUNPATH.
#[derive(Debug)]
pub struct Search {
    library_path: Option<OsString>,
    cache: Cache,
}

/// A library that was found.
#[derive(Debug)]
pub struct Found {
    /// Its path, as searched.
    pub path: PathBuf,
    /// What led there.
    pub by: Where,
}

/// What led to a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// `LD_LIBRARY_PATH`.
    LibraryPath,
    /// `/etc/ld.so.cache`.
    Cache,
    /// A system directory.
    System,
}

impl Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Where::LibraryPath => "in LD_LIBRARY_PATH",
            Where::Cache => "in the loader's cache",
            Where::System => "in a system directory",
        })
    }
}

/// The directories that the libc of the common distributions is built with.
const SYSTEM: [&str; 8] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

impl Search {
    /// The machine's search, with the value of `LD_LIBRARY_PATH` where it is to count.
    pub fn new(library_path: Option<OsString>) -> Search {
        Search { library_path, cache: Cache::read(Path::new("/etc/ld.so.cache")) }
    }

    /// The first file of that name that this machine's programs could load: `LD_LIBRARY_PATH`, cache, system
    /// directories. One of another class or machine is passed over, as ld.so does.
    pub fn find(&self, name: &OsStr) -> Option<Found> {
        let host = host();
        let fits = |found: &Found| host.is_none() || machine_of(&found.path) == host;
        let listed = self.library_path.iter().flat_map(|list| directories(list)).map(|dir| (dir, Where::LibraryPath));
        let cached = self.cache.lookup(name).map(|path| Found { path, by: Where::Cache });
        let system = SYSTEM.iter().map(|dir| (PathBuf::from(dir), Where::System));
        let joined = |(dir, by): (PathBuf, Where)| Found { path: dir.join(name), by };
        listed.map(joined).chain(cached).chain(system.map(joined)).filter(|found| found.path.is_file()).find(fits)
    }
}

/// Separated by colons or semicolons; an empty element is the current directory.
fn directories(list: &OsStr) -> impl Iterator<Item = PathBuf> + '_ {
    list.as_bytes().split(|byte| b":;".contains(byte)).map(|dir| {
        let dir = if dir.is_empty() { b".".as_slice() } else { dir };
        PathBuf::from(OsStr::from_bytes(dir))
    })
}

/// The class and machine of this process.
fn host() -> Option<(Class, Machine)> {
    machine_of(Path::new("/proc/self/exe"))
}

fn machine_of(path: &Path) -> Option<(Class, Machine)> {
    let file = Mapped::open(path).ok()?;
    let image = Image::parse(file.bytes()).ok()?;
    Some((image.class(), image.machine()))
}
