//! Annotations of GitHub Actions: workflow commands, one a line, that the runner reads from a step's output.

use std::fmt::Write;

use crate::check::{Outcome, Status};

use super::Run;
use super::account;
use super::visible::visible;

/// GitHub shows no more annotations of a kind than this from one step.
const AT_MOST: usize = 10;

/// The annotations: errors, then warnings, then notices, at most ten of each; where there are more, the last says so.
pub fn github(run: &Run<'_>) -> String {
    let mut out = String::new();
    for kind in ["error", "warning", "notice"] {
        let checks = run.checks().map(|(_, check)| check);
        let all: Vec<&Outcome> = checks.filter(|check| kind_of(run, check) == Some(kind)).collect();
        let room = if all.len() > AT_MOST { AT_MOST - 1 } else { all.len() };
        let (shown, rest) = all.split_at(room);
        shown.iter().for_each(|check| annotation(&mut out, run, kind, check));
        if !rest.is_empty() {
            let ids: Vec<&str> = rest.iter().map(|check| check.id.as_str()).collect();
            let _ = writeln!(out, "::{kind} title=xdoctor has {} more::{}", rest.len(), data(&ids.join(", ")));
        }
    }
    out
}

/// What could not be determined ends the step as a failure does, so it stands among the errors.
fn kind_of(run: &Run<'_>, check: &Outcome) -> Option<&'static str> {
    match check.status {
        status if run.fails(status) => Some("error"),
        Status::Fail | Status::Undetermined => Some("error"),
        Status::Warn => Some("warning"),
        Status::Skip => Some("notice"),
        Status::Pass => check.code.map(|_| "notice"),
    }
}

fn annotation(out: &mut String, run: &Run<'_>, kind: &str, check: &Outcome) {
    let mut properties = Vec::new();
    if let Some(location) = &check.location {
        properties.push(format!("file={}", property(&run.relative(&location.file).display().to_string())));
        properties.push(format!("line={}", location.line));
    }
    let ended = match check.status {
        Status::Undetermined => " could not be determined",
        Status::Skip => " was skipped",
        Status::Pass | Status::Warn | Status::Fail => "",
    };
    let code = check.code.map(|code| format!(" [{code}]")).unwrap_or_default();
    properties.push(format!("title={}", property(&format!("{}{ended}{code}", check.id))));
    let message = format!("{}\n{}", check.title, account::lines(&account::particulars(run, check)));
    let _ = writeln!(out, "::{kind} {}::{}", properties.join(","), data(message.trim_end()));
}

/// A command's message: it ends with its line, and `%` begins an escape. The runner's log shows it as a terminal does.
fn data(text: &str) -> String {
    visible(text).replace('%', "%25").replace('\n', "%0A")
}

/// A property's value, which also ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
