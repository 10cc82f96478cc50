//! `xdoctor concurrent`: what running at once does to programs under a shim.

mod document;
mod lanes;
mod text;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::value_parser;

use crate::check::{Outcome, Status};
use crate::code::Code;
use crate::ladder::{Children, Climb, Deployment, Enough, Setup, climb};
use crate::measure::{
    Admission, Bound, Experiment, Held, Lane, LaneError, Quantity, Reader, Standing, Target, Times, Unit, experiment,
    in_vain,
};

use super::figures::time;
use super::others::warn_of_others;
use super::output::{Format, after_printing};
use super::scratch::scratch;
use super::shimmed::{Shimmed, duration};
use super::waiting::Waiting;
use super::{Exit, Output};
use lanes::{ForLane, LaneArg, RunArg, of_lane, place};

/// Run programs at once under a shim: each lane's latencies and throughput, alone and together
///
/// Each lane is a program of its own with its own environment: the bundled client, which serves
/// products one after the other, or a command that prints a line for each request (and flushes it:
/// Python is told to by PYTHONUNBUFFERED). Every lane runs alone, then all run together, and all of
/// that again, in the opposite order. A window opens when each has printed its first latency, and
/// closes for all at once. The ladder is climbed for every lane first: a shim that does not
/// intercept schedules nothing. A command is ended there once it has printed three latencies, so
/// it may well serve without end.
///
/// A difference between alone and together that is smaller than the spread between repeats is none.
/// A bound is missed (exit status 1, bound-missed) where the whole 95% interval lies beyond it;
/// where the bound lies inside the interval, these repeats cannot tell (exit status 3).
///
/// Examples:
///   xdoctor concurrent                  two lanes, `high` and `low`
///   xdoctor concurrent --native         the same without the shim, to compare with
///   xdoctor concurrent --bound 'high:p99<1.2x' --bound 'low:throughput>0.5x'
///   xdoctor concurrent --shim S --env XSCHED_AUTO_XQUEUE=ON --rate high:50 \
///       --lane high:XSCHED_AUTO_XQUEUE_PRIORITY=1 --size low:256 \
///       --lane low:XSCHED_AUTO_XQUEUE_PRIORITY=0
///   xdoctor concurrent --shim S --latency-line 'took ([0-9.]+) ?(us|ms|s)' \
///       --run 'low:python3 train.py' -- python3 serve.py
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    shimmed: Shimmed,
    /// A lane and its own variables; repeatable [default: high and low]
    #[arg(long = "lane", value_name = "NAME:K=V,…")]
    lanes: Vec<LaneArg>,
    /// What must hold together: `<` or `>`, of p50, p90, p99 or throughput, a multiple of alone (1.2x) or a figure (5ms,
    /// 20/s); repeatable
    #[arg(long = "bound", value_name = "LANE:FIGURE<TARGET")]
    bounds: Vec<Bound>,
    /// How often each setting is run
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u32).range(2..=1000), value_name = "N")]
    repeats: u32,
    /// How long each is measured
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "TIME")]
    window: Duration,
    /// A lane's own command, its words parted as a shell would; repeatable [default: what follows --, else the bundled client]
    #[arg(long = "run", value_name = "LANE:COMMAND")]
    runs: Vec<RunArg>,
    /// Requests that become due each second in a lane of the bundled client [default: high 100, others without pause]
    #[arg(long, value_name = "[LANE:]N")]
    rate: Vec<ForLane<NonZeroU32>>,
    /// Size of the products of the bundled client, at most 512 [default: high 64, others 160]
    #[arg(long, value_name = "[LANE:]N")]
    size: Vec<ForLane<NonZeroU32>>,
    /// A latency in what the lanes print, instead of the bundled client's lines: its first group is the number, a second one
    /// its unit (us, ms, s)
    #[arg(long, value_name = "REGEX")]
    latency_line: Option<String>,
    /// The unit of --latency-line, where the line holds none
    #[arg(long, value_enum, default_value_t, requires = "latency_line", value_name = "UNIT")]
    latency_unit: Unit,
    /// Leave the shim out: what the lanes do to each other without it
    #[arg(long)]
    native: bool,
    /// The command of every lane that has none of its own [default: the bundled client]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What was asked and what came of it.
