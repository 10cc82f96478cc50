//! What a call of each role costs, as the bundled client measures it from inside.

use serde::Deserialize;

use crate::probe::Ended;

use super::{Estimate, Pair, median};

/// A function's cost in one run: a row of `ns_per_call`, as hip-matmul prints it with `--calls`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Cost {
    /// What the function is for.
    pub role: String,
    /// Its name, or two that were called in turn.
    pub function: String,
    /// How many calls there were.
    pub calls: u64,
    /// Nanoseconds a call.
    pub ns: f64,
}

/// A function's cost without and with the shim.
#[derive(Clone, Debug, PartialEq)]
pub struct CallCost {
    /// What the function is for.
    pub role: String,
    /// Its name, or two that were called in turn.
    pub function: String,
    /// Calls in each run, at least.
    pub calls: u64,
    /// Nanoseconds a native call, the median of the runs.
    pub native: f64,
    /// Nanoseconds a shimmed call, the median of the runs.
    pub shimmed: f64,
    /// What the shim adds, in nanoseconds: the median of the pairs' differences.
    pub added: Estimate,
}

/// The costs that a run of the bundled client printed.
///
/// # Errors
/// Where it printed none, in words.
pub fn read_costs(ended: &Ended) -> Result<Vec<Cost>, String> {
    #[derive(Deserialize)]
    struct Report {
        ns_per_call: Vec<Cost>,
    }
    let text = ended.stdout.text();
    let report: Option<Report> = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    report.map(|report| report.ns_per_call).ok_or_else(|| "it printed no `ns_per_call`".to_owned())
}

/// The rows of all pairs, function by function.
pub fn call_costs(pairs: &[Pair<Vec<Cost>>]) -> Vec<CallCost> {
    let Some(first) = pairs.first() else { return Vec::new() };
    first.native.iter().filter_map(|row| call_cost(row, pairs)).collect()
}

fn call_cost(row: &Cost, pairs: &[Pair<Vec<Cost>>]) -> Option<CallCost> {
    let find = |costs: &[Cost]| costs.iter().find(|cost| cost.function == row.function).cloned();
    let both: Vec<(Cost, Cost)> =
        pairs.iter().filter_map(|pair| Some((find(&pair.native)?, find(&pair.shimmed)?))).collect();
    let column = |of: fn(&(Cost, Cost)) -> f64| both.iter().map(of).collect::<Vec<f64>>();
    Some(CallCost {
        role: row.role.clone(),
        function: row.function.clone(),
        calls: both.iter().map(|(native, shimmed)| native.calls.min(shimmed.calls)).min()?,
        native: median(&column(|pair| pair.0.ns))?,
        shimmed: median(&column(|pair| pair.1.ns))?,
        added: Estimate::of(&column(|pair| pair.1.ns - pair.0.ns))?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;

    fn cost(function: &str, ns: f64) -> Cost {
        Cost { role: "copy".to_owned(), function: function.to_owned(), calls: 3000, ns }
    }

    #[test]
    fn what_the_shim_adds_is_the_median_of_the_differences_within_pairs() {
        let pair = |native: f64, shimmed: f64| Pair {
            first: Role::Native,
            native: vec![cost("a", native), cost("only-native", 1.0)],
            shimmed: vec![cost("a", shimmed)],
        };
        let costs = call_costs(&[pair(10.0, 12.0), pair(20.0, 23.0), pair(30.0, 31.0)]);
        let [cost] = &costs[..] else { panic!("a row of what both measured, not {costs:?}") };
        assert_eq!((cost.native, cost.shimmed), (20.0, 23.0));
        assert_eq!(cost.added, Estimate { median: 2.0, low: 1.0, high: 3.0 });
        assert!(call_costs(&[]).is_empty());
    }
}
