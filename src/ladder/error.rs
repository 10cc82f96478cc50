//! What keeps a climb from its beginning.

use std::io;
use std::path::PathBuf;

use crate::bundle;
use crate::probe::{ObserverError, StartError};

/// A climb that could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ClimbError {
    /// What was given as runtime has nothing of the API.
    #[error("{} exports no function of the {api} API: it is no runtime of it", .runtime.display())]
    NoRuntime {
        /// The file.
        runtime: PathBuf,
        /// The API.
        api: String,
    },
    /// No bundled client is linked with this runtime.
    #[error("no bundled client needs {soname}, which is what {} calls itself", .runtime.display())]
    NoClient {
        /// The runtime.
        runtime: PathBuf,
        /// Its SONAME.
        soname: String,
    },
    /// The bundled client was to run, and nobody said before which runtime.
    #[error("no runtime was given for the bundled client")]
    NoneGiven,
    /// What was observed cannot be read.
    #[error(transparent)]
    Observer(#[from] ObserverError),
    /// The bundle cannot be written out.
    #[error(transparent)]
    Bundle(#[from] bundle::BundleError),
    /// A run's folder cannot be prepared, or its evidence cannot be read.
    #[error("cannot use {}: {source}", .path.display())]
    Scratch {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The client cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
}
