//! The versioned ABI of a library apart from its file: what `diff` compares, and what a lock remembers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::elf::{Binding, Image, Symbol, SymbolKind, Symbols, Visibility, escape};

/// A name out of a file, escaped so that it can be shown.
pub type Name<'a> = Cow<'a, str>;

/// What others can rely on, and what it relies on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abi<'a> {
    /// Class, byte order and processor.
    pub machine: String,
    /// `DT_SONAME`.
    pub soname: Option<Name<'a>>,
    /// How much version information it has.
    pub versioning: Versioning,
    /// The version nodes that it defines, each with those that it inherits.
    pub nodes: BTreeMap<Name<'a>, Vec<Name<'a>>>,
    /// What it needs: a library, or a node of one; in the file's order.
    pub needs: Vec<(Name<'a>, Option<Name<'a>>)>,
    /// What it defines for others, by name.
    pub exports: BTreeMap<Name<'a>, Vec<Definition<'a>>>,
}

/// How much version information a file has: ld.so treats the three differently (glibc, `elf/dl-version.c`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    /// None at all.
    #[default]
    Absent,
    /// It needs nodes of others, and defines none.
    Needs,
    /// It defines nodes, be it only the base.
    Defines,
}

/// One definition of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// Its version node; `None` in the base version or without version information.
    pub node: Option<Name<'a>>,
    /// Whether it is the default version (`@@`).
    pub default: bool,
    /// Whether only a reference that names the node finds it (`@`).
    pub hidden: bool,
    /// Function, data, …
    pub kind: SymbolKind,
    /// Global, weak, unique.
    pub binding: Binding,
    /// Default, protected.
    pub visibility: Visibility,
    /// Bytes; it matters for data only.
    pub size: u64,
}

impl<'a> Abi<'a> {
    /// What the file says.
    pub fn of(image: &Image<'a>, symbols: &Symbols<'a>) -> Abi<'a> {
        let versions = symbols.versions();
        let text = |bytes: &'a [u8]| escape(bytes).to_text();
        let named = versions.definitions().iter().filter(|definition| !definition.base);
        let nodes = versions.needs().iter().flat_map(|need| need.nodes.iter().map(|node| (need.file, node.name)));
        Abi {
            machine: format!("{} {} {}", image.class(), image.byte_order(), image.machine_name()),
            soname: image.soname().map(text),
            versioning: match (versions.is_empty(), versions.definitions().is_empty()) {
                (true, _) => Versioning::Absent,
                (false, true) => Versioning::Needs,
                (false, false) => Versioning::Defines,
            },
            nodes: named
                .map(|node| (text(node.name), node.parents.iter().map(|parent| text(parent)).collect()))
                .collect(),
            needs: image
                .needed()
                .map(|file| (text(file), None))
                .chain(nodes.map(|(file, node)| (text(file), Some(text(node)))))
                .collect(),
            exports: exports(symbols),
        }
    }
}

impl Abi<'_> {
    /// The same, for when the file is gone.
    pub fn into_owned(self) -> Abi<'static> {
        let own = |name: Name<'_>| Name::Owned(name.into_owned());
        Abi {
            machine: self.machine,
            soname: self.soname.map(own),
            versioning: self.versioning,
            nodes: self
                .nodes
                .into_iter()
                .map(|(node, parents)| (own(node), parents.into_iter().map(own).collect()))
                .collect(),
            needs: self.needs.into_iter().map(|(file, node)| (own(file), node.map(own))).collect(),
            exports: self
                .exports
                .into_iter()
                .map(|(name, all)| (own(name), all.into_iter().map(Definition::into_owned).collect()))
                .collect(),
        }
    }
}

impl Definition<'_> {
    fn into_owned(self) -> Definition<'static> {
        Definition { node: self.node.map(|node| Name::Owned(node.into_owned())), ..self }
    }

    /// Whether it is data, whose size matters to a program that holds a copy of it.
    pub fn is_data(&self) -> bool {
        matches!(self.kind, SymbolKind::Object | SymbolKind::Common | SymbolKind::Tls)
    }
}

fn exports<'a>(symbols: &Symbols<'a>) -> BTreeMap<Name<'a>, Vec<Definition<'a>>> {
    let mut exports: BTreeMap<Name<'a>, Vec<Definition<'a>>> = BTreeMap::new();
    let offered = |symbol: &Symbol<'_>| {
        symbol.defined && symbol.binding != Binding::Local && !symbol.is_node_marker() && !symbol.is_debugging()
    };
    for symbol in symbols.iter().filter(offered) {
        exports.entry(escape(symbol.name).to_text()).or_default().push(Definition {
            node: symbol.version.map(|version| escape(version.name).to_text()),
            default: symbol.default,
            hidden: symbol.hidden,
            kind: symbol.kind,
            binding: symbol.binding,
            visibility: symbol.visibility,
            size: symbol.size,
        });
    }
    exports
}
