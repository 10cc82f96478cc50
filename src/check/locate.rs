//! Which checklist to run: the one named, else one found here or above, else the bundled self-check.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::bundled;
use super::source::Source;

/// The name under which a checklist is found without being named.
pub const FILE_NAME: &str = "xdoctor.yaml";

/// The checklist to run, and how it was come by.
#[derive(Clone, Debug)]
pub enum Located {
    /// Named by the user, or found here or above.
    File(Source),
    /// Bundled, asked for by name.
    Bundled(Source),
    /// Nothing was in sight: the bundled self-check of the bundled sample environment.
    SelfCheck(Source),
}

/// A checklist that is not there, or not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// Neither a file nor the name of a bundled checklist.
    #[error("no checklist `{name}`: there is no such file, and the bundled ones are {}", bundled_names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It cannot be read.
    #[error("cannot read checklist {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was found rather than named, and somebody else can write it: it could run their commands.
    #[error(
        "found {}, but {reason}: a checklist runs commands, so it is not run unasked; if you trust it, name it: xdoctor check {}",
        .path.display(), .path.display()
    )]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Who can write it.
        reason: String,
    },
}

fn bundled_names() -> String {
    bundled::CHECKLISTS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// The checklist called `name`: a file, or a bundled one.
///
/// # Errors
/// Where it is neither, or cannot be read.
pub fn named(name: &Path) -> Result<Located, LocateError> {
    let words = name.to_string_lossy();
    let bundled = bundled::CHECKLISTS.iter().find(|(bundled, _)| *bundled == words);
    match (name.is_file(), bundled) {
        (false, Some((bundled, text))) => Ok(Located::Bundled(from_bundle(bundled, text))),
        (false, None) if !name.exists() => Err(LocateError::Unknown { name: words.into_owned() }),
        _ => read(name).map(Located::File),
    }
}

/// The checklist in `start` or above it, up to the top of the git tree or $HOME; else the self-check.
///
/// # Errors
/// Where the one found cannot be read, belongs to somebody else, or can be written by all.
pub fn found(start: &Path) -> Result<Located, LocateError> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    for folder in start.ancestors() {
        let path = folder.join(FILE_NAME);
        // A link to nothing too: who put it there means no self-check.
        if path.is_file() || path.is_symlink() {
            return trusted(&path).map(Located::File);
        }
        if folder.join(".git").exists() || home.as_deref() == Some(folder) {
            break;
        }
    }
    let (name, text) = bundled::SELF_CHECK;
    Ok(Located::SelfCheck(from_bundle(name, text)))
}

/// The checklist that an include in `from` means: a bundled one by its name (`./NAME` is a file), else a file, a relative
/// one from the folder of `from`.
///
/// # Errors
/// Where there is none, it cannot be read, or nobody asked for `from` and somebody else can write this one.
pub(super) fn included(target: &str, from: &Source) -> Result<Source, LocateError> {
    if let Some((name, text)) = bundled::CHECKLISTS.iter().find(|(name, _)| *name == target) {
        return Ok(from_bundle(name, text));
    }
    let path = from.base.join(target);
    match from.unasked {
        _ if !path.exists() => Err(LocateError::Unknown { name: target.to_owned() }),
        true => trusted(&path),
        false => read(&path),
    }
}

fn from_bundle(name: &str, text: &str) -> Source {
    let base = std::env::current_dir().unwrap_or_else(|_| "/".into());
    Source { name: format!("{name}.yaml (bundled)").into(), text: text.to_owned(), base, unasked: false }
}

fn read(path: &Path) -> Result<Source, LocateError> {
    Source::read(path).map_err(|source| LocateError::Unreadable { path: path.to_owned(), source })
}

/// Looks at the very file that is then read: its name may mean another one by then.
fn trusted(path: &Path) -> Result<Source, LocateError> {
    let unreadable = |source| LocateError::Unreadable { path: path.to_owned(), source };
    let refuse = |reason: String| Err(LocateError::Untrusted { path: path.to_owned(), reason });
    let mut file = Source::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        refuse(format!("it belongs to user id {}, not to you ({me})", metadata.uid()))
    } else if metadata.mode() & 0o002 != 0 {
        refuse(format!("everybody can write it (mode {:o})", metadata.mode() & 0o7777))
    } else {
        Source::from_file(&mut file, path).map(|source| Source { unasked: true, ..source }).map_err(unreadable)
    }
}
