//! `xdoctor bindings`: what every reference of a process is bound to.

mod document;
mod rows;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use rayon::prelude::*;

use super::model::{ModelArgs, Modelled, document as model_document, unmodelled, unusable};
use super::output::{Format, streamed};
use super::{Exit, Output};
use crate::loader::{Files, Objects, Unmodelled};
use rows::Rows;
pub use text::problems;

/// Every reference of every object in a process, and what ld.so binds it to; nothing is run
///
/// What cannot be known without running: which function an IFUNC chooses, names that a program computes for dlsym,
/// what dlmopen puts into a namespace of its own, and what an LD_AUDIT library rewrites.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  xdoctor bindings ./app --preload ./libshimhip.so --symbol 'hip*'
  xdoctor bindings /usr/bin/python3 --preload ./libshimhip.so \\
      --module ./torch/lib/libtorch_hip.so --symbol 'hip*'
  xdoctor bindings --summary /usr/bin/*
  xdoctor --format json bindings ./app | jq '.bindings[] | select(.weak)'")]
pub struct Args {
    /// Programs, or libraries, each of them its own root
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    select: Select,
    /// Counts only
    #[arg(long)]
    summary: bool,
}

/// Which bindings are shown.
#[derive(clap::Args)]
#[command(next_help_heading = "What is shown")]
struct Select {
    /// Only symbols that match
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    symbol: Option<GlobMatcher>,
    /// Only references of objects whose path or file name matches
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    referrer: Option<GlobMatcher>,
    /// Only bindings to objects whose path or file name matches
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    provider: Option<GlobMatcher>,
}

impl Select {
    fn is_given(&self) -> bool {
        self.symbol.is_some() || self.referrer.is_some() || self.provider.is_some()
    }
}

fn glob(text: &str) -> Result<GlobMatcher, globset::Error> {
    GlobBuilder::new(text).literal_separator(false).build().map(|glob| glob.compile_matcher())
}

/// What is printed of one of several targets, and how it went.
struct Answer {
    printed: Vec<u8>,
    remark: Option<String>,
    exit: Exit,
}

/// How many targets are modelled before the first of them is printed: what waits is held in memory.
const BATCH: usize = 64;

/// Runs the command.
///
/// # Errors
/// Where the tree cannot be read, stdout cannot be written, or the only target cannot be read.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let files = Files::new();
    let objects = Objects::new(&files, args.model.tree()?);
    if let Some(caveat) = args.model.caveat() {
        output.remark(caveat);
    }
    let mut out = streamed();
    let mut exit = Exit::Holds;
    if let [target] = args.targets.as_slice() {
        exit = only(args, output, &objects, target, &mut out)?;
    } else {
        for batch in args.targets.chunks(BATCH) {
            let one = |target: &PathBuf| one_of_several(args, output, &objects, target);
            for answer in batch.par_iter().map(one).collect::<Result<Vec<Answer>, _>>()? {
                out.write_all(&answer.printed)?;
                if let Some(remark) = answer.remark {
                    output.remark(remark);
                }
                exit = exit.and(answer.exit);
            }
        }
    }
    out.flush()?;
    Ok(exit)
}

fn model<'o, 'f>(args: &Args, objects: &'o Objects<'f>, target: &Path) -> Result<Modelled<'o, 'f>, Unmodelled> {
    Modelled::new(objects, target, &args.model.environment(), &args.model.modules())
}

/// The only target: what is known of it is printed while it is gathered.
fn only(
    args: &Args,
    output: Output,
    objects: &Objects<'_>,
    target: &Path,
    out: &mut impl Write,
) -> anyhow::Result<Exit> {
    match model(args, objects, target) {
        Ok(modelled) => Ok(print(args, output, &modelled, out)?),
        Err(error) if unmodelled(&error) == Exit::Unusable => Err(unusable(error.path(), error.to_string()).into()),
        Err(error) => {
            let answer = left_out(&error, output);
            out.write_all(&answer.printed)?;
            output.remark(&error);
            Ok(answer.exit)
        }
    }
}

fn one_of_several(args: &Args, output: Output, objects: &Objects<'_>, target: &Path) -> io::Result<Answer> {
    match model(args, objects, target) {
        Ok(modelled) => {
            let mut printed = Vec::new();
            let exit = print(args, output, &modelled, &mut printed)?;
            Ok(Answer { printed, remark: None, exit })
        }
        Err(error) => Ok(left_out(&error, output)),
    }
}

fn print(args: &Args, output: Output, modelled: &Modelled<'_, '_>, out: &mut impl Write) -> io::Result<Exit> {
    let rows = Rows::new(&modelled.process, &args.select);
    match output.format {
        Format::Json => document::write(out, args, modelled, &rows)?,
        Format::Text => text::write(out, args, output, modelled, &rows)?,
    }
    Ok(match modelled.holds() {
        _ if args.select.is_given() && rows.is_empty() => Exit::NothingSelected,
        true => Exit::Holds,
        false => Exit::Fails,
    })
}

/// A target that cannot be modelled, and does not stop the others.
fn left_out(error: &Unmodelled, output: Output) -> Answer {
    let printed = match output.format {
        Format::Json => model_document::unmodelled(error).into_bytes(),
        Format::Text => Vec::new(),
    };
    Answer { printed, remark: Some(error.to_string()), exit: unmodelled(error) }
}
