//! The JSON document of `xdoctor check`.

use serde::Serialize;

use crate::check::{StepOutcome, Summary};

use super::Run;

/// `xdoctor/check/1`; its members are the contract.
#[derive(Serialize)]
pub struct Document<'a> {
    schema: &'static str,
    xdoctor_version: &'static str,
    host: &'a str,
    started: String,
    title: &'a str,
    checklist: String,
    vars: &'a std::collections::BTreeMap<&'a str, &'a str>,
    verdict: &'a str,
    exit_status: u8,
    summary: &'a Summary,
    steps: &'a [StepOutcome],
}

/// The document of a run.
pub fn document<'a>(run: &'a Run<'_>) -> Document<'a> {
    Document {
        schema: "xdoctor/check/1",
        xdoctor_version: env!("CARGO_PKG_VERSION"),
        host: &run.host,
        started: humantime::format_rfc3339_seconds(run.results.started).to_string(),
        title: run.title,
        checklist: run.checklist.display().to_string(),
        vars: &run.vars,
        verdict: &run.results.verdict,
        exit_status: run.exit_status,
        summary: &run.results.summary,
        steps: &run.results.steps,
    }
}
