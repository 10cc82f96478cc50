//! A run that was ended at its time limit: where its threads stood, and whether that is a hang, the deadlock of the loader's lock,
//! or nothing that anybody could tell from a run that takes long.

use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::probe::{Ended, ThreadStack, deadlocked_in_loader};

use super::rung::Answer;
use super::witness::Seen;

/// Threads that are shown.
const SHOWN: usize = 16;

/// What is to be said of a shimmed run without an end, and where its threads stood, a line each. `native` is the run without
/// the shim, which did end: without one, only threads that all wait for each other tell a hang from a run that takes long.
pub(super) fn judge(ended: &Ended, limit: f64, native: Option<&Ended>, under_way: &str) -> Seen {
    let mut seen: Vec<String> = ended.stacks.iter().take(SHOWN).map(ToString::to_string).collect();
    if let Some(more) = ended.stacks.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        seen.push(format!("and {more} more threads"));
    }
    let alone = native.map(|native| format!("; without the shim it took {:.2} s", native.seconds)).unwrap_or_default();
    let expected = format!("an end within {limit} s{alone}");
    let said = ended.last_word().map(|word| format!("; last on stderr: {word}")).unwrap_or_default();
    let actual = format!("{} after {:.2} s{said}{under_way}", ended.ending, ended.seconds);
    let answer = match deadlocked_in_loader(&ended.stacks) {
        Some(deadlock) => {
            Answer::Diagnosed(Diagnosis::new(Code::InitDeadlock, expected, format!("{deadlock}{under_way}")))
        }
        None if native.is_some() => Answer::Diagnosed(Diagnosis::new(Code::Hang, expected, actual)),
        None if stands_still(&ended.stacks) => {
            let actual = format!("{actual}; every thread waits for another one");
            Answer::Diagnosed(Diagnosis::new(Code::Hang, expected, actual))
        }
        None => Answer::Unobserved(
            Code::TimeLimit,
            format!(
                "ended at its limit of {limit} s{said}{under_way}; how long it takes without the shim is not known: give it \
                 more time, or a native run to be compared with"
            ),
        ),
    };
    (answer, seen)
}

/// Whether nobody is left who could go on.
fn stands_still(stacks: &[ThreadStack]) -> bool {
    !stacks.is_empty() && stacks.iter().all(|stack| stack.until_woken)
}
