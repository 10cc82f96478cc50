//! The observer: an rtld-audit library that counts who calls which function of an API, and where it is.
//!
//! It is told which symbols count, and leaves two files for each process image (what a fork or an exec begins) in a folder of
//! its own: what its counters stand for, and the counters. Only an image with both has been observed. One file for all of them
//! has what processes became and started, so that of a program without the observer it is known that it was there.

mod departures;
mod image;
mod record;
mod rows;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Child, Met};
pub use departures::Departure;
pub use image::{Call, Image, Object, Observation, Reason, Unseen, Via};
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
        image::read_all(&self.folder)
    }
}

impl Observation {
    /// Those of the processes met that ran a program unobserved: either it was started without an audit library, or nobody who ran it
    /// shook hands. A fork of one that did has no files before its first call, and need not have its parent any more.
    pub fn unobserved<'m>(&self, met: &'m [Met]) -> Vec<&'m Met> {
        let shook_hands =
            |program: &Path| self.images.iter().filter_map(Image::program).any(|own| is_same(own, program));
        met.iter().filter(|one| !(one.audited && shook_hands(&one.program))).collect()
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| one == other)
}
