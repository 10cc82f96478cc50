//! What the binary carries: the shim, the CPU runtime, the matmul client, the version map and a sample environment, built by
//! `build.rs` and unpacked on demand.
//!
//! It exists for x86-64 Linux with glibc. Elsewhere [`entries`] and [`sample`] are empty, and unpacking is
//! [`BundleError::Unsupported`].

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/bundle_entries.rs"));

/// One file of the bundle.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Where it goes, relative to the directory that the bundle is unpacked into.
    pub path: &'static str,
    /// Its contents.
    pub bytes: &'static [u8],
    /// Whether it is a program or a library: mode 0755, else 0644.
    pub executable: bool,
}

/// Why the bundle could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// This build carries none.
    #[error("this build of xdoctor carries no bundle: it exists for x86-64 Linux with glibc")]
    Unsupported,
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What the bundled runtime calls its device, which is the processor.
pub const CPU_DEVICE: &str = "xdoctor CPU reference";

/// How the matmul client ends; its `--help` says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ClientExit {
    /// The result is right.
    Correct = 0,
    /// Its command line was wrong.
    Usage = 2,
    /// A call of the API failed; stderr and `message` say which, with which error, where.
    HipError = 10,
    /// The result is wrong.
    WrongResult = 11,
    /// The result holds a NaN: something was never written, or never copied back.
    Nan = 12,
    /// There is no device (hipErrorNoDevice).
    NoDevice = 13,
    /// The child that it exec'd at its end failed.
    ChildFailed = 14,
}

impl ClientExit {
    /// Every way that it ends in, apart from a signal.
    pub const ALL: [Self; 7] =
        [Self::Correct, Self::Usage, Self::HipError, Self::WrongResult, Self::Nan, Self::NoDevice, Self::ChildFailed];

    /// The one with that exit status.
    pub fn from_status(status: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|&exit| exit as i32 == status)
    }
}

/// The shim, the runtimes, the clients and the version map.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// A sample environment under `sample/`: a source tree, and a shim that needs a library of its own.
pub fn sample() -> &'static [Entry] {
    SAMPLE
}

/// Writes [`entries`] into `dir`, which is made where it is not there; files of an earlier unpacking are replaced.
///
/// # Errors
/// [`BundleError::Unsupported`], or the first path that could not be written.
pub fn unpack(dir: &Path) -> Result<(), BundleError> {
    unpack_all(dir, entries())
}

/// The folder `bundle` of a scratch folder, with [`entries`] in it: written by the first who asks, for all who do.
///
/// # Errors
/// As [`unpack`].
pub fn unpacked_in(scratch: &Path) -> Result<PathBuf, BundleError> {
    let folder = scratch.join("bundle");
    if folder.is_dir() {
        return Ok(folder);
    }
    let unusable = |source| BundleError::Write { path: folder.clone(), source };
    let fresh = tempfile::Builder::new().prefix("bundle-").tempdir_in(scratch).map_err(unusable)?;
    unpack(fresh.path())?;
    // What has that name is whole. Where another thread was faster, its folder is as good, and this one goes.
    match fs::rename(fresh.path(), &folder) {
        Err(error) if !folder.is_dir() => Err(unusable(error)),
        _ => Ok(folder),
    }
}

/// Writes [`sample`] into `dir`, as [`unpack`] does.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_sample(dir: &Path) -> Result<(), BundleError> {
    unpack_all(dir, sample())
}

fn unpack_all(dir: &Path, entries: &[Entry]) -> Result<(), BundleError> {
    if !SUPPORTED {
        return Err(BundleError::Unsupported);
    }
    for entry in entries {
        let path = dir.join(entry.path);
        write(&path, entry).map_err(|source| BundleError::Write { path, source })?;
    }
    Ok(())
}

/// Beside it, then renamed: a library that some process has mapped is never written into.
fn write(path: &Path, entry: &Entry) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    io::Write::write_all(&mut file, entry.bytes)?;
    let mode = if entry.executable { 0o755 } else { 0o644 };
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_unpacked_with_its_mode_and_again_over_itself() -> Result<(), BundleError> {
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("not/there/yet");
        for _ in 0..2 {
            unpack(&inner)?;
            unpack_sample(&inner)?;
        }
        for entry in entries().iter().chain(sample()) {
            let path = inner.join(entry.path);
            assert_eq!(fs::read(&path).expect("a file"), entry.bytes);
            let mode = fs::metadata(&path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, if entry.executable { 0o755 } else { 0o644 });
        }
        Ok(())
    }

    #[test]
    fn a_scratch_folder_has_it_once_whoever_asks_at_the_same_time() {
        let scratch = tempfile::tempdir().expect("a directory");
        let ask = || unpacked_in(scratch.path()).expect("unpacked");
        let folders: Vec<PathBuf> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let inode = |folder: &PathBuf| {
            let shim = folder.join("lib/libshimhip.so");
            std::os::unix::fs::MetadataExt::ino(&fs::metadata(shim).expect("a file"))
        };
        let first = inode(&folders[0]);
        assert!(folders.iter().chain([&ask()]).all(|folder| inode(folder) == first), "it was written again");
        assert_eq!(fs::read_dir(scratch.path()).expect("a directory").count(), 1);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = unpack(file.path()).expect_err("a file is no directory").to_string();
        let named = format!("cannot write {}/", file.path().display());
        assert!(error.starts_with(&named), "{error}");
    }
}
