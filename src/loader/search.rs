//! Where ld.so finds a file by its name (glibc, `elf/dl-load.c`, `_dl_map_object`).

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dst::Tokens;
use super::{Cache, Files, Glibc, Hwcaps, Object, Objects, Refused, Tree};
use crate::elf::{ByteOrder, Class, Image, Kind, Machine, Mapped};

const DF_1_PIE: u64 = 0x0800_0000;

/// What led to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// A name with a slash: that path.
    Path,
    /// The RPATH of an object: the one that asks, one that brought it in, or the executable.
    Rpath(usize),
    /// `LD_LIBRARY_PATH`.
    LibraryPath,
    /// The RUNPATH of the object that asks.
    Runpath(usize),
    /// `/etc/ld.so.cache`.
    Cache,
    /// A system directory.
    System,
}

impl Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Where::Path => "by its path",
            Where::Rpath(_) => "in an RPATH",
            Where::LibraryPath => "in LD_LIBRARY_PATH",
            Where::Runpath(_) => "in a RUNPATH",
            Where::Cache => "in the loader's cache",
            Where::System => "in a system directory",
        })
    }
}

/// A file that was found.
#[derive(Clone, Debug)]
pub struct Found<'f> {
    /// Its path, as searched.
    pub path: PathBuf,
    /// What led there.
    pub by: Where,
    /// The file.
    pub object: Arc<Object<'f>>,
}

/// Why nothing was found.
#[derive(Clone, Debug)]
pub enum NotFound {
    /// No candidate anywhere that could be loaded; those of another class or machine were passed over.
    Nowhere {
        /// Candidates of another class or machine.
        passed_over: Vec<PathBuf>,
    },
    /// A candidate that ends the search: it is there, and cannot be loaded.
    Bad {
        /// The candidate.
        path: PathBuf,
        /// What is wrong with it.
        why: Refused,
    },
    /// A preload with a slash, in a program that runs with another user's rights.
    Secure,
}

/// The class, byte order and machine that all objects of a process share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// 32 or 64 bits.
    pub class: Class,
    /// Little or big endian.
    pub order: ByteOrder,
    /// The processor.
    pub machine: Machine,
}

impl Platform {
    /// That of a file.
    pub fn of(image: &Image<'_>) -> Platform {
        Platform { class: image.class(), order: image.byte_order(), machine: image.machine() }
    }

    /// That of this process.
    fn here() -> Option<Platform> {
        let file = Mapped::open("/proc/self/exe").ok()?;
        Image::parse(file.bytes()).ok().map(|image| Platform::of(&image))
    }
}

