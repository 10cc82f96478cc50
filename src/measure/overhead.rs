//! The overhead of a shim: is it there at all, then pairs of runs, then what a call costs.

use crate::ladder::{Children, Climb, ClimbError, NEVER_NATIVE, Setup, climb};

use super::{
    Admission, CallCost, Estimate, Limit, Metric, Pair, Pairs, Standing, call_costs, median, read_costs, run_pairs,
};

/// What is to be measured, and how often.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Pairs that count; one more goes before them.
    pub pairs: usize,
    /// How much longer the shimmed run may take.
    pub limit: Limit,
    /// The number that is compared.
    pub metric: Metric,
    /// More is better: a rate, say, and no time.
    pub higher_is_better: bool,
    /// Products that each run of the bundled client computes.
    pub iterations: u32,
    /// Calls of each role that the bundled client measures in runs of their own; 0 for none.
    pub calls: u32,
}

/// Pairs of runs for the costs of calls: their figures are medians of thousands already.
const MOST_COST_PAIRS: usize = 10;

/// What measuring showed.
#[derive(Clone, Debug)]
pub struct Overhead {
    /// What was seen of interception first.
    pub climb: Climb,
    /// Whether that allowed to measure.
    pub admission: Admission,
    /// The shimmed command that was measured, as one would type it; `None` where none was.
    pub command: Option<String>,
    /// The pairs; none where it was not allowed.
    pub pairs: Pairs<f64>,
    /// Shimmed over native, so that more is worse: the median of the pairs' ratios.
    pub ratio: Option<Estimate>,
    /// What a call costs, function by function.
    pub costs: Vec<CallCost>,
    /// Why there are no costs although they were asked for.
    pub without_costs: Option<String>,
}

impl Plan {
    /// How much worse the shimmed run of a pair was: 1 for no difference.
    pub fn ratio(&self, pair: &Pair<f64>) -> f64 {
        if self.higher_is_better { pair.native / pair.shimmed } else { pair.shimmed / pair.native }
    }

    /// On which side of the limit the ratio stands.
    pub fn standing(&self, ratio: &Estimate) -> Standing {
        Standing::below(ratio, 1.0 + self.limit.0)
    }

    /// How many pairs would probably show on which side of the limit it stands, were the scatter to stay the same: an
    /// interval's width goes with one over the root of their number.
    pub fn pairs_wanted(&self, ratio: &Estimate) -> usize {
        let distance = (ratio.median - 1.0 - self.limit.0).abs().max(1e-3);
        let half = f64::midpoint(ratio.high - ratio.median, ratio.median - ratio.low);
        let wanted = self.pairs as f64 * (1.5 * half / distance).powi(2);
        (wanted.clamp(2.0 * self.pairs as f64, 1000.0) / 10.0).ceil() as usize * 10
    }
}

impl Overhead {
    /// The median of one of the two runs, in the metric's unit.
    pub fn middle(&self, of: fn(&Pair<f64>) -> f64) -> Option<f64> {
        median(&self.pairs.measured.iter().map(of).collect::<Vec<f64>>())
    }
}

/// Climbs the ladder, and where the shim intercepts runs the pairs. `tell` hears how many of how many pairs are done.
///
/// # Errors
/// Where nothing could be started; what fails later is in the result.
pub fn measure(setup: &Setup, plan: &Plan, tell: impl Fn(usize, usize)) -> Result<Overhead, ClimbError> {
    let climb = climb(setup)?;
    let admission = match Admission::of(&climb) {
        Admission::Granted if climb.native.is_none() => Admission::Undetermined(NEVER_NATIVE.to_owned()),
        admission => admission,
    };
    let mut overhead = Overhead {
        climb,
        admission,
        command: None,
        pairs: Pairs { warm_up: None, measured: Vec::new(), broken: None },
        ratio: None,
        costs: Vec::new(),
        without_costs: None,
    };
    if overhead.admission != Admission::Granted {
        return Ok(overhead);
    }
    let cost_pairs = if plan.calls > 0 { plan.pairs.min(MOST_COST_PAIRS) } else { 0 };
    let all = 1 + plan.pairs + cost_pairs;
    let whole = Children::of(setup, &words("--iterations", plan.iterations))?;
    overhead.command = Some(whole.shimmed.command_line());
    let read = |ended: &_| plan.metric.read(ended);
    overhead.pairs = run_pairs([&whole.native, &whole.shimmed], plan.pairs, read, |done| tell(done, all))?;
    let ratios: Vec<f64> = overhead.pairs.measured.iter().map(|pair| plan.ratio(pair)).collect();
    overhead.ratio = Estimate::of(&ratios);
    if cost_pairs > 0 && overhead.pairs.broken.is_none() {
        let calls = Children::of(setup, &words("--calls", plan.calls))?;
        let done = |done| tell(plan.pairs + done, all);
        let pairs = run_pairs([&calls.native, &calls.shimmed], cost_pairs, read_costs, done)?;
        overhead.costs = call_costs(&pairs.measured);
        overhead.without_costs = pairs.broken.map(|broken| broken.to_string());
    }
    Ok(overhead)
}

fn words(flag: &str, number: u32) -> [String; 2] {
    [flag.to_owned(), number.to_string()]
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    fn plan(higher_is_better: bool) -> Plan {
        let metric = Metric::Seconds;
        Plan { pairs: 20, limit: Limit(0.1), metric, higher_is_better, iterations: 1, calls: 0 }
    }

    #[test]
    fn the_ratio_is_above_one_where_the_shim_costs_something_whatever_the_metric() {
        let pair = Pair { first: Role::Native, native: 10.0, shimmed: 20.0 };
        assert_eq!(plan(false).ratio(&pair), 2.0);
        assert_eq!(plan(true).ratio(&pair), 0.5);
    }

    #[test]
    fn the_nearer_the_limit_the_more_pairs_are_wanted() {
        let estimate = |median: f64| Estimate { median, low: median - 0.05, high: median + 0.05 };
        let wanted = |median| plan(false).pairs_wanted(&estimate(median));
        assert!(wanted(1.09) > wanted(1.06), "{} {}", wanted(1.09), wanted(1.06));
        assert!(wanted(1.06) >= 40 && wanted(1.1) <= 1000);
    }
}
