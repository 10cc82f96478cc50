//! A run that was ended at its time limit: where its threads stood, and whether that is the deadlock of the loader's lock.

use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::probe::{Ended, deadlocked_in_loader};

/// Threads that are shown.
const SHOWN: usize = 16;

/// What is to be said of a run without an end, and where its threads stood, a line each.
pub(super) fn diagnose(ended: &Ended, limit: f64) -> (Diagnosis, Vec<String>) {
    let mut seen: Vec<String> = ended.stacks.iter().take(SHOWN).map(ToString::to_string).collect();
    if let Some(more) = ended.stacks.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        seen.push(format!("and {more} more threads"));
    }
    let expected = format!("an end within {limit:.0} s");
    let diagnosis = match deadlocked_in_loader(&ended.stacks) {
        Some(deadlock) => Diagnosis::new(Code::InitDeadlock, expected, deadlock),
        None => {
            let said = ended.last_word().map(|word| format!("; last on stderr: {word}")).unwrap_or_default();
            Diagnosis::new(Code::Hang, expected, format!("{} after {:.2} s{said}", ended.ending, ended.seconds))
        }
    };
    (diagnosis, seen)
}
