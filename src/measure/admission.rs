//! Whether measuring a shim would say anything at all: what does not intercept has no cost and schedules nothing.

use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::ladder::{Answer, Climb, Rung};

/// What climbing the ladder first says of measuring afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The shim intercepts, or at least all that it needs for that was seen.
    Granted,
    /// It does not: this would compare native with native.
    Refused(Rung, Diagnosis),
    /// There is nothing to run it on, or the command says itself that it cannot run here.
    Skipped(Option<Code>, String),
    /// Nobody could tell whether it does.
    Undetermined(String),
}

/// What measuring a shim that was refused would come to.
pub fn in_vain(rung: Rung) -> &'static str {
    match rung {
        Rung::Present | Rung::Loads => "the shim is not in the process",
        Rung::Binds | Rung::Called => "this would compare native with native",
        Rung::Forwards => "the calls do not reach the runtime that is meant",
        Rung::Correct | Rung::Survives => "what fails has no cost worth knowing",
    }
}

impl Admission {
    /// By what a climb showed. That calls arrive need not be proven here, only that nothing speaks against it: a shim that keeps
    /// no counters may be measured once the client's references are seen to bind to it.
    pub fn of(climb: &Climb) -> Admission {
        if let Some((rung, diagnosis)) = climb.failure() {
            return Admission::Refused(rung, diagnosis.clone());
        }
        let stopped = climb.steps.iter().find_map(|step| match &step.answer {
            Answer::Skipped(code, reason) => Some(Admission::Skipped(*code, reason.clone())),
            Answer::Undetermined(reason) | Answer::Unobserved(_, reason) if step.rung <= Rung::Binds => {
                Some(Admission::Undetermined(format!("`{}` is undetermined: {reason}", step.rung)))
            }
            Answer::Holds | Answer::Diagnosed(_) | Answer::Undetermined(_) | Answer::Unobserved(..) => None,
        });
        stopped.unwrap_or(Admission::Granted)
    }
}
