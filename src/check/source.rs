//! The text of a checklist, and where it comes from.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A fifo must not keep the reader waiting for a writer.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// Where a checklist's text comes from, and what its paths and variables start from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, or the name of a bundled one; for messages.
    pub name: PathBuf,
    /// Its text.
    pub text: String,
    /// The folder that relative paths in it start from.
    pub base: PathBuf,
    /// Nobody named it, it was found: then what it includes must be trusted as it is.
    pub unasked: bool,
}

impl Source {
    /// Reads a file. Relative paths in it start from its own folder.
    ///
    /// # Errors
    /// Where it cannot be read, or is not UTF-8.
    pub fn read(path: &Path) -> io::Result<Source> {
        Source::from_file(&mut Source::open(path)?, path)
    }

    /// Opens a file to be read as a checklist.
    pub(super) fn open(path: &Path) -> io::Result<fs::File> {
        fs::File::options().read(true).custom_flags(NONBLOCK).open(path)
    }

    /// Reads a file that is open already, so that what was looked at is what is read.
    ///
    /// # Errors
    /// Where it is no regular file, cannot be read, or is not UTF-8.
    pub fn from_file(file: &mut fs::File, path: &Path) -> io::Result<Source> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("expected a regular file"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8: {}", error.utf8_error()))
        })?;
        let name = fs::canonicalize(path).or_else(|_| std::path::absolute(path))?;
        let base = name.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Source { name, text, base, unasked: false })
    }
}
