//! Where the kernel's own files are looked for: this machine's /proc, /sys and /dev, or those below another root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A machine, as far as its files tell.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    root: PathBuf,
}

impl Machine {
    /// The one that this runs on.
    pub(super) fn this() -> Machine {
        Machine { root: "/".into() }
    }

    /// One whose files lie below a folder.
    #[cfg(test)]
    pub(super) fn below(root: &Path) -> Machine {
        Machine { root: root.to_owned() }
    }

    /// Where an absolute path lies.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of one of the kernel's files, without the newline at its end.
    ///
    /// # Errors
    /// Where it is not there, or may not be read.
    pub(super) fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        let bytes = fs::read(self.path(path))?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// The same, `None` where there is no such file.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub(super) fn read_if_there(&self, path: impl AsRef<Path>) -> io::Result<Option<String>> {
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A machine made of files, for the tests of kinds that look at things which this machine has not.
#[cfg(test)]
pub(super) fn made_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
    let folder = tempfile::tempdir().expect("scratch");
    let machine = Machine::below(folder.path());
    for (path, text) in files {
        let path = machine.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    (folder, machine)
}
