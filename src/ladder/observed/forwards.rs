//! Rung *forwards*: what arrives in the shim leaves it again, for the intended runtime.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::code::{Code, Severity};
use crate::diagnosis::{Diagnosis, counted, listed};
use crate::interpose::{Role, is_critical};
use crate::ladder::compare::Compare;
use crate::ladder::rung::Answer;
use crate::ladder::same_file::same_file;
use crate::ladder::witness::Seen;
use crate::probe::{Ending, Reason};

use super::calls::Calls;
use super::evidence::Evidence;

pub(super) fn judge(evidence: &Evidence<'_>) -> Seen {
    let mut seen = Vec::new();
    let inside = evidence.arrived().values().sum::<u64>();
    let onward = evidence.forwarded().map(|calls| calls.values().sum::<u64>());
    let providers = evidence.forwarded_to();
    if let Some(onward) = onward.filter(|onward| *onward > 0) {
        let names: Vec<String> = providers.iter().map(|path| path.display().to_string()).collect();
        let observed = evidence.onward_rows().next().is_some();
        let how = if observed { "" } else { ", as that counts them" };
        let (inside, names) = (counted(inside, "call"), names.join(", "));
        seen.push(format!("{inside} in the shim, {onward} of its own reach {names}{how}"));
    }
    if let Some(rows) = reentering(evidence) {
        seen.push(format!("the runtime itself calls the shim: {rows}"));
    }
    let answer = astray(evidence, &providers)
        .or_else(|| found_itself(evidence, onward.unwrap_or_default()))
        .or_else(|| nowhere(evidence, inside, onward))
        .or_else(|| swallowed(evidence))
        .or_else(|| reentered(evidence))
        .or_else(|| multiplied(evidence))
        .unwrap_or(Answer::Holds);
    (answer, seen)
}

/// The shim calls a library of the runtime's family that nobody meant.
fn astray(evidence: &Evidence<'_>, providers: &BTreeSet<&Path>) -> Option<Answer> {
    if let Some(answer) = not_as_given(evidence, providers) {
        return Some(answer);
    }
    let intended = |path: &Path| evidence.runtimes.iter().any(|runtime| same_file(runtime, path));
    let strange = providers.iter().filter(|path| !intended(path));
    // Without a native run nobody knows what is meant; two copies of one library are too many all the same.
    let twin = |path: &Path| {
        let objects = evidence.shimmed.observation.objects();
        let mut others = objects.map(|object| object.path.as_path()).filter(|other| stem(other) == stem(path));
        others.find(|other| !evidence.is_shim(other) && !same_file(other, path)).map(Path::to_owned)
    };
    let (path, meant): (&Path, Option<PathBuf>) = if evidence.runtimes.is_empty() {
        strange.copied().find_map(|path| Some((path, Some(twin(path)?))))?
    } else {
        let family: Vec<&str> = evidence.runtimes.iter().filter_map(|runtime| stem(runtime)).collect();
        let path = strange
            .copied()
            .find(|path| stem(path).is_some_and(|stem| family.contains(&stem)) || twin(path).is_some())?;
        (path, evidence.runtimes.iter().find(|runtime| stem(runtime) == stem(path)).cloned())
    };
    let meant = meant.map_or_else(|| "the runtime that the client has".to_owned(), |path| path.display().to_string());
    let diagnosis = Diagnosis::new(
        Code::WrongRuntime,
        format!("calls forwarded to {meant}"),
        format!("forwarded to {}, another copy", path.display()),
    );
    Some(Answer::Diagnosed(diagnosis))
}

/// A runtime was named, and the shim calls others of its family, or none of its calls reach it.
fn not_as_given(evidence: &Evidence<'_>, providers: &BTreeSet<&Path>) -> Option<Answer> {
    let given = evidence.setup.runtime.as_deref()?;
    let others = || providers.iter().copied().filter(|path| !same_file(path, given));
    let twin = others().find(|path| stem(path) == stem(given));
    let instead = if others().count() == providers.len() { others().next() } else { None };
    let path = twin.or(instead)?;
    let diagnosis = Diagnosis::new(
        Code::WrongRuntime,
        format!("calls forwarded to {}", given.display()),
        format!("forwarded to {}", path.display()),
    );
    let natively = evidence.runtimes.iter().any(|runtime| same_file(runtime, path));
    let mend = "the command loads that one without the shim, too: by another SONAME, or along its own RPATH.\n\
                Give that one as runtime, or none; or make the command load the one that is meant.";
    Some(Answer::Diagnosed(if natively { diagnosis.mended_by(mend) } else { diagnosis }))
}

