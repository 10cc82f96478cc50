//! The climb: the client runs natively, then shimmed and watched, and each rung is judged from below.

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::bundle::{self, ClientExit};
use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::interpose::{Api, Library, Role};
use crate::probe::{Ended, Ending, StartError};

use super::evidence::{Computed, Evidence, gather};
use super::rung::{Answer, Rung, Step};
use super::rungs;
use super::setup::{Setup, Stage};
use super::verdict::{Interception, Stop};

/// How often a function was called, by what counted.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The function.
    pub symbol: String,
    /// What it is for.
    pub role: Role,
    /// Calls that arrived in the shim; `None` where the shim does not count.
    pub shim: Option<u64>,
    /// Calls that arrived in the runtime; `None` where the runtime does not count.
    pub runtime: Option<u64>,
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

/// Climbs the ladder with the bundled client.
///
/// # Errors
/// Where the climb cannot begin; what goes wrong on the way up is in the steps.
pub fn climb(setup: &Setup) -> Result<Climb, ClimbError> {
    let (shim, runtime) = match (Library::read(&setup.shim), Library::read(&setup.runtime)) {
        (Ok(shim), Ok(runtime)) => (shim, runtime),
        (shim, runtime) => {
            let missing: Vec<String> =
                [shim.err(), runtime.err()].into_iter().flatten().map(|e| e.to_string()).collect();
            return Ok(Climb::without(missing.join("; ")));
        }
    };
    let api = Api::hip();
    if !runtime.exports.keys().any(|symbol| api.function(symbol).is_some()) {
        return Err(ClimbError::NoRuntime { runtime: runtime.path, api: api.name.clone() });
    }
    let ground = rungs::present(&shim, &runtime);
    let unusable = |source| ClimbError::Scratch { path: setup.scratch.clone(), source };
    let folder = tempfile::Builder::new().prefix("climb-").tempdir_in(&setup.scratch).map_err(unusable)?;
    bundle::unpack(folder.path())?;
    let client = client_of(folder.path(), &runtime)?;
    let stage = Stage::new(folder.path(), &runtime.name());
    let native = match setup.native {
        true => Some(stage.native(setup, &client.path).map_err(unusable)?.run()?),
        false => None,
    };
    let command = stage.shimmed(setup, &client.path).map_err(unusable)?;
    let mut climbed = Climb::new(command.command_line(), ground, native);
    if let Some(answer) = climbed.native.as_ref().and_then(|native| hopeless(native, setup)) {
        climbed.stop_with(answer);
        return Ok(climbed);
    }
    let shimmed = command.run()?;
    let evidence = gather(shim, runtime, &client, &stage, climbed.native.clone(), shimmed).map_err(unusable)?;
    climbed.judge(&evidence, setup.limits.time.as_secs_f64());
    Ok(climbed)
}

/// The bundled client that NEEDs the runtime's SONAME.
fn client_of(folder: &std::path::Path, runtime: &Library) -> Result<Library, ClimbError> {
    let clients = bundle::entries().iter().filter(|entry| entry.path.starts_with("bin/"));
    let soname = runtime.name();
    clients
        .filter_map(|entry| Library::read(&folder.join(entry.path)).ok())
        .find(|client| client.needed.contains(&soname))
        .ok_or_else(|| ClimbError::NoClient { runtime: runtime.path.clone(), soname })
}

/// Why the shim cannot be judged, where the client fails without it.
fn hopeless(native: &Ended, setup: &Setup) -> Option<Answer> {
    let said = native.last_word().map(|word| format!(": {word}")).unwrap_or_default();
    let no_device = native.exit().and_then(ClientExit::from_status) == Some(ClientExit::NoDevice);
    let runtime = setup.runtime.display();
    match native.ending {
        Ending::Exited(0) => None,
        _ if no_device && setup.require_gpu => {
            let diagnosis = Diagnosis::new(Code::DeviceMissing, "a device", format!("{runtime} has none{said}"));
            Some(Answer::Diagnosed(diagnosis))
        }
        _ if no_device => Some(Answer::Skipped(Code::DeviceMissing, format!("{runtime} has no device{said}"))),
        Ending::Interrupted => Some(Answer::Undetermined("interrupted".to_owned())),
        ending => Some(Answer::Undetermined(format!("the client fails without the shim, too ({ending}{said})"))),
    }
}

