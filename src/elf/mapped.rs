//! A file, mapped read-only.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::{Deref, Range};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memmap2::{Mmap, UncheckedAdvice};
use rustix::fs::OFlags;

use super::ElfError;

/// A regular file's bytes, mapped: nothing is read before it is looked at.
#[derive(Debug)]
pub struct Mapped {
    path: PathBuf,
    map: Mmap,
}

impl Mapped {
    /// Opens and maps a regular file; never blocks, not on a fifo either.
    ///
    /// # Errors
    /// Where the file cannot be opened, is not a regular file, or is empty.
    pub fn open(path: impl AsRef<Path>) -> Result<Mapped, ElfError> {
        let path = path.as_ref();
        let failed = |source| ElfError::Open { path: path.to_owned(), source };
        // Opening some devices has effects, so ask before; ask after too, since the name may mean another file by then.
        let before = std::fs::metadata(path).map_err(failed)?;
        refuse(path, before.file_type())?;
        let file = open_without_blocking(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        refuse(path, metadata.file_type())?;
        if metadata.len() == 0 {
            return Err(ElfError::Empty { path: path.to_owned() });
        }
        Ok(Mapped { path: path.to_owned(), map: map(&file).map_err(failed)? })
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Mapped {
    /// Gives back the memory behind bytes that have been used. They can be read again, at the price of a page fault.
    #[expect(unsafe_code, reason = "the system's advice to drop pages is not known to be harmless for every mapping")]
    pub fn release(&self, range: Range<usize>) {
        // SAFETY: the mapping is of a file, private and never written to, so a dropped page reads the same afterwards.
        let advised = unsafe {
            self.map.unchecked_advise_range(
                UncheckedAdvice::DontNeed,
                range.start,
                range.end.saturating_sub(range.start),
            )
        };
        // It is advice: where it is not taken, only the memory is not given back.
        let _ = advised;
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

fn open_without_blocking(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)
}

fn refuse(path: &Path, kind: std::fs::FileType) -> Result<(), ElfError> {
    let found = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a fifo",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    Err(ElfError::NotAFile { path: path.to_owned(), found })
}

#[expect(unsafe_code, reason = "a mapping is what lets 1.4 GB libraries be read without reading them")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private and read-only, and every access through it is bounds-checked against its length. A
    // file that another process shortens meanwhile ends this one with SIGBUS, as it would end ld.so.
    unsafe { Mmap::map(file) }
}
