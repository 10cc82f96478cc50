//! The climb: the client runs natively, then shimmed and watched, and each rung is judged from below.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::bundle::{self, ClientExit};
use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::interpose::{Library, Role};
use crate::probe::{Ended, Ending, ObserverError, StartError};

use super::compare::Compare;
use super::computed::device_of;
use super::counted;
use super::observed::{self, Prediction};
use super::rung::{Answer, Rung, Step};
use super::setup::Setup;
use super::stage::Stage;
use super::verdict::{Interception, Stop};
use super::witness::{Seen, Witness};

/// How often a function was called, by what counted.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The function.
    pub symbol: String,
    /// What it is for.
    pub role: Role,
    /// Calls that arrived in the shim; `None` where the shim does not count.
    pub shim: Option<u64>,
    /// Calls that arrived in the runtime, where the runtime counts; of an observed command, calls that the shim made there.
    pub runtime: Option<u64>,
    /// Calls of an observed command that went past the shim.
    pub past: Option<u64>,
}

/// What climbing showed.
#[derive(Clone, Debug)]
pub struct Climb {
    /// The shimmed command, as one would type it.
    pub command: String,
    /// The device that the client computed on.
    pub device: Option<String>,
    /// Every rung, from the bottom.
    pub steps: Vec<Step>,
    /// Every function that was called.
    pub calls: Vec<Call>,
    /// What the loader model had said of the bindings, held against what was seen; `None` where it was not asked.
    pub prediction: Option<Prediction>,
    /// How many lines of the shimmed run fit each pattern that was to be counted.
    pub lines: Vec<(String, usize)>,
    /// The run without the shim.
    pub native: Option<Ended>,
    /// The run with it.
    pub shimmed: Option<Ended>,
    /// The roles that the client needs.
    pub needed: Vec<Role>,
    /// Those of them for which binding, call and forwarding were all seen.
    pub proven: Vec<Role>,
}

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

/// Climbs the ladder: with the command, where there is one, else with the bundled client.
///
/// # Errors
/// Where the climb cannot begin; what goes wrong on the way up is in the steps.
pub fn climb(setup: &Setup) -> Result<Climb, ClimbError> {
    let runtime = setup.runtime.as_deref().map(Library::read).transpose();
    let (shim, runtime) = match (Library::read(&setup.shim), runtime) {
        (Ok(shim), Ok(runtime)) => (shim, runtime),
        (shim, runtime) => {
            let missing: Vec<String> =
                [shim.err(), runtime.err()].into_iter().flatten().map(|e| e.to_string()).collect();
            return Ok(Climb::without(missing.join("; ")));
        }
    };
    if let Some(runtime) = runtime.as_ref().filter(|runtime| !runtime.exports.keys().any(|name| setup.api.takes(name)))
    {
        return Err(ClimbError::NoRuntime { runtime: runtime.path.clone(), api: setup.api.name.clone() });
    }
    let ground = present(&shim, runtime.as_ref());
    let unusable = |source| ClimbError::Scratch { path: setup.scratch.clone(), source };
    let folder = tempfile::Builder::new().prefix("climb-").tempdir_in(&setup.scratch).map_err(unusable)?;
    bundle::unpack(folder.path())?;
    let stage = Stage::new(setup, folder.path(), runtime.as_ref());
    if !setup.command.is_empty() {
        return observed::climb(setup, &stage, (&shim, runtime.as_ref()), &setup.command, ground);
    }
    let runtime = runtime.ok_or(ClimbError::NoneGiven)?;
    let client = client_of(folder.path(), &runtime)?;
    if counted::counts(&shim) {
        counted::climb(setup, &stage, (shim, runtime, &client), ground)
    } else {
        // The client ends well only where its product is right; and the product is the same.
        let compared = Setup { compare: Compare::Json("/checksum".to_owned()), ..setup.clone() };
        let stage = Stage::new(&compared, folder.path(), Some(&runtime));
        let command = [client.path.clone().into_os_string(), "--exec-child".into()];
        observed::climb(&compared, &stage, (&shim, Some(&runtime)), &command, ground)
    }
}

/// What names a file beyond its path.
fn present(shim: &Library, runtime: Option<&Library>) -> Seen {
    let line = |what: &str, library: &Library| {
        let id = library.build_id.as_deref().unwrap_or("none");
        format!("{what} {} (SONAME {}, build id {id})", library.path.display(), library.name())
    };
    let shim = line("shim", shim);
    (Answer::Holds, std::iter::once(shim).chain(runtime.map(|runtime| line("runtime", runtime))).collect())
}

/// The bundled client that NEEDs the runtime's SONAME.
pub(super) fn client_of(folder: &Path, runtime: &Library) -> Result<Library, ClimbError> {
    let clients = bundle::entries().iter().filter(|entry| entry.path.starts_with("bin/"));
    let soname = runtime.name();
    clients
        .filter_map(|entry| Library::read(&folder.join(entry.path)).ok())
        .find(|client| client.needed.contains(&soname))
        .ok_or_else(|| ClimbError::NoClient { runtime: runtime.path.clone(), soname })
}

