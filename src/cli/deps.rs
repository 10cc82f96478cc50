//! `xdoctor deps`: which files a process is made of, and how ld.so finds each.

mod document;
mod tree;

use std::io::Write;
use std::path::PathBuf;

use super::model::{ModelArgs, Modelled, document as model, unmodelled, unusable};
use super::output::{Format, streamed};
use super::{Exit, Output};
use crate::loader::{Files, Objects};

/// The libraries that a program loads as a tree: which file, found how, and what is missing; nothing is run
#[derive(clap::Args)]
#[command(after_help = "Examples:
  xdoctor deps ./app
  xdoctor deps ./app --preload ./libshimhip.so --library-path /opt/rocm/lib
  xdoctor deps --sysroot /mnt/image /usr/bin/python3
  xdoctor --format json deps ./libtorch_hip.so | jq -r '.libraries[].path'")]
pub struct Args {
    /// Programs, or libraries, each of them its own root
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Runs the command.
///
/// # Errors
/// Where a target cannot be read.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let files = Files::new();
    let objects = Objects::new(&files, args.model.tree()?);
    if let Some(caveat) = args.model.caveat() {
        output.remark(caveat);
    }
    let mut out = streamed();
    let mut exit = Exit::Holds;
    for target in &args.targets {
        let modelled = Modelled::new(&objects, target, &args.model.environment(), &args.model.modules());
        let modelled = match modelled {
            Ok(modelled) => modelled,
            Err(error) if unmodelled(&error) != Exit::Unusable => {
                if output.format == Format::Json {
                    out.write_all(model::unmodelled(&error).as_bytes())?;
                }
                output.remark(&error);
                exit = exit.and(unmodelled(&error));
                continue;
            }
            Err(error) => return Err(unusable(error.path(), error.to_string()).into()),
        };
        match output.format {
            Format::Json => document::write(&mut out, &modelled)?,
            Format::Text => tree::write(&mut out, output, &modelled)?,
        }
        exit = exit.and(if modelled.starts() { Exit::Holds } else { Exit::Fails });
    }
    out.flush()?;
    Ok(exit)
}
