//! `xdoctor bundle`: writes out what is bundled, for use by hand.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use crate::bundle;
use crate::check::CHECKLISTS;

use super::output::Format;
use super::{Exit, Output};

/// Write out what is bundled: the shim, the CPU runtimes, the matmul, the version script, the checklists
///
/// Examples:
///   xdoctor bundle /tmp/xd
///   LD_PRELOAD=/tmp/xd/lib/libshimhip.so /tmp/xd/bin/hip-matmul
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder to write to; made where it is not there, and files in it of the same names are replaced
    folder: PathBuf,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    folder: String,
    files: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// Where the folder cannot be written.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    bundle::unpack(&args.folder)?;
    let folder = args.folder.canonicalize().with_context(|| args.folder.display().to_string())?;
    let mut files: Vec<PathBuf> = bundle::entries().iter().map(|entry| folder.join(entry.path)).collect();
    let checklists = folder.join("share/checks");
    std::fs::create_dir_all(&checklists).with_context(|| checklists.display().to_string())?;
    for (name, text) in CHECKLISTS {
        let path = checklists.join(format!("{name}.yaml"));
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        files.push(path);
    }
    if output.format == Format::Json {
        let files = files.iter().map(|file| file.display().to_string()).collect();
        output.json(&Document { schema: "xdoctor/bundle/1", folder: folder.display().to_string(), files })?;
        return Ok(Exit::Holds);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    for file in &files {
        writeln!(out, "{}", file.display())?;
    }
    out.flush()?;
    Ok(Exit::Holds)
}
