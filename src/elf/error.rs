//! What can be wrong with a file, said so that a person can find the place.

use std::io;
use std::path::PathBuf;

/// Why a file cannot be read as ELF. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The file cannot be opened or mapped.
    #[error("cannot read {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder, fifo, socket or device.
    #[error("cannot read {}: expected a regular file, found {found}", .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file of no bytes.
    #[error("{} is not an ELF file: it is empty", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The first bytes are not those of an ELF file.
    #[error("not an ELF file: expected \\x7fELF at offset 0, found {found}")]
    NotElf {
        /// The first bytes, escaped and quoted, and what begins so, where that is known.
        found: String,
    },
    /// The file ends before something that it announces.
    #[error("truncated: {what} needs {needed} bytes at offset {offset:#x}, but the file ends at {end:#x}")]
    Truncated {
        /// What was to be read.
        what: &'static str,
        /// Where it starts.
        offset: u64,
        /// How many bytes it takes.
        needed: u64,
        /// The file's size in bytes.
        end: u64,
    },
    /// A field holds what it must not hold.
    #[error("malformed {what} at offset {offset:#x}: expected {expected}, found {found}")]
    Malformed {
        /// The structure.
        what: &'static str,
        /// Where it lies.
        offset: u64,
        /// What the format wants.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// An address that no `PT_LOAD` segment fills from the file.
    #[error("malformed dynamic section: {what} at address {address:#x} lies in no loaded part of the file")]
    Unmapped {
        /// The table.
        what: &'static str,
        /// Its virtual address.
        address: u64,
    },
}

impl ElfError {
    pub(super) fn malformed(
        what: &'static str,
        offset: usize,
        expected: &'static str,
        found: impl ToString,
    ) -> ElfError {
        ElfError::Malformed { what, offset: offset as u64, expected, found: found.to_string() }
    }
}