/// `libamdhip64` of `libamdhip64.so.7`.
fn stem(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.split(".so").next()
}

/// The shim asked for the real function and got its own, or called itself.
fn found_itself(evidence: &Evidence<'_>, onward: u64) -> Option<Answer> {
    let from_shim = evidence.rows.iter().filter(|(row, _)| evidence.is_shims(&row.caller));
    let own = from_shim.filter(|(row, count)| {
        let inner = row.provider.as_ref().is_some_and(|provider| evidence.is_shim(provider));
        row.reason == Some(Reason::Own) || (inner && *count > Some(0))
    });
    let mut own: Vec<&str> = own.map(|(row, _)| row.symbol.as_str()).collect();
    own.sort_unstable();
    own.dedup();
    let stopped = evidence.shimmed.ended.ending == Ending::Stopped;
    let forwarded = evidence.forwarded().unwrap_or_default();
    // A guard against just this asks for its own name, too: that shim calls the runtime all the same.
    let lost = own.iter().find(|symbol| forwarded.get(**symbol).is_none_or(|count| *count == 0))?;
    let called = evidence.arrived().get(*lost).copied().unwrap_or_default() > 0;
    if !called || (onward > 0 && !stopped && evidence.shimmed.ended.ending == Ending::Exited(0)) {
        return None;
    }
    let how = if stopped { "; it was stopped, since it would not end" } else { "" };
    let actual =
        format!("looking for {lost}, the shim found itself; {onward} of its calls reached another library{how}");
    Some(Answer::Diagnosed(Diagnosis::new(
        Code::SelfRecursion,
        format!("{lost} of the runtime, called by the shim"),
        actual,
    )))
}

/// Calls arrive, and none leaves, as far as anybody can tell.
fn nowhere(evidence: &Evidence<'_>, inside: u64, onward: Option<u64>) -> Option<Answer> {
    if onward > Some(0) && (inside > 0 || evidence.catches_lookups()) {
        return None;
    }
    if inside == 0 {
        return Some(Answer::Undetermined("no call arrived in the shim".to_owned()));
    }
    if let Some(lost) = evidence.lost() {
        return Some(Answer::Undetermined(lost));
    }
    if let Some((symbol, reason)) = evidence.uncounted(true).into_iter().next() {
        let reason = format!("the shim's own calls of {symbol} could not be counted: {}", reason.sentence());
        return Some(Answer::Undetermined(reason));
    }
    let ending = evidence.shimmed.ended.ending;
    if onward.is_none() && (ending == Ending::Enough || super::correct::is_same(evidence)) {
        let reason = "no call was seen to leave the shim, and all goes as without it: it may find the runtime without \
                      asking ld.so";
        return Some(Answer::Undetermined(reason.to_owned()));
    }
    let cut_in_time = match ending {
        Ending::Exited(_) => false,
        // Calling the null pointer that RTLD_NEXT gave ends so, too.
        Ending::Signalled(_) => evidence.has_next(),
        _ => true,
    };
    if cut_in_time {
        let reason =
            format!("{} in the shim, and none had left it when the run ended ({ending})", counted(inside, "call"));
        return Some(Answer::Undetermined(reason));
    }
    let expected = "the shim finds the runtime behind it, and calls it";
    let actual = match onward {
        None => format!("{} in the shim, and it found nothing to call in the runtime", counted(inside, "call")),
        Some(_) => format!("{} in the shim, and it made none to the runtime", counted(inside, "call")),
    };
    Some(Answer::Diagnosed(Diagnosis::new(Code::NextNotFound, expected, actual)))
}

/// Calls that may be in the shim when a run is cut, one for each thread: they did not leave, and are not lost.
const UNDER_WAY: u64 = 64;

