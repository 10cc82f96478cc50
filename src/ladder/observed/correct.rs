//! Rung *correct*: what the command gives under the shim is what it gives without.

use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::ladder::compare::Compare;
use crate::ladder::rung::Answer;
use crate::ladder::setup::Deployment;
use crate::ladder::witness::Seen;
use crate::probe::{Ended, Ending};

use super::NEVER_NATIVE;
use super::compared::lines;
use super::evidence::Evidence;

pub(super) fn judge(evidence: &Evidence<'_>) -> Seen {
    let compare = &evidence.setup.compare;
    let subject = compare.subject();
    let mut seen = Vec::new();
    let Some(native) = evidence.native.as_ref().map(|run| &run.ended) else {
        let is_itself = evidence.setup.deploy == Deployment::Itself || !evidence.setup.native;
        let reason = if is_itself { "there was no native run to compare with" } else { NEVER_NATIVE };
        return (Answer::Undetermined(reason.to_owned()), seen);
    };
    let shimmed = &evidence.compared;
    if shimmed.stdout.bytes.len() < evidence.shimmed.ended.stdout.bytes.len() {
        seen.push(
            "stdout is compared without the lines that were to be looked for: natively there are none of them".into(),
        );
    }
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
            let diagnosis = Diagnosis::new(Code::WrongResult, expected, shimmed);
            Answer::Diagnosed(if prints_more(evidence) { diagnosis.mended_by(ITS_OWN) } else { diagnosis })
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

/// The mend where the shim may have printed what is too much.
const ITS_OWN: &str = "All that is printed without the shim is there, and more. Lines of the shim's own are left out of the comparison where\n\
                       a pattern names them: --expect-line REGEX, --trace-line NAME=REGEX. Or compare a value: --compare json:PATH.";

/// Whether every line of the native run stands in the shimmed one's stdout, in that order, among others.
fn prints_more(evidence: &Evidence<'_>) -> bool {
    let Some(native) = evidence.native.as_ref().filter(|_| evidence.setup.compare == Compare::Stdout) else {
        return false;
    };
    let mut shimmed = lines(&evidence.shimmed.ended).into_iter();
    lines(&native.ended).into_iter().all(|line| shimmed.any(|other| other == line))
}

/// Whether what is compared is the same.
pub(super) fn is_same(evidence: &Evidence<'_>) -> bool {
    let value = |ended: &Ended| evidence.setup.compare.value(ended).ok();
    let shimmed = value(&evidence.compared);
    shimmed.is_some() && evidence.native.as_ref().and_then(|native| value(&native.ended)) == shimmed
}

/// Whether the shimmed run printed all that the native one did, and that is something.
pub(super) fn has_printed_all(evidence: &Evidence<'_>) -> bool {
    let shimmed = &evidence.compared.stdout.bytes;
    !shimmed.is_empty() && evidence.native.as_ref().is_some_and(|native| native.ended.stdout.bytes == *shimmed)
}

fn same_output(evidence: &Evidence<'_>) -> String {
    let native = evidence.native.as_ref().map(|run| run.ended.stdout.sha256());
    if native == Some(evidence.compared.stdout.sha256()) {
        "only the exit status was to be compared; stdout is the same, too".to_owned()
    } else {
        "only the exit status was to be compared; stdout differs: --compare stdout or json:PATH judges it".to_owned()
    }
}
