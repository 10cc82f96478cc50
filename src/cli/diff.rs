//! `xdoctor diff`: the versioned ABI of a library, old against new.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use colored::Colorize;
use serde::Serialize;

use super::output::after_printing;
use super::source::{Source, Sources};
use super::{Exit, Format, Output};
use crate::interpose::Abi;
use crate::interpose::diff::{Change, What, diff};

/// The versioned ABI of a library, old against new
///
/// Exit status 1 where a change breaks a client that is already linked.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  xdoctor diff libshimhip.so.old libshimhip.so
  xdoctor diff libamdhip64.so.6 libamdhip64.so.7 --breaking")]
pub struct Args {
    /// The library as clients were linked with it
    old: PathBuf,
    /// The library that takes its place
    new: PathBuf,
    /// Only what breaks a client
    #[arg(long)]
    breaking: bool,
    /// Search with this environment's LD_LIBRARY_PATH
    #[arg(long)]
    inherit_env: bool,
}

/// Runs the command.
///
/// # Errors
/// Where a file cannot be read or is no ELF file.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let sources = Sources::new(args.inherit_env);
    let (old, new) = (sources.open(&args.old)?, sources.open(&args.new)?);
    let (old_image, new_image) = (old.image()?, new.image()?);
    let (old_symbols, new_symbols) = (old.symbols()?, new.symbols()?);
    let mut changes = diff(&Abi::of(&old_image, &old_symbols), &Abi::of(&new_image, &new_symbols));
    let total = changes.len();
    let breaking = changes.iter().filter(|change| change.breaks).count();
    changes.retain(|change| change.breaks || !args.breaking);
    let printed = match output.format {
        Format::Json => output.json(&Document::new(&old, &new, breaking, &changes)),
        Format::Text => print(&old, &new, &changes, total, output),
    };
    let exit = if breaking > 0 { Exit::Fails } else { Exit::Holds };
    after_printing(printed.context("cannot write to stdout"), exit)
}

#[derive(Serialize)]
struct Document<'c> {
    schema: &'static str,
    old: String,
    new: String,
    breaking: usize,
    changes: &'c [Change],
}

impl<'c> Document<'c> {
    fn new(old: &Source, new: &Source, breaking: usize, changes: &'c [Change]) -> Document<'c> {
        let file = |source: &Source| source.path().display().to_string();
        Document { schema: "xdoctor/diff/1", old: file(old), new: file(new), breaking, changes }
    }
}

fn print(old: &Source, new: &Source, changes: &[Change], total: usize, output: Output) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    writeln!(out, "old {}", old.path().display())?;
    writeln!(out, "new {}", new.path().display())?;
    for change in changes {
        line(change, output, &mut out)?;
    }
    let breaking = changes.iter().filter(|change| change.breaks).count();
    let verdict = match (total, breaking) {
        (0, _) => "no difference".green(),
        (_, 0) => format!("{total} changes, none of which breaks a linked client").green(),
        (_, breaking) => format!("{breaking} of {total} changes break a linked client").red(),
    };
    writeln!(out, "{verdict}")?;
    out.flush()
}

fn line(change: &Change, output: Output, out: &mut impl Write) -> io::Result<()> {
    let mark = match (change.breaks, output.draws_marks()) {
        (true, true) => "✗".red(),
        (true, false) => "[FAIL]".red(),
        (false, true) => "✓".green(),
        (false, false) => "[ok]".green(),
    };
    let what = match (&change.old, &change.new) {
        (Some(old), Some(new)) if is_value(change.change) => format!("{}: {old} → {new}", change.subject),
        (Some(old), Some(new)) => format!("{old} → {new}"),
        (Some(one), None) | (None, Some(one)) if *one != change.subject && !one.starts_with(&change.subject) => {
            format!("{}: {one}", change.subject)
        }
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => change.subject.clone(),
    };
    let what = if output.draws_marks() { what } else { what.replace('→', "->") };
    writeln!(out, "{mark} {:<18} {what}", title(change.change))?;
    if change.breaks || output.verbose > 0 {
        writeln!(out, "    {}", change.why)?;
    }
    Ok(())
}

/// Whether old and new are values of the subject rather than names that contain it.
fn is_value(what: What) -> bool {
    !matches!(what, What::SymbolMoved)
}

fn title(what: What) -> &'static str {
    match what {
        What::MachineChanged => "machine",
        What::SonameChanged => "SONAME",
        What::NodeGone => "node gone",
        What::SymbolGone => "gone",
        What::SymbolMoved => "moved",
        What::KindChanged => "kind",
        What::SizeChanged => "size",
        What::DefaultChanged => "default",
        What::BindingChanged => "binding",
        What::VisibilityChanged => "visibility",
        What::NodeParentsChanged => "node inherits",
        What::NeedAdded => "needs now",
        What::NeedGone => "needs no more",
        What::NodeAdded => "node added",
        What::SymbolAdded => "added",
    }
}
