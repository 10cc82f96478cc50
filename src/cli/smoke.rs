//! `xdoctor smoke`: climbs the evidence ladder for a shim.

mod document;
mod text;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, bail};
use regex::Regex;

use crate::check::{Outcome, Status};
use crate::ladder::{Answer, Climb, Compare, Setup, Step, climb};

use super::output::{Format, after_printing};
use super::scratch::scratch;
use super::shimmed::Shimmed;
use super::{Exit, Output};
use document::document;
use text::print;

/// Climb the evidence ladder for a shim: present, loads, binds, called, forwards, correct, survives
///
/// The command runs natively, then under the shim, both times observed: who calls which function
/// of the API in which library, how often, whatever shim and program they are. What the loader
/// model says is held against it. Without a command it is the bundled matmul that runs.
///
/// Examples:
///   xdoctor smoke                              the bundled shim, on any machine
///   xdoctor smoke --shim ./libshimhip.so       yours before the CPU runtime
///   xdoctor smoke --shim S --runtime /opt/rocm/lib/libamdhip64.so.6
///   xdoctor smoke --shim S --compare json:/loss -- python3 train.py
///   xdoctor smoke --shim S --api cuda -- python3 -c 'import torch'
///   xdoctor smoke --shim S --deploy itself -- ./start-with-shim.sh
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    shimmed: Shimmed,
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
    /// The command [default: the bundled matmul]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
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
    if args.command.is_empty() && args.compare != Compare::default() {
        bail!("--compare needs a command of your own, after --: the bundled matmul judges its result itself");
    }
    let scratch = scratch()?;
    if let Some(folder) = &args.keep {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot keep output in {}", folder.display()))?;
    }
    let setup = Setup {
        log: args.keep.as_ref().map(|folder| folder.join("smoke")),
        native: !args.no_native,
        compare: args.compare.clone(),
        expected_lines: args.expect_line.clone(),
        trace_lines: args.trace_line.clone(),
        ..args.shimmed.setup(scratch.path(), &args.command, &[])?
    };
    let climb = climb(&setup)?;
    let printed = match output.format {
        Format::Json => output.json(&document(&climb)),
        Format::Text => print(&climb, output),
    };
    after_printing(printed.map_err(Into::into), exit(&climb))
}

fn exit(climb: &Climb) -> Exit {
    climb.steps.iter().map(|step| Exit::from(outcome(step).status)).fold(Exit::Holds, Exit::and)
}

/// A rung as a report has it.
fn outcome(step: &Step) -> Outcome {
    let mut outcome = Outcome::passing(step.rung.name(), step.rung.claim());
    outcome.evidence.clone_from(&step.evidence);
    match &step.answer {
        Answer::Holds => {}
        Answer::Diagnosed(diagnosis) => {
            outcome.status = Status::from(diagnosis.severity());
            outcome.severity = diagnosis.severity();
            outcome.code = Some(diagnosis.code);
            outcome.expected = Some(diagnosis.expected.clone());
            outcome.actual = Some(diagnosis.actual.clone());
            outcome.fix = diagnosis.fix.clone().or_else(|| diagnosis.code.page().map(|page| page.mend.clone()));
        }
        Answer::Undetermined(reason) => outcome.leave_open(reason.clone()),
        Answer::Unobserved(code, reason) => {
            outcome.leave_open(reason.clone());
            outcome.code = Some(*code);
        }
        Answer::Skipped(code, reason) => {
            outcome.status = Status::Skip;
            outcome.code = *code;
            outcome.reason = Some(reason.clone());
        }
    }
    outcome
}
