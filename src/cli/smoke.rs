//! `xdoctor smoke`: climbs the evidence ladder for a shim.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use colored::{Color, Colorize};
use serde::Serialize;

use crate::bundle;
use crate::check::{Status, parse_duration};
use crate::code::{Code, Severity};
use crate::ladder::{Answer, Call, Climb, Deploy, Rung, Setup, Step, climb};
use crate::probe::{Ended, Limits, watch_for_interrupts};
use crate::scratch::scratch;

use super::output::Format;
use super::{Exit, Output};

/// Climb the evidence ladder for a shim: present, loads, binds, called, forwards, correct, survives
///
/// The bundled matmul runs natively, then under the shim while ld.so tells what it binds.
///
/// Examples:
///   xdoctor smoke                                               the bundled shim before the CPU runtime
///   xdoctor smoke --shim ./libshimhip.so                        yours before the CPU runtime
///   xdoctor smoke --shim S --runtime /opt/rocm/lib/libamdhip64.so.6
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shim [default: the bundled one]
    #[arg(long, value_name = "LIB")]
    shim: Option<PathBuf>,
    /// The runtime to forward to [default: the bundled CPU runtime]
    #[arg(long, value_name = "LIB")]
    runtime: Option<PathBuf>,
    /// How the shim gets in front
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    deploy: Deploy,
    /// How long each run may take
    #[arg(long, default_value = "60s", value_parser = duration, value_name = "TIME")]
    timeout: Duration,
    /// Set a variable for both runs; repeatable
    #[arg(long, value_name = "K=V", value_parser = name_and_value)]
    env: Vec<(String, String)>,
    /// Keep what the runs print in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Leave the native run out
    #[arg(long)]
    no_native: bool,
    /// What must be there: without it the command fails instead of skipping
    #[arg(long, value_parser = ["gpu"], value_name = "WHAT")]
    require: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a time such as 60s, 500ms or 2m".to_owned())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected K=V")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Runs the command.
///
/// # Errors
/// Where the climb cannot begin.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let scratch = scratch()?;
    let bundled = scratch.path().join("bundle");
    let default = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| bundled.join(name));
    if args.shim.is_none() || args.runtime.is_none() {
        bundle::unpack(&bundled)?;
    }
    if let Some(folder) = &args.keep {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot keep output in {}", folder.display()))?;
    }
    watch_for_interrupts().context("cannot watch for Ctrl-C")?;
    let shim = default(&args.shim, "lib/libshimhip.so");
    let runtime = default(&args.runtime, "lib/libamdhip64.so.7");
    let setup = Setup {
        deploy: args.deploy,
        env: args.env.clone(),
        limits: Limits { time: args.timeout, ..Limits::default() },
        log: args.keep.as_ref().map(|folder| folder.join("smoke")),
        native: !args.no_native,
        require_gpu: args.require.is_some(),
        ..Setup::new(&shim, &runtime, scratch.path())
    };
    let climb = climb(&setup)?;
    match output.format {
        Format::Json => output.json(&document(&climb))?,
        Format::Text => print(&climb, output)?,
    }
    Ok(exit(&climb))
}

fn exit(climb: &Climb) -> Exit {
    let of = |step: &Step| match status(step).0 {
        Status::Pass | Status::Skip => Exit::Holds,
        Status::Warn => Exit::Warns,
        Status::Fail => Exit::Fails,
        Status::Undetermined => Exit::Undetermined,
    };
    climb.steps.iter().map(of).fold(Exit::Holds, Exit::and)
}

/// A rung's status, with its code and mend where it has one.
fn status(step: &Step) -> (Status, Option<Code>, Option<&str>) {
    match &step.answer {
        Answer::Holds => (Status::Pass, None, None),
        Answer::Diagnosed(diagnosis) => {
            let status = match diagnosis.severity() {
                Severity::Fail => Status::Fail,
                Severity::Warn => Status::Warn,
                Severity::Info => Status::Pass,
            };
            let general = || diagnosis.code.page().map(|page| page.mend.trim());
            (status, Some(diagnosis.code), diagnosis.fix.as_deref().or_else(general))
        }
        Answer::Undetermined(_) => (Status::Undetermined, None, None),
        Answer::Skipped(code, _) => (Status::Skip, Some(*code), None),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    command: &'a str,
    device: Option<&'a str>,
    rungs: Vec<RungRow<'a>>,
    calls: &'a [Call],
    native: Option<RunRow>,
    shimmed: Option<RunRow>,
}

#[derive(Serialize)]
struct RungRow<'a> {
    rung: Rung,
    status: Status,
    code: Option<Code>,
    expected: Option<&'a str>,
    actual: Option<&'a str>,
    reason: Option<&'a str>,
    evidence: &'a [String],
    fix: Option<&'a str>,
}

