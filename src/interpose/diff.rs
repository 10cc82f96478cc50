//! The versioned ABI of a library, old against new: what a client that is already linked would notice.
//!
//! Whether a change breaks a client follows from how ld.so binds (glibc, `elf/dl-lookup.c`, `check_match`): the same
//! node satisfies a reference whether it is the default or not; so does a definition in no node, in a library that has a
//! version table. Another node never does.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::elf::{Binding, Image, Symbol, SymbolKind, Symbols, escape};

/// A library to compare.
#[derive(Clone, Copy, Debug)]
pub struct Side<'i, 'a> {
    /// The file.
    pub image: &'i Image<'a>,
    /// Its dynamic symbols.
    pub symbols: &'i Symbols<'a>,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Class, byte order or processor.
    MachineChanged,
    /// The SONAME.
    SonameChanged,
    /// A version node is not defined any more.
    NodeGone,
    /// A definition is not there any more, in no node.
    SymbolGone,
    /// A definition stands in another node.
    SymbolMoved,
    /// Function, data, thread-local data.
    KindChanged,
    /// The size of data.
    SizeChanged,
    /// Another node is the default one, while the old one is still there.
    DefaultChanged,
    /// Global, weak, unique.
    BindingChanged,
    /// Default, protected.
    VisibilityChanged,
    /// A version node inherits others.
    NodeParentsChanged,
    /// A library, or a node of one, is needed that was not.
    NeedAdded,
    /// A library, or a node of one, is not needed any more.
    NeedGone,
    /// A new version node.
    NodeAdded,
    /// A new definition.
    SymbolAdded,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// What has changed.
    pub change: What,
    /// Of what: a symbol without version, a node, a library; escaped.
    pub subject: String,
    /// What it was; `None` for what is new.
    pub old: Option<String>,
    /// What it is; `None` for what is gone.
    pub new: Option<String>,
    /// Whether a client that is already linked notices.
    pub breaks: bool,
    /// Why it does, or why not.
    pub why: &'static str,
}

/// All changes from the old library to the new one: those that break a client first, by kind and name.
pub fn diff(old: Side<'_, '_>, new: Side<'_, '_>) -> Vec<Change> {
    let mut changes = Vec::new();
    identity(old.image, new.image, &mut changes);
    nodes(old.symbols, new.symbols, &mut changes);
    needs(old, new, &mut changes);
    symbols(old.symbols, new.symbols, &mut changes);
    changes.sort_by(|a, b| b.breaks.cmp(&a.breaks).then_with(|| a.cmp(b)));
    changes
}

fn identity(old: &Image<'_>, new: &Image<'_>, changes: &mut Vec<Change>) {
    let machine = |image: &Image<'_>| format!("{} {} {}", image.class(), image.byte_order(), image.machine_name());
    if machine(old) != machine(new) {
        let why = "ld.so passes over a library of another machine";
        changes.push(change(What::MachineChanged, "file", Some(machine(old)), Some(machine(new)), true, why));
    }
    let soname = |image: &Image<'_>| image.soname().map(text);
    if soname(old) != soname(new) {
        let why = match old.soname() {
            Some(_) => "clients ask for the old name, under which the new library is not found",
            None => "clients ask for the file's name as long as it stays",
        };
        changes.push(change(What::SonameChanged, "SONAME", soname(old), soname(new), old.soname().is_some(), why));
    }
}

fn nodes(old: &Symbols<'_>, new: &Symbols<'_>, changes: &mut Vec<Change>) {
    let named = |symbols: &Symbols<'_>| -> BTreeMap<String, Vec<String>> {
        let definitions = symbols.versions().definitions().iter().filter(|definition| !definition.base);
        definitions.map(|node| (text(node.name), node.parents.iter().map(|parent| text(parent)).collect())).collect()
    };
    let (old_nodes, new_nodes) = (named(old), named(new));
    for (name, parents) in &old_nodes {
        match new_nodes.get(name) {
            None => {
                let (breaks, why) = match new {
                    new if new.versions().is_empty() => (true, STRIPPED),
                    new if new.versions().definitions().is_empty() => {
                        (false, "the new library defines no nodes at all: ld.so warns and takes it")
                    }
                    _ => (true, "ld.so refuses to start a client that needs the node"),
                };
                changes.push(change(What::NodeGone, name, Some(name.clone()), None, breaks, why));
            }
            Some(now) if now != parents => {
                let why = "inheritance means nothing to ld.so";
                let (was, is) = (parents.join(" "), now.join(" "));
                changes.push(change(What::NodeParentsChanged, name, Some(was), Some(is), false, why));
            }
            Some(_) => {}
        }
    }
    for name in new_nodes.keys().filter(|name| !old_nodes.contains_key(*name)) {
        let why = "no client knows of it yet";
        changes.push(change(What::NodeAdded, name, None, Some(name.clone()), false, why));
    }
}

