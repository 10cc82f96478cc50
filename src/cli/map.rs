//! `xdoctor map`: the version script that gives a shim its runtime's nodes.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use super::output::after_printing;
use super::source::{Source, Sources};
use super::{Exit, Format, Output};
use crate::elf::{Escaped, Symbols};
use crate::interpose::map::{Map, MapNode};

/// The version script that gives a shim its runtime's nodes
///
/// All of the runtime's nodes with their inheritance. With --shim only what the shim defines; what it lacks stands there as comments.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  xdoctor map libamdhip64.so.6 > hip_version.map
  xdoctor map libamdhip64.so.6 --shim libshimhip.so > hip_version.map
  cc -shared -o libshimhip.so shim.o -Wl,--version-script=hip_version.map")]
pub struct Args {
    /// The runtime: a file, or a name that ld.so would search for
    runtime: PathBuf,
    /// The shim: only what it defines is exported
    #[arg(long, value_name = "LIB")]
    shim: Option<PathBuf>,
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
    let runtime = sources.open(&args.runtime)?;
    let shim = args.shim.as_ref().map(|shim| sources.open(shim)).transpose()?;
    let runtime_symbols = runtime.symbols()?;
    let shim_symbols = shim.as_ref().map(Source::symbols).transpose()?;
    let map = Map::new(&runtime_symbols, shim_symbols.as_ref());
    remark(&map, &runtime, &runtime_symbols, output);
    if let Some(shim) = shim.as_ref().filter(|_| map.symbol_count() == 0) {
        output.remark(format_args!("{} defines nothing of it", shim.path().display()));
    }
    let printed = match output.format {
        Format::Json => output.json(&Document::new(&runtime, shim.as_ref(), &map)),
        Format::Text => print(&runtime, shim.as_ref(), &map),
    };
    let nothing = shim.is_some() && map.symbol_count() == 0;
    let exit = if nothing { Exit::NothingSelected } else { Exit::Holds };
    after_printing(printed.context("cannot write to stdout"), exit)
}

fn remark(map: &Map<'_>, runtime: &Source, symbols: &Symbols<'_>, output: Output) {
    let file = runtime.path();
    if symbols.versions().definitions().is_empty() {
        output
            .remark(format_args!("{} has no version nodes: the script only hides what is not its API", file.display()));
    }
    if !map.unversioned.is_empty() {
        let count = map.unversioned.len();
        output.remark(format_args!(
            "{} defines {count} symbols in no node; a shim exports those only where nothing is hidden",
            file.display()
        ));
    }
}

fn print(runtime: &Source, shim: Option<&Source>, map: &Map<'_>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let name = |source: &Source| source.path().display().to_string().replace("*/", "* /");
    write!(out, "/* The version nodes of {}", name(runtime))?;
    if let Some(shim) = shim {
        write!(out, ",\n   as far as {} defines what is in them", name(shim))?;
    }
    writeln!(out, ".\n   lld 16 and later wants --undefined-version where a shim defines less than this. */\n")?;
    write!(out, "{}", map.script())?;
    out.flush()
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    runtime: String,
    shim: Option<String>,
    nodes: Vec<DocumentNode<'a>>,
    unversioned: Vec<Escaped<'a>>,
    script: String,
}

#[derive(Serialize)]
struct DocumentNode<'a> {
    name: Option<Escaped<'a>>,
    parents: Vec<Escaped<'a>>,
    symbols: Vec<Escaped<'a>>,
    missing: Vec<Escaped<'a>>,
    not_default: Vec<Escaped<'a>>,
}

impl<'a> Document<'a> {
    fn new(runtime: &Source, shim: Option<&Source>, map: &Map<'a>) -> Document<'a> {
        Document {
            schema: "xdoctor/map/1",
            runtime: runtime.path().display().to_string(),
            shim: shim.map(|shim| shim.path().display().to_string()),
            nodes: map.nodes.iter().map(DocumentNode::new).collect(),
            unversioned: escaped(&map.unversioned),
            script: map.script().to_string(),
        }
    }
}

impl<'a> DocumentNode<'a> {
    fn new(node: &MapNode<'a>) -> DocumentNode<'a> {
        DocumentNode {
            name: node.name.map(Escaped),
            parents: escaped(&node.parents),
            symbols: escaped(&node.symbols),
            missing: escaped(&node.missing),
            not_default: escaped(&node.not_default),
        }
    }
}

fn escaped<'a>(names: &[&'a [u8]]) -> Vec<Escaped<'a>> {
    names.iter().copied().map(Escaped).collect()
}