/// Why the shim cannot be judged, where the client fails without it.
pub(super) fn hopeless(native: &Ended, setup: &Setup) -> Option<Answer> {
    let said = native.last_word().map(|word| format!(": {word}")).unwrap_or_default();
    let no_device = native.exit().and_then(ClientExit::from_status) == Some(ClientExit::NoDevice);
    match native.ending {
        Ending::Exited(0) => None,
        _ if no_device => {
            let runtime = setup.runtime.as_ref().map(|runtime| runtime.display().to_string()).unwrap_or_default();
            Some(without_device(&format!("{runtime} has no device{said}"), setup.require_gpu))
        }
        Ending::Interrupted => Some(Answer::Undetermined("interrupted".to_owned())),
        ending => Some(Answer::Undetermined(format!("the client fails without the shim, too ({ending}{said})"))),
    }
}

/// A missing device is a reason to skip, unless one is required.
pub(super) fn without_device(actual: &str, required: bool) -> Answer {
    if required {
        Answer::Diagnosed(Diagnosis::new(Code::DeviceMissing, "a device", actual))
    } else {
        Answer::Skipped(Some(Code::DeviceMissing), actual.to_owned())
    }
}

impl Climb {
    pub(super) fn new(command: String, ground: Seen, native: Option<Ended>) -> Climb {
        let (answer, evidence) = ground;
        Climb {
            command,
            device: native.as_ref().and_then(device_of),
            steps: vec![Step { rung: Rung::Present, answer, evidence }],
            calls: Vec::new(),
            prediction: None,
            lines: Vec::new(),
            native,
            shimmed: None,
            needed: Vec::new(),
            proven: Vec::new(),
        }
    }

    /// A climb that ends on the ground: a file is missing or unreadable.
    fn without(missing: String) -> Climb {
        let diagnosis = Diagnosis::new(Code::LibraryMissing, "a shim and a runtime that can be read", missing);
        let mut climb = Climb::new(String::new(), (Answer::Diagnosed(diagnosis), Vec::new()), None);
        climb.fill(&unknown(Rung::Present));
        climb
    }

    /// Gives the first rung above the ground this answer, and what stands above it none.
    pub(super) fn stop_with(&mut self, answer: Answer) {
        let above = match &answer {
            Answer::Skipped(..) => answer.clone(),
            Answer::Diagnosed(_) => unknown(Rung::Loads),
            Answer::Holds | Answer::Undetermined(_) | Answer::Unobserved(..) => {
                Answer::Undetermined("unknown, since nothing ran under the shim".into())
            }
        };
        self.steps.push(Step { rung: Rung::Loads, answer, evidence: Vec::new() });
        self.fill(&above);
    }

    fn fill(&mut self, answer: &Answer) {
        for rung in ABOVE.into_iter().skip(self.steps.len() - 1) {
            self.steps.push(Step { rung, answer: answer.clone(), evidence: Vec::new() });
        }
    }

    pub(super) fn judge(&mut self, witness: &dyn Witness) {
        if witness.shimmed().ending == Ending::Interrupted {
            return self.stop_with(Answer::Undetermined("interrupted".to_owned()));
        }
        let mut failed = None;
        for rung in ABOVE {
            let (answer, mut seen) = witness.answer(rung);
            let answer = match failed {
                None => answer,
                Some(below) => {
                    if answer == Answer::Holds && matches!(rung, Rung::Correct | Rung::Survives) {
                        seen.push("it would be so without the shim, too: this proves nothing about it".into());
                    }
                    unknown(below)
                }
            };
            if failed.is_none() && is_failure(&answer) {
                failed = Some(rung);
            }
            self.steps.push(Step { rung, answer, evidence: seen });
        }
        self.calls = witness.calls();
        self.needed = witness.needed();
        self.proven = self.needed.iter().copied().filter(|role| witness.proves(*role, &self.calls)).collect();
        self.device = self.device.take().or_else(|| device_of(witness.shimmed()));
        self.shimmed = Some(witness.shimmed().clone());
    }

    /// The first rung whose claim fails, with its diagnosis.
    pub fn failure(&self) -> Option<(Rung, &Diagnosis)> {
        self.steps.iter().find_map(|step| match &step.answer {
            Answer::Diagnosed(diagnosis) if is_failure(&step.answer) => Some((step.rung, diagnosis)),
            _ => None,
        })
    }

    /// What it all says of interception.
    pub fn interception(&self) -> Interception {
        let failed = self.failure().map(|(rung, diagnosis)| Stop::Failed(rung, diagnosis.code));
        let open = || {
            self.steps.iter().find_map(|step| match &step.answer {
                Answer::Undetermined(reason) | Answer::Unobserved(_, reason) => {
                    Some(Stop::Undetermined(step.rung, reason.clone()))
                }
                Answer::Skipped(_, reason) => Some(Stop::Skipped(step.rung, reason.clone())),
                Answer::Holds | Answer::Diagnosed(_) => None,
            })
        };
        Interception {
            needed: self.needed.len(),
            proven: self.proven.len(),
            stopped: failed.or_else(open),
            stand_in: self.device.clone().filter(|device| device == bundle::CPU_DEVICE),
        }
    }
}

/// The rungs above the ground.
const ABOVE: [Rung; 6] = [Rung::Loads, Rung::Binds, Rung::Called, Rung::Forwards, Rung::Correct, Rung::Survives];

fn unknown(below: Rung) -> Answer {
    Answer::Undetermined(format!("unknown, since `{below}` fails"))
}

fn is_failure(answer: &Answer) -> bool {
    matches!(answer, Answer::Diagnosed(diagnosis) if diagnosis.severity() == Severity::Fail)
}
