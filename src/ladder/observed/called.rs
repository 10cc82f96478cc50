//! Rung *called*: the calls arrive in the shim, for every role that the command turned out to need.

use std::collections::BTreeMap;
use std::path::Path;

use crate::code::{Code, Severity};
use crate::diagnosis::{Diagnosis, counted, listed};
use crate::interpose::{Role, is_critical};
use crate::ladder::rung::Answer;
use crate::ladder::setup::Deployment;
use crate::ladder::witness::Seen;
use crate::probe::{Departure, Ending, Met, Row, Via};

use super::evidence::Evidence;
use super::lines;

/// Functions that are called past the shim and shown one by one.
const TRAILS: usize = 8;

pub(super) fn judge(evidence: &Evidence<'_>) -> Seen {
    let (arrived, past) = (evidence.arrived(), evidence.past());
    let (inside, outside) = (arrived.values().sum::<u64>(), past.values().sum::<u64>());
    let mut seen = Vec::new();
    if inside > 0 {
        let per_role = evidence.roles().into_iter().map(|role| (role, evidence.of_role(&arrived, role)));
        let per_role: Vec<String> =
            per_role.filter(|(_, count)| *count > 0).map(|(role, count)| format!("{role} {count}")).collect();
        seen.push(format!("{} in the shim: {}", counted(inside, "call"), per_role.join(", ")));
    }
    if evidence.catches_lookups() {
        let onward = evidence.forwarded().unwrap_or_default().values().sum::<u64>();
        seen.push(format!("the shim makes {onward} calls, which natively the client made: they came by its own dlsym"));
    }
    let trails = trails(evidence);
    seen.extend(trails.iter().take(TRAILS).map(Trail::sentence));
    let rest = trails.get(TRAILS..).unwrap_or_default();
    if !rest.is_empty() {
        let calls = counted(rest.iter().map(|trail| trail.count).sum(), "call");
        seen.push(format!(
            "{calls} more past the shim: {}; --format json lists them",
            counted(rest.len() as u64, "other function")
        ));
    }
    seen.extend(own_runtimes(evidence));
    for (name, count) in lines::counted(&evidence.shimmed.ended, &evidence.setup.trace_lines) {
        seen.push(format!("{name}: {} printed", counted(count as u64, "line")));
    }
    let answer = bypass(evidence, &trails)
        .or_else(|| elsewhere(evidence))
        .or_else(|| silence(evidence, inside, outside))
        .or_else(|| unscheduled(evidence))
        .unwrap_or(Answer::Holds);
    (answer, seen)
}

/// Objects that refer to nothing of the API and call it all the same, by pointers that they looked up: what they were linked
/// with does that for them.
fn own_runtimes(evidence: &Evidence<'_>) -> Vec<String> {
    let mut calls: BTreeMap<(&Path, &Path), u64> = BTreeMap::new();
    for (row, count) in evidence.client_rows().filter(|(row, _)| row.via == Via::HandedOut && evidence.goes_past(row)) {
        let refers = evidence.clients.iter().any(|client| client.path == row.caller);
        if let Some(provider) = row.provider.as_deref().filter(|_| !refers) {
            *calls.entry((&row.caller, provider)).or_default() += count.unwrap_or_default();
        }
    }
    let sentence = |((caller, provider), count): ((&Path, &Path), u64)| {
        let (caller, provider) = (file_name(caller), file_name(provider));
        format!(
            "{caller} refers to none of the API and makes {count} calls of {provider}, whose functions it looks up: \
             it has a runtime of its own inside ({})",
            Code::StaticRuntime
        )
    };
    calls.into_iter().filter(|(_, count)| *count > 0).map(sentence).collect()
}

/// Calls that go past the shim, of one function from one object.
struct Trail<'e> {
    row: &'e Row,
    count: u64,
    role: Role,
}

impl Trail<'_> {
    fn sentence(&self) -> String {
        let Trail { row, count, .. } = self;
        let provider = row.provider.as_deref().map_or("?".to_owned(), file_name);
        let how = match row.via {
            Via::Plt => "",
            Via::Dlsym => ", looked up with dlsym",
            Via::HandedOut => ", by a pointer that the API handed out",
        };
        let calls = counted(*count, "call");
        format!("{calls} past the shim: {} -> {} in {provider}{how}", file_name(&row.caller), row.symbol)
    }
}

