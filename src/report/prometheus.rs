//! Metrics in Prometheus's text format, for node_exporter's textfile collector.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::UNIX_EPOCH;

use crate::check::{Outcome, Status, Summary};

use super::Run;

/// The metrics: one per check, the counts, and the run's own time, length and exit status.
pub fn prometheus(run: &Run<'_>) -> String {
    let mut out = String::new();
    checks(&mut out, run);
    counts(&mut out, &run.results.summary);
    let checklist = run.checklist.display().to_string();
    let about = [("checklist", checklist.as_str()), ("title", run.title), ("version", env!("CARGO_PKG_VERSION"))];
    family(&mut out, "xdoctor_info", "What was run, by which xdoctor; always 1.");
    sample(&mut out, "xdoctor_info", &about, 1);
    let started = run.results.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (started, seconds) = (started.as_secs(), run.results.summary.seconds);
    let statuses = "0 all holds, 1 something fails, 3 undetermined, 4 nothing selected.";
    let singles: [(&str, &str, &dyn Display); 3] = [
        ("xdoctor_run_timestamp_seconds", "When the run began, in seconds since 1970.", &started),
        ("xdoctor_run_duration_seconds", "How long the run took.", &seconds),
        ("xdoctor_exit_status", statuses, &run.exit_status),
    ];
    for (name, help, value) in singles {
        family(&mut out, name, help);
        sample(&mut out, name, &[], value);
    }
    out
}

fn checks(out: &mut String, run: &Run<'_>) {
    // A series may come once only, or the collector refuses the whole file: of two with one name the worse one stays.
    let mut series: BTreeMap<(&str, &str), &Outcome> = BTreeMap::new();
    for (step, check) in run.checks() {
        let kept = series.entry((step, check.id.as_str())).or_insert(check);
        if value(check.status) > value(kept.status) {
            *kept = check;
        }
    }
    family(out, "xdoctor_check_status", "How the check ended: 0 pass, 1 skip, 2 warn, 3 undetermined, 4 fail.");
    for ((step, id), check) in &series {
        let code = check.code.map_or("", |code| code.name());
        sample(out, "xdoctor_check_status", &[("id", id), ("step", step), ("code", code)], value(check.status));
    }
    family(out, "xdoctor_check_duration_seconds", "How long the check took.");
    for ((step, id), check) in &series {
        sample(out, "xdoctor_check_duration_seconds", &[("id", id), ("step", step)], check.seconds);
    }
}

/// The worse, the higher: `max()` over machines is the worst of them, and `> 2` is what needs a person.
fn value(status: Status) -> u8 {
    match status {
        Status::Pass => 0,
        Status::Skip => 1,
        Status::Warn => 2,
        Status::Undetermined => 3,
        Status::Fail => 4,
    }
}

fn counts(out: &mut String, summary: &Summary) {
    let counts = [
        (Status::Pass, summary.passed),
        (Status::Warn, summary.warned),
        (Status::Fail, summary.failed),
        (Status::Skip, summary.skipped),
        (Status::Undetermined, summary.undetermined),
    ];
    family(out, "xdoctor_checks", "How many checks ended so.");
    for (status, count) in counts {
        sample(out, "xdoctor_checks", &[("status", status.word())], count);
    }
}

fn family(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name}=\"{}\"", label(text))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "{name}{labels} {value}");
}

/// A label's value, with the format's three escapes.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
