//! SHA-256 of files, as fast as the processors do it: `sha2` uses their SHA extensions where they have them, and files
//! are shared out among the cores, the largest first.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::elf::hex;

use crate::probe::interrupted;

/// Bytes read at once: few system calls, and what was read is still in the core's cache when it is hashed.
const BLOCK: usize = 256 * 1024;
/// A fifo must not keep the reader waiting for a writer.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// A file's content, in 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// What was hashed already: in one run a file is read once, however many checks name it, and by whatever name.
///
/// Rests on device, inode, size and both times of a file; one that was changed so lately that another change might not
/// show in its times is read anew.
#[derive(Debug, Default)]
pub struct Hashes {
    known: Mutex<HashMap<Stamp, Known>>,
}

/// The hash of one file, once it is known; held while it is found out.
type Known = Arc<Mutex<Option<Hashed>>>;

/// Which file it is, and what a write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// How old a change must be to be told from a later one: file systems count in up to two seconds (FAT).
const SETTLED: Duration = Duration::from_secs(2);

impl Hashes {
    /// Hashes a regular file, unless that was done before. Reads it rather than mapping it: a library that is rebuilt
    /// meanwhile would end the process.
    ///
    /// # Errors
    /// Where it cannot be read, is no regular file, or changes while it is read.
    pub fn sha256(&self, path: &Path) -> io::Result<Hashed> {
        let mut file = File::options().read(true).custom_flags(NONBLOCK).open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        if !stamp.is_settled() {
            return read(&mut file);
        }
        let known = Arc::clone(lock(&self.known).entry(stamp).or_default());
        let mut known = lock(&known);
        match known.as_ref() {
            Some(hashed) => Ok(hashed.clone()),
            None => Ok(known.insert(read(&mut file)?).clone()),
        }
    }

    /// Hashes files side by side, in the threads of the pool that this is called from; the answers are in the order of
    /// the paths.
    pub fn sha256_all(&self, paths: &[PathBuf]) -> Vec<io::Result<Hashed>> {
        let size = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
        let mut order: Vec<(u64, usize)> = paths.iter().enumerate().map(|(at, path)| (size(path), at)).collect();
        // One stream is one core's: the largest first, so that no core ends with a large one while the others are idle.
        order.sort_unstable_by(|a, b| b.cmp(a));
        let answers: Vec<OnceLock<io::Result<Hashed>>> = paths.iter().map(|_| OnceLock::new()).collect();
        rayon::scope_fifo(|scope| {
            for (path, answer) in order.iter().filter_map(|(_, at)| paths.get(*at).zip(answers.get(*at))) {
                scope.spawn_fifo(move |_| drop(answer.set(self.sha256(path))));
            }
        });
        let unasked = || Err(io::Error::other("not hashed"));
        answers.into_iter().map(|answer| answer.into_inner().unwrap_or_else(unasked)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a change from now on would show.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let last = self.changed.max(self.modified).0;
        u64::try_from(last).map_or(true, |last| last < now.saturating_sub(SETTLED).as_secs())
    }
}

fn read(file: &mut File) -> io::Result<Hashed> {
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let (mut hasher, mut block, mut size) = (Sha256::new(), vec![0; BLOCK], 0);
    loop {
        if interrupted() {
            // Not `ErrorKind::Interrupted`, which means "try again".
            return Err(io::Error::other("interrupted"));
        }
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(block.get(..read).unwrap_or_default());
                size += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if Stamp::of(&before) != Stamp::of(&file.metadata()?) || size != before.len() {
        return Err(io::Error::other("it changed while it was read"));
    }
    Ok(Hashed { sha256: hex(hasher.finalize()), size })
}

/// SHA-256 of lines, for what is too long to be remembered whole.
pub(super) fn sha256_of_lines(lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut hasher = Sha256::new();
    for line in lines {
        hasher.update(line.as_ref());
        hasher.update(b"\n");
    }
    hex(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(path: &Path) -> io::Result<Hashed> {
        Hashes::default().sha256(path)
    }

    #[test]
    fn a_file_that_was_just_written_is_read_anew() {
        let folder = tempfile::tempdir().expect("scratch");
        let path = folder.path().join("file");
        let (hashes, mut seen) = (Hashes::default(), Vec::new());
        // The same size, and often within the same tick of the file system's clock.
        for content in ["one", "two", "six"] {
            std::fs::write(&path, content).expect("written");
            seen.push(hashes.sha256(&path).expect("readable").sha256);
        }
        seen.dedup();
        assert_eq!(seen.len(), 3, "{seen:?}");
    }

    #[test]
    fn a_hash_is_the_one_of_the_standard() {
        let folder = tempfile::tempdir().expect("scratch");
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").expect("written");
        let hashed = sha256(&path).expect("readable");
        // FIPS 180-2, appendix B.1.
        assert_eq!(hashed.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hashed.size, 3);
    }

    #[test]
    fn a_file_has_the_hash_that_sha256sum_prints() {
        let path = std::env::current_exe().expect("this test");
        let output = std::process::Command::new("sha256sum").arg(&path).output().expect("coreutils");
        let hashed = sha256(&path).expect("readable");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(&hashed.sha256));
        assert_eq!(hashed.size, path.metadata().expect("there").len());
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        assert!(sha256(Path::new("/dev/zero")).is_err());
        assert!(sha256(Path::new("/")).is_err());
    }

    #[test]
    fn many_files_are_answered_in_the_order_asked_whatever_their_sizes() {
        let folder = tempfile::tempdir().expect("scratch");
        let sizes = [0usize, 700_000, 3, 262_144, 262_145];
        let paths: Vec<PathBuf> = sizes.iter().map(|size| folder.path().join(size.to_string())).collect();
        for (path, size) in paths.iter().zip(sizes) {
            std::fs::write(path, vec![7; size]).expect("written");
        }
        let missing = folder.path().join("missing");
        let all: Vec<PathBuf> = paths.iter().chain([&missing]).cloned().collect();
        let hashed = Hashes::default().sha256_all(&all);
        for (path, hashed) in paths.iter().zip(&hashed) {
            assert_eq!(hashed.as_ref().expect("readable"), &sha256(path).expect("readable"));
        }
        assert!(hashed[sizes.len()].is_err());
    }
}
