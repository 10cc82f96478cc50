//! The explanation for the person who asks why the shim is not called.

use std::io::{self, Write};

use colored::Colorize;

use super::super::Output;
use super::super::bindings::problems;
use super::super::model::{found, shown};
use super::advice::advice;
use super::{Alike, Explanation, instead, taken, verdict};
use crate::elf::{demangle, escape};
use crate::loader::{Asked, Index, TypeClass, Verdict};

pub fn write(out: &mut impl Write, output: Output, explanation: &Explanation<'_, '_, '_>) -> io::Result<()> {
    let process = explanation.process();
    let name = escape(explanation.name).to_string();
    write!(out, "{}", name.bold())?;
    let demangled = demangle(explanation.name).to_string();
    if demangled != name {
        write!(out, " ({demangled})")?;
    }
    writeln!(out, " in {}", shown(&process.loaded()[0].path))?;
    problems(out, explanation.modelled)?;
    if explanation.walks.is_empty() {
        match explanation.node {
            Some(node) => writeln!(out, "\nNo object of this process refers to it in {}.", escape(node))?,
            None => writeln!(out, "\nNo object of this process refers to it: ld.so has nothing to bind.")?,
        }
    }
    for alike in &explanation.walks {
        writeln!(out)?;
        question(out, explanation, alike)?;
        scope(out, output, explanation, alike)?;
        outcome(out, explanation, alike)?;
    }
    let advice = advice(explanation);
    if !advice.is_empty() {
        writeln!(out, "\n{}", "What to make of it".bold())?;
    }
    for line in advice {
        folded(out, &line, output.width())?;
    }
    Ok(())
}

/// Who asks, for what.
fn question(out: &mut impl Write, explanation: &Explanation<'_, '_, '_>, alike: &Alike<'_>) -> io::Result<()> {
    let loaded = explanation.process().loaded();
    let class = match alike.walk.binding.class {
        TypeClass::Plt => "to call it, or as thread-local data",
        TypeClass::Copy => "to copy the variable",
        TypeClass::Other => "for its address",
    };
    let asks = match alike.walk.version {
        Some(version) => format!("{}@{}", escape(explanation.name), escape(version.name)),
        None => format!("{}, in no version", escape(explanation.name)),
    };
    let weak = if alike.walk.weak { ", but can do without" } else { "" };
    let (first, more) = (alike.referrers[0], alike.referrers.len() - 1);
    write!(out, "{}", shown(&loaded[first].path).bold())?;
    if more > 0 {
        write!(out, " and {more} more")?;
    }
    writeln!(out, " asks for {} ({class}){weak}", asks.bold())?;
    for &index in alike.referrers.iter().skip(1).take(4) {
        writeln!(out, "      so does {}", shown(&loaded[index].path))?;
    }
    Ok(())
}

/// The objects asked, in order; those without the name are counted together.
fn scope(
    out: &mut impl Write,
    output: Output,
    explanation: &Explanation<'_, '_, '_>,
    alike: &Alike<'_>,
) -> io::Result<()> {
    let asked = &alike.walk.asked;
    let is_silent = |step: &Asked| step.entries.is_empty() && !step.skipped && step.answer.is_none();
    let mut place = 0;
    while let Some(step) = asked.get(place) {
        let silent = asked[place..].iter().take_while(|step| is_silent(step)).count();
        if silent > 2 && output.verbose == 0 {
            let range = format!("{}-{}", place + 1, place + silent);
            writeln!(out, "  {range:>6}  {silent} objects have no such symbol (`-v` lists them)")?;
            place += silent;
            continue;
        }
        one(out, explanation, place, step)?;
        place += 1;
    }
    Ok(())
}

fn one(out: &mut impl Write, explanation: &Explanation<'_, '_, '_>, place: usize, step: &Asked) -> io::Result<()> {
    let loaded = &explanation.process().loaded()[step.object];
    let versions: Vec<String> =
        step.entries.iter().map(|&(index, _)| version(explanation, step.object, index)).collect();
    write!(out, "  {:>6}  {} ({}): ", place + 1, shown(&loaded.path), found(loaded))?;
    match (step.answer, step.entries.last()) {
        _ if step.skipped => writeln!(out, "not asked: a copy comes from another object"),
        (Some(answer), _) => {
            let taken_from = version(explanation, step.object, answer.symbol);
            writeln!(out, "{} {taken_from}: {}", "taken,".green().bold(), taken(answer).rule)
        }
        (None, None) => writeln!(out, "no such symbol"),
        (None, Some((_, Verdict::NoDefinition))) => writeln!(out, "refers to it too, and does not define it"),
        (None, Some(&(_, last))) => {
            writeln!(out, "{} {}: {}", "there, but".yellow().bold(), versions.join(", "), verdict(last).rule)
        }
    }
}

/// The node that a definition is in, in words.
fn version(explanation: &Explanation<'_, '_, '_>, object: Index, symbol: u32) -> String {
    let symbols = explanation.process().loaded()[object].object.symbols();
    match symbols.get(symbol as usize) {
        Some(found) if found.version.is_some() => {
            let node = found.version.map(|version| escape(version.name).to_string()).unwrap_or_default();
            format!("in {node}")
        }
        _ => "in no version".to_owned(),
    }
}

fn outcome(out: &mut impl Write, explanation: &Explanation<'_, '_, '_>, alike: &Alike<'_>) -> io::Result<()> {
    let path = |index: Index| shown(&explanation.process().loaded()[index].path);
    let walk = &alike.walk;
    let mark = "       =";
    match walk.binding.provider {
        Some((provider, _)) => write!(out, "{mark} bound to {}", path(provider as usize).bold())?,
        None if walk.weak => write!(out, "{mark} bound to nothing, as a weak reference may be")?,
        None => write!(out, "{mark} {}", "undefined: nothing defines it".red().bold())?,
    }
    if let Some(why) = walk.instead {
        write!(out, ": {}", instead(why).rule)?;
    }
    writeln!(out)?;
    let ifunc = walk.binding.provider.is_some_and(|(index, symbol)| {
        let symbols = explanation.process().loaded()[index as usize].object.symbols();
        symbols.get(symbol as usize).is_some_and(|symbol| symbol.kind == crate::elf::SymbolKind::Ifunc)
    });
    if ifunc {
        writeln!(out, "         an IFUNC: which of its functions it chooses, only the running program knows")?;
    }
    Ok(())
}

fn folded(out: &mut impl Write, text: &str, width: usize) -> io::Result<()> {
    let (mut line, mut first) = (String::from("  - "), true);
    for word in text.split(' ') {
        if !first && line.chars().count() + 1 + word.chars().count() > width {
            writeln!(out, "{line}")?;
            line = String::from("    ");
            first = true;
        }
        if !first {
            line.push(' ');
        }
        line.push_str(word);
        first = false;
    }
    writeln!(out, "{line}")
}
