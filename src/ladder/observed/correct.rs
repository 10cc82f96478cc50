//! Rung *correct*: what the command gives under the shim is what it gives without.

use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::ladder::compare::Compare;
use crate::ladder::rung::Answer;
use crate::ladder::witness::Seen;
use crate::probe::Ending;

use super::evidence::Evidence;

pub(super) fn judge(evidence: &Evidence<'_>) -> Seen {
    let compare = &evidence.setup.compare;
    let subject = compare.subject();
    let mut seen = Vec::new();
    let Some(native) = evidence.native.as_ref().map(|run| &run.ended) else {
        return (Answer::Undetermined("there was no native run to compare with".to_owned()), seen);
    };
    let shimmed = &evidence.shimmed.ended;
    if *compare == Compare::Exit {
        seen.push(same_output(evidence));
        return match shimmed.ending {
            Ending::Exited(_) if shimmed.ending == native.ending => (Answer::Holds, seen),
            _ if has_printed_all(evidence) => (Answer::Holds, seen),
            ending => (Answer::Undetermined(format!("the shimmed run did not come to its end ({ending})")), seen),
        };
    }
    let answer = match (compare.value(native), compare.value(shimmed)) {
        (Ok(native), Ok(shimmed)) if native == shimmed => {
            seen.push(format!("{subject} is the same as without the shim"));
            Answer::Holds
        }
        (Ok(_), Ok(_)) if evidence.was_cut() => {
            Answer::Undetermined(format!("the shimmed run did not come to its end ({})", shimmed.ending))
        }
        (Ok(native), Ok(shimmed)) => {
            let (native, shimmed) = Compare::difference(&native, &shimmed);
            let expected = format!("{subject} as without the shim: {native}");
            Answer::Diagnosed(Diagnosis::new(Code::WrongResult, expected, shimmed))
        }
        (Err(why), _) => Answer::Undetermined(format!("the native run cannot be compared: {why}")),
        (_, Err(why)) if matches!(shimmed.ending, Ending::Exited(0)) => {
            let expected = format!("{subject}, as without the shim");
            Answer::Diagnosed(Diagnosis::new(Code::WrongResult, expected, why))
        }
        (_, Err(why)) => Answer::Undetermined(format!("the shimmed run cannot be compared: {why}")),
    };
    (answer, seen)
}

/// Whether what is compared is the same.
pub(super) fn is_same(evidence: &Evidence<'_>) -> bool {
    let value = |run: &super::run::Run| evidence.setup.compare.value(&run.ended).ok();
    let shimmed = value(&evidence.shimmed);
    shimmed.is_some() && evidence.native.as_ref().and_then(value) == shimmed
}

/// Whether the shimmed run printed all that the native one did, and that is something.
pub(super) fn has_printed_all(evidence: &Evidence<'_>) -> bool {
    let printed = |run: &super::run::Run| run.ended.stdout.bytes.clone();
    let shimmed = printed(&evidence.shimmed);
    !shimmed.is_empty() && evidence.native.as_ref().is_some_and(|native| printed(native) == shimmed)
}

fn same_output(evidence: &Evidence<'_>) -> String {
    let native = evidence.native.as_ref().map(|run| run.ended.stdout.sha256());
    if native == Some(evidence.shimmed.ended.stdout.sha256()) {
        "only the exit status was to be compared; stdout is the same, too".to_owned()
    } else {
        "only the exit status was to be compared; stdout differs: --compare stdout or json:PATH judges it".to_owned()
    }
}
