//! How each rung is judged, from the counters and ld.so's account.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::interpose::{judge, spelled};
use crate::probe::{Ending, loader_words};

use super::evidence::Evidence;
use crate::ladder::computed::Computed;
use crate::ladder::rung::Answer;
use crate::ladder::same_file::same_file;
use crate::ladder::standstill;
use crate::ladder::witness::Seen;

fn fails(diagnosis: Diagnosis) -> Answer {
    Answer::Diagnosed(diagnosis)
}

pub(super) fn loads(evidence: &Evidence) -> Seen {
    let mut seen = Vec::new();
    let words = loader_words(&evidence.shimmed.stderr.text());
    let fatal = evidence.shimmed.exit() == Some(127);
    for word in &words {
        seen.push(format!("ld.so: {}", word.line));
        let stops = fatal && word.code != Code::UnversionedShim;
        if stops || word.code == Code::PreloadIgnored {
            let expected = format!("ld.so loads {}", evidence.shim.path.display());
            return (fails(Diagnosis::new(word.code, expected, word.line.clone())), seen);
        }
    }
    let shim = evidence.shim.path.display();
    let answer = match evidence.shim_was_loaded() {
        Some(true) => {
            seen.push(format!("ld.so named {shim} among the objects of the process"));
            Answer::Holds
        }
        Some(false) => {
            let actual = "ld.so, asked to tell all that it does, never names the shim";
            fails(Diagnosis::new(Code::SonameMismatch, format!("{shim} in the process"), actual))
        }
        None => Answer::Undetermined("the loader told nothing: it ignored LD_DEBUG".into()),
    };
    (answer, seen)
}

/// Every reference of the client to the API, and whether ld.so bound it to the shim.
pub(super) fn binds(evidence: &Evidence) -> Seen {
    let mut unseen = Vec::new();
    let mut bypassing = Vec::new();
    let mut providers: BTreeMap<String, usize> = BTreeMap::new();
    for reference in &evidence.needed {
        let mut bindings = evidence.bindings_of(reference).peekable();
        if bindings.peek().is_none() {
            unseen.push(spelled(reference));
        }
        if let Some(other) = bindings.find(|binding| !evidence.is_shim(&binding.provider)) {
            *providers.entry(other.provider.display().to_string()).or_default() += 1;
            bypassing.push(reference.clone());
        }
    }
    let covered = evidence.needed.len() - unseen.len() - bypassing.len();
    let mut seen = vec![format!(
        "LD_DEBUG=bindings: {covered} of {} references to the API bind to the shim",
        evidence.needed.len()
    )];
    seen.extend(providers.iter().map(|(provider, count)| format!("{count} bind to {provider}")));
    if bypassing.is_empty() && unseen.is_empty() {
        // Nothing is left to be judged but the versions that it lacks.
        let remark = judge(&evidence.shim, evidence.api, &[]).into_iter().next();
        return (remark.map_or(Answer::Holds, Answer::Diagnosed), seen);
    }
    if bypassing.is_empty() {
        let reason = format!("ld.so was not seen binding {}", unseen.join(", "));
        return (Answer::Undetermined(reason), seen);
    }
    let mut diagnoses = judge(&evidence.shim, evidence.api, &evidence.needed).into_iter();
    // The exports would satisfy these references, so something before the shim in the scope took them.
    let outranked = || {
        let expected = format!("{} bound to the shim", spelled(&bypassing[0]));
        Diagnosis::new(Code::Outranked, expected, providers.keys().cloned().collect::<Vec<_>>().join(", "))
    };
    let first = diagnoses.next().filter(|first| first.code != Code::UnversionedShim).unwrap_or_else(outranked);
    seen.extend(diagnoses.map(|other| format!("also {}: {}", other.code, other.actual)));
    (fails(first), seen)
}

