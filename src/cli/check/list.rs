//! `--list`: the checks of a checklist, as text or as a document; none is run.

use std::io::{self, Write};

use serde::Serialize;

use crate::check::{Check, Checklist, Selection, Step};
use crate::code::Severity;
use crate::report::visible_line;

use super::super::output::{Format, streamed};
use super::super::{Exit, Output};

/// Prints the selected checks.
pub fn list(checklist: &Checklist, selection: &Selection, output: Output) -> io::Result<Exit> {
    let steps = checklist.steps.iter().map(|step| Listed::of(step, selection));
    let steps: Vec<Listed<'_>> = steps.filter(|step| !step.checks.is_empty()).collect();
    match output.format {
        Format::Json => output.json(&Document {
            schema: "xdoctor/list/1",
            title: &checklist.title,
            checklist: checklist.source.display().to_string(),
            vars: checklist.variables.known(),
            steps: &steps,
        })?,
        Format::Text => text(&steps)?,
    }
    Ok(if steps.is_empty() { Exit::NothingSelected } else { Exit::Holds })
}

fn text(steps: &[Listed<'_>]) -> io::Result<()> {
    let mut out = streamed();
    for step in steps {
        writeln!(out, "{}", visible_line(step.title))?;
        for check in &step.checks {
            let tags = if check.tags.is_empty() { String::new() } else { format!("  [{}]", check.tags.join(", ")) };
            writeln!(out, "  {:<24} {}{tags}", visible_line(check.id), visible_line(check.title))?;
        }
    }
    out.flush()
}

#[derive(Serialize)]
struct Document<'c> {
    schema: &'static str,
    title: &'c str,
    checklist: String,
    vars: std::collections::BTreeMap<&'c str, &'c str>,
    steps: &'c [Listed<'c>],
}

/// A step with those of its checks that were selected.
#[derive(Serialize)]
struct Listed<'c> {
    title: &'c str,
    checks: Vec<Row<'c>>,
}

#[derive(Serialize)]
struct Row<'c> {
    id: &'c str,
    title: &'c str,
    kind: &'static str,
    parts: &'static [&'static str],
    severity: Option<Severity>,
    tags: &'c [String],
    needs: &'c [String],
    when: Vec<String>,
    timeout: Option<f64>,
    retries: u16,
    fix: Option<&'c str>,
    file: String,
    line: usize,
}

impl<'c> Listed<'c> {
    fn of(step: &'c Step, selection: &Selection) -> Listed<'c> {
        let checks = step.checks.iter().filter(|check| selection.takes(check));
        Listed { title: &step.title, checks: checks.map(Row::of).collect() }
    }
}

impl<'c> Row<'c> {
    fn of(check: &'c Check) -> Row<'c> {
        Row {
            id: &check.id,
            title: &check.title,
            kind: check.claim,
            parts: check.kind.parts(),
            severity: check.severity,
            tags: &check.tags,
            needs: &check.needs,
            when: check.when.iter().map(ToString::to_string).collect(),
            timeout: check.attempts.timeout.map(|timeout| timeout.as_secs_f64()),
            retries: check.attempts.retries,
            fix: check.fix.as_deref(),
            file: check.location.file.display().to_string(),
            line: check.location.line,
        }
    }
}