fn needs(old: Side<'_, '_>, new: Side<'_, '_>, changes: &mut Vec<Change>) {
    let all = |side: Side<'_, '_>| -> BTreeSet<(String, Option<String>)> {
        let files = side.image.needed().map(|file| (text(file), None));
        let nodes = side
            .symbols
            .versions()
            .needs()
            .iter()
            .flat_map(|need| need.nodes.iter().map(|node| (text(need.file), Some(text(node.name)))));
        files.chain(nodes).collect()
    };
    let (was, is) = (all(old), all(new));
    let shown = |(file, node): &(String, Option<String>)| node.clone().unwrap_or_else(|| file.clone());
    for need in is.difference(&was) {
        let why = "the client is not concerned, but the machine must have it";
        changes.push(change(What::NeedAdded, &need.0, None, Some(shown(need)), false, why));
    }
    for need in was.difference(&is) {
        let why = "a client that uses it asks for it by itself";
        changes.push(change(What::NeedGone, &need.0, Some(shown(need)), None, false, why));
    }
}

/// Up to 2.40, `check_match` asserts that a definer without any version table is not the file that the reference names.
const STRIPPED: &str = "the new library has no version information at all: ld.so up to 2.40 aborts, later ones warn";

type Exports<'a> = BTreeMap<&'a [u8], Vec<Symbol<'a>>>;

fn exports<'a>(symbols: &Symbols<'a>) -> Exports<'a> {
    let mut exports = Exports::new();
    let offered = |symbol: &Symbol<'_>| {
        symbol.defined && symbol.binding != Binding::Local && !symbol.is_node_marker() && !symbol.is_debugging()
    };
    for symbol in symbols.iter().filter(offered) {
        exports.entry(symbol.name).or_default().push(symbol);
    }
    exports
}

fn symbols(old: &Symbols<'_>, new: &Symbols<'_>, changes: &mut Vec<Change>) {
    let (olds, news) = (exports(old), exports(new));
    let unversioned = new.versions().is_empty();
    for (name, was) in &olds {
        let is = news.get(name).map_or(&[][..], Vec::as_slice);
        one_name(name, was, is, unversioned, changes);
    }
    for (name, is) in news.iter().filter(|(name, _)| !olds.contains_key(*name)) {
        is.iter().for_each(|symbol| changes.push(added(name, symbol)));
    }
}

/// All definitions of one name. `unversioned`: the new library has no version information at all.
fn one_name(name: &[u8], was: &[Symbol<'_>], is: &[Symbol<'_>], unversioned: bool, changes: &mut Vec<Change>) {
    let mut fresh: Vec<&Symbol<'_>> = is.iter().filter(|new| !was.iter().any(|old| same_node(old, new))).collect();
    for old in was {
        if let Some(new) = is.iter().find(|new| same_node(old, new)) {
            attributes(old, new, changes);
        } else if let Some(at) = fresh.iter().position(|new| new.default).or(fresh.len().checked_sub(1)) {
            let new = fresh.swap_remove(at);
            changes.push(moved(old, new, satisfied(old, is, unversioned), unversioned));
        } else {
            changes.push(gone(old, is, unversioned));
        }
    }
    fresh.into_iter().for_each(|symbol| changes.push(added(name, symbol)));
    default_changed(was, is, changes);
}

fn same_node(a: &Symbol<'_>, b: &Symbol<'_>) -> bool {
    node(a) == node(b)
}

fn node<'a>(symbol: &Symbol<'a>) -> Option<&'a [u8]> {
    symbol.version.map(|version| version.name)
}

/// Whether a reference that was bound to the old definition binds to one of the new ones.
fn satisfied(old: &Symbol<'_>, is: &[Symbol<'_>], unversioned: bool) -> bool {
    let visible = is.iter().filter(|new| !new.hidden).count();
    match node(old) {
        // A versioned reference: the same node, or a definition in none.
        Some(_) => !unversioned && is.iter().any(|new| same_node(old, new) || (node(new).is_none() && !new.hidden)),
        None => is.iter().any(|new| node(new).is_none()) || visible == 1,
    }
}

