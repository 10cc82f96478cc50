//! The file that a lock is kept in.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::format::{self, Damage};
use super::state::State;

/// The name of a lock, beside its checklist.
pub const FILE_NAME: &str = "xdoctor.lock";

/// A lock, read.
#[derive(Clone, Debug)]
pub struct Lock {
    /// The file.
    pub path: PathBuf,
    /// The checklist that it is of: its file name, or the name of a bundled one.
    pub checklist: String,
    /// The state that was good.
    pub state: State,
}

/// A lock that cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It was cut off, edited, or written by a later xdoctor.
    #[error(
        "{} is not used: {damage}. Nothing is compared with it. Bring it back (git checkout -- {}), or, once \
         everything is as it should be, write it anew: xdoctor lock --force; `xdoctor codes lock-damaged` says more",
        .path.display(), .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a link to nothing: what it was to remember is elsewhere, or gone.
    #[error(
        "{} is a symbolic link to {}, which is not there: nothing is compared with it. Bring that file back, or remove the \
         link; xdoctor lock --force puts a new lock in its place",
        .path.display(), .target.display()
    )]
    Dangling {
        /// The link.
        path: PathBuf,
        /// What it says that it leads to.
        target: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads the lock in a folder; `None` where there is none.
///
/// # Errors
/// Where it cannot be read, was cut off or edited, or is a link to nothing.
pub fn read(folder: &Path) -> Result<Option<Lock>, LockError> {
    let path = folder.join(FILE_NAME);
    let text = match fs::metadata(&path) {
        Ok(metadata) if !metadata.is_file() => Err(io::Error::other("expected a regular file")),
        Ok(_) => fs::read(&path),
        Err(error) => Err(error),
    };
    let bytes = match text {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fs::read_link(&path).map_or(Ok(None), |target| Err(LockError::Dangling { path, target }));
        }
        Err(source) => return Err(LockError::Read { path, source }),
    };
    let text = String::from_utf8_lossy(&bytes);
    match format::parse(&text) {
        Ok((checklist, state)) => Ok(Some(Lock { path, checklist, state })),
        Err(damage) => Err(LockError::Damaged { path, damage }),
    }
}

/// Writes the lock in a folder, whole or not at all. Returns its path.
///
/// # Errors
/// Where the folder cannot be written in; an earlier lock is then as it was.
pub fn write(folder: &Path, checklist: &str, state: &State) -> Result<PathBuf, LockError> {
    let path = folder.join(FILE_NAME);
    let written =
        format::text(checklist, state).map_err(io::Error::from).and_then(|text| replace(folder, &path, &text));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(LockError::Write { path, source }),
    }
}

/// Beside it, to the disk, then renamed: who reads meanwhile sees the old one or the new one, and so does a machine that
/// loses its power.
fn replace(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Hashes, Plan, Subject, survey};

    /// The state of xdoctor's own test program and sources, and of a folder with a library.
    fn state(libraries: &Path) -> State {
        fs::create_dir(libraries.join("within")).expect("made");
        for name in ["ld.so", "own.so", "within/ld.so"] {
            fs::copy("/lib64/ld-linux-x86-64.so.2", libraries.join(name)).expect("copied");
        }
        fs::write(libraries.join("text"), "no library").expect("written");
        let program = std::env::current_exe().expect("a program");
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let subjects = [
            Subject::File(program),
            Subject::Tree(source.join("src/lock")),
            Subject::Repository(source.to_owned()),
            Subject::File(source.join("no such file")),
            Subject::File("/lib64/ld-linux-x86-64.so.2".into()),
            Subject::Tree(libraries.to_owned()),
            Subject::Tree(libraries.join("within")),
            Subject::File(libraries.join("own.so")),
        ];
        survey(&Plan::new(source, subjects), &Hashes::default()).state
    }

    #[test]
    fn what_is_written_reads_back_and_writes_the_same_bytes() {
        let folder = tempfile::tempdir().expect("scratch");
        let libraries = tempfile::tempdir().expect("scratch");
        let state = state(libraries.path());
        let of = |name: &str| match &state.things[&format!("{}/{name}", libraries.path().display())] {
            crate::lock::Thing::Tree(tree) => tree.libraries.keys().cloned().collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!((of(""), of("within/")), (vec!["ld.so".to_owned()], vec!["ld.so".to_owned()]));
        let path = write(folder.path(), "xdoctor.yaml", &state).expect("written");
        let first = fs::read(&path).expect("readable");
        let lock = read(folder.path()).expect("whole").expect("there");
        assert_eq!(lock.checklist, "xdoctor.yaml");
        assert_eq!(lock.state, state);
        write(folder.path(), "xdoctor.yaml", &lock.state).expect("written");
        assert_eq!(fs::read(&path).expect("readable"), first);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let state = survey(&Plan::new(source, [Subject::File(source.join("clippy.toml"))]), &Hashes::default()).state;
        let text = format::text("xdoctor.yaml", &state).expect("text");
        assert!(format::parse(&text).is_ok());
        for end in 0..text.len() {
            let cut = text.get(..end).expect("ASCII");
            assert!(format::parse(cut).is_err(), "cut after {end} bytes");
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(format::parse(&String::from_utf8_lossy(&bytes)).is_err(), "byte {at} changed");
        }
        let twice = format!("{text}{text}");
        assert!(format::parse(&twice).is_err());
        let conflict = format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n");
        assert_eq!(format::parse(&conflict), Err(Damage::Conflict(1)));
    }

    #[test]
    fn a_folder_that_cannot_be_written_in_is_named_and_what_lay_there_stays() {
        let folder = tempfile::tempdir().expect("scratch");
        let file = folder.path().join("file");
        fs::write(&file, "mine").expect("written");
        let error = write(&file, "xdoctor.yaml", &State::default()).expect_err("a file is no folder").to_string();
        assert!(error.starts_with(&format!("cannot write {}/xdoctor.lock", file.display())), "{error}");
        assert_eq!(fs::read_to_string(&file).expect("readable"), "mine");
    }
}