/// Calls of every role that the client needs, as the shim's own counters have them.
pub(super) fn called(evidence: &Evidence) -> Seen {
    if evidence.shim_counters.is_empty() {
        let reason = if evidence.unreadable.is_empty() {
            "the shim left no counters: it is not the bundled one, or ended before it could write them".to_owned()
        } else {
            evidence.unreadable.join("; ")
        };
        return (Answer::Undetermined(reason), Vec::new());
    }
    let (calls, reached) = (evidence.shim_calls(), evidence.runtime_calls());
    let roles = evidence.bound_roles();
    let count = |role| evidence.of_role(&calls, role);
    let mut seen = vec![format!(
        "{} calls of {} functions: {}",
        calls.values().sum::<u64>(),
        calls.len(),
        roles.iter().map(|role| format!("{role} {}", count(*role))).collect::<Vec<_>>().join(", ")
    )];
    let trace = evidence.shimmed.stderr.text();
    for tag in ["[TRACE_MALLOC]", "[TRACE_KERNEL]"] {
        let found = trace.lines().find(|line| line.starts_with(tag));
        seen.extend(found.map(|line| crate::elf::escape(line.as_bytes()).to_string()));
    }
    let silent: Vec<_> = roles.into_iter().filter(|role| count(*role) == 0).collect();
    let past: Vec<_> = silent.iter().filter(|role| evidence.of_role(&reached, **role) > 0).collect();
    let names = |roles: Vec<String>| roles.join(", ");
    let answer = if !past.is_empty() {
        let names = names(past.iter().map(ToString::to_string).collect());
        let actual = format!("the runtime was called for {names}, the shim was not");
        fails(Diagnosis::new(Code::DlsymBypass, format!("calls in the shim for {names}"), actual))
    } else if !silent.is_empty() {
        let names = names(silent.iter().map(ToString::to_string).collect());
        Answer::Undetermined(format!("the client made no call for {names}"))
    } else {
        Answer::Holds
    };
    (answer, seen)
}

pub(super) fn forwards(evidence: &Evidence) -> Seen {
    let (calls, reached) = (evidence.shim_calls(), evidence.runtime_calls());
    let mut seen = Vec::new();
    let found = evidence.shim_counters.iter().filter_map(|counters| counters.runtime.as_deref());
    let elsewhere = found.chain(evidence.runtime_counters.iter().map(|counters| counters.object.as_path()));
    if let Some(other) = elsewhere.into_iter().find(|path| !same_file(path, &evidence.runtime.path)) {
        let expected = format!("calls forwarded to {}", evidence.runtime.path.display());
        return (
            fails(Diagnosis::new(Code::WrongRuntime, expected, format!("forwarded to {}", other.display()))),
            seen,
        );
    }
    if evidence.shim_counters.is_empty() {
        return (Answer::Undetermined("the shim left no counters".into()), seen);
    }
    if evidence.shim_counters.iter().all(|counters| counters.runtime.is_none()) {
        let expected = format!("the shim finds {}", evidence.runtime.path.display());
        return (fails(Diagnosis::new(Code::NextNotFound, expected, "the shim found no runtime behind it")), seen);
    }
    if evidence.runtime_counters.is_empty() {
        return (Answer::Undetermined("this runtime does not count its calls".into()), seen);
    }
    seen.push(format!(
        "{} calls in the shim, {} in {}",
        calls.values().sum::<u64>(),
        reached.values().sum::<u64>(),
        evidence.runtime.path.display()
    ));
    let reached = evidence.without_bypassed(reached);
    (compare(&calls, &reached), seen)
}

/// Once means once: fewer calls in the runtime were swallowed, more were made twice or went past the shim.
fn compare(calls: &BTreeMap<String, u64>, reached: &BTreeMap<String, u64>) -> Answer {
    let count = |calls: &BTreeMap<String, u64>, symbol: &str| calls.get(symbol).copied().unwrap_or_default();
    let symbols: BTreeSet<&String> = calls.keys().chain(reached.keys()).collect();
    let wrong = |test: fn(u64, u64) -> bool| {
        let rows = symbols.iter().map(|symbol| (symbol, count(calls, symbol), count(reached, symbol)));
        let rows = rows.filter(move |(_, shim, runtime)| test(*shim, *runtime));
        rows.map(|(symbol, shim, runtime)| format!("{symbol} {shim} in the shim, {runtime} in the runtime"))
            .collect::<Vec<_>>()
    };
    let (past, fewer) = (wrong(|shim, _| shim == 0), wrong(|shim, runtime| runtime < shim));
    let more = wrong(|shim, runtime| shim > 0 && runtime > shim);
    let (code, rows) = match (past.is_empty(), fewer.is_empty(), more.is_empty()) {
        (false, ..) => (Code::DlsymBypass, past),
        (_, false, _) if reached.is_empty() => (Code::SelfRecursion, fewer),
        (_, false, _) => (Code::NextNotFound, fewer),
        (_, _, false) => (Code::RuntimeReenters, more),
        _ => return Answer::Holds,
    };
    // Whatever the code weighs elsewhere: the claim of this rung is that it does not happen.
    fails(
        Diagnosis::new(code, "each call once in the shim and once in the runtime", rows.join("; "))
            .weighing(Severity::Fail),
    )
}

