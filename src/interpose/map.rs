//! The version script that gives a shim its runtime's nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::version_script::{Node, Pattern, VersionScript, is_expressible, is_node_name};
use crate::elf::{Binding, Definition, Escaped, Symbol, Symbols, escape};

/// What a shim needs to stand in for a runtime, node by node.
#[derive(Clone, Debug)]
pub struct Map<'a> {
    /// The runtime's nodes, in its order; one without a name for a runtime without versions.
    pub nodes: Vec<MapNode<'a>>,
    /// The runtime also defines symbols in no node, which a script with nodes cannot name: unmatched names stay visible.
    pub unversioned: Vec<&'a [u8]>,
}

/// One node of a [`Map`].
#[derive(Clone, Debug, Default)]
pub struct MapNode<'a> {
    /// Its name.
    pub name: Option<&'a [u8]>,
    /// The nodes that it inherits.
    pub parents: Vec<&'a [u8]>,
    /// What the shim is to export here: the runtime's default definitions that the shim defines, or all without a shim.
    pub symbols: Vec<&'a [u8]>,
    /// What the runtime defines here by default, and the shim nowhere.
    pub missing: Vec<&'a [u8]>,
    /// Definitions that are not the default (`name@node`): no version script can make them, `.symver` can.
    pub not_default: Vec<&'a [u8]>,
}

impl<'a> Map<'a> {
    /// The map of a runtime; with a shim, restricted to what it defines.
    pub fn new(runtime: &Symbols<'a>, shim: Option<&Symbols<'a>>) -> Map<'a> {
        let mut map = Map { nodes: nodes(runtime.versions().definitions()), unversioned: Vec::new() };
        let versioned = !map.nodes.is_empty();
        if !versioned {
            map.nodes.push(MapNode::default());
        }
        let place: BTreeMap<_, _> = map.nodes.iter().enumerate().map(|(at, node)| (node.name, at)).collect();
        let shim: Option<BTreeSet<&[u8]>> = shim.map(|shim| exports(shim).map(|symbol| symbol.name).collect());
        for symbol in exports(runtime) {
            let name = symbol.version.map(|version| version.name);
            let Some(node) = place.get(&name).and_then(|&at| map.nodes.get_mut(at)) else {
                map.unversioned.push(symbol.name);
                continue;
            };
            let list = match &shim {
                _ if versioned && !symbol.default => &mut node.not_default,
                Some(shim) if !shim.contains(symbol.name) => &mut node.missing,
                _ => &mut node.symbols,
            };
            list.push(symbol.name);
        }
        for list in map.nodes.iter_mut().flat_map(|node| [&mut node.symbols, &mut node.missing, &mut node.not_default])
        {
            list.sort_unstable();
            list.dedup();
        }
        map
    }

    /// How many names the shim is to export.
    pub fn symbol_count(&self) -> usize {
        self.nodes.iter().map(|node| node.symbols.len()).sum()
    }

    /// The version script.
    pub fn script(&self) -> VersionScript {
        let mut nodes: Vec<Node> = self.nodes.iter().map(MapNode::script).collect();
        // Hidden is what no node names. Not where the runtime has symbols in no node: they can only be exported unmatched.
        if let Some(first) = nodes.first_mut()
            && self.unversioned.is_empty()
        {
            first.local.push(Pattern::new("*"));
        }
        VersionScript { nodes }
    }
}

/// The symbols that an object offers to others.
fn exports<'s, 'a>(symbols: &'s Symbols<'a>) -> impl Iterator<Item = Symbol<'a>> + 's {
    symbols.iter().filter(|symbol| {
        symbol.defined && symbol.binding != Binding::Local && !symbol.is_node_marker() && !symbol.is_debugging()
    })
}

fn nodes<'a>(definitions: &[Definition<'a>]) -> Vec<MapNode<'a>> {
    let node = |definition: &Definition<'a>| MapNode {
        name: Some(definition.name),
        parents: definition.parents.clone(),
        ..MapNode::default()
    };
    definitions.iter().filter(|definition| !definition.base).map(node).collect()
}

impl MapNode<'_> {
    fn script(&self) -> Node {
        let mut node = Node {
            name: self.name.map(|name| escape(name).to_string()),
            parents: self.parents.iter().map(|parent| escape(parent).to_string()).collect(),
            ..Node::default()
        };
        if let Some(name) = node.name.as_ref().filter(|name| !is_node_name(name)) {
            node.remarks.push(format!("no version script can spell the node {name}"));
        }
        for name in &self.symbols {
            match std::str::from_utf8(name).ok().filter(|name| is_expressible(name)) {
                Some(name) => node.global.push(pattern(name)),
                None => node.remarks.push(format!("no version script can spell {}", Escaped(name))),
            }
        }
        node.remarks.extend(self.missing.iter().map(|name| format!("missing in the shim: {}", Escaped(name))));
        let reason = "not the default, so .symver must place it";
        node.remarks.extend(self.not_default.iter().map(|name| format!("{reason}: {}", Escaped(name))));
        node
    }
}

/// A name, quoted where it would read as a glob.
fn pattern(name: &str) -> Pattern {
    if name.contains(['*', '?', '[']) { Pattern::exact(name) } else { Pattern::new(name) }
}
