//! The results page: verdict, what was run, and every step with its evidence. It reads as text and renders on any forge,
//! as a step summary of GitHub Actions too.

use std::fmt::Write;

use crate::check::{Outcome, Status};

use super::Run;
use super::account;

/// The page.
pub fn markdown(run: &Run<'_>) -> String {
    let mut out = format!("# {}\n\n**{}**\n\n", inline(run.title), inline(&run.results.verdict));
    about(&mut out, run);
    let steps = &run.results.steps;
    for (number, step) in steps.iter().enumerate() {
        if !out.ends_with("\n\n") {
            out.push('\n');
        }
        let _ = write!(out, "## {}/{} {}\n\n", number + 1, steps.len(), inline(&step.title));
        step.checks.iter().for_each(|check| item(&mut out, run, check));
    }
    out
}

fn about(out: &mut String, run: &Run<'_>) {
    let s = &run.results.summary;
    let counts = [
        (s.passed, "passed"),
        (s.warned, "warned"),
        (s.failed, "failed"),
        (s.skipped, "skipped"),
        (s.undetermined, "undetermined"),
    ];
    let counts = counts.map(|(count, word)| format!("{count} {word}")).join(", ");
    let _ = writeln!(out, "- {counts} in {:.2} s; exit status {}", s.seconds, run.exit_status);
    let started = humantime::format_rfc3339_seconds(run.results.started);
    let _ = writeln!(out, "- {started} on {}, xdoctor {}", code(&run.host), env!("CARGO_PKG_VERSION"));
    let _ = writeln!(out, "- checklist {}", code(&run.checklist.display().to_string()));
    for (name, value) in &run.vars {
        let _ = writeln!(out, "- {} = {}", code(name), code(value));
    }
}

fn item(out: &mut String, run: &Run<'_>, check: &Outcome) {
    let ended = match check.status {
        Status::Pass => "✓ pass",
        Status::Warn => "! **warning**",
        Status::Fail => "✗ **FAILS**",
        Status::Skip => "– skipped",
        Status::Undetermined => "? **undetermined**",
    };
    let named = check.code.map(|name| format!(" ({})", code(name.name()))).unwrap_or_default();
    let _ = writeln!(out, "- {ended}{named} {}: {}", code(&check.id), inline(&check.title));
    let lines = account::lines(&account::particulars(run, check));
    if !lines.is_empty() {
        block(out, &lines);
    }
}

/// A fenced block below a list item; nothing in it is markup.
fn block(out: &mut String, text: &str) {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let _ = writeln!(out, "\n  {fence}text");
    for line in text.lines() {
        let _ = writeln!(out, "  {}", visible(line));
    }
    let _ = writeln!(out, "  {fence}\n");
}

/// A code span. An empty one cannot be written.
pub fn code(text: &str) -> String {
    let text = visible(text);
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    // A space at both ends is taken off, so that a backtick or a space can stand there.
    let edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let room = if edge && !text.trim().is_empty() { " " } else { "" };
    format!("{fence}{room}{text}{room}{fence}")
}

/// Words in a line, with everything escaped that could be markup.
pub fn inline(text: &str) -> String {
    let mut out = String::new();
    for c in visible(text).trim().chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '~' | '|' | '$' | '#' | '!' | '^') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// One line, its control characters spelled out.
fn visible(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// The longest run of backticks in a text: a fence must be longer.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
