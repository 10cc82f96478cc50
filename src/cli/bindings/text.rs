//! The listing for people: what is wrong first, then counts by referrer and provider; in full where something is
//! selected, or with `-v`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use colored::Colorize;

use super::super::Output;
use super::super::model::{Modelled, requester, shown};
use super::Args;
use super::rows::{Row, Rows};
use crate::elf::escape;
use crate::loader::{Flaw, Index, NotFound, Process, Reason, Refusal};

/// How many unresolved references are listed before the rest is counted.
const SHOWN: usize = 20;

pub fn write(
    out: &mut impl Write,
    args: &Args,
    output: Output,
    modelled: &Modelled<'_, '_>,
    rows: &Rows<'_, '_, '_>,
) -> io::Result<()> {
    let process = &modelled.process;
    let counts = rows.counts();
    let target = shown(&process.loaded()[0].path);
    write!(out, "{}: {} objects, {} bindings", target.bold(), process.loaded().len(), counts.bindings)?;
    match counts.undefined {
        0 => write!(out, ", every reference that must be is bound")?,
        undefined => write!(out, ", {}", format!("{undefined} undefined").red().bold())?,
    }
    if counts.weak_undefined > 0 {
        write!(out, " ({} weak ones are not)", counts.weak_undefined)?;
    }
    writeln!(out)?;
    problems(out, modelled)?;
    if args.summary {
        return Ok(());
    }
    unresolved(out, process, rows)?;
    if args.select.is_given() || output.verbose > 0 {
        in_full(out, process, rows)
    } else {
        by_count(out, process, rows)
    }?;
    writeln!(out)
}

/// What keeps the process from starting, or from being what was asked for.
pub fn problems(out: &mut impl Write, modelled: &Modelled<'_, '_>) -> io::Result<()> {
    let process = &modelled.process;
    if !process.loaded()[0].object.image().is_dynamic() {
        writeln!(out, "  statically linked: ld.so has no part in it, and a preload no effect")?;
    }
    if process.is_secure() {
        writeln!(out, "  runs with another user's rights: LD_LIBRARY_PATH and preloads with a slash are ignored")?;
    }
    for missing in process.missing() {
        let asked = requester(missing.reason, process.loaded()).unwrap_or_default();
        let name = escape(&missing.name);
        let (word, what) = match missing.reason {
            Reason::Preload | Reason::SystemPreload => ("ignored", "the program runs without it"),
            _ => ("missing", "the program does not start"),
        };
        write!(out, "  {} {name}, asked for by {asked}", format!("{word}:").red().bold())?;
        match &missing.why {
            NotFound::Nowhere { passed_over } if passed_over.is_empty() => write!(out, ": found nowhere")?,
            NotFound::Nowhere { passed_over } => {
                let paths: Vec<String> = passed_over.iter().map(|path| shown(path)).collect();
                write!(out, ": found for another machine only: {}", paths.join(", "))?;
            }
            NotFound::Bad { path, why } => write!(out, ": {}: {why}", shown(path))?,
            NotFound::Secure => write!(out, ": the program runs with another user's rights")?,
        }
        let what = if missing.reason == Reason::Module { "dlopen fails" } else { what };
        writeln!(out, "; {what}")?;
    }
    for error in process.version_errors() {
        let path = |index: Index| shown(&process.loaded()[index].path);
        let (node, needed_by) = (escape(&error.node), path(error.needed_by));
        let library = error.library.map(path).unwrap_or_default();
        let word = if error.flaw.is_fatal() { "version:".red().bold() } else { "warning:".yellow().bold() };
        match error.flaw {
            Flaw::NoVersionInformation => {
                writeln!(out, "  {word} {library} has no version information, {needed_by} asks it for {node}")?;
            }
            Flaw::WeakNodeMissing => writeln!(out, "  {word} {library} has no {node}, which {needed_by} would like")?,
            Flaw::NodeMissing => {
                writeln!(out, "  {word} {library} has no {node}, which {needed_by} needs; ld.so refuses it")?
            }
            Flaw::Asserts => writeln!(
                out,
                "  {word} {library} has no version information at all, and {needed_by} asks it for {node}: this loader stops there"
            )?,
            Flaw::RelrWithoutNode => {
                writeln!(out, "  {word} {needed_by} has DT_RELR and does not need {node}; ld.so refuses it")?
            }
        }
    }
    for (module, refusal) in &modelled.refused {
        let why = match refusal {
            Refusal::Missing => "something that it needs is missing",
            Refusal::NoOpen => "it says of itself that it must not be opened (DF_1_NOOPEN)",
            Refusal::Version => "a version that it needs is not there",
            Refusal::StaticTls => "its thread-local variables find no room at fixed places: preload it",
            Refusal::Undefined => "a reference of its own is undefined",
        };
        writeln!(out, "  {} dlopen of {} fails: {why}", "refused:".red().bold(), module.name.display())?;
    }
    Ok(())
}