pub(super) fn correct(evidence: &Evidence) -> Seen {
    let shimmed = Computed::of(&evidence.shimmed);
    let native = evidence.native.as_ref().map(Computed::of);
    let mut seen = Vec::new();
    let Some(shimmed) = shimmed else {
        let ending = evidence.shimmed.ending;
        return (Answer::Undetermined(format!("the shimmed run gave no result ({ending})")), seen);
    };
    let result = |computed: &Computed| {
        let word = if computed.is_right() { "correct" } else { &computed.result };
        format!("{word}, checksum {}", computed.checksum)
    };
    seen.push(format!("shimmed: {}", result(&shimmed)));
    if !shimmed.is_right() {
        let expected = "the product that the CPU reference gives";
        return (fails(Diagnosis::new(Code::WrongResult, expected, result(&shimmed))), seen);
    }
    match native {
        Some(Some(native)) => {
            seen.push(format!("native: {}", result(&native)));
            if native.checksum != shimmed.checksum {
                let actual = format!("checksum {} under the shim", shimmed.checksum);
                let expected = format!("checksum {} as without the shim", native.checksum);
                return (fails(Diagnosis::new(Code::WrongResult, expected, actual)), seen);
            }
        }
        Some(None) => return (Answer::Undetermined("the native run gave no result to compare with".into()), seen),
        None => seen.push("not compared with a native run".into()),
    }
    (Answer::Holds, seen)
}

pub(super) fn survives(evidence: &Evidence, limit: f64) -> Seen {
    let ended = &evidence.shimmed;
    let mut seen = vec![format!("{} after {:.2} s", ended.ending, ended.seconds)];
    let processes = evidence.shim_counters.len();
    let said = ended.last_word().filter(|word| !word.starts_with("[TRACE_"));
    let said = said.map(|word| format!("; last on stderr: {word}")).unwrap_or_default();
    let actual = format!("{} after {:.2} s{said}", ended.ending, ended.seconds);
    let used = |actual| format!("{actual}; seen: {}", ended.most);
    let answer = match ended.ending {
        Ending::Exited(0) => {
            if processes > 1 {
                seen.push(format!("{processes} processes counted calls: the client and the child that it execs"));
            }
            Answer::Holds
        }
        Ending::Exited(_) => fails(Diagnosis::new(Code::CommandFailed, "exit status 0", actual)),
        Ending::Signalled(_) => {
            let code = if Computed::of(ended).is_some() { Code::TeardownCrash } else { Code::Crash };
            fails(Diagnosis::new(code, "exit status 0", actual))
        }
        Ending::TimeLimit => {
            let (answer, stood) = standstill::judge(ended, limit, evidence.native.as_ref(), "");
            seen.extend(stood);
            answer
        }
        Ending::OutputLimit => fails(Diagnosis::new(Code::OutputLimit, "output within its limit", actual)),
        Ending::MemoryLimit => fails(Diagnosis::new(Code::MemoryLimit, "memory within its limit", used(actual))),
        Ending::ProcessLimit => fails(Diagnosis::new(Code::ProcessLimit, "processes within their limit", used(actual))),
        Ending::Interrupted | Ending::Stopped | Ending::Enough => Answer::Undetermined("interrupted".into()),
    };
    (answer, seen)
}
