//! `overhead` for people.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::check::Outcome;
use crate::cli::Output;
use crate::cli::figures::{number, percent, time};
use crate::measure::{CallCost, Metric, Overhead, Plan};
use crate::report::{self, Style};

pub(super) fn print(overhead: &Overhead, plan: &Plan, outcome: &Outcome, output: Output) -> io::Result<()> {
    let style = Style { marks: output.draws_marks(), width: output.width(), verbose: output.verbose > 0 };
    let mut text = String::new();
    if !overhead.pairs.measured.is_empty() {
        let _ = writeln!(text, "{}\n", overhead.climb.interception().sentence());
        pairs(&mut text, overhead, plan, style.verbose);
        calls(&mut text, overhead);
    }
    report::outcome(&mut text, outcome, None, style);
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn pairs(text: &mut String, overhead: &Overhead, plan: &Plan, verbose: bool) {
    let show = |value: f64| match plan.metric {
        Metric::Seconds => time(value),
        Metric::Printed(_) => number(value),
    };
    let what = match plan.metric.pattern() {
        None => "wall time of the whole command".to_owned(),
        Some(pattern) => format!("the number that matches {pattern}"),
    };
    let count = overhead.pairs.measured.len();
    let _ = writeln!(text, "{what}, {count} pairs in turn after one to warm up (not counted)");
    let _ = writeln!(text, "  {:<10} {:>12} {:>12} {:>12}", "", "native", "shimmed", "in pairs");
    let row = |text: &mut String, name: &str, native: f64, shimmed: f64, ratio: f64| {
        let (native, shimmed, ratio) = (show(native), show(shimmed), percent(ratio));
        let _ = writeln!(text, "  {name:<10} {native:>12} {shimmed:>12} {ratio:>12}");
    };
    if verbose {
        for (number, pair) in overhead.pairs.measured.iter().enumerate() {
            row(text, &format!("pair {}", number + 1), pair.native, pair.shimmed, plan.ratio(pair));
        }
    }
    let middles = (overhead.middle(|pair| pair.native), overhead.middle(|pair| pair.shimmed), overhead.ratio);
    if let (Some(native), Some(shimmed), Some(ratio)) = middles {
        row(text, "median", native, shimmed, ratio.median);
    }
    text.push('\n');
}

fn calls(text: &mut String, overhead: &Overhead) {
    if let Some(reason) = &overhead.without_costs {
        let _ = writeln!(text, "what a call costs was not measured: {reason}\n");
    }
    let Some(calls) = overhead.costs.iter().map(|cost| cost.calls).min() else { return };
    let _ = writeln!(text, "nanoseconds a call, medians of {calls} calls or more in each run");
    let head = ("role", "function", "native", "shimmed", "the shim adds");
    let _ = writeln!(text, "  {:<11} {:<24} {:>7} {:>7}  {}", head.0, head.1, head.2, head.3, head.4);
    for cost in &overhead.costs {
        let CallCost { role, function, native, shimmed, added, .. } = cost;
        let shows = added.low > 0.0 || added.high < 0.0;
        let middle = if shows { format!("{:+.1}", added.median) } else { "none".to_owned() };
        let interval = format!("{:+.1} to {:+.1}", added.low, added.high);
        let function = shortened(function);
        let _ = writeln!(text, "  {role:<11} {function:<24} {native:>7.1} {shimmed:>7.1}  {middle} ({interval})");
    }
    text.push('\n');
}

/// The first of two functions that were called in turn stands for both.
fn shortened(function: &str) -> String {
    match function.split_once(", ") {
        Some((first, _)) => format!("{first} …"),
        None => function.to_owned(),
    }
}
