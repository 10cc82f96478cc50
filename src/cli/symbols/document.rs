//! The listing for programs.

use serde::{Serialize, Serializer};

use super::{Args, Listing};
use crate::elf::hex;
use crate::elf::{Binding, Class, Escaped, Sections, Symbol, SymbolKind, Visibility, demangle, escape};

/// The whole document.
#[derive(Serialize)]
pub struct Document<'d, 'a> {
    schema: &'static str,
    files: Vec<File<'d, 'a>>,
}

impl<'d, 'a> Document<'d, 'a> {
    pub fn new(args: &'d Args, listings: &'d [Listing<'a>]) -> Document<'d, 'a> {
        Document {
            schema: "xdoctor/symbols/1",
            files: listings.iter().map(|listing| File::new(args, listing)).collect(),
        }
    }
}

#[derive(Serialize)]
struct File<'d, 'a> {
    file: String,
    found: Option<String>,
    soname: Option<Escaped<'a>>,
    class: Class,
    machine: String,
    build_id: Option<String>,
    needed: Vec<Escaped<'a>>,
    rpath: Vec<Escaped<'a>>,
    runpath: Vec<Escaped<'a>>,
    nodes: Vec<Node<'a>>,
    needs: Vec<Need<'a>>,
    symbols: Rows<'d, 'a>,
}

#[derive(Serialize)]
struct Node<'a> {
    name: Escaped<'a>,
    index: u16,
    base: bool,
    weak: bool,
    parents: Vec<Escaped<'a>>,
    symbols: usize,
}

#[derive(Serialize)]
struct Need<'a> {
    file: Escaped<'a>,
    nodes: Vec<NeededNode<'a>>,
}

#[derive(Serialize)]
struct NeededNode<'a> {
    name: Escaped<'a>,
    index: u16,
    weak: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    name: Escaped<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    demangled: Option<String>,
    version: Option<Escaped<'a>>,
    default: bool,
    hidden: bool,
    defined: bool,
    kind: SymbolKind,
    binding: Binding,
    visibility: Visibility,
    value: u64,
    size: u64,
    section: Option<Escaped<'a>>,
}

impl<'d, 'a> File<'d, 'a> {
    fn new(args: &'d Args, listing: &'d Listing<'a>) -> File<'d, 'a> {
        let image = &listing.image;
        File {
            file: listing.source.path().display().to_string(),
            found: listing.source.found().map(|found| found.to_string()),
            soname: image.soname().map(Escaped),
            class: image.class(),
            machine: image.machine_name(),
            build_id: image.build_id().map(hex),
            needed: image.needed().map(Escaped).collect(),
            rpath: folders(image.rpath()),
            runpath: folders(image.runpath()),
            nodes: nodes(listing),
            needs: needs(listing),
            symbols: Rows { args, listing },
        }
    }
}

fn folders(list: Option<&[u8]>) -> Vec<Escaped<'_>> {
    list.map(|list| list.split(|&byte| byte == b':').map(Escaped).collect()).unwrap_or_default()
}

fn nodes<'a>(listing: &Listing<'a>) -> Vec<Node<'a>> {
    let definitions = listing.symbols.versions().definitions();
    let node = |(definition, &symbols): (&crate::elf::Definition<'a>, &usize)| Node {
        name: escape(definition.name),
        index: definition.index,
        base: definition.base,
        weak: definition.weak,
        parents: definition.parents.iter().copied().map(Escaped).collect(),
        symbols,
    };
    definitions.iter().zip(&listing.counts).map(node).collect()
}

fn needs<'a>(listing: &Listing<'a>) -> Vec<Need<'a>> {
    let node =
        |node: &crate::elf::NeededNode<'a>| NeededNode { name: escape(node.name), index: node.index, weak: node.weak };
    let need =
        |need: &crate::elf::Need<'a>| Need { file: escape(need.file), nodes: need.nodes.iter().map(node).collect() };
    listing.symbols.versions().needs().iter().map(need).collect()
}

/// The symbols, made one by one as they are written.
struct Rows<'d, 'a> {
    args: &'d Args,
    listing: &'d Listing<'a>,
}

impl Serialize for Rows<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sections = self.listing.image.sections();
        let wanted = self.listing.symbols.iter().filter(|symbol| self.args.wants(symbol));
        serializer.collect_seq(wanted.map(|symbol| Row::new(&symbol, sections, self.args.demangle)))
    }
}

impl<'a> Row<'a> {
    fn new(symbol: &Symbol<'a>, sections: Sections<'a>, demangled: bool) -> Row<'a> {
        Row {
            name: escape(symbol.name),
            demangled: demangled.then(|| demangle(symbol.name).to_string()),
            version: symbol.version.map(|version| escape(version.name)),
            default: symbol.default,
            hidden: symbol.hidden,
            defined: symbol.defined,
            kind: symbol.kind,
            binding: symbol.binding,
            visibility: symbol.visibility,
            value: symbol.value,
            size: symbol.size,
            section: symbol.section_name(sections).map(Escaped),
        }
    }
}