fn unresolved(out: &mut impl Write, process: &Process<'_, '_>, rows: &Rows<'_, '_, '_>) -> io::Result<()> {
    let undefined = || rows.iter().filter(|row| row.provider.is_none() && !row.weak);
    for row in undefined().take(SHOWN) {
        writeln!(out, "  {} {} in {}", "undefined:".red().bold(), symbol(&row), shown(path(process, row.referrer)))?;
    }
    let rest = undefined().skip(SHOWN).count();
    if rest > 0 {
        writeln!(out, "  and {rest} more; `-v` lists all")?;
    }
    Ok(())
}

fn path<'p>(process: &'p Process<'_, '_>, index: Index) -> &'p Path {
    &process.loaded()[index].path
}

/// A symbol with the version that its reference asks for.
fn symbol(row: &Row<'_>) -> String {
    match row.version {
        Some(version) => format!("{}@{}", escape(row.symbol), escape(version)),
        None => escape(row.symbol).to_string(),
    }
}

/// For each object that refers, how many of its references go where; most first.
fn by_count(out: &mut impl Write, process: &Process<'_, '_>, rows: &Rows<'_, '_, '_>) -> io::Result<()> {
    let mut counts: BTreeMap<(Index, Index), usize> = BTreeMap::new();
    for row in rows.iter() {
        if let Some(provider) = row.provider {
            *counts.entry((row.referrer, provider)).or_default() += 1;
        }
    }
    for referrer in 0..process.loaded().len() {
        let own = counts.range((referrer, 0)..=(referrer, Index::MAX));
        let mut providers: Vec<(usize, Index)> = own.map(|(&(_, provider), &count)| (count, provider)).collect();
        if providers.is_empty() {
            continue;
        }
        providers.sort_by_key(|&(count, provider)| (std::cmp::Reverse(count), provider));
        writeln!(out, "\n{}", shown(path(process, referrer)).bold())?;
        for (count, provider) in providers {
            writeln!(out, "  {count:>7} → {}", shown(path(process, provider)))?;
        }
    }
    Ok(())
}

/// Every binding, by referrer and provider.
fn in_full(out: &mut impl Write, process: &Process<'_, '_>, rows: &Rows<'_, '_, '_>) -> io::Result<()> {
    let mut groups: BTreeMap<(Index, Option<Index>), Vec<Row<'_>>> = BTreeMap::new();
    for row in rows.iter() {
        groups.entry((row.referrer, row.provider)).or_default().push(row);
    }
    for ((referrer, provider), mut rows) in groups {
        let to = provider.map_or("nothing".to_owned(), |index| shown(path(process, index)));
        writeln!(out, "\n{} → {}: {}", shown(path(process, referrer)).bold(), to.bold(), rows.len())?;
        rows.sort_by_key(|row| (row.symbol, row.version));
        for row in rows {
            write!(out, "  {:<9} {}", row.kind, symbol(&row))?;
            match (row.version, row.provider_version) {
                (asked, taken) if asked == taken || provider.is_none() => {}
                (_, Some(taken)) => write!(out, "  (taken from {})", escape(taken))?,
                (_, None) => write!(out, "  (taken without a version)")?,
            }
            writeln!(out, "{}", if row.weak { "  weak" } else { "" })?;
        }
    }
    Ok(())
}