struct Report {
    lanes: Vec<LaneArg>,
    /// The lanes' commands, as one would type them.
    commands: Vec<String>,
    /// The first lane's climb; `None` where the shim was left out.
    climb: Option<Climb>,
    native: bool,
    repeats: u32,
    window: Duration,
    experiment: Experiment,
    /// The bounds with their lanes' places, and how they came out.
    bounds: Vec<(Bound, usize, Option<Held>)>,
}

/// Runs the command.
///
/// # Errors
/// Where the lanes make no sense, or nothing can be started.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let lanes = lanes::lanes(&args.lanes)?;
    let bounds = args.bounds.iter().map(|bound| Ok((bound.clone(), place(&lanes, &bound.lane)?, None)));
    let bounds = bounds.collect::<anyhow::Result<_>>()?;
    refuse_what_no_lane_has(args, &lanes)?;
    let reader = reader(args)?;
    let enough = Enough { line: reader.pattern().clone(), times: ENOUGH };
    let scratch = scratch()?;
    let setups =
        lanes.iter().map(|lane| setup(args, lane, &enough, scratch.path())).collect::<anyhow::Result<Vec<Setup>>>()?;
    let ready = setups.iter().map(|setup| setup.limits.time).max().unwrap_or_default();
    let times = Times { ready, window: args.window };
    let mut report = Report {
        lanes,
        commands: Vec::new(),
        climb: None,
        native: args.native,
        repeats: args.repeats,
        window: args.window,
        experiment: Experiment::default(),
        bounds,
    };
    let refusal = if args.native { None } else { admit(&mut report, &setups)? };
    if refusal.is_none() {
        let children = children(args, &report.lanes, &setups)?;
        let ready = lanes_of(&report.lanes, &children, &reader, args.native);
        report.commands = ready.iter().map(|lane| lane.child.command_line()).collect();
        warn_of_others(output);
        let waiting = Waiting::of("settings", output.quiet);
        report.experiment = experiment(&ready, args.repeats as usize, times, |done, all| waiting.tell(done, all));
        for (bound, lane, held) in &mut report.bounds {
            *held = bound.held(&report.experiment, *lane);
        }
    }
    let outcomes = outcomes(&report, refusal);
    let printed = match output.format {
        Format::Json => output.json(&document::Document::new(&report, &outcomes)),
        Format::Text => text::print(&report, &outcomes, output),
    };
    after_printing(printed.map_err(Into::into), exit(&outcomes))
}

fn reader(args: &Args) -> anyhow::Result<Reader> {
    Ok(match &args.latency_line {
        Some(pattern) => Reader::new(pattern, args.latency_unit).context("--latency-line")?,
        None => Reader::new("^latency_us=([0-9.]+)$", Unit::Us)?,
    })
}

/// What is said of lanes must be said of lanes that there are, and that can heed it.
fn refuse_what_no_lane_has(args: &Args, lanes: &[LaneArg]) -> anyhow::Result<()> {
    for run in &args.runs {
        place(lanes, &run.lane)?;
    }
    for lane in args.rate.iter().chain(&args.size).filter_map(|one| one.lane.as_ref()) {
        place(lanes, lane)?;
        if !command(args, lane).is_empty() {
            bail!("--rate and --size are for the bundled client; lane {lane} runs a command");
        }
    }
    if args.native && args.shimmed.is_itself() {
        bail!("--native cannot leave out a shim that the command brings in by itself");
    }
    Ok(())
}

