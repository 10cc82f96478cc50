//! The listing for people: facts and nodes, then the symbols as `nm -D --with-symbol-versions` shows them.

use std::io::{self, Write};

use super::{Args, Listing, counts, hex};
use crate::elf::{Class, Definition, Symbol, demangle, escape};

/// Deeper nodes are indented no further: a chain may be thousands of nodes long.
const DEEPEST: usize = 20;

pub fn print(args: &Args, listings: &[Listing<'_>]) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    for (index, listing) in listings.iter().enumerate() {
        if index > 0 {
            out.write_all(b"\n")?;
        }
        head(listing, &mut out)?;
        if !args.versions {
            out.write_all(b"\n")?;
        }
        for symbol in listing.symbols.iter().filter(|symbol| args.wants(symbol)) {
            line(args, listing, &symbol, &mut out)?;
        }
    }
    out.flush()
}

/// What the file is, what it needs, and the nodes that it defines.
fn head(listing: &Listing<'_>, out: &mut impl Write) -> io::Result<()> {
    let image = &listing.image;
    write!(out, "{}", listing.source.path().display())?;
    if let Some(found) = listing.source.found {
        write!(out, " (found {found})")?;
    }
    writeln!(out)?;
    writeln!(out, "  {} {} {} {}", image.class(), image.byte_order(), image.machine_name(), image.kind())?;
    let mut fact = |name: &str, value: Option<&[u8]>| match value {
        Some(value) => writeln!(out, "  {name:<9} {}", escape(value)),
        None => Ok(()),
    };
    fact("SONAME", image.soname())?;
    fact("RPATH", image.rpath())?;
    fact("RUNPATH", image.runpath())?;
    if let Some(id) = image.build_id() {
        writeln!(out, "  build id  {}", hex(id))?;
    }
    if !image.is_dynamic() {
        writeln!(out, "  no dynamic section: nothing of it is bound at run time")?;
    }
    needs(listing, out)?;
    nodes(listing, out)
}

fn needs(listing: &Listing<'_>, out: &mut impl Write) -> io::Result<()> {
    let needs = listing.symbols.versions().needs();
    for file in listing.image.needed() {
        write!(out, "  needs     {}", escape(file))?;
        let nodes = needs.iter().filter(|need| need.file == file).flat_map(|need| &need.nodes);
        for (index, node) in nodes.enumerate() {
            let (separator, weak) = (if index == 0 { ": " } else { ", " }, if node.weak { " (weak)" } else { "" });
            write!(out, "{separator}{}{weak}", escape(node.name))?;
        }
        writeln!(out)?;
    }
    let listed: Vec<&[u8]> = listing.image.needed().collect();
    for need in needs.iter().filter(|need| !listed.contains(&need.file)) {
        let nodes: Vec<String> = need.nodes.iter().map(|node| escape(node.name).to_string()).collect();
        writeln!(out, "  needs     {} (not in NEEDED): {}", escape(need.file), nodes.join(", "))?;
    }
    Ok(())
}

/// The nodes as a tree, each under the first that it inherits.
fn nodes(listing: &Listing<'_>, out: &mut impl Write) -> io::Result<()> {
    let definitions = listing.symbols.versions().definitions();
    let counts = counts(&listing.symbols);
    let place = |name: &[u8]| definitions.iter().position(|definition| definition.name == name);
    let mut children = vec![Vec::new(); definitions.len()];
    let mut roots = Vec::new();
    for (index, definition) in definitions.iter().enumerate() {
        match definition.parents.iter().find_map(|parent| place(parent)).and_then(|at| children.get_mut(at)) {
            Some(siblings) => siblings.push(index),
            None => roots.push(index),
        }
    }
    // Nodes that inherit one another in a circle hang from no root: they come last, each once.
    let mut stack: Vec<(usize, usize)> =
        (0..definitions.len()).chain(roots.into_iter().rev()).map(|at| (at, 0)).collect();
    stack[..definitions.len()].reverse();
    let mut shown = vec![false; definitions.len()];
    while let Some((at, depth)) = stack.pop() {
        if std::mem::replace(&mut shown[at], true) {
            continue;
        }
        node(&definitions[at], counts[at], depth, out)?;
        stack.extend(children[at].iter().rev().map(|&child| (child, depth + 1)));
    }
    Ok(())
}

fn node(definition: &Definition<'_>, count: usize, depth: usize, out: &mut impl Write) -> io::Result<()> {
    let indent = 2 * depth.min(DEEPEST);
    write!(out, "  node      {:indent$}{}  {count} symbols", "", escape(definition.name))?;
    for (says, text) in [(definition.base, ", base"), (definition.weak, ", weak")] {
        if says {
            out.write_all(text.as_bytes())?;
        }
    }
    for parent in definition.parents.iter().skip(1) {
        write!(out, ", inherits {} too", escape(parent))?;
    }
    writeln!(out)
}

fn line(args: &Args, listing: &Listing<'_>, symbol: &Symbol<'_>, out: &mut impl Write) -> io::Result<()> {
    let width = if listing.image.class() == Class::Elf32 { 8 } else { 16 };
    match symbol.defined {
        true => write!(out, "{:0width$x}", symbol.value)?,
        false => write!(out, "{:width$}", "")?,
    }
    write!(out, " {} ", symbol.letter(listing.image.segments()))?;
    match args.demangle {
        true => write!(out, "{}", demangle(symbol.name))?,
        false => write!(out, "{}", escape(symbol.name))?,
    }
    if let Some(version) = symbol.version {
        write!(out, "{}{}", if symbol.default { "@@" } else { "@" }, escape(version.name))?;
    }
    writeln!(out)
}
