//! `xdoctor smoke`: climbs the evidence ladder for a shim.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use colored::Colorize;
use serde::Serialize;

use crate::bundle;
use crate::check::{Outcome, Status, parse_duration};
use crate::code::{Code, Severity};
use crate::interpose::Deploy;
use crate::ladder::{Answer, Call, Climb, Setup, Step, climb};
use crate::probe::{Ended, Limits, watch_for_interrupts};
use crate::report::{self, Style};
use crate::scratch::scratch;

use super::output::{Format, after_printing};
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
    if matches!(name, "LD_PRELOAD" | "LD_LIBRARY_PATH" | "LD_AUDIT") {
        return Err(format!("{name} is set by the climb itself; --shim, --runtime and --deploy say how"));
    }
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
    let printed = match output.format {
        Format::Json => output.json(&document(&climb)),
        Format::Text => print(&climb, output),
    };
    after_printing(printed.map_err(Into::into), exit(&climb))
}

fn exit(climb: &Climb) -> Exit {
    let of = |step: &Step| match outcome(step).status {
        Status::Pass | Status::Skip => Exit::Holds,
        Status::Warn => Exit::Warns,
        Status::Fail => Exit::Fails,
        Status::Undetermined => Exit::Undetermined,
    };
    climb.steps.iter().map(of).fold(Exit::Holds, Exit::and)
}

/// A rung as a report has it.
fn outcome(step: &Step) -> Outcome {
    let mut outcome = Outcome {
        id: step.rung.name().to_owned(),
        title: step.rung.claim().to_owned(),
        status: Status::Pass,
        severity: Severity::Fail,
        code: None,
        expected: None,
        actual: None,
        evidence: step.evidence.clone(),
        fix: None,
        location: None,
        seconds: 0.0,
        reason: None,
    };
    match &step.answer {
        Answer::Holds => {}
        Answer::Diagnosed(diagnosis) => {
            outcome.status = match diagnosis.severity() {
                Severity::Fail => Status::Fail,
                Severity::Warn => Status::Warn,
                Severity::Info => Status::Pass,
            };
            outcome.severity = diagnosis.severity();
            outcome.code = Some(diagnosis.code);
            outcome.expected = Some(diagnosis.expected.clone());
            outcome.actual = Some(diagnosis.actual.clone());
            outcome.fix = diagnosis.fix.clone().or_else(|| diagnosis.code.page().map(|page| page.mend.clone()));
        }
        Answer::Undetermined(reason) => {
            outcome.status = Status::Undetermined;
            outcome.reason = Some(reason.clone());
        }
        Answer::Skipped(code, reason) => {
            outcome.status = Status::Skip;
            outcome.code = Some(*code);
            outcome.reason = Some(reason.clone());
        }
    }
    outcome
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    command: &'a str,
    device: Option<&'a str>,
    rungs: Vec<Rung>,
    calls: &'a [Call],
    native: Option<Run>,
    shimmed: Option<Run>,
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

fn document(climb: &Climb) -> Document<'_> {
    Document {
        schema: "xdoctor/smoke/1",
        command: &climb.command,
        device: climb.device.as_deref(),
        rungs: climb.steps.iter().map(Rung::from).collect(),
        calls: &climb.calls,
        native: climb.native.as_ref().map(Run::from),
        shimmed: climb.shimmed.as_ref().map(Run::from),
    }
}

fn print(climb: &Climb, output: Output) -> io::Result<()> {
    let style = Style { marks: output.draws_marks(), width: output.width(), verbose: output.verbose > 0 };
    let mut text = String::new();
    if let Some(device) = &climb.device {
        text.push_str(&format!("device: {device}\n"));
    }
    for step in &climb.steps {
        report::outcome(&mut text, &outcome(step), None, style);
    }
    if style.verbose {
        list_calls(&mut text, &climb.calls);
    }
    text.push_str(&format!("{}\n", climb.interception().sentence().bold()));
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn list_calls(text: &mut String, calls: &[Call]) {
    let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    text.push_str(&format!("\n  {:<36} {:<12} {:>8} {:>8}\n", "function", "role", "shim", "runtime"));
    for call in calls {
        let (shim, runtime) = (count(call.shim), count(call.runtime));
        text.push_str(&format!("  {:<36} {:<12} {shim:>8} {runtime:>8}\n", call.symbol, call.role));
    }
    text.push('\n');
}
