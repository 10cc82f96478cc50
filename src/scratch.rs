//! A scratch folder whose files may be executed, gone when it is dropped.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

/// No folder was fit for scratch files.
#[derive(Debug, thiserror::Error)]
#[error("no folder for scratch files that may be executed: {}", .tried.join("; "))]
pub struct NoScratch {
    tried: Vec<String>,
}

/// Makes a scratch folder in the first of TMPDIR, XDG_RUNTIME_DIR, XDG_CACHE_HOME, the working folder and /tmp that
/// can be written and is not mounted noexec.
///
/// # Errors
/// Where none of them is; the error names each with the reason.
pub fn scratch() -> Result<TempDir, NoScratch> {
    let mut tried = Vec::new();
    for folder in candidates() {
        match make_in(&folder) {
            Ok(scratch) => return Ok(scratch),
            Err(error) => tried.push(format!("{}: {error}", folder.display())),
        }
    }
    Err(NoScratch { tried })
}

fn candidates() -> Vec<PathBuf> {
    let named = ["XDG_RUNTIME_DIR", "XDG_CACHE_HOME"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let mut folders = vec![std::env::temp_dir()];
    folders.extend(named.filter(|folder| folder.is_absolute()));
    folders.extend(std::env::current_dir());
    folders.push("/tmp".into());
    folders
}

fn make_in(folder: &Path) -> io::Result<TempDir> {
    let splits = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b':' | b';') || *byte >= 0x80;
    if folder.as_os_str().as_encoded_bytes().iter().any(splits) {
        return Err(io::Error::other("its name holds a character at which LD_PRELOAD or LD_LIBRARY_PATH is split"));
    }
    if statvfs(folder)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Err(io::Error::other("mounted noexec"));
    }
    tempfile::Builder::new().prefix("xdoctor-").tempdir_in(folder)
}
