//! `xdoctor bindings`: what every reference of a process is bound to.

mod document;
mod rows;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use rayon::prelude::*;

use super::model::{ModelArgs, Modelled, shown, unmodelled, unusable};
use super::output::Format;
use super::{Exit, Output};
use crate::loader::{Files, Objects, Unmodelled};
use rows::Rows;
pub use text::problems;

/// Every reference of every object in a process, and what ld.so binds it to; nothing is run
///
/// What cannot be known without running: which function an IFUNC chooses, names that a program computes for dlsym,
/// and what an LD_AUDIT library rewrites.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  xdoctor bindings ./app --preload ./libshimhip.so --symbol 'hip*'
  xdoctor bindings /usr/bin/python3 --preload ./libshimhip.so --module ./torch/lib/libtorch_hip.so --symbol 'hip*'
  xdoctor bindings --summary /usr/bin/*
  xdoctor --format json bindings ./app | jq '.bindings[] | select(.provider == null)'")]
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

/// What is printed of one target, and how it went.
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
    let mut out = io::stdout().lock();
    let mut exit = Exit::Holds;
    for batch in args.targets.chunks(BATCH) {
        let answers: Vec<Answer> = match batch {
            [one] => vec![answer(args, output, &objects, one)?],
            several => {
                several.par_iter().map(|target| answer(args, output, &objects, target)).collect::<Result<_, _>>()?
            }
        };
        for answer in answers {
            out.write_all(&answer.printed)?;
            if let Some(remark) = answer.remark {
                output.remark(remark);
            }
            exit = exit.and(answer.exit);
        }
    }
    out.flush()?;
    Ok(exit)
}

fn answer(args: &Args, output: Output, objects: &Objects<'_>, target: &Path) -> anyhow::Result<Answer> {
    let modelled = Modelled::new(objects, target, &args.model.environment(), &args.model.modules());
    let modelled = match modelled {
        Ok(modelled) => modelled,
        Err(error) if args.targets.len() > 1 || unmodelled(&error) != Exit::Unusable => {
            return Ok(left_out(&error, output));
        }
        Err(error) => return Err(unusable(error.path(), error.to_string()).into()),
    };
    let rows = Rows::new(&modelled.process, &args.select);
    let mut printed = Vec::new();
    match output.format {
        Format::Json => document::write(&mut printed, args, &modelled, &rows)?,
        Format::Text => text::write(&mut printed, args, output, &modelled, &rows)?,
    }
    let exit = match modelled.holds() {
        _ if args.select.is_given() && rows.is_empty() => Exit::NothingSelected,
        true => Exit::Holds,
        false => Exit::Fails,
    };
    Ok(Answer { printed, remark: None, exit })
}

/// A target that cannot be modelled, and does not stop the others.
fn left_out(error: &Unmodelled, output: Output) -> Answer {
    let printed = match output.format {
        Format::Json => format!("{}\n", document::error(&error.to_string(), &shown(error.path()))).into_bytes(),
        Format::Text => Vec::new(),
    };
    Answer { printed, remark: Some(error.to_string()), exit: unmodelled(error) }
}
