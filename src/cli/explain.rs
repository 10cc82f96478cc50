//! `xdoctor explain`: why a symbol is bound as it is, and what would change that.

mod advice;
mod document;
mod text;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::model::{ModelArgs, Modelled, document as model, unmodelled, unusable};
use super::output::{Format, streamed};
use super::{Exit, Output};
use crate::loader::{Answer, Dlsym, Files, Instead, Match, Objects, Process, Verdict, Walk};

/// Why a symbol is bound as it is: who asks, which objects ld.so asks in turn, what each says, and what would change it
#[derive(clap::Args)]
#[command(after_help = "Examples:
  xdoctor explain hipMalloc ./app --preload ./libshimhip.so
  xdoctor explain hipMalloc@hip_4.2 /usr/bin/python3 \\
      --preload ./libshimhip.so --module ./libtorch_hip.so
  xdoctor explain malloc /usr/bin/gdb -v")]
pub struct Args {
    /// A symbol, or a symbol in one version node
    #[arg(value_name = "SYMBOL[@NODE]")]
    symbol: OsString,
    /// A program, or a library as its own root
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
}

/// Runs the command.
///
/// # Errors
/// Where the target cannot be read.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let files = Files::new();
    let objects = Objects::new(&files, args.model.tree()?);
    if let Some(caveat) = args.model.caveat() {
        output.remark(caveat);
    }
    let mut out = streamed();
    let modelled = match Modelled::new(&objects, &args.target, &args.model.environment(), &args.model.modules()) {
        Ok(modelled) => modelled,
        Err(error) if unmodelled(&error) != Exit::Unusable => {
            if output.format == Format::Json {
                out.write_all(model::unmodelled(&error).as_bytes())?;
                out.flush()?;
            }
            output.remark(&error);
            return Ok(unmodelled(&error));
        }
        Err(error) => return Err(unusable(error.path(), error.to_string()).into()),
    };
    let explanation = Explanation::new(&modelled, &args.symbol);
    match output.format {
        Format::Json => document::write(&mut out, &explanation)?,
        Format::Text => text::write(&mut out, output, &explanation)?,
    }
    out.flush()?;
    Ok(explanation.exit())
}

/// A symbol's walks, those that went alike together.
struct Explanation<'m, 'o, 'f> {
    modelled: &'m Modelled<'o, 'f>,
    name: &'m [u8],
    node: Option<&'m [u8]>,
    walks: Vec<Alike<'f>>,
    may_look_up: Vec<Dlsym>,
}

/// A walk, and the references that all went that way.
struct Alike<'f> {
    walk: Walk<'f>,
    referrers: Vec<usize>,
}

impl<'m, 'o, 'f> Explanation<'m, 'o, 'f> {
    fn new(modelled: &'m Modelled<'o, 'f>, symbol: &'m OsStr) -> Explanation<'m, 'o, 'f> {
        let (name, node) = split(symbol.as_bytes());
        let process = &modelled.process;
        let mut walks: Vec<Alike<'f>> = Vec::new();
        for walk in process.explain(name, node) {
            let referrer = walk.binding.referrer as usize;
            match walks.iter_mut().find(|known| went_alike(&known.walk, &walk)) {
                Some(known) => known.referrers.push(referrer),
                None => walks.push(Alike { walk, referrers: vec![referrer] }),
            }
        }
        for alike in &mut walks {
            alike.referrers.dedup();
        }
        Explanation { modelled, name, node, walks, may_look_up: process.may_look_up(name) }
    }

    fn process(&self) -> &'m Process<'o, 'f> {
        &self.modelled.process
    }

    fn exit(&self) -> Exit {
        let unbound = |alike: &Alike<'_>| alike.walk.binding.provider.is_none() && !alike.walk.weak;
        match self.walks.is_empty() {
            true => Exit::NothingSelected,
            false if self.walks.iter().any(unbound) || !self.modelled.starts() => Exit::Fails,
            false => Exit::Holds,
        }
    }
}

/// `name`, `name@node` or `name@@node`.
fn split(symbol: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'@', symbol) {
        None => (symbol, None),
        Some(at) => {
            let node = &symbol[at + 1..];
            (&symbol[..at], Some(node.strip_prefix(b"@").unwrap_or(node)))
        }
    }
}

fn went_alike(a: &Walk<'_>, b: &Walk<'_>) -> bool {
    let version = |walk: &Walk<'_>| walk.version.map(|version| version.name.to_owned());
    version(a) == version(b)
        && a.binding.class == b.binding.class
        && a.binding.provider == b.binding.provider
        && a.weak == b.weak
        && a.asked == b.asked
        && a.instead == b.instead
}

/// What an object's answer is called, and the rule behind it.
struct Said {
    word: &'static str,
    rule: &'static str,
}

fn verdict(verdict: Verdict) -> Said {
    let (word, rule) = match verdict {
        Verdict::Taken(Match::Exact) => ("exact-version", "name and version node are those asked for"),
        Verdict::Taken(Match::Unversioned) => {
            ("unversioned-object", "an object without any version information answers every version")
        }
        Verdict::Taken(Match::Base) => ("base-version", "a definition in the base version stands in for every node"),
        Verdict::Taken(Match::Oldest) => ("oldest-version", "a reference without a version takes the oldest"),
        Verdict::Taken(Match::Only) => {
            ("only-version", "a reference without a version takes the only definition of that name")
        }
        Verdict::NoDefinition => ("not-defined", "an undefined entry is no definition"),
        Verdict::NotASymbol(_) => ("not-a-symbol", "sections and files are no definitions"),
        Verdict::OtherVersion => {
            ("other-version", "another version node never matches: it is skipped silently, and the search goes on")
        }
        Verdict::OneOfSeveral => {
            ("several-versions", "a reference without a version takes no one of several that are not the oldest")
        }
        Verdict::HiddenVersion => ("hidden-version", "only a reference that asks for its node finds it"),
        Verdict::Invisible(_) => ("hidden", "hidden and internal symbols are not seen outside their object"),
        Verdict::Local => ("local", "local symbols are not seen outside their object"),
    };
    Said { word, rule }
}

/// The verdict behind an answer; a lone version counts although its entry alone would not.
fn taken(answer: Answer) -> Said {
    verdict(Verdict::Taken(answer.how))
}

fn instead(instead: Instead) -> Said {
    match instead {
        Instead::Protected => Said { word: "protected", rule: "a protected symbol keeps its object's own definition" },
        Instead::Unique => {
            Said { word: "unique", rule: "of a unique symbol a process has one definition: the first that was bound" }
        }
    }
}
