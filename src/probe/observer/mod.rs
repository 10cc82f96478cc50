//! The observer: an rtld-audit library that counts who calls which function of an API, and where it is.
//!
//! It is told which symbols count, and leaves two files for each process image (what a fork or an exec begins) in a folder of
//! its own: what its counters stand for, and the counters. Only an image with both has been observed. One file for all of them
//! has what processes became and started, so that of a program without the observer it is known that it was there.

mod counts;
mod departures;
mod image;
mod observation;
mod record;
mod rows;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Child;
pub use departures::Departure;
pub use image::{Call, Image, Object, Reason, Unseen, Via};
pub use observation::Observation;
pub use rows::Row;

/// An observer, set up for one command and all the processes that come of it.
#[derive(Clone, Debug)]
pub struct Observer {
    /// The audit library's file.
    auditor: PathBuf,
    folder: PathBuf,
}

/// Why nothing can be observed, or what was observed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserverError {
    /// A file of the observer's folder.
    #[error("cannot use the observer's {}: {source}", .path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// ld.so parts `LD_AUDIT` at colons.
    #[error("{}: the observer's path must hold no colon", .0.display())]
    Colon(PathBuf),
}

impl Observer {
    /// Prepares `folder`, which is made where it is not there and must hold nothing else. `names` are the symbols to count:
    /// names, or patterns with `*`, `?` and `[a-z]`.
    ///
    /// # Errors
    /// Where the folder cannot be written, or ld.so could not read the library's path.
    pub fn set_up(library: &Path, folder: &Path, names: &[String]) -> Result<Observer, ObserverError> {
        let failed = |source| ObserverError::Folder { path: folder.to_owned(), source };
        if library.as_os_str().as_encoded_bytes().contains(&b':') {
            return Err(ObserverError::Colon(library.to_owned()));
        }
        fs::create_dir_all(folder).map_err(failed)?;
        let folder = folder.canonicalize().map_err(failed)?;
        fs::write(folder.join("api"), names.join("\n")).map_err(failed)?;
        Ok(Observer { auditor: library.to_owned(), folder })
    }

    /// The child, observed; and whoever runs without the observer is met, as far as he is there long enough.
    #[must_use]
    pub fn watch(&self, child: Child) -> Child {
        child.env("LD_AUDIT", &self.auditor).env("XDOCTOR_OBSERVER", &self.folder).meeting()
    }

    /// What has been observed up to now.
    ///
    /// # Errors
    /// Where the folder or a file in it cannot be read.
    pub fn read(&self) -> Result<Observation, ObserverError> {
        observation::read_all(&self.folder)
    }
}
