//! The program natively and shimmed, with nothing that watches it: for measuring.

use std::ffi::OsString;
use std::io;

use tempfile::TempDir;

use crate::bundle;
use crate::interpose::Library;
use crate::probe::Child;

use super::climb::client_of;
use super::error::ClimbError;
use super::setup::Setup;
use super::stage::{RUNTIME_COUNTERS, Stage};

/// The two runs of a setup, ready and unobserved.
#[derive(Debug)]
pub struct Children {
    /// Without the shim.
    pub native: Child,
    /// With it.
    pub shimmed: Child,
    /// Where their libraries lie.
    _folder: TempDir,
}

impl Children {
    /// What a climb of that setup runs, less what it watches with. `words` are for the bundled client; a command has its own.
    ///
    /// # Errors
    /// Where a climb could not begin either.
    pub fn of(setup: &Setup, words: &[String]) -> Result<Children, ClimbError> {
        let unusable = |source| ClimbError::Scratch { path: setup.scratch.clone(), source };
        let runtime = setup.runtime.as_deref().map(Library::read).transpose();
        let runtime = runtime.map_err(|error| unusable(io::Error::other(error)))?;
        let folder = tempfile::Builder::new().prefix("measure-").tempdir_in(&setup.scratch).map_err(unusable)?;
        let bundled = bundle::unpacked_in(&setup.scratch)?;
        let command = match (&setup.command[..], &runtime) {
            ([], Some(runtime)) => {
                let client = client_of(&bundled, runtime)?.path.into_os_string();
                std::iter::once(client).chain(words.iter().map(OsString::from)).collect()
            }
            ([], None) => return Err(ClimbError::NoneGiven),
            (command, _) => command.to_vec(),
        };
        let stage = Stage::new(setup, folder.path(), &bundled, runtime.as_ref());
        let native = stage.native(&command).map_err(unusable)?.without(RUNTIME_COUNTERS);
        let shimmed = stage.shimmed(&command).map_err(unusable)?.without(RUNTIME_COUNTERS);
        Ok(Children { native, shimmed, _folder: folder })
    }
}