impl Climb {
    fn new(command: String, ground: (Answer, Vec<String>), native: Option<Ended>) -> Climb {
        let (answer, evidence) = ground;
        Climb {
            command,
            device: native
                .as_ref()
                .and_then(Computed::of)
                .map(|computed| computed.device)
                .filter(|name| !name.is_empty()),
            steps: vec![Step { rung: Rung::Present, answer, evidence }],
            calls: Vec::new(),
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
    fn stop_with(&mut self, answer: Answer) {
        let above = match &answer {
            Answer::Skipped(..) => answer.clone(),
            Answer::Diagnosed(_) => unknown(Rung::Loads),
            Answer::Holds | Answer::Undetermined(_) => {
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

    fn judge(&mut self, evidence: &Evidence, limit: f64) {
        if evidence.shimmed.ending == Ending::Interrupted {
            return self.stop_with(Answer::Undetermined("interrupted".to_owned()));
        }
        let mut failed = None;
        for rung in ABOVE {
            let (answer, mut seen) = match rung {
                Rung::Present | Rung::Loads => rungs::loads(evidence),
                Rung::Binds => rungs::binds(evidence),
                Rung::Called => rungs::called(evidence),
                Rung::Forwards => rungs::forwards(evidence),
                Rung::Correct => rungs::correct(evidence),
                Rung::Survives => rungs::survives(evidence, limit),
            };
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
        self.calls = calls(evidence);
        self.needed = evidence.roles().into_iter().collect();
        self.proven = self.needed.iter().copied().filter(|role| self.proves(evidence, *role)).collect();
        self.device = self.device.take().or_else(|| device_of(&evidence.shimmed));
        self.shimmed = Some(evidence.shimmed.clone());
    }

    /// Binding, call and forwarding were all seen for the role.
    fn proves(&self, evidence: &Evidence, role: Role) -> bool {
        let bound =
            evidence.needed.iter().filter(|reference| evidence.role(&reference.symbol) == role).all(|reference| {
                let mut bindings = evidence.bindings_of(reference).peekable();
                bindings.peek().is_some() && bindings.all(|binding| evidence.is_shim(&binding.provider))
            });
        let mut calls = self.calls.iter().filter(|call| call.role == role).peekable();
        bound && calls.peek().is_some() && calls.all(|call| call.shim > Some(0) && call.shim == call.runtime)
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
                Answer::Undetermined(reason) => Some(Stop::Undetermined(step.rung, reason.clone())),
                Answer::Skipped(_, reason) => Some(Stop::Skipped(step.rung, reason.clone())),
                Answer::Holds | Answer::Diagnosed(_) => None,
            })
        };
        Interception {
            needed: self.needed.len(),
            proven: self.proven.len(),
            stopped: failed.or_else(open),
            stand_in: self.device.clone().filter(|device| device.contains("CPU reference")),
        }
    }
}

/// The device that a run computed on, by the runtime's name for it.
fn device_of(ended: &Ended) -> Option<String> {
    Computed::of(ended).map(|computed| computed.device).filter(|name| !name.is_empty())
}

/// The rungs above the ground.
const ABOVE: [Rung; 6] = [Rung::Loads, Rung::Binds, Rung::Called, Rung::Forwards, Rung::Correct, Rung::Survives];

fn unknown(below: Rung) -> Answer {
    Answer::Undetermined(format!("unknown, since `{below}` fails"))
}

fn is_failure(answer: &Answer) -> bool {
    matches!(answer, Answer::Diagnosed(diagnosis) if diagnosis.severity() == Severity::Fail)
}

fn calls(evidence: &Evidence) -> Vec<Call> {
    let (shim, runtime) = (evidence.shim_calls(), evidence.runtime_calls());
    let mut symbols: Vec<&String> = shim.keys().chain(runtime.keys()).collect();
    symbols.sort();
    symbols.dedup();
    let count = |calls: &std::collections::BTreeMap<String, u64>, known: bool, symbol: &String| {
        known.then(|| calls.get(symbol).copied().unwrap_or_default())
    };
    symbols
        .into_iter()
        .map(|symbol| Call {
            symbol: symbol.clone(),
            role: evidence.role(symbol),
            shim: count(&shim, !evidence.shim_counters.is_empty(), symbol),
            runtime: count(&runtime, !evidence.runtime_counters.is_empty(), symbol),
        })
        .collect()
}
