//! `xdoctor smoke`: climbs the evidence ladder for a shim.

mod document;
mod text;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use regex::Regex;

use crate::bundle;
use crate::check::{Outcome, Status};
use crate::code::Severity;
use crate::interpose::Selection;
use crate::ladder::{Answer, Climb, Compare, Deployment, Setup, Step, climb};
use crate::probe::{Limits, parse_size, watch_for_interrupts};
use crate::scratch::scratch;

use super::output::{Format, after_printing};
use super::shimmed::{duration, name_and_value};
use super::{Exit, Output};
use document::document;
use text::print;

/// Climb the evidence ladder for a shim: present, loads, binds, called, forwards, correct, survives
///
/// The command runs natively, then under the shim, both times observed: who calls which function of the API in
/// which library, how often, whatever shim and program they are. What the loader model says is held against it.
/// Without a command it is the bundled matmul that runs.
///
/// Examples:
///   xdoctor smoke                                               the bundled shim before the CPU runtime
///   xdoctor smoke --shim ./libshimhip.so                        yours before the CPU runtime
///   xdoctor smoke --shim S --runtime /opt/rocm/lib/libamdhip64.so.6
///   xdoctor smoke --shim S --compare json:/loss -- python3 train.py
///   xdoctor smoke --shim S --api cuda -- python3 -c 'import torch'
///   xdoctor smoke --shim S --deploy itself -- ./start-with-shim.sh
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shim [default: the bundled one]
    #[arg(long, value_name = "LIB")]
    shim: Option<PathBuf>,
    /// The runtime to forward to [default: what the command finds by itself; else the bundled CPU runtime]
    #[arg(long, value_name = "LIB")]
    runtime: Option<PathBuf>,
    /// How the shim gets in front
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    deploy: Deployment,
    /// The functions that are watched: hip, cuda, a table's file, or a pattern such as 'cl[A-Z]*'
    #[arg(long, default_value = "hip", value_name = "NAME|FILE|GLOB")]
    api: String,
    /// How long each run may take
    #[arg(long, default_value = "60s", value_parser = duration, value_name = "TIME")]
    timeout: Duration,
    /// How much memory each run may use, all its processes together, such as 8GiB [default: no limit]
    #[arg(long, value_parser = size, value_name = "SIZE")]
    memory_limit: Option<u64>,
    /// How many processes each run may have at once [default: 1000]
    #[arg(long, value_name = "N")]
    process_limit: Option<usize>,
    /// Set a variable for both runs; repeatable
    #[arg(long, value_name = "K=V", value_parser = name_and_value)]
    env: Vec<(String, String)>,
    /// What of the two runs must be equal: exit, stdout, or a value of the JSON on stdout
    #[arg(long, default_value = "exit", value_name = "WHAT")]
    compare: Compare,
    /// A line that the shimmed run must print, on stdout or stderr; repeatable
    #[arg(long, value_name = "REGEX")]
    expect_line: Vec<Regex>,
    /// Count the lines of the shimmed run that fit; repeatable
    #[arg(long, value_name = "NAME=REGEX", value_parser = name_and_pattern)]
    trace_line: Vec<(String, Regex)>,
    /// Keep what the runs print in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Leave the native run out
    #[arg(long)]
    no_native: bool,
    /// The exit status with which the command itself says that it cannot be run here; its last line on stdout is the reason
    #[arg(long, value_name = "STATUS")]
    skip_exit: Option<i32>,
    /// What must be there: without it the command fails instead of skipping
    #[arg(long, value_parser = ["gpu"], value_name = "WHAT")]
    require: Option<String>,
    /// The command [default: the bundled matmul]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "expected a size such as 8GiB or 512MiB".to_owned())
}

fn name_and_pattern(text: &str) -> Result<(String, Regex), String> {
    let (name, pattern) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=REGEX")?;
    Ok((name.to_owned(), Regex::new(pattern).map_err(|error| error.to_string())?))
}

/// Runs the command.
///
/// # Errors
/// Where the climb cannot begin.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    refuse_what_the_bundled_client_cannot(args)?;
    let scratch = scratch()?;
    let bundled = scratch.path().join("bundle");
    let default = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| bundled.join(name));
    let runs_bundled = args.command.is_empty();
    if args.shim.is_none() || (args.runtime.is_none() && runs_bundled) {
        bundle::unpack(&bundled)?;
    }
    if let Some(folder) = &args.keep {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot keep output in {}", folder.display()))?;
    }
    watch_for_interrupts().context("cannot watch for Ctrl-C")?;
    let shim = default(&args.shim, "lib/libshimhip.so");
    let runtime =
        if runs_bundled { Some(default(&args.runtime, "lib/libamdhip64.so.7")) } else { args.runtime.clone() };
    let setup = Setup {
        runtime,
        deploy: args.deploy,
        api: Selection::parse(&args.api)?,
        env: args.env.clone(),
        limits: limits(args),
        log: args.keep.as_ref().map(|folder| folder.join("smoke")),
        native: !args.no_native,
        require_gpu: args.require.is_some(),
        compare: args.compare.clone(),
        expected_lines: args.expect_line.clone(),
        trace_lines: args.trace_line.clone(),
        skip_exit: args.skip_exit,
        ..Setup::of_command(&shim, &args.command, scratch.path())
    };
    let climb = climb(&setup)?;
    let printed = match output.format {
        Format::Json => output.json(&document(&climb)),
        Format::Text => print(&climb, output),
    };
    after_printing(printed.map_err(Into::into), exit(&climb))
}

fn limits(args: &Args) -> Limits {
    let usual = Limits::default();
    Limits {
        time: args.timeout,
        memory: args.memory_limit,
        processes: args.process_limit.unwrap_or(usual.processes),
        ..usual
    }
}

/// The bundled matmul speaks HIP, finds its libraries where the climb puts them, and judges its result itself.
fn refuse_what_the_bundled_client_cannot(args: &Args) -> anyhow::Result<()> {
    if !args.command.is_empty() {
        return Ok(());
    }
    let wants = if args.deploy == Deployment::Itself {
        "--deploy itself"
    } else if args.api != "hip" {
        "--api"
    } else if args.compare != Compare::default() {
        "--compare"
    } else if args.env.iter().any(|(name, _)| matches!(name.as_str(), "LD_PRELOAD" | "LD_LIBRARY_PATH")) {
        "--env LD_PRELOAD=… or LD_LIBRARY_PATH=…"
    } else {
        return Ok(());
    };
    bail!("{wants} needs a command: xdoctor smoke {wants} … -- COMMAND")
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
    let mut outcome = Outcome::passing(step.rung.name(), step.rung.claim());
    outcome.evidence.clone_from(&step.evidence);
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
        Answer::Unobserved(code, reason) => {
            outcome.status = Status::Undetermined;
            outcome.code = Some(*code);
            outcome.reason = Some(reason.clone());
        }
        Answer::Skipped(code, reason) => {
            outcome.status = Status::Skip;
            outcome.code = *code;
            outcome.reason = Some(reason.clone());
        }
    }
    outcome
}
