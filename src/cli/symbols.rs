//! `xdoctor symbols`: the dynamic symbols of files, with their versions.

mod document;
mod text;

use std::path::PathBuf;

use anyhow::Context;
use globset::{GlobBuilder, GlobMatcher};
use rayon::prelude::*;

use super::output::after_printing;
use super::source::{Source, Sources};
use super::{Exit, Format, Output, Unusable};
use crate::elf::{Image, Symbol, Symbols};

/// The dynamic symbols of ELF files, with versions
#[derive(clap::Args)]
#[command(after_help = "Examples:
  xdoctor symbols libshimhip.so --name 'hip*'
  xdoctor symbols /opt/rocm/lib/libamdhip64.so.6 --versions
  xdoctor symbols --undefined --version-node 'hip_*' libtorch_hip.so
  xdoctor --format json symbols libshimhip.so")]
pub struct Args {
    /// Files, or names that ld.so would search for
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only what the file defines
    #[arg(long, conflicts_with = "undefined")]
    defined: bool,
    /// Only what the file wants of others
    #[arg(long)]
    undefined: bool,
    /// Only names that match
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    name: Option<GlobMatcher>,
    /// Only symbols of version nodes that match
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    version_node: Option<GlobMatcher>,
    /// Version nodes only, as a tree with counts, and what is needed of which library
    #[arg(long)]
    versions: bool,
    /// Show C++ and Rust names as they are written
    #[arg(long)]
    demangle: bool,
    /// Search with this environment's LD_LIBRARY_PATH
    #[arg(long)]
    inherit_env: bool,
}

fn glob(text: &str) -> Result<GlobMatcher, globset::Error> {
    GlobBuilder::new(text).literal_separator(false).build().map(|glob| glob.compile_matcher())
}

impl Args {
    /// Whether anything restricts the symbols.
    fn filters(&self) -> bool {
        self.defined || self.undefined || self.name.is_some() || self.version_node.is_some()
    }

    fn wants(&self, symbol: &Symbol<'_>) -> bool {
        let glob = |matcher: &Option<GlobMatcher>, text: Option<&[u8]>| match matcher {
            None => true,
            Some(matcher) => text.is_some_and(|text| matcher.is_match(crate::elf::escape(text).to_text().as_ref())),
        };
        let side = if symbol.defined { !self.undefined } else { !self.defined };
        side && !self.versions
            && !symbol.is_debugging()
            && glob(&self.name, Some(symbol.name))
            && glob(&self.version_node, symbol.version.map(|version| version.name))
    }
}

/// What is known of one file.
struct Listing<'a> {
    source: &'a Source,
    image: Image<'a>,
    symbols: Symbols<'a>,
    /// How many definitions each node has, in the order of the file's definitions.
    counts: Vec<usize>,
}

impl<'a> Listing<'a> {
    fn read(source: &'a Source) -> Result<Listing<'a>, Unusable> {
        let image = source.image()?;
        let symbols = image.symbols().map_err(|error| source.unusable(&error))?;
        let counts = counts(source, &symbols);
        Ok(Listing { source, image, symbols, counts })
    }
}

/// Runs the command.
///
/// # Errors
/// Where a file cannot be read or is no ELF file.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let sources = Sources::new(args.inherit_env);
    let opened: Vec<Source> = args.files.iter().map(|file| sources.open(file)).collect::<Result<_, _>>()?;
    let listings: Vec<Listing<'_>> = match opened.as_slice() {
        [one] => vec![Listing::read(one)?],
        several => several.par_iter().map(Listing::read).collect::<Result<_, _>>()?,
    };
    let printed = match output.format {
        Format::Json => output.json(&document::Document::new(args, &listings)),
        Format::Text => text::print(args, &listings),
    };
    let selected = || listings.iter().any(|listing| listing.symbols.iter().any(|symbol| args.wants(&symbol)));
    let nothing = args.filters() && !args.versions && !selected();
    let exit = if nothing { Exit::NothingSelected } else { Exit::Holds };
    after_printing(printed.context("cannot write to stdout"), exit)
}

/// How many definitions each node has, in the order of the file's definitions. The symbol that the linker makes for the
/// node itself is none.
fn counts(source: &Source, symbols: &Symbols<'_>) -> Vec<usize> {
    let definitions = symbols.versions().definitions();
    if definitions.is_empty() {
        return Vec::new();
    }
    let mut by_index = vec![0; 0x8000];
    for index in (1..symbols.len()).filter(|&index| symbols.is_api(index)) {
        if let Some(count) = by_index.get_mut(usize::from(symbols.versym(index) & 0x7fff)) {
            *count += 1;
        }
    }
    // The listing passes through the table again, but a part at a time.
    source.release(symbols.file_range(0..symbols.len()));
    let of = |index: u16| by_index.get(usize::from(index)).copied().unwrap_or(0);
    definitions.iter().map(|definition| of(definition.index)).collect()
}
