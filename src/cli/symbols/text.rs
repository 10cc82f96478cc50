//! The listing for people: facts and nodes, then the symbols as `nm -D --with-symbol-versions` shows them.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::AsFd;

use rayon::prelude::*;

use super::{Args, Listing};
use crate::elf::hex;
use crate::elf::{Class, Definition, Symbol, demangle, escape};

/// Deeper nodes are indented no further: a chain may be thousands of nodes long.
const DEEPEST: usize = 20;

/// Symbols that are rendered at a time. Small, since a window of rendered blocks is what the listing keeps in memory.
const BLOCK: usize = 512;

/// A piece of the output that can be rendered by itself.
struct Piece<'l, 'a> {
    listing: &'l Listing<'a>,
    /// Its place among the files, where the piece starts one.
    starts: Option<usize>,
    symbols: Range<usize>,
}

/// Renders in parallel, a window at a time, and writes in order.
pub fn print(args: &Args, listings: &[Listing<'_>]) -> io::Result<()> {
    // Not through `io::stdout`: it would look through every block for its last line.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut pieces = listings.iter().enumerate().flat_map(|(index, listing)| pieces(args, index, listing)).peekable();
    // A short listing is done before the threads have started.
    let short = listings.iter().map(|listing| listing.symbols.len()).sum::<usize>() <= BLOCK;
    let threads = if short { 1 } else { rayon::current_num_threads() };
    let mut buffers = vec![Vec::new(); if threads == 1 { 1 } else { 3 * threads }];
    while pieces.peek().is_some() {
        let mut window: Vec<_> = buffers.iter_mut().zip(pieces.by_ref()).collect();
        match window.as_mut_slice() {
            [(buffer, piece)] => render(args, piece, buffer)?,
            several => several.par_iter_mut().try_for_each(|(buffer, piece)| render(args, piece, buffer))?,
        }
        for (buffer, piece) in window {
            out.write_all(buffer)?;
            buffer.clear();
            // From the start on: a page fault brings back what lies around it too.
            piece.listing.source.release(piece.listing.symbols.file_range(0..piece.symbols.end));
        }
    }
    Ok(())
}

fn pieces<'l, 'a>(args: &Args, place: usize, listing: &'l Listing<'a>) -> impl Iterator<Item = Piece<'l, 'a>> {
    let end = if args.versions { 1 } else { listing.symbols.len().max(1) };
    let starts = std::iter::once(1).chain((1 + BLOCK..end).step_by(BLOCK));
    starts.map(move |start| Piece {
        listing,
        starts: (start == 1).then_some(place),
        symbols: start..end.min(start + BLOCK),
    })
}

fn render(args: &Args, piece: &Piece<'_, '_>, out: &mut Vec<u8>) -> io::Result<()> {
    match piece.starts {
        None => {}
        Some(place) => {
            out.extend_from_slice(if place > 0 { b"\n" } else { b"" });
            head(piece.listing, out)?;
            out.extend_from_slice(if args.versions { b"" } else { b"\n" });
        }
    }
    for symbol in piece.listing.symbols.range(piece.symbols.clone()).filter(|symbol| args.wants(symbol)) {
        line(args, piece.listing, &symbol, out)?;
    }
    Ok(())
}

/// What the file is, what it needs, and the nodes that it defines.
fn head(listing: &Listing<'_>, out: &mut impl Write) -> io::Result<()> {
    let image = &listing.image;
    write!(out, "{}", listing.source.path().display())?;
    if let Some(found) = listing.source.found() {
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
        node(&definitions[at], listing.counts[at], depth, out)?;
        stack.extend(children[at].iter().rev().map(|&child| (child, depth + 1)));
    }
    Ok(())
}

fn node(definition: &Definition<'_>, count: usize, depth: usize, out: &mut impl Write) -> io::Result<()> {
    let indent = 2 * depth.min(DEEPEST);
    let plural = if count == 1 { "" } else { "s" };
    write!(out, "  node      {:indent$}{}  {count} symbol{plural}", "", escape(definition.name))?;
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

fn line(args: &Args, listing: &Listing<'_>, symbol: &Symbol<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let width = if listing.image.class() == Class::Elf32 { 8 } else { 16 };
    address(symbol, width, out);
    out.extend_from_slice(&[b' ', symbol.letter(listing.image.segments()) as u8, b' ']);
    match args.demangle {
        true => write!(out, "{}", demangle(symbol.name))?,
        false => escape(symbol.name).append_to(out),
    }
    if let Some(version) = symbol.version.filter(|_| !symbol.is_node_marker()) {
        out.extend_from_slice(if symbol.default { b"@@" } else { b"@" });
        escape(version.name).append_to(out);
    }
    out.push(b'\n');
    Ok(())
}

/// The value in hexadecimal digits; blanks for what has none.
fn address(symbol: &Symbol<'_>, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b' '; 16];
    if symbol.defined {
        for (place, digit) in digits.iter_mut().rev().enumerate() {
            *digit = b"0123456789abcdef"[(symbol.value >> (4 * place) & 0xf) as usize];
        }
    }
    out.extend_from_slice(&digits[16 - width..]);
}
