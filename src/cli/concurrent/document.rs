//! The JSON document of `concurrent`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::check::{Outcome, Status};
use crate::cli::concurrent::Report;
use crate::code::Code;
use crate::measure::{CONFIDENCE, Comparison, Estimate, LaneRun, Quantity, RESAMPLES, SEED};

#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    device: Option<&'a str>,
    interception: Option<String>,
    native: bool,
    repeats: u32,
    window: f64,
    confidence: f64,
    resamples: usize,
    seed: u64,
    lanes: Vec<Lane<'a>>,
    figures: Vec<Figure<'a>>,
    runs: Vec<Run<'a>>,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Lane<'a> {
    lane: &'a str,
    env: BTreeMap<&'a str, &'a str>,
    command: Option<&'a str>,
}

#[derive(Serialize)]
struct Figure<'a> {
    lane: &'a str,
    quantity: Quantity,
    alone: f64,
    alone_least: f64,
    alone_most: f64,
    together: f64,
    together_least: f64,
    together_most: f64,
    ratio: Estimate,
    differs: bool,
}

#[derive(Serialize)]
struct Run<'a> {
    lane: &'a str,
    #[serde(flatten)]
    run: &'a LaneRun,
}

#[derive(Serialize)]
struct Finding<'a> {
    id: &'a str,
    status: Status,
    code: Option<Code>,
    expected: Option<&'a str>,
    actual: Option<&'a str>,
    reason: Option<&'a str>,
    fix: Option<&'a str>,
    measured: Option<Estimate>,
}

impl<'a> Document<'a> {
    pub(super) fn new(report: &'a Report, outcomes: &'a [Outcome]) -> Document<'a> {
        let climb = report.climb.as_ref();
        Document {
            schema: "xdoctor/concurrent/1",
            device: climb.and_then(|climb| climb.device.as_deref()),
            interception: climb.map(|climb| climb.interception().sentence()),
            native: report.native,
            repeats: report.repeats,
            window: report.window.as_secs_f64(),
            confidence: CONFIDENCE,
            resamples: RESAMPLES,
            seed: SEED,
            lanes: lanes(report),
            figures: figures(report),
            runs: report.experiment.runs.iter().map(|run| Run { lane: name(report, run.lane), run }).collect(),
            findings: outcomes.iter().map(|outcome| finding(report, outcome)).collect(),
        }
    }
}

fn name(report: &Report, lane: usize) -> &str {
    report.lanes.get(lane).map(|lane| lane.name.as_str()).unwrap_or_default()
}

fn lanes(report: &Report) -> Vec<Lane<'_>> {
    let each = report.lanes.iter().enumerate();
    each.map(|(place, lane)| Lane {
        lane: &lane.name,
        env: lane.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        command: report.commands.get(place).map(String::as_str),
    })
    .collect()
}

fn figures(report: &Report) -> Vec<Figure<'_>> {
    let rows = (0..report.lanes.len()).flat_map(|lane| Quantity::ALL.map(|quantity| (lane, quantity)));
    rows.filter_map(|(lane, quantity)| {
        let comparison = report.experiment.comparison(lane, quantity)?;
        let Comparison { alone, together, ratio } = comparison;
        Some(Figure {
            lane: name(report, lane),
            quantity,
            alone: alone.median,
            alone_least: alone.least,
            alone_most: alone.most,
            together: together.median,
            together_least: together.least,
            together_most: together.most,
            ratio,
            differs: comparison.differs(),
        })
    })
    .collect()
}

fn finding<'a>(report: &Report, outcome: &'a Outcome) -> Finding<'a> {
    let bound = report.bounds.iter().find(|(bound, ..)| bound.to_string() == outcome.id);
    Finding {
        id: &outcome.id,
        status: outcome.status,
        code: outcome.code,
        expected: outcome.expected.as_deref(),
        actual: outcome.actual.as_deref(),
        reason: outcome.reason.as_deref(),
        fix: outcome.fix.as_deref(),
        measured: bound.and_then(|(_, _, held)| held.as_ref()).map(|held| held.measured),
    }
}
