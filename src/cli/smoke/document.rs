//! The JSON document of `xdoctor smoke`.

use serde::Serialize;

use super::outcome;
use crate::check::{Outcome, Status};
use crate::code::Code;
use crate::ladder::{Call, Climb, Prediction, Step};
use crate::probe::Ended;

/// `xdoctor/smoke/1`; its members are the contract.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    command: &'a str,
    device: Option<&'a str>,
    rungs: Vec<Rung>,
    calls: &'a [Call],
    prediction: Option<&'a Prediction>,
    lines: Vec<Lines<'a>>,
    native: Option<Run>,
    shimmed: Option<Run>,
}

#[derive(Serialize)]
struct Lines<'a> {
    name: &'a str,
    count: usize,
}

#[derive(Serialize)]
struct Rung {
    rung: String,
    status: Status,
    code: Option<Code>,
    expected: Option<String>,
    actual: Option<String>,
    reason: Option<String>,
    evidence: Vec<String>,
    fix: Option<String>,
}

impl From<&Step> for Rung {
    fn from(step: &Step) -> Rung {
        let Outcome { id, status, code, expected, actual, reason, evidence, fix, .. } = outcome(step);
        Rung { rung: id, status, code, expected, actual, reason, evidence, fix }
    }
}

#[derive(Serialize)]
struct Run {
    exit: Option<i32>,
    signal: Option<i32>,
    seconds: f64,
    stdout_sha256: String,
    truncated: bool,
}

impl From<&Ended> for Run {
    fn from(ended: &Ended) -> Run {
        Run {
            exit: ended.exit(),
            signal: ended.signal(),
            seconds: ended.seconds,
            stdout_sha256: ended.stdout.sha256(),
            truncated: ended.stdout.truncated,
        }
    }
}

pub(super) fn document(climb: &Climb) -> Document<'_> {
    let lines = climb.lines.iter().map(|(name, count)| Lines { name, count: *count });
    Document {
        schema: "xdoctor/smoke/1",
        command: &climb.command,
        device: climb.device.as_deref(),
        rungs: climb.steps.iter().map(Rung::from).collect(),
        calls: &climb.calls,
        prediction: climb.prediction.as_ref(),
        lines: lines.collect(),
        native: climb.native.as_ref().map(Run::from),
        shimmed: climb.shimmed.as_ref().map(Run::from),
    }
}
