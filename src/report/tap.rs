//! TAP, the Test Anything Protocol, version 14: <https://testanything.org/tap-version-14-specification.html>.

use std::fmt::Write;

use crate::check::{Outcome, Status};

use super::Run;
use super::account;

/// The report: a test point for each check, with what is known of it as a YAML diagnostic.
pub fn tap(run: &Run<'_>) -> String {
    let total = run.results.summary.total();
    let why = if total == 0 { " # nothing was selected" } else { "" };
    let mut out = format!("TAP version 14\n1..{total}{why}\n");
    comment(&mut out, &format!("{} ({})", run.title, run.checklist.display()));
    let mut number = 0;
    for step in &run.results.steps {
        comment(&mut out, &step.title);
        for check in &step.checks {
            number += 1;
            point(&mut out, run, number, check);
        }
    }
    comment(&mut out, &run.results.verdict);
    out
}

/// What is undetermined is a plain `not ok`. The directive that comes to mind, `not ok # TODO`, is for a test that is
/// expected to fail: consumers count it as good, and so an unanswered question would pass; `# SKIP` passes as well, and
/// `Bail out!` drops the rest. So it fails, and its description and diagnostic say that it is open rather than wrong.
fn point(out: &mut String, run: &Run<'_>, number: usize, check: &Outcome) {
    let ok = match check.status {
        status if run.fails(status) => "not ok",
        Status::Fail | Status::Undetermined => "not ok",
        Status::Pass | Status::Warn | Status::Skip => "ok",
    };
    let marked = if check.status == Status::Undetermined { " (undetermined)" } else { "" };
    let _ = write!(out, "{ok} {number} - {}{marked}", description(&format!("{}: {}", check.id, check.title)));
    if check.status == Status::Skip && ok == "ok" {
        let _ = write!(out, " # SKIP {}", description(check.reason.as_deref().unwrap_or_default()));
    }
    out.push('\n');
    diagnostic(out, run, check);
}

fn diagnostic(out: &mut String, run: &Run<'_>, check: &Outcome) {
    out.push_str("  ---\n");
    let mut member = |name: &str, text: &str| {
        let _ = writeln!(out, "  {name}: {}", quoted(text));
    };
    member("status", check.status.word());
    if let Some(code) = check.code {
        member("code", code.name());
    }
    let particulars = account::particulars(run, check);
    let (evidence, others): (Vec<_>, Vec<_>) = particulars.into_iter().partition(|(name, _)| *name == "evidence");
    others.iter().for_each(|(name, text)| member(name, text));
    if let Some(location) = &check.location {
        member("at", &format!("{}:{}", run.relative(&location.file).display(), location.line));
    }
    if !evidence.is_empty() {
        out.push_str("  evidence:\n");
        for (_, seen) in &evidence {
            let _ = writeln!(out, "    - {}", quoted(seen));
        }
    }
    let _ = writeln!(out, "  duration_ms: {:.3}\n  ...", check.seconds * 1000.0);
}

fn comment(out: &mut String, text: &str) {
    let _ = writeln!(out, "# {}", one_line(text));
}

/// On a test line a `#` begins a directive, and a backslash escapes.
fn description(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A double-quoted YAML scalar on one line; what YAML does not count as printable is spelled out.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