/// The lane's own command, else that for all; empty for the bundled client.
fn command<'a>(args: &'a Args, lane: &str) -> &'a [OsString] {
    let own = args.runs.iter().rev().find(|run| run.lane == lane);
    own.map_or(&args.command, |run| &run.command)
}

/// What the lane runs, its own variables after those for all.
fn setup(args: &Args, lane: &LaneArg, enough: &Enough, scratch: &Path) -> anyhow::Result<Setup> {
    let command = command(args, &lane.name);
    let mut setup = args.shimmed.setup(scratch, command, &lane.env)?;
    if args.native {
        // Nobody puts the shim anywhere then: it need not even be there.
        setup.deploy = Deployment::Itself;
    }
    setup.enough = Some(enough.clone()).filter(|_| !command.is_empty());
    if !command.is_empty() && !setup.env.iter().any(|(name, _)| name == UNBUFFERED) {
        setup.env.push((UNBUFFERED.to_owned(), "1".to_owned()));
    }
    Ok(setup)
}

/// Python keeps lines back that go to a pipe: they would all come at once, and too late.
const UNBUFFERED: &str = "PYTHONUNBUFFERED";

/// Latencies that a lane prints while the ladder is climbed: most serve until they are ended.
const ENOUGH: usize = 3;

/// Climbs the ladder for every lane; what came of the first that may not be measured.
fn admit(report: &mut Report, setups: &[Setup]) -> anyhow::Result<Option<Outcome>> {
    for (lane, setup) in report.lanes.iter().zip(setups) {
        let climb = climb(setup)?;
        let admission = Admission::of(&climb);
        report.climb.get_or_insert(climb);
        let mut outcome = Outcome::passing("interception", String::new());
        match admission {
            Admission::Granted => continue,
            Admission::Refused(rung, diagnosis) => {
                outcome.title = format!("lane {} was not measured: {}", lane.name, in_vain(rung));
                outcome.evidence.push(format!("interception NOT proven: `{rung}` fails"));
                outcome.fail(diagnosis.code, diagnosis.expected, diagnosis.actual);
                outcome.fix = diagnosis.fix.or(outcome.fix);
            }
            Admission::Skipped(code, reason) => {
                outcome.title = format!("lane {} was not measured", lane.name);
                (outcome.status, outcome.code, outcome.reason) = (Status::Skip, code, Some(reason));
            }
            Admission::Undetermined(reason) => {
                outcome.title = format!("lane {} was not measured", lane.name);
                outcome.leave_open(reason);
            }
        }
        return Ok(Some(outcome));
    }
    Ok(None)
}

/// The two runs of each lane, with what the bundled client is told.
fn children(args: &Args, lanes: &[LaneArg], setups: &[Setup]) -> anyhow::Result<Vec<Children>> {
    let mut children = Vec::new();
    for (place, (lane, setup)) in lanes.iter().zip(setups).enumerate() {
        let (rate, size) = defaults(place, args);
        let size = of_lane(&args.size, &lane.name).map_or(size, NonZeroU32::get);
        let rate = of_lane(&args.rate, &lane.name).map(NonZeroU32::get).or(rate);
        if size > 512 {
            bail!("expected a size of at most 512 for lane {}, not {size}", lane.name);
        }
        let mut words = vec!["--serve".to_owned(), LONGEST.to_owned(), "--size".to_owned(), size.to_string()];
        words.extend(rate.map(|rate| ["--rate".to_owned(), rate.to_string()]).into_iter().flatten());
        children.push(Children::of(setup, &words)?);
    }
    Ok(children)
}

/// Seconds: longer than any window, for all lanes are ended.
const LONGEST: &str = "86400";

/// Rate and size of a lane of which nothing is said: without --lane the first is the one that matters.
fn defaults(place: usize, args: &Args) -> (Option<u32>, u32) {
    match place {
        0 if args.lanes.is_empty() => (Some(100), 64),
        _ => (None, 160),
    }
}