/// Who asks for a file: what of it counts for the search.
#[derive(Clone, Debug, Default)]
pub struct Asker<'a> {
    /// The RPATHs that count, in order, each with the object that has it; none where the asker has a RUNPATH.
    pub rpaths: Vec<(usize, &'a [PathBuf])>,
    /// The RUNPATH of the asker.
    pub runpath: Option<(usize, &'a [PathBuf])>,
    /// `DF_1_NODEFLIB`: no system directories.
    pub no_default: bool,
}

/// The places that are the same for every object of a process.
#[derive(Debug)]
pub struct Search {
    platform: Platform,
    glibc: Glibc,
    hwcaps: Hwcaps,
    /// "" among them: the directory itself.
    subdirectories: Vec<String>,
    library_path: Vec<PathBuf>,
    cache: Arc<Cache>,
}

impl Search {
    /// The search of a process on that platform. `$ORIGIN` in `library_path` is the executable's folder.
    pub fn new(platform: Platform, glibc: Glibc, hwcaps: Hwcaps, cache: Arc<Cache>) -> Search {
        let subdirectories = hwcaps.subdirectories();
        Search { platform, glibc, hwcaps, subdirectories, library_path: Vec::new(), cache }
    }

    /// Sets `LD_LIBRARY_PATH`: separated by colons or semicolons.
    pub fn set_library_path(&mut self, list: &OsStr, origin: Option<&Path>) {
        self.library_path = directories(list.as_bytes(), b":;", &self.tokens(origin));
    }

    /// The loader whose rules apply.
    pub fn glibc(&self) -> &Glibc {
        &self.glibc
    }

    /// The processor's subdirectories.
    pub fn hwcaps(&self) -> &Hwcaps {
        &self.hwcaps
    }

    /// What the dynamic string tokens stand for in an object of that folder.
    pub fn tokens<'t>(&'t self, origin: Option<&'t Path>) -> Tokens<'t> {
        Tokens { origin, lib: self.glibc.lib(), platform: self.hwcaps.platform() }
    }

    /// Finds the file for a name: that path where it has a slash, else the first fit in RPATHs, `LD_LIBRARY_PATH`,
    /// RUNPATH, cache and system directories.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find<'f>(&self, objects: &Objects<'f>, name: &[u8], asker: &Asker<'_>) -> Result<Found<'f>, NotFound> {
        let mut passed_over = Vec::new();
        let mut attempt = |path: PathBuf, by| self.attempt(objects, path, by, &mut passed_over);
        let file = Path::new(OsStr::from_bytes(name));
        if name.contains(&b'/') {
            if let Some(found) = attempt(file.to_owned(), Where::Path)? {
                return Ok(found);
            }
            return Err(NotFound::Nowhere { passed_over });
        }
        let rpaths = asker.rpaths.iter().flat_map(|(owner, dirs)| dirs.iter().map(|dir| (dir, Where::Rpath(*owner))));
        let library_path = self.library_path.iter().map(|dir| (dir, Where::LibraryPath));
        let runpath =
            asker.runpath.iter().flat_map(|(owner, dirs)| dirs.iter().map(|dir| (dir, Where::Runpath(*owner))));
        for (directory, by) in rpaths.chain(library_path).chain(runpath) {
            for subdirectory in &self.subdirectories {
                if let Some(found) = attempt(join(directory, subdirectory, file), by)? {
                    return Ok(found);
                }
            }
        }
        let platform = self.platform;
        let cached = self.cache.lookup(name, platform.class, platform.machine, &self.hwcaps);
        if let Some(path) = cached.filter(|path| !asker.no_default || !self.is_system(path))
            && let Some(found) = attempt(path.to_owned(), Where::Cache)?
        {
            return Ok(found);
        }
        for directory in self.glibc.system.iter().filter(|_| !asker.no_default) {
            for subdirectory in &self.subdirectories {
                if let Some(found) = attempt(join(directory, subdirectory, file), Where::System)? {
                    return Ok(found);
                }
            }
        }
        Err(NotFound::Nowhere { passed_over })
    }

    /// Opens a candidate. `None` where the search goes on: it is not there, cannot be read, or is of another class or
    /// machine. Any other flaw ends the search.
    fn attempt<'f>(
        &self,
        objects: &Objects<'f>,
        path: PathBuf,
        by: Where,
        passed_over: &mut Vec<PathBuf>,
    ) -> Result<Option<Found<'f>>, NotFound> {
        match objects.open(&path) {
            Ok(object) if Platform::of(object.image()) == self.platform => match unfit(&object) {
                None => Ok(Some(Found { path, by, object })),
                Some(why) => Err(NotFound::Bad { path, why: Refused::NoLibrary(why) }),
            },
            Ok(_) => {
                passed_over.push(path);
                Ok(None)
            }
            Err(Refused::Absent) => Ok(None),
            Err(Refused::Unreadable(_)) if by != Where::Path => Ok(None),
            Err(why) => Err(NotFound::Bad { path, why }),
        }
    }

    fn is_system(&self, path: &Path) -> bool {
        self.glibc.system.iter().any(|dir| path.starts_with(dir))
    }
}

/// Why an object cannot be loaded into a process of another (glibc, `elf/dl-load.c`, `_dl_map_object_from_fd`).
fn unfit(object: &Object<'_>) -> Option<&'static str> {
    let image = object.image();
    match image.kind() {
        Kind::Executable => Some("cannot dynamically load executable"),
        Kind::Pie if image.flags_1() & DF_1_PIE != 0 => Some("cannot dynamically load position-independent executable"),
        Kind::Pie | Kind::Shared if !image.is_dynamic() => Some("object file has no dynamic section"),
        Kind::Pie | Kind::Shared => None,
        _ => Some("only ET_DYN and ET_EXEC can be loaded"),
    }
}

fn join(directory: &Path, subdirectory: &str, file: &Path) -> PathBuf {
    if subdirectory.is_empty() { directory.join(file) } else { directory.join(subdirectory).join(file) }
}

/// The directories of a list, tokens replaced, each once. An empty element is the current directory.
pub(super) fn directories(list: &[u8], separators: &[u8], tokens: &Tokens<'_>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    if list.is_empty() {
        return found;
    }
    for element in list.split(|byte| separators.contains(byte)) {
        let Some(expanded) = tokens.expand(element) else { continue };
        if !found.iter().any(|known| known.as_os_str() == expanded) {
            found.push(expanded.into());
        }
    }
    found
}

/// A library that no object asked for.
#[derive(Debug)]
pub struct Located {
    /// Its path, as searched.
    pub path: PathBuf,
    /// What led there.
    pub by: Where,
}

/// The first file of that name that this machine's programs could load: `LD_LIBRARY_PATH` where it is given, cache,
/// system directories.
pub fn locate(name: &OsStr, library_path: Option<OsString>) -> Option<Located> {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let platform = Platform::here()?;
    let glibc = Glibc::assumed(platform.class, platform.machine);
    let hwcaps = Hwcaps::here(platform.class, platform.machine, &glibc);
    let mut search = Search::new(platform, glibc, hwcaps, objects.cache());
    if let Some(list) = library_path {
        search.set_library_path(&list, None);
    }
    let found = search.find(&objects, name.as_bytes(), &Asker::default()).ok()?;
    Some(Located { path: found.path, by: found.by })
}
