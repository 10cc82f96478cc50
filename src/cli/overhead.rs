//! `xdoctor overhead`: what a shim costs.

mod document;
mod text;

use std::ffi::OsString;

use anyhow::bail;
use clap::value_parser;

use crate::check::{Outcome, Status};
use crate::code::Code;
use crate::measure::{self, Admission, Broken, Limit, Metric, Overhead, Plan, Role, Standing, in_vain};

use super::figures::percent;
use super::others::warn_of_others;
use super::output::{Format, after_printing};
use super::scratch::scratch;
use super::shimmed::Shimmed;
use super::waiting::Waiting;
use super::{Exit, Output};

/// Measure what a shim costs: native and shimmed in turn, pair by pair
///
/// The ladder is climbed first: a shim that does not intercept has nothing to be measured, and
/// comparing native with native is refused. Then the two run in turn, the order changing from pair
/// to pair; a first pair warms up and is not counted. The overhead is the median of the pairs'
/// ratios, with a 95% bootstrap interval.
///
/// Exit status 0 where that interval lies within the limit, 1 where it lies above it (overhead), and
/// 3 where the limit lies inside it: then these pairs cannot tell, and the answer says how many
/// more probably would.
///
/// Examples:
///   xdoctor overhead                    the bundled shim before the CPU runtime
///   xdoctor overhead --shim ./libshimhip.so --limit 5% --pairs 40
///   xdoctor overhead --shim S -- python3 train.py
///   xdoctor overhead --shim S --metric 'it/s: ([0-9.]+)' --higher-is-better \
///       -- python3 train.py
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    shimmed: Shimmed,
    /// Pairs that count
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(3..=10_000), value_name = "N")]
    pairs: u32,
    /// How much longer the shimmed run may take
    #[arg(long, default_value = "10%", value_name = "SHARE")]
    limit: Limit,
    /// Compare a number that the runs print, the last match's only group, instead of their wall time
    #[arg(long, value_name = "REGEX")]
    metric: Option<Metric>,
    /// More of that number is better
    #[arg(long, requires = "metric")]
    higher_is_better: bool,
    /// Products that each run of the bundled client computes [default: 1000]
    #[arg(long, value_parser = value_parser!(u32).range(1..), value_name = "N")]
    iterations: Option<u32>,
    /// Calls of each role whose cost the bundled client measures in runs of their own; 0 for none [default: 5000]
    #[arg(long, value_parser = value_parser!(u32).range(..=1_000_000), value_name = "N")]
    calls: Option<u32>,
    /// The command [default: the bundled matmul]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command.
///
/// # Errors
/// Where nothing can be started.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let runs_bundled = args.command.is_empty();
    if !runs_bundled && (args.iterations.is_some() || args.calls.is_some()) {
        bail!("--iterations and --calls are for the bundled client; a command does what it does");
    }
    if args.shimmed.is_itself() {
        bail!("--deploy itself leaves nothing to compare with: the command never runs without the shim");
    }
    let scratch = scratch()?;
    let setup = args.shimmed.setup(scratch.path(), &args.command, &[])?;
    let plan = Plan {
        pairs: args.pairs as usize,
        limit: args.limit,
        metric: args.metric.clone().unwrap_or(Metric::Seconds),
        higher_is_better: args.higher_is_better,
        iterations: args.iterations.unwrap_or(1000),
        calls: if runs_bundled { args.calls.unwrap_or(5000) } else { 0 },
    };
    warn_of_others(output);
    let waiting = Waiting::of("pairs", output.quiet);
    let overhead = measure::measure(&setup, &plan, |done, all| waiting.tell(done, all))?;
    drop(waiting);
    let outcome = judge(&overhead, &plan);
    let printed = match output.format {
        Format::Json => output.json(&document::Document::new(&overhead, &plan, &outcome)),
        Format::Text => text::print(&overhead, &plan, &outcome, output),
    };
    after_printing(printed.map_err(Into::into), Exit::from(outcome.status))
}

/// What it all comes to.
fn judge(overhead: &Overhead, plan: &Plan) -> Outcome {
    let mut outcome = Outcome::passing("overhead", "what the shim costs");
    match &overhead.admission {
        Admission::Granted => judge_pairs(&mut outcome, overhead, plan),
        Admission::Refused(rung, diagnosis) => {
            outcome.title = format!("not measured: {}", in_vain(*rung));
            outcome.evidence.push(format!("interception NOT proven: `{rung}` fails"));
            outcome.fail(diagnosis.code, diagnosis.expected.clone(), diagnosis.actual.clone());
            outcome.fix = diagnosis.fix.clone().or(outcome.fix);
        }
        Admission::Skipped(code, reason) => {
            (outcome.status, outcome.code, outcome.reason) = (Status::Skip, *code, Some(reason.clone()));
        }
        Admission::Undetermined(reason) => outcome.leave_open(format!("nothing was measured: {reason}")),
    }
    outcome
}

fn judge_pairs(outcome: &mut Outcome, overhead: &Overhead, plan: &Plan) {
    let limit = plan.limit;
    if let Some(broken) = &overhead.pairs.broken {
        let done = overhead.pairs.measured.len();
        let reason = format!("{broken}, after {done} of {} pairs", plan.pairs);
        return match broken {
            Broken::Ended { role: Role::Shimmed, ending, .. } => {
                outcome.fail(
                    ending.code().unwrap_or(Code::CommandFailed),
                    "a shimmed run that ends well, as the native one does".to_owned(),
                    reason,
                );
            }
            _ => outcome.leave_open(reason),
        };
    }
    let Some(ratio) = &overhead.ratio else { return outcome.leave_open("no pair was measured".to_owned()) };
    let found = format!("{}, 95% interval {} to {}", percent(ratio.median), percent(ratio.low), percent(ratio.high));
    match plan.standing(ratio) {
        Standing::Holds => {
            let cost = if ratio.low > 1.0 { "costs something" } else { "costs nothing that shows" };
            outcome.title = format!("the shim {cost}, within the limit of {limit}");
            outcome.evidence.push(found);
        }
        Standing::Missed => {
            outcome.title = format!("the shim costs more than the limit of {limit}");
            outcome.fail(Code::Overhead, format!("at most {limit} more than without the shim"), found);
        }
        Standing::Open => {
            let wanted = plan.pairs_wanted(ratio);
            outcome.leave_open(format!(
                "{found}: the limit of {limit} lies inside the interval, so these {} pairs cannot tell. Measure where \
                     nothing else runs; from the scatter seen, --pairs {wanted} would probably decide",
                plan.pairs
            ));
        }
    }
}
