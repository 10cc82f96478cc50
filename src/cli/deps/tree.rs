//! The closure as a tree: each object's own needs below it, once.

use std::io::{self, Write};

use colored::Colorize;

use super::super::Output;
use super::super::bindings::problems;
use super::super::model::{Modelled, found, found_by, shown};
use crate::elf::escape;
use crate::loader::{Dependency, DependencyKind, Index, Process, Reason};

/// Deeper levels are indented no further.
const DEEPEST: usize = 24;

/// A line still to be printed: under which prefix, whether it is the last of its siblings, and what it shows.
struct Line<'p> {
    depth: usize,
    last: bool,
    what: What<'p>,
}

enum What<'p> {
    Needed(&'p Dependency),
    Unasked(Index),
}

pub fn write(out: &mut impl Write, output: Output, modelled: &Modelled<'_, '_>) -> io::Result<()> {
    let process = &modelled.process;
    writeln!(out, "{}", shown(&process.loaded()[0].path).bold())?;
    if let Some(interpreter) = process.interpreter() {
        let (release, minor) = process.glibc().release;
        writeln!(out, "  loader {} (glibc {release}.{minor})", shown(interpreter))?;
    }
    problems(out, modelled)?;
    let mut expanded = vec![false; process.loaded().len()];
    expanded[0] = true;
    let mut rails: Vec<bool> = Vec::new();
    let mut lines = top(process);
    lines.reverse();
    while let Some(line) = lines.pop() {
        rails.truncate(line.depth);
        prefix(out, output, &rails, line.last)?;
        rails.push(!line.last);
        let Some(index) = one(out, process, &line.what)? else { continue };
        if std::mem::replace(&mut expanded[index], true) {
            let has_more = !process.loaded()[index].dependencies.is_empty();
            writeln!(out, "{}", if has_more { " (above)" } else { "" })?;
            continue;
        }
        writeln!(out)?;
        lines.extend(children(process, index, line.depth + 1).into_iter().rev());
    }
    Ok(())
}

/// What hangs from the program: what it needs, the preloads before, the modules behind.
fn top<'p>(process: &'p Process<'_, '_>) -> Vec<Line<'p>> {
    let by = |reasons: &'static [Reason]| {
        let all = process.loaded().iter().enumerate();
        all.filter(|(_, loaded)| reasons.contains(&loaded.reason)).map(|(index, _)| What::Unasked(index))
    };
    let needed = process.loaded()[0].dependencies.iter().map(What::Needed);
    let preloads = by(&[Reason::Preload, Reason::SystemPreload]);
    siblings(preloads.chain(needed).chain(by(&[Reason::Module])).collect(), 0)
}

fn children<'p>(process: &'p Process<'_, '_>, index: Index, depth: usize) -> Vec<Line<'p>> {
    siblings(process.loaded()[index].dependencies.iter().map(What::Needed).collect(), depth)
}

fn siblings(all: Vec<What<'_>>, depth: usize) -> Vec<Line<'_>> {
    let count = all.len();
    all.into_iter().enumerate().map(|(place, what)| Line { depth, last: place + 1 == count, what }).collect()
}

fn prefix(out: &mut impl Write, output: Output, rails: &[bool], last: bool) -> io::Result<()> {
    let (rail, tee, corner) =
        if output.draws_marks() { ("│  ", "├─ ", "└─ ") } else { ("|  ", "|- ", "`- ") };
    for &goes_on in rails.iter().take(DEEPEST) {
        out.write_all(if goes_on { rail } else { "   " }.as_bytes())?;
    }
    out.write_all(if last { corner } else { tee }.as_bytes())
}

/// One object, without the end of the line; returns it where it is there.
fn one(out: &mut impl Write, process: &Process<'_, '_>, what: &What<'_>) -> io::Result<Option<Index>> {
    let loaded = process.loaded();
    let index = match what {
        What::Unasked(index) => {
            let how = if loaded[*index].reason == Reason::Module { "dlopen" } else { "preload" };
            write!(out, "{how} {}", shown(&loaded[*index].path).bold())?;
            return Ok(Some(*index));
        }
        What::Needed(dependency) => {
            let kind = match dependency.kind {
                DependencyKind::Needed => "",
                DependencyKind::Filter => "filter ",
                DependencyKind::Auxiliary => "auxiliary ",
            };
            write!(out, "{kind}{}", escape(&dependency.name))?;
            dependency.object
        }
    };
    let Some(index) = index else {
        writeln!(out, " {}", "missing".red().bold())?;
        return Ok(None);
    };
    write!(out, " => {} ({}", shown(&loaded[index].path), found(&loaded[index]))?;
    if let Some(owner) = found_by(&loaded[index], loaded) {
        write!(out, " of {owner}")?;
    }
    write!(out, ")")?;
    Ok(Some(index))
}