#[derive(Serialize)]
struct RunRow {
    exit: Option<i32>,
    signal: Option<i32>,
    seconds: f64,
    stdout_sha256: String,
    truncated: bool,
}

fn document(climb: &Climb) -> Document<'_> {
    let run = |ended: &Ended| RunRow {
        exit: ended.exit(),
        signal: ended.signal(),
        seconds: ended.seconds,
        stdout_sha256: ended.stdout.sha256(),
        truncated: ended.stdout.truncated,
    };
    Document {
        schema: "xdoctor/smoke/1",
        command: &climb.command,
        device: climb.device.as_deref(),
        rungs: climb.steps.iter().map(row).collect(),
        calls: &climb.calls,
        native: climb.native.as_ref().map(run),
        shimmed: climb.shimmed.as_ref().map(run),
    }
}

fn row(step: &Step) -> RungRow<'_> {
    let (status, code, fix) = status(step);
    let (expected, actual, reason) = match &step.answer {
        Answer::Diagnosed(diagnosis) => (Some(diagnosis.expected.as_str()), Some(diagnosis.actual.as_str()), None),
        Answer::Undetermined(reason) | Answer::Skipped(_, reason) => (None, None, Some(reason.as_str())),
        Answer::Holds => (None, None, None),
    };
    RungRow { rung: step.rung, status, code, expected, actual, reason, evidence: &step.evidence, fix }
}

fn print(climb: &Climb, output: Output) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if let Some(device) = &climb.device {
        writeln!(out, "device: {device}")?;
    }
    for step in &climb.steps {
        print_rung(&mut out, step, output)?;
    }
    if output.verbose > 0 {
        print_calls(&mut out, &climb.calls)?;
    }
    let (proven, needed) = (climb.proven.len(), climb.needed.len());
    let verdict = match climb.failure() {
        Some((rung, diagnosis)) => format!("interception NOT proven: `{rung}` fails ({})", diagnosis.code),
        None => match climb.open() {
            Some((rung, reason)) => format!("interception NOT proven: `{rung}` is undetermined ({reason})"),
            None => format!("interception proven for {proven} of {needed} roles"),
        },
    };
    writeln!(out, "{}", verdict.bold())?;
    out.flush()
}

fn print_rung(out: &mut impl Write, step: &Step, output: Output) -> io::Result<()> {
    let (status, ..) = status(step);
    let row = row(step);
    let code = row.code.map(|code| format!(" [{code}]")).unwrap_or_default();
    writeln!(out, "  {} {:<9} {}{code}", mark(status, output), step.rung, step.rung.claim())?;
    let bad = !matches!(status, Status::Pass | Status::Skip);
    let fields = [("reason:", row.reason), ("expected:", row.expected), ("found:", row.actual)];
    for (name, text) in fields.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        writeln!(out, "      {name:<10}{text}")?;
    }
    let shown = if bad || output.verbose > 0 { step.evidence.len() } else { 1 };
    for seen in step.evidence.iter().take(shown) {
        writeln!(out, "      {:<10}{seen}", "evidence:")?;
    }
    if let Some(fix) = row.fix.filter(|_| bad) {
        writeln!(out, "      {:<10}{fix}", "fix:")?;
    }
    Ok(())
}

fn print_calls(out: &mut impl Write, calls: &[Call]) -> io::Result<()> {
    let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    writeln!(out, "\n  {:<36} {:<12} {:>8} {:>8}", "function", "role", "shim", "runtime")?;
    for call in calls {
        let (shim, runtime) = (count(call.shim), count(call.runtime));
        writeln!(out, "  {:<36} {:<12} {shim:>8} {runtime:>8}", call.symbol, call.role)?;
    }
    writeln!(out)
}

fn mark(status: Status, output: Output) -> String {
    let (drawn, spelled, colour) = match status {
        Status::Pass => ("✓", "[ok]", Color::Green),
        Status::Warn => ("!", "[warn]", Color::Yellow),
        Status::Fail => ("✗", "[FAIL]", Color::Red),
        Status::Skip => ("–", "[skip]", Color::Cyan),
        Status::Undetermined => ("?", "[????]", Color::Magenta),
    };
    let text = if output.draws_marks() { drawn.to_owned() } else { format!("{spelled:<6}") };
    text.color(colour).to_string()
}
