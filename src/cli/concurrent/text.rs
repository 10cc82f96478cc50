//! `concurrent` for people.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use colored::Colorize;

use crate::check::Outcome;
use crate::cli::Output;
use crate::cli::concurrent::Report;
use crate::cli::figures::time;
use crate::measure::{Comparison, Quantity, Setting, Spread};
use crate::report::{self, Style};

pub(super) fn print(report: &Report, outcomes: &[Outcome], output: Output) -> io::Result<()> {
    let style = Style { marks: output.draws_marks(), width: output.width(), verbose: output.verbose > 0 };
    let mut text = String::new();
    if !report.experiment.runs.is_empty() {
        match &report.climb {
            Some(climb) => {
                let _ = writeln!(text, "{}\n", climb.interception().sentence());
            }
            None => text.push_str("without the shim\n\n"),
        }
        figures(&mut text, report, style.verbose);
    }
    for outcome in outcomes {
        report::outcome(&mut text, outcome, None, style);
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Width of a lane's settings, and of a figure.
const FIRST: usize = 14;
const COLUMN: usize = 16;

fn figures(text: &mut String, report: &Report, verbose: bool) {
    let window = report.window.as_secs_f64();
    let _ = writeln!(text, "medians of {} repeats of {window} s, and how far the repeats lie apart", report.repeats);
    for (place, lane) in report.lanes.iter().enumerate() {
        let mut head = format!("{:<FIRST$}", lane.name);
        for quantity in Quantity::ALL {
            let _ = write!(head, "{:>COLUMN$}", quantity.name());
        }
        let _ = writeln!(text, "\n  {}", head.bold());
        if verbose {
            repeats(text, report, place);
        }
        let comparisons = Quantity::ALL.map(|quantity| report.experiment.comparison(place, quantity));
        row(text, "  alone", &comparisons, |quantity, it| spread(quantity, &it.alone));
        row(text, "  together", &comparisons, |quantity, it| spread(quantity, &it.together));
        row(text, "  difference", &comparisons, |_, it| difference(it));
    }
    text.push('\n');
    if report.experiment.runs.iter().any(|run| run.requests < 100) {
        text.push_str("some windows hold fewer than 100 requests: their p99 is the slowest one\n\n");
    }
}

fn row(
    text: &mut String,
    name: &str,
    comparisons: &[Option<Comparison>; 4],
    show: impl Fn(Quantity, &Comparison) -> String,
) {
    let _ = write!(text, "  {name:<FIRST$}");
    for (quantity, comparison) in Quantity::ALL.into_iter().zip(comparisons) {
        let shown = comparison.as_ref().map_or_else(|| "?".to_owned(), |comparison| show(quantity, comparison));
        let _ = write!(text, "{shown:>COLUMN$}");
    }
    text.push('\n');
}

/// Each repeat in a line of its own, in the order of the settings.
fn repeats(text: &mut String, report: &Report, place: usize) {
    for setting in [Setting::Alone, Setting::Together] {
        let runs = report.experiment.runs.iter().filter(|run| run.lane == place && run.setting == setting);
        for run in runs {
            let word = if setting == Setting::Alone { "alone" } else { "together" };
            let _ = write!(text, "  {:<FIRST$}", format!("  {} {word}", run.repeat));
            for quantity in Quantity::ALL {
                let _ = write!(text, "{:>COLUMN$}", figure(quantity, run.figure(quantity)));
            }
            text.push('\n');
        }
    }
}

fn figure(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Throughput => format!("{value:.1}/s"),
        Quantity::P50 | Quantity::P90 | Quantity::P99 => time(value),
    }
}

/// The median, and half the range of the repeats as a share of it.
fn spread(quantity: Quantity, spread: &Spread) -> String {
    let share = 50.0 * spread.width() / spread.median;
    let share = if share.is_finite() { format!(" ±{share:.0}%") } else { String::new() };
    figure(quantity, spread.median) + &share
}

fn difference(comparison: &Comparison) -> String {
    match format!("{:.2}x", comparison.ratio.median) {
        _ if !comparison.differs() => "none".to_owned(),
        ratio if ratio == "1.00x" => "below 1%".to_owned(),
        ratio => ratio,
    }
}