fn lanes_of(lanes: &[LaneArg], children: &[Children], reader: &Reader, native: bool) -> Vec<Lane> {
    let each = lanes.iter().zip(children);
    each.map(|(lane, children)| {
        let child = if native { &children.native } else { &children.shimmed };
        Lane { name: lane.name.clone(), child: child.clone(), reader: reader.clone() }
    })
    .collect()
}

/// What is to be reported beside the figures: what kept them from being measured, and how each bound came out.
fn outcomes(report: &Report, refusal: Option<Outcome>) -> Vec<Outcome> {
    if let Some(refusal) = refusal {
        return vec![refusal];
    }
    let mut outcomes: Vec<Outcome> = report.experiment.broken.iter().map(broken).collect();
    for (bound, lane, held) in &report.bounds {
        outcomes.push(of_bound(bound, report.lanes.get(*lane), held.as_ref(), report));
    }
    outcomes
}

fn broken(error: &LaneError) -> Outcome {
    let mut outcome = Outcome::passing("lanes", "all repeats were run".to_owned());
    let code = match error {
        LaneError::Ended { ending, .. } => ending.code(),
        LaneError::Start { .. } => Some(Code::CommandFailed),
        _ => None,
    };
    match code {
        Some(code) => outcome.fail(code, "programs that serve until they are ended".to_owned(), error.to_string()),
        None => outcome.leave_open(error.to_string()),
    }
    outcome
}

fn of_bound(bound: &Bound, lane: Option<&LaneArg>, held: Option<&Held>, report: &Report) -> Outcome {
    let mut outcome = Outcome::passing(bound.to_string(), String::new());
    let name = lane.map(|lane| lane.name.as_str()).unwrap_or_default();
    let what = format!("{} of lane {name}", bound.quantity.name());
    let Some(Held { measured, standing }) = held else {
        outcome.title = what;
        outcome.leave_open("nothing was measured".to_owned());
        return outcome;
    };
    let show = |value| target(bound, value);
    let interval = format!("{} to {}", show(measured.low), show(measured.high));
    let found = format!("{}, 95% interval {interval}", show(measured.median));
    // A broken experiment's figures are shown, but what they would have become nobody knows.
    let standing = if report.experiment.broken.is_some() { Standing::Open } else { *standing };
    match standing {
        Standing::Holds => {
            outcome.title = format!("{what} together: {} ({interval})", show(measured.median));
        }
        Standing::Missed => {
            outcome.title = format!("{what} together is not as bound");
            outcome.fail(Code::BoundMissed, bound.to_string(), found);
        }
        Standing::Open => {
            outcome.title = format!("{what} together");
            outcome.leave_open(format!(
                "{found}: these repeats lie too far apart to tell. More of them (--repeats), a longer --window, or a \
                 machine where nothing else runs would"
            ));
        }
    }
    outcome
}

/// A figure in the unit of the bound's target.
fn target(bound: &Bound, value: f64) -> String {
    match (bound.target, bound.quantity) {
        (Target::Alone(_), _) => format!("{value:.2}x"),
        (Target::Figure(_), Quantity::Throughput) => format!("{value:.1}/s"),
        (Target::Figure(_), _) => time(value),
    }
}

fn exit(outcomes: &[Outcome]) -> Exit {
    outcomes.iter().map(|outcome| Exit::from(outcome.status)).fold(Exit::Holds, Exit::and)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Ending;

    #[test]
    fn a_lane_that_ended_at_a_limit_is_named_by_that_limit() {
        let ended = |ending| broken(&LaneError::Ended { lane: "high".to_owned(), ending, said: None });
        assert_eq!(ended(Ending::OutputLimit).code, Some(Code::OutputLimit));
        assert_eq!(ended(Ending::MemoryLimit).code, Some(Code::MemoryLimit));
        assert_eq!(ended(Ending::Signalled(11)).code, Some(Code::Crash));
        assert_eq!(ended(Ending::Exited(3)).code, Some(Code::CommandFailed));
    }
}