fn file_name(path: &Path) -> String {
    crate::elf::escape(path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes()).to_string()
}

/// The worst first.
fn trails<'e>(evidence: &'e Evidence<'_>) -> Vec<Trail<'e>> {
    let rows = evidence.client_rows().filter(|(row, count)| evidence.goes_past(row) && *count > Some(0));
    let trail = |(row, count): (&'e Row, Option<u64>)| Trail {
        row,
        count: count.unwrap_or_default(),
        role: evidence.setup.api.role(&row.symbol),
    };
    let mut trails: Vec<Trail<'e>> = rows.map(trail).collect();
    trails.sort_by_key(|trail| std::cmp::Reverse((is_critical(trail.role), trail.count)));
    trails
}

/// Calls that were seen to go past the shim. Those through references are judged where they are bound.
fn bypass(evidence: &Evidence<'_>, trails: &[Trail<'_>]) -> Option<Answer> {
    let around: Vec<&Trail<'_>> = trails.iter().filter(|trail| trail.row.via != Via::Plt).collect();
    if around.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for trail in &around {
        *counts.entry(&trail.row.symbol).or_default() += trail.count;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let counts: Vec<String> =
        counts.iter().map(|(symbol, count)| format!("{symbol} {}", counted(*count, "time"))).collect();
    let severity = if around.iter().any(|trail| is_critical(trail.role)) { Severity::Fail } else { Severity::Warn };
    let callers: Vec<String> = around.iter().map(|trail| file_name(&trail.row.caller)).collect();
    let mut callers: Vec<String> = callers.into_iter().collect();
    callers.sort();
    callers.dedup();
    let actual = format!("{} went past it, called by {}", listed(&counts, 4), listed(&callers, 3));
    let hijackable = evidence.shim.exports.contains_key("dlsym");
    let handing: Vec<&str> = evidence
        .rows
        .iter()
        .map(|(row, _)| row)
        .filter(|row| evidence.is_client(&row.caller) && evidence.setup.api.role(&row.symbol) == Role::Lookup)
        .map(|row| row.symbol.as_str())
        .collect();
    let by_name = around.iter().any(|trail| trail.row.via == Via::Dlsym) && !hijackable;
    let mut mends = Vec::new();
    let handed_out = around.iter().any(|trail| trail.row.via == Via::HandedOut);
    if let Some(lookup) = handing.iter().find(|lookup| handed_out || !evidence.shim.exports.contains_key(**lookup)) {
        mends.push(format!("interpose {lookup}, and answer with the shim's own functions"));
    }
    if by_name {
        mends.push("interpose dlsym, and answer with the shim's own functions".to_owned());
    }
    if by_name && evidence.setup.deploy == Deployment::Preload {
        mends.push(
            "or, where the command opens the runtime by its name and not by a path, put the shim in its place: --deploy \
             replace"
                .to_owned(),
        );
    }
    let diagnosis = Diagnosis::new(Code::DlsymBypass, "every call of the API in the shim", actual).weighing(severity);
    Some(Answer::Diagnosed(if mends.is_empty() { diagnosis } else { diagnosis.mended_by(mends.join("\n")) }))
}

/// Roles that were needed natively and did not come up, or none at all.
fn silence(evidence: &Evidence<'_>, inside: u64, outside: u64) -> Option<Answer> {
    if inside + outside == 0 {
        return if evidence.catches_lookups() { None } else { Some(nothing(evidence)) };
    }
    let (arrived, past) = (evidence.arrived(), evidence.past());
    let mut silent = evidence.roles();
    silent.retain(|role| evidence.of_role(&arrived, *role) + evidence.of_role(&past, *role) == 0);
    if !silent.is_empty() {
        let names: Vec<String> = silent.iter().map(ToString::to_string).collect();
        let cut = match evidence.shimmed.ended.ending {
            Ending::Exited(0) => "",
            _ => ", where the run ended early",
        };
        let reason = format!("natively there were calls for {}, under the shim there were none{cut}", names.join(", "));
        return Some(Answer::Undetermined(reason));
    }
    evidence.lost().map(Answer::Undetermined)
}

/// A process without the observer ran what calls the API, as far as its program tells.
fn elsewhere(evidence: &Evidence<'_>) -> Option<Answer> {
    let run = &evidence.shimmed;
    let is_client = |departure: &&Departure| departure.file().is_some_and(|file| evidence.is_clients_program(&file));
    let mut unobserved = run.observation.unobserved(&run.ended.met).into_iter();
    let met = || unobserved.find(|process| evidence.is_clients_program(&process.program)).map(unseen);
    run.observation.departed().into_iter().find(is_client).map(departed).or_else(met)
}

/// The first process that became a program without the observer, whether or not that was met.
pub(super) fn first_departed(evidence: &Evidence<'_>) -> Option<Answer> {
    evidence.shimmed.observation.departed().first().copied().map(departed)
}

fn departed(departure: &Departure) -> Answer {
    let reason = format!(
        "{departure}: what it called was not seen. Either it is static, or has more rights than its user, or LD_AUDIT was taken \
         out of its environment"
    );
    Answer::Unobserved(Code::ObserverIgnored, reason)
}

fn unseen(process: &Met) -> Answer {
    let program = process.program.display();
    let reason = format!("process {} ran {program} without the observer: what it called was not seen", process.pid);
    Answer::Unobserved(Code::ObserverIgnored, reason)
}

/// No call was seen at all.
fn nothing(evidence: &Evidence<'_>) -> Answer {
    let (run, api) = (&evidence.shimmed, &evidence.setup.api.name);
    if let Some((symbol, reason)) = evidence.uncounted(false).iter().next() {
        return Answer::Undetermined(format!("calls of {symbol} could not be counted: {}", reason.sentence()));
    }
    let met = || run.observation.unobserved(&run.ended.met).first().copied().map(unseen);
    first_departed(evidence).or_else(met).unwrap_or_else(|| {
        Answer::Undetermined(format!(
            "no call of the {api} API was seen: the command makes none, or makes them unobserved"
        ))
    })
}

/// What makes XSched's shim schedule what it catches; by default it does not.
const AUTO: &str = "XSCHED_AUTO_XQUEUE";

/// Caught, and passed straight through.
fn unscheduled(evidence: &Evidence<'_>) -> Option<Answer> {
    let warn = |expected: &str, actual: String, fix: &str| {
        Some(Answer::Diagnosed(Diagnosis::new(Code::Unscheduled, expected, actual).mended_by(fix)))
    };
    let set = |name: &str| {
        let own = std::env::var(name).ok();
        let given = evidence.setup.env.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.clone());
        given
            .or(own)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "off" | "false" | "no"))
    };
    let holds = |file: crate::elf::Mapped| memchr::memmem::find(file.bytes(), AUTO.as_bytes()).is_some();
    let knows = evidence.shims().any(|path| crate::elf::Mapped::open(path).is_ok_and(holds));
    let launches = evidence.of_role(&evidence.arrived(), Role::Launch);
    if knows && !set(AUTO) && launches > 0 {
        let actual = format!("launches in the shim: {launches}; and {AUTO} is not set: its default is off");
        return warn("launches that the shim schedules", actual, &format!("--env {AUTO}=ON"));
    }
    let text = lines::lines(&evidence.shimmed.ended);
    let kernels: Vec<&String> = text.iter().filter(|line| line.contains("[TRACE_KERNEL]")).collect();
    let null = |line: &&&String| ["stream=(nil)", "stream=0x0", "stream=NULL"].iter().any(|null| line.contains(null));
    if !kernels.is_empty() && kernels.iter().filter(null).count() == kernels.len() {
        let actual = format!("all that it printed are on the null stream: {}", counted(kernels.len() as u64, "line"));
        return warn("launches on streams of their own", actual, "launch on a stream that the shim manages");
    }
    None
}
