//! `xdoctor trace`: what a command called.

mod document;
mod table;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

use crate::bundle;
use crate::interpose::Selection;
use crate::probe::{Child, Ended, Ending, Limits, Met, Observation, Observer};

use super::output::{Format, after_printing};
use super::scratch::scratch;
use super::shimmed::{duration, name_and_value};
use super::{Exit, Output};
use document::Document;
use table::Table;

/// Count which object called which function of an API in which library, while a command runs
///
/// Neither the program nor a shim need cooperate: ld.so itself tells the observer who binds to whom,
/// and every reference leads through a counter. Where two libraries serve the API, calls that go past
/// the first of them (the preloaded one) come first.
///
/// The command's words, stdout's too, go to stderr. Its stdin is closed, and LD_* variables are not
/// inherited: give them with --env. Exit status 0 where the command was observed, whatever became of
/// it; 3 where nothing could be observed, or no call was and a process left the observer behind, or
/// somebody pressed Ctrl-C.
///
/// Examples:
///   xdoctor trace -- ./client
///   xdoctor trace --env LD_PRELOAD=$PWD/libshimhip.so -- python3 train.py
///   xdoctor trace --api cuda --format json -- ./client
///   xdoctor trace --api 'str*' -- ls
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// What to count: hip, cuda, a table's file, or symbols by name or pattern (`*`, `?`, `[a-z]`); repeatable
    #[arg(long, default_value = "hip", value_name = "NAME|FILE|GLOB")]
    api: Vec<String>,
    /// Set a variable for the command; repeatable
    #[arg(long, value_name = "K=V", value_parser = name_and_value)]
    env: Vec<(String, String)>,
    /// End the command after this time [default: never]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    timeout: Option<Duration>,
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command.
///
/// # Errors
/// Where the command cannot be started.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let selections = args.api.iter().map(|api| Selection::parse(api)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = selections.into_iter().flat_map(|selection| selection.names).collect();
    let scratch = scratch()?;
    bundle::unpack(scratch.path())?;
    let library = scratch.path().join("lib/libxdoctor-observer.so");
    let observer = Observer::set_up(&library, &scratch.path().join("observed"), &names)?;
    let (command_line, ended) = run_command(args, &observer)?;
    let observation = observer.read()?;
    let unobserved = observation.unobserved(&ended.met);
    let table = Table::of(&observation, &preloads(args));
    let printed = match output.format {
        Format::Json => output.json(&Document::new(&command_line, &ended, &observation, &unobserved, &table)),
        Format::Text => table::print(&table, &ended, &observation, output),
    };
    after_printing(printed.map_err(Into::into), exit(&ended, &observation, &unobserved, output))
}

/// The command as it was given, with its variables, and how it ended.
fn run_command(args: &Args, observer: &Observer) -> anyhow::Result<(String, Ended)> {
    let Some((program, words)) = args.command.split_first() else { bail!("expected a command") };
    let limits = Limits { time: args.timeout.unwrap_or(Duration::MAX), ..Limits::default() };
    let mut child = Child::new(program).args(words).limits(limits).show_output();
    for (name, value) in &args.env {
        child = child.env(name, value);
    }
    Ok((child.command_line(), observer.watch(child).run()?))
}

/// What LD_PRELOAD was given as, in its order.
fn preloads(args: &Args) -> Vec<PathBuf> {
    let given = args.env.iter().rev().find(|(name, _)| name == "LD_PRELOAD");
    let text = given.map(|(_, value)| value.as_str()).unwrap_or_default();
    text.split([' ', ':']).filter(|path| !path.is_empty()).map(PathBuf::from).collect()
}

fn exit(ended: &Ended, observation: &Observation, unobserved: &[&Met], output: Output) -> Exit {
    let us = std::process::id();
    if observation.images.is_empty() {
        output.remark(
            "nothing was observed (observer-ignored): ld.so did not take the observer in. The command is static, runs with more \
             rights than its user, or has another loader than glibc's; or LD_AUDIT was taken out of its environment",
        );
        return Exit::Undetermined;
    }
    if !observation.images.iter().any(|image| image.parent == us) {
        output.remark("the command itself was not observed (observer-ignored), only processes that came of it");
    }
    let departed = observation.departed();
    for departure in &departed {
        output.remark(departure);
    }
    for met in unobserved.iter().filter(|met| departed.iter().all(|departure| departure.pid != met.pid)) {
        output.remark(format_args!("process {} ran {} unobserved", met.pid, met.program.display()));
    }
    let lost: u64 = observation.images.iter().map(|image| image.lost).sum();
    if lost > 0 {
        output.remark(format_args!("{lost} bindings could not be recorded: their calls are not counted"));
    }
    let children: u64 = observation.images.iter().map(|image| image.lost_children).sum();
    if children > 0 {
        output.remark(format_args!("{children} forked processes could record nothing: their calls are not counted"));
    }
    if ended.ending == Ending::Interrupted {
        output.remark("interrupted: what the command would have called after that is not known");
        return Exit::Undetermined;
    }
    let calls = observation.images.iter().flat_map(|image| &image.calls).map(|call| call.count).sum::<u64>();
    if calls == 0 && !departed.is_empty() {
        output.remark("no call was seen, and what runs without the observer may make some (observer-ignored)");
        return Exit::Undetermined;
    }
    Exit::Holds
}