fn gone(old: &Symbol<'_>, is: &[Symbol<'_>], unversioned: bool) -> Change {
    let breaks = !satisfied(old, is, unversioned);
    let why = match (breaks, old.binding) {
        (false, _) => "another definition satisfies the reference",
        (true, _) if is_data(old) => "a client that uses it does not start: undefined symbol",
        (true, _) => "a client that uses it does not start, or ends at the first call: undefined symbol",
    };
    change(What::SymbolGone, &text(old.name), Some(versioned(old)), None, breaks, why)
}

fn moved(old: &Symbol<'_>, new: &Symbol<'_>, satisfied: bool, unversioned: bool) -> Change {
    let why = match satisfied {
        false if unversioned => STRIPPED,
        true if node(old).is_none() => "a reference without a version takes the only visible definition",
        true => "a reference with a version takes a definition that has none",
        false => "clients ask for the old node, and ld.so silently passes over a definition in another",
    };
    change(What::SymbolMoved, &text(old.name), Some(versioned(old)), Some(versioned(new)), !satisfied, why)
}

fn added(name: &[u8], new: &Symbol<'_>) -> Change {
    change(What::SymbolAdded, &text(name), None, Some(versioned(new)), false, "no client asks for it yet")
}

fn default_changed(was: &[Symbol<'_>], is: &[Symbol<'_>], changes: &mut Vec<Change>) {
    let (Some(old), new) = (default_node(was), default_node(is)) else { return };
    let still_there = is.iter().any(|symbol| node(symbol) == Some(old));
    if let Some(name) = was.first().map(|symbol| text(symbol.name))
        && still_there
        && new != Some(old)
    {
        let why = "linked clients keep the old node; what is linked from now on gets the new one";
        changes.push(change(What::DefaultChanged, &name, Some(text(old)), new.map(text), false, why));
    }
}

fn default_node<'a>(symbols: &[Symbol<'a>]) -> Option<&'a [u8]> {
    symbols.iter().find(|symbol| symbol.default).and_then(node)
}

fn attributes(old: &Symbol<'_>, new: &Symbol<'_>, changes: &mut Vec<Change>) {
    let name = text(old.name);
    let mut push = |what, was: String, is: String, (breaks, why)| {
        if was != is {
            changes.push(change(what, &name, Some(was), Some(is), breaks, why));
        }
    };
    push(What::KindChanged, old.kind.to_string(), new.kind.to_string(), kind_verdict(old.kind, new.kind));
    if is_data(old) && is_data(new) {
        let verdict = match (old.kind, new.size > old.size) {
            (SymbolKind::Tls, _) => (false, "thread-local data is never copied into a client"),
            (_, true) => (true, "a program that holds a copy of it has room for the old size only"),
            (_, false) => (true, "a program that holds a copy of it goes by the old size"),
        };
        push(What::SizeChanged, old.size.to_string(), new.size.to_string(), verdict);
    }
    let equal = "ld.so binds to weak, global and unique definitions alike";
    push(What::BindingChanged, old.binding.to_string(), new.binding.to_string(), (false, equal));
    let inside = "it matters to the library's own references only";
    push(What::VisibilityChanged, old.visibility.to_string(), new.visibility.to_string(), (false, inside));
}

fn kind_verdict(old: SymbolKind, new: SymbolKind) -> (bool, &'static str) {
    let class = |kind| match kind {
        SymbolKind::Function | SymbolKind::Ifunc => 'f',
        SymbolKind::Object | SymbolKind::Common => 'd',
        SymbolKind::Tls => 't',
        _ => '?',
    };
    match (class(old), class(new)) {
        (a, b) if a == b => (false, "it is used in the same way"),
        ('t', _) | (_, 't') => (true, "thread-local data is reached in another way"),
        ('?', _) | (_, '?') => (false, "one of the two does not say what it is"),
        _ => (true, "clients call data, or read code"),
    }
}

fn is_data(symbol: &Symbol<'_>) -> bool {
    matches!(symbol.kind, SymbolKind::Object | SymbolKind::Common | SymbolKind::Tls)
}

fn versioned(symbol: &Symbol<'_>) -> String {
    match node(symbol) {
        Some(node) if symbol.default => format!("{}@@{}", escape(symbol.name), escape(node)),
        Some(node) => format!("{}@{}", escape(symbol.name), escape(node)),
        None => text(symbol.name),
    }
}

fn text(bytes: &[u8]) -> String {
    escape(bytes).to_string()
}

fn change(
    what: What,
    subject: &str,
    old: Option<String>,
    new: Option<String>,
    breaks: bool,
    why: &'static str,
) -> Change {
    Change { change: what, subject: subject.to_owned(), old, new, breaks, why }
}