/// A role that an experiment turns on arrives, and does not leave, or not as often.
fn swallowed(evidence: &Evidence<'_>) -> Option<Answer> {
    let (arrived, forwarded) = (evidence.arrived(), evidence.forwarded()?);
    let counts = evidence.roles().into_iter().filter(|role| is_critical(*role)).map(|role| {
        let passed_on = evidence.of_role(&forwarded, role);
        (role, evidence.of_role(&arrived, role), passed_on)
    });
    let spared = if evidence.was_cut() { UNDER_WAY } else { 0 };
    let fewer: Vec<(Role, u64, u64)> = counts.filter(|(_, arrived, passed_on)| passed_on + spared < *arrived).collect();
    if fewer.is_empty() {
        return None;
    }
    if let Some(lost) = evidence.lost() {
        return Some(Answer::Undetermined(lost));
    }
    // A shim that asks ld.so for some functions may find others by itself: then nobody saw their calls leave.
    let asks = |role: Role| evidence.onward_rows().any(|(row, _)| evidence.setup.api.role(&row.symbol) == role);
    let told = evidence.setup.compare != Compare::Exit && super::correct::is_same(evidence);
    if told && evidence.onward_rows().next().is_some() && !fewer.iter().any(|(role, ..)| asks(*role)) {
        let roles: Vec<String> = fewer.iter().map(|(role, arrived, _)| format!("{role} {arrived}")).collect();
        let reason = format!(
            "calls that arrive in the shim were not seen to leave it ({}), and the result is the same: it may find these \
             functions without asking ld.so",
            roles.join(", ")
        );
        return Some(Answer::Undetermined(reason));
    }
    let severity = if fewer.iter().any(|(_, _, passed_on)| *passed_on == 0) { Severity::Fail } else { Severity::Warn };
    let rows: Vec<String> =
        fewer.iter().map(|(role, arrived, passed_on)| format!("{role}: {arrived} arrive, {passed_on} leave")).collect();
    let diagnosis = Diagnosis::new(Code::NextNotFound, "each call once in the runtime", listed(&rows, 4));
    Some(Answer::Diagnosed(diagnosis.weighing(severity)))
}

/// More launches leave than arrive: each twice, or some of the shim's own. Shims do allocate, copy and wait for themselves.
fn multiplied(evidence: &Evidence<'_>) -> Option<Answer> {
    let launches = |calls: &Calls| evidence.of_role(calls, Role::Launch);
    let arrived = launches(&evidence.arrived());
    let unseen = evidence.shim.exports.contains_key("dlsym") || !evidence.uncounted(false).is_empty();
    let leave = evidence.forwarded().as_ref().map(launches)?;
    // A launch that nobody saw arrive was made natively, too.
    let made = evidence.native_calls().as_ref().map_or(0, launches).max(arrived);
    if unseen || arrived == 0 || leave <= made {
        return None;
    }
    let actual = format!("launch: {arrived} arrive, {leave} leave");
    let mend = "Forward each launch once. Where the shim launches kernels of its own, this is as it should be.";
    let diagnosis = Diagnosis::new(Code::RuntimeReenters, "each launch once in the runtime", actual).mended_by(mend);
    Some(Answer::Diagnosed(diagnosis.weighing(Severity::Warn)))
}

/// The runtime's own calls come back through the shim.
fn reentered(evidence: &Evidence<'_>) -> Option<Answer> {
    let actual = format!("the runtime itself called the shim: {}", reentering(evidence)?);
    Some(Answer::Diagnosed(Diagnosis::new(Code::RuntimeReenters, "calls of clients in the shim", actual)))
}

fn reentering(evidence: &Evidence<'_>) -> Option<String> {
    let rows = evidence.rows.iter().filter(|(row, count)| {
        let back = row.provider.as_ref().is_some_and(|provider| evidence.is_shim(provider));
        back && evidence.is_behind(&row.caller) && *count > Some(0)
    });
    let rows: Vec<String> =
        rows.map(|(row, count)| format!("{} {}", row.symbol, counted(count.unwrap_or_default(), "time"))).collect();
    (!rows.is_empty()).then(|| listed(&rows, 4))
}
