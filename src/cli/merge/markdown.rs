//! The progress page over several checklists, and several hosts where there are such.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::check::Status;
use crate::merge::hosts::{self, natural};
use crate::merge::{Report, Step};
use crate::report::{code_span as code, escaped as inline};

use super::Merged;

/// A row for each checklist and hosts of which the same holds, then each checklist's steps, ticked where they hold.
pub fn progress(merged: &Merged<'_>) -> String {
    let mut reports: Vec<&Report> = merged.gathered.reports.iter().collect();
    reports.sort_by(|a, b| a.checklist.cmp(&b.checklist).then_with(|| natural(&a.host, &b.host)));
    let mut out = format!("# Progress\n\n**{}**\n\n", inline(&merged.verdict()));
    out.push_str("| checklist | hosts | steps | passed | failed | skipped | open | verdict | date |\n");
    out.push_str("|---|---|--:|--:|--:|--:|--:|---|---|\n");
    let rows = rows(&reports);
    for row in &rows {
        table_row(&mut out, row);
    }
    for row in &rows {
        steps(&mut out, row);
    }
    if !merged.silent.is_empty() {
        let silent = hosts::fold(merged.silent.iter().map(String::as_str));
        let _ = write!(out, "\n## No report\n\n- ? {} sent none\n", code(&silent));
    }
    out
}

/// Reports of one checklist that say the same of each step.
struct Row<'r> {
    reports: Vec<&'r Report>,
}

impl Row<'_> {
    fn hosts(&self) -> String {
        hosts::fold(self.reports.iter().map(|report| report.host.as_str()))
    }

    /// The newest of them.
    fn one(&self) -> Option<&Report> {
        self.reports.iter().copied().max_by(|a, b| a.started.cmp(&b.started))
    }
}

/// Checklist, verdict, and per step each check with its status: what makes two reports one row.
type Content<'r> = (&'r str, &'r str, Vec<Vec<(&'r str, Status)>>);

fn rows<'r>(reports: &[&'r Report]) -> Vec<Row<'r>> {
    let mut rows: Vec<Row<'r>> = Vec::new();
    let mut places: BTreeMap<Content<'_>, usize> = BTreeMap::new();
    for report in reports {
        let step =
            |step: &'r Step| step.checks.iter().map(|check| (check.id.as_str(), check.status)).collect::<Vec<_>>();
        let key = (report.checklist.as_str(), report.verdict.as_str(), report.steps.iter().map(step).collect());
        let place = *places.entry(key).or_insert_with(|| {
            rows.push(Row { reports: Vec::new() });
            rows.len() - 1
        });
        rows[place].reports.push(report);
    }
    rows
}

fn title(report: &Report) -> String {
    let name = || std::path::Path::new(&report.checklist).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    inline(&report.title.clone().or_else(name).unwrap_or_else(|| report.checklist.clone()))
}

/// Whether every check of a step that was asked holds, and one was.
fn holds(step: &Step) -> bool {
    let all = |statuses: &[Status]| step.checks.iter().all(|check| statuses.contains(&check.status));
    all(&[Status::Pass, Status::Warn, Status::Skip]) && !all(&[Status::Skip])
}

fn table_row(out: &mut String, row: &Row<'_>) {
    let Some(report) = row.one() else { return };
    let s = &report.summary;
    let done = report.steps.iter().filter(|step| holds(step)).count();
    let date = report.started.split('T').next().unwrap_or_default();
    let _ = writeln!(
        out,
        "| {} | {} | {done}/{} | {} | {} | {} | {} | {} | {} |",
        title(report),
        code(&row.hosts()),
        report.steps.len(),
        s.passed + s.warned,
        s.failed,
        s.skipped,
        s.undetermined,
        inline(&report.verdict),
        inline(date),
    );
}

fn steps(out: &mut String, row: &Row<'_>) {
    let Some(report) = row.one() else { return };
    let _ = write!(out, "\n## {}\n\n", title(report));
    let _ = write!(out, "{} on {}, {}\n\n", code(&report.checklist), code(&row.hosts()), inline(&report.started));
    for (number, step) in report.steps.iter().enumerate() {
        let tick = if holds(step) { 'x' } else { ' ' };
        let _ = write!(out, "- [{tick}] {}. {}", number + 1, inline(&step.title));
        let bad = step.checks.iter().filter(|check| !matches!(check.status, Status::Pass));
        let bad: Vec<String> = bad
            .map(|check| {
                let named = check.code.as_ref().map(|name| format!(" ({})", code(name))).unwrap_or_default();
                format!("{} {}{named}", code(&check.id), check.status.word())
            })
            .collect();
        if !bad.is_empty() {
            let _ = write!(out, ": {}", bad.join(", "));
        }
        out.push('\n');
    }
}
