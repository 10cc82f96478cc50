//! The climb: with a command or the bundled client, which runs natively, then shimmed and watched.

use std::path::Path;

use crate::bundle;
use crate::interpose::{Library, LibraryError};

use super::climbed::Climb;
use super::compare::Compare;
use super::error::ClimbError;
use super::rung::Answer;
use super::setup::Setup;
use super::stage::Stage;
use super::witness::Seen;
use super::{counted, observed};

/// Climbs the ladder: with the command, where there is one, else with the bundled client.
///
/// # Errors
/// Where the climb cannot begin; what goes wrong on the way up is in the steps.
pub fn climb(setup: &Setup) -> Result<Climb, ClimbError> {
    let runtime = setup.runtime.as_deref().map(Library::read).transpose();
    let (shim, runtime) = match (Library::read(&setup.shim), runtime) {
        (Ok(shim), Ok(runtime)) => (shim, runtime),
        (shim, runtime) => {
            let errors: Vec<LibraryError> = [shim.err(), runtime.err()].into_iter().flatten().collect();
            return Ok(Climb::without(&errors));
        }
    };
    if let Some(runtime) = runtime.as_ref().filter(|runtime| !runtime.exports.keys().any(|name| setup.api.takes(name)))
    {
        return Err(ClimbError::NoRuntime { runtime: runtime.path.clone(), api: setup.api.name.clone() });
    }
    let ground = present(&shim, runtime.as_ref());
    let unusable = |source| ClimbError::Scratch { path: setup.scratch.clone(), source };
    let folder = tempfile::Builder::new().prefix("climb-").tempdir_in(&setup.scratch).map_err(unusable)?;
    let bundled = bundle::unpacked_in(&setup.scratch)?;
    let stage = Stage::new(setup, folder.path(), &bundled, runtime.as_ref());
    if !setup.command.is_empty() {
        return observed::climb(setup, &stage, (&shim, runtime.as_ref()), &setup.command, ground);
    }
    let runtime = runtime.ok_or(ClimbError::NoneGiven)?;
    let client = client_of(&bundled, &runtime)?;
    if counted::counts(&shim) {
        counted::climb(setup, &stage, (shim, runtime, &client), ground)
    } else {
        // The client ends well only where its product is right; and the product is the same.
        let compared = Setup { compare: Compare::Json("/checksum".to_owned()), ..setup.clone() };
        let stage = Stage::new(&compared, folder.path(), &bundled, Some(&runtime));
        let command = [client.path.clone().into_os_string(), "--exec-child".into()];
        observed::climb(&compared, &stage, (&shim, Some(&runtime)), &command, ground)
    }
}

/// The processor that the bundle is for, as [`crate::elf::Machine`] spells it.
const OURS: &str = "x86-64";

/// What names a file beyond its path.
fn present(shim: &Library, runtime: Option<&Library>) -> Seen {
    let line = |what: &str, library: &Library| {
        let id = library.build_id.as_deref().unwrap_or("none");
        let foreign = match library.machine.as_str() {
            OURS => String::new(),
            machine => format!("for {machine}, not for this machine's {OURS}; "),
        };
        format!("{what} {} ({foreign}SONAME {}, build id {id})", library.path.display(), library.name())
    };
    let shim = line("shim", shim);
    (Answer::Holds, std::iter::once(shim).chain(runtime.map(|runtime| line("runtime", runtime))).collect())
}

/// The bundled client that NEEDs the runtime's SONAME.
pub(super) fn client_of(bundled: &Path, runtime: &Library) -> Result<Library, ClimbError> {
    let clients = bundle::entries().iter().filter(|entry| entry.path.starts_with("bin/"));
    let soname = runtime.name();
    clients
        .filter_map(|entry| Library::read(&bundled.join(entry.path)).ok())
        .find(|client| client.needed.contains(&soname))
        .ok_or_else(|| ClimbError::NoClient { runtime: runtime.path.clone(), soname })
}
