//! A folder with all files below: which there are, and what has become of them.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::elf::escape;

/// Files below a folder, each with its path from there; `.git` and the lock itself are left out.
///
/// # Errors
/// What cannot be read, in words.
pub(super) fn files(folder: &Path, lock: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    let entries = entries.filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git");
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let kind = entry.file_type();
        if (kind.is_file() || kind.is_symlink()) && entry.path() != lock {
            let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            let name = escape(below.as_os_str().as_encoded_bytes()).to_string();
            files.push((name, entry.into_path()));
        }
    }
    Ok(files)
}
