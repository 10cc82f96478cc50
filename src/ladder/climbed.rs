//! What a climb showed: each rung from below, and what it all says of interception.

use crate::bundle;
use crate::code::Severity;
use crate::diagnosis::Diagnosis;
use crate::interpose::{LibraryError, Role};
use crate::probe::{Ended, Ending};

use super::call::Call;
use super::computed::device_of;
use super::prediction::Prediction;
use super::rung::{Answer, Rung, Step};
use super::verdict::{Interception, Stop};
use super::witness::{Seen, Witness};

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

    /// A climb that ends on the ground: files are missing, are no ELF files, or may not be read.
    pub(super) fn without(errors: &[LibraryError]) -> Climb {
        let said = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let (answer, above) = match errors.iter().find_map(LibraryError::code) {
            Some(code) => {
                let diagnosis = Diagnosis::new(code, "a shim and a runtime, ELF libraries that can be read", said);
                (Answer::Diagnosed(diagnosis), unknown(Rung::Present))
            }
            None => (Answer::Undetermined(said), Answer::Undetermined("unknown, since nothing ran".to_owned())),
        };
        let mut climb = Climb::new(String::new(), (answer, Vec::new()), None);
        climb.fill(&above);
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

    /// Takes in what a witness says of each rung.
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
