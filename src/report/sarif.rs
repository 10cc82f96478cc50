//! SARIF 2.1.0 (OASIS), for code scanning: the codes are the rules, and each result points at its line of the checklist.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::check::{Outcome, Status};
use crate::code::{Code, Severity};

use super::Run;
use super::account;

/// The rule of a check that could not be carried out, where the catalogue has no name for why.
const UNDETERMINED: &str = "undetermined";

/// The document. What passed is left out, and what was skipped is a notification of the run: viewers show every result as
/// something to look into, whatever its kind.
pub fn sarif(run: &Run<'_>) -> Value {
    let results: Vec<Value> = run.checks().filter_map(|(step, check)| result(run, step, check)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": { "name": "xdoctor", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules(run) },
            },
            "automationDetails": {
                "id": format!("xdoctor/{}", run.title),
                "description": { "text": run.results.verdict },
            },
            "invocations": [{
                "executionSuccessful": true,
                "exitCode": run.exit_status,
                "startTimeUtc": humantime::format_rfc3339_seconds(run.results.started).to_string(),
                "machine": run.host,
                "toolExecutionNotifications": skipped(run),
            }],
            "results": results,
        }],
    })
}

fn result(run: &Run<'_>, step: &str, check: &Outcome) -> Option<Value> {
    let (kind, level) = match (check.status, check.code) {
        (Status::Fail, _) => ("fail", "error"),
        (Status::Warn, _) if run.fails(Status::Warn) => ("fail", "error"),
        (Status::Warn, _) => ("fail", "warning"),
        (Status::Pass, Some(_)) => ("fail", "note"),
        // §3.27.9: "open" is too little information to decide. §3.27.10: only "fail" goes with a level other than "none".
        (Status::Undetermined, _) => ("open", "none"),
        (Status::Pass, None) | (Status::Skip, _) => return None,
    };
    let told = account::lines(&account::particulars(run, check));
    Some(json!({
        "ruleId": check.code.map_or(UNDETERMINED, Code::name),
        "kind": kind,
        "level": level,
        "message": { "text": text(format!("{}\n{told}", check.title).trim_end()) },
        "locations": locations(run, check),
        "partialFingerprints": { "check/v1": check.id },
        "properties": { "id": check.id, "step": step, "status": check.status.word() },
    }))
}

fn locations(run: &Run<'_>, check: &Outcome) -> Value {
    let Some(location) = &check.location else { return json!([]) };
    json!([{
        "physicalLocation": {
            "artifactLocation": { "uri": uri(run.relative(&location.file)) },
            "region": { "startLine": location.line },
        },
    }])
}

/// The rules that results of this run name.
fn rules(run: &Run<'_>) -> Vec<Value> {
    let checks = || run.checks().map(|(_, check)| check).filter(|check| check.status != Status::Skip);
    let codes: BTreeSet<Code> = checks().filter_map(|check| check.code).collect();
    let mut rules: Vec<Value> = codes.into_iter().map(rule).collect();
    if checks().any(|check| check.status == Status::Undetermined && check.code.is_none()) {
        let what = "The check could not be carried out, so it neither passed nor failed.";
        rules.push(json!({ "id": UNDETERMINED, "shortDescription": { "text": what } }));
    }
    rules
}

fn rule(code: Code) -> Value {
    let level = match code.default_severity() {
        Severity::Fail => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    };
    let mut rule = json!({ "id": code.name(), "defaultConfiguration": { "level": level } });
    if let Some(page) = code.page() {
        rule["shortDescription"] = json!({ "text": page.what });
        rule["fullDescription"] = json!({ "text": page.how });
        let help = format!("How to see it by hand:\n\n{}\n\nHow to mend it:\n\n{}", page.see, page.mend);
        rule["help"] = json!({ "text": help });
    }
    rule
}

fn skipped(run: &Run<'_>) -> Vec<Value> {
    let level = if run.fails(Status::Skip) { "error" } else { "note" };
    let notification = |check: &Outcome| {
        let said = format!("{} was skipped: {}", check.id, account::sentence(check));
        json!({ "level": level, "message": { "text": text(&said) }, "locations": locations(run, check) })
    };
    let checks = run.checks().map(|(_, check)| check);
    checks.filter(|check| check.status == Status::Skip).map(notification).collect()
}

/// A message's text. §3.11.6: `[words](target)` in it is a link, unless its brackets are escaped.
fn text(text: &str) -> String {
    if text.contains("](") { text.replace('[', "\\[").replace(']', "\\]") } else { text.to_owned() }
}

/// A path as a URI reference (RFC 3986): relative below the folder of the run, else `file://`.
fn uri(path: &Path) -> String {
    let mut uri = String::from(if path.is_absolute() { "file://" } else { "" });
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
