//! The JSON document of `overhead`.

use serde::Serialize;

use crate::check::{Outcome, Status};
use crate::code::Code;
use crate::measure::{CONFIDENCE, CallCost, Estimate, Overhead, Pair, Plan, RESAMPLES, Role, SEED};

#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    command: Option<&'a str>,
    device: Option<&'a str>,
    interception: String,
    status: Status,
    code: Option<Code>,
    expected: Option<&'a str>,
    actual: Option<&'a str>,
    reason: Option<&'a str>,
    fix: Option<&'a str>,
    metric: Option<&'a str>,
    higher_is_better: bool,
    limit: f64,
    ratio: Option<Estimate>,
    confidence: f64,
    resamples: usize,
    seed: u64,
    warm_up: Option<Row>,
    pairs: Vec<Row>,
    calls: Vec<CallRow<'a>>,
    without_calls: Option<&'a str>,
}

#[derive(Serialize)]
struct Row {
    first: Role,
    native: f64,
    shimmed: f64,
    ratio: f64,
}

#[derive(Serialize)]
struct CallRow<'a> {
    role: &'a str,
    function: &'a str,
    calls: u64,
    native_ns: f64,
    shimmed_ns: f64,
    added_ns: f64,
    added_ns_low: f64,
    added_ns_high: f64,
}

impl<'a> From<&'a CallCost> for CallRow<'a> {
    fn from(cost: &'a CallCost) -> CallRow<'a> {
        CallRow {
            role: &cost.role,
            function: &cost.function,
            calls: cost.calls,
            native_ns: cost.native,
            shimmed_ns: cost.shimmed,
            added_ns: cost.added.median,
            added_ns_low: cost.added.low,
            added_ns_high: cost.added.high,
        }
    }
}

impl<'a> Document<'a> {
    pub(super) fn new(overhead: &'a Overhead, plan: &'a Plan, outcome: &'a Outcome) -> Document<'a> {
        let row = |pair: &Pair<f64>| Row {
            first: pair.first,
            native: pair.native,
            shimmed: pair.shimmed,
            ratio: plan.ratio(pair),
        };
        Document {
            schema: "xdoctor/overhead/1",
            command: overhead.command.as_deref(),
            device: overhead.climb.device.as_deref(),
            interception: overhead.climb.interception().sentence(),
            status: outcome.status,
            code: outcome.code,
            expected: outcome.expected.as_deref(),
            actual: outcome.actual.as_deref(),
            reason: outcome.reason.as_deref(),
            fix: outcome.fix.as_deref(),
            metric: plan.metric.pattern(),
            higher_is_better: plan.higher_is_better,
            limit: plan.limit.0,
            ratio: overhead.ratio,
            confidence: CONFIDENCE,
            resamples: RESAMPLES,
            seed: SEED,
            warm_up: overhead.pairs.warm_up.as_ref().map(row),
            pairs: overhead.pairs.measured.iter().map(row).collect(),
            calls: overhead.costs.iter().map(CallRow::from).collect(),
            without_calls: overhead.without_costs.as_deref(),
        }
    }
}
