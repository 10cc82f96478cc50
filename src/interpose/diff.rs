//! The versioned ABI of a library, old against new: what a client that is already linked would notice.
//!
//! Whether a change breaks a client follows from how ld.so binds (glibc, `elf/dl-lookup.c`, `check_match`): the same
//! node satisfies a reference whether it is the default or not; so does a definition in no node, in a library that has a
//! version table. Another node never does.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::elf::SymbolKind;

use super::abi::{Abi, Definition, Name, Versioning};

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
pub fn diff(old: &Abi<'_>, new: &Abi<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    identity(old, new, &mut changes);
    nodes(old, new, &mut changes);
    needs(old, new, &mut changes);
    symbols(old, new, &mut changes);
    changes.sort_by(|a, b| b.breaks.cmp(&a.breaks).then_with(|| a.cmp(b)));
    changes
}

fn identity(old: &Abi<'_>, new: &Abi<'_>, changes: &mut Vec<Change>) {
    if old.machine != new.machine {
        let why = "ld.so passes over a library of another machine";
        let (was, is) = (Some(old.machine.clone()), Some(new.machine.clone()));
        changes.push(change(What::MachineChanged, "file", was, is, true, why));
    }
    if old.soname != new.soname {
        let why = match old.soname {
            Some(_) => "clients ask for the old name, under which the new library is not found",
            None => "clients ask for the file's name as long as it stays",
        };
        let soname = |abi: &Abi<'_>| abi.soname.as_deref().map(str::to_owned);
        changes.push(change(What::SonameChanged, "SONAME", soname(old), soname(new), old.soname.is_some(), why));
    }
}

fn nodes(old: &Abi<'_>, new: &Abi<'_>, changes: &mut Vec<Change>) {
    for (name, parents) in &old.nodes {
        match new.nodes.get(name) {
            None => {
                let (breaks, why) = match new.versioning {
                    Versioning::Absent => (true, STRIPPED),
                    Versioning::Needs => (false, "the new library defines no nodes at all: ld.so warns and takes it"),
                    Versioning::Defines => (true, "ld.so refuses to start a client that needs the node"),
                };
                changes.push(change(What::NodeGone, name, Some(name.to_string()), None, breaks, why));
            }
            Some(now) if now != parents => {
                let why = "inheritance means nothing to ld.so";
                let (was, is) = (parents.join(" "), now.join(" "));
                changes.push(change(What::NodeParentsChanged, name, Some(was), Some(is), false, why));
            }
            Some(_) => {}
        }
    }
    for name in new.nodes.keys().filter(|name| !old.nodes.contains_key(*name)) {
        let why = "no client knows of it yet";
        changes.push(change(What::NodeAdded, name, None, Some(name.to_string()), false, why));
    }
}

fn needs(old: &Abi<'_>, new: &Abi<'_>, changes: &mut Vec<Change>) {
    let was: BTreeSet<_> = old.needs.iter().collect();
    let is: BTreeSet<_> = new.needs.iter().collect();
    let shown = |(file, node): &(Name<'_>, Option<Name<'_>>)| Some(node.as_ref().unwrap_or(file).to_string());
    for need in is.difference(&was) {
        let why = "the client is not concerned, but the machine must have it";
        changes.push(change(What::NeedAdded, &need.0, None, shown(need), false, why));
    }
    for need in was.difference(&is) {
        let why = "a client that uses it asks for it by itself";
        changes.push(change(What::NeedGone, &need.0, shown(need), None, false, why));
    }
}

/// Up to 2.40, `check_match` asserts that a definer without any version table is not the file that the reference names.
const STRIPPED: &str = "the new library has no version information at all: ld.so up to 2.40 aborts, later ones warn";

fn symbols(old: &Abi<'_>, new: &Abi<'_>, changes: &mut Vec<Change>) {
    let unversioned = new.versioning == Versioning::Absent;
    for (name, was) in &old.exports {
        let is = new.exports.get(name).map_or(&[][..], Vec::as_slice);
        one_name(name, was, is, unversioned, changes);
    }
    for (name, is) in new.exports.iter().filter(|(name, _)| !old.exports.contains_key(*name)) {
        is.iter().for_each(|definition| changes.push(added(name, definition)));
    }
}

/// All definitions of one name. `unversioned`: the new library has no version information at all.
fn one_name(name: &str, was: &[Definition<'_>], is: &[Definition<'_>], unversioned: bool, changes: &mut Vec<Change>) {
    let mut fresh: Vec<&Definition<'_>> = is.iter().filter(|new| !was.iter().any(|old| old.node == new.node)).collect();
    for old in was {
        if let Some(new) = is.iter().find(|new| old.node == new.node) {
            attributes(name, old, new, changes);
        } else if let Some(at) = fresh.iter().position(|new| new.default).or(fresh.len().checked_sub(1)) {
            let new = fresh.swap_remove(at);
            changes.push(moved(name, old, new, satisfied(old, is, unversioned), unversioned));
        } else {
            changes.push(gone(name, old, is, unversioned));
        }
    }
    fresh.into_iter().for_each(|definition| changes.push(added(name, definition)));
    default_changed(name, was, is, changes);
}

/// Whether a reference that was bound to the old definition binds to one of the new ones.
fn satisfied(old: &Definition<'_>, is: &[Definition<'_>], unversioned: bool) -> bool {
    let visible = is.iter().filter(|new| !new.hidden).count();
    match &old.node {
        // A versioned reference: the same node, or a definition in none.
        Some(_) => !unversioned && is.iter().any(|new| old.node == new.node || (new.node.is_none() && !new.hidden)),
        None => is.iter().any(|new| new.node.is_none()) || visible == 1,
    }
}

fn gone(name: &str, old: &Definition<'_>, is: &[Definition<'_>], unversioned: bool) -> Change {
    let breaks = !satisfied(old, is, unversioned);
    let why = match breaks {
        false => "another definition satisfies the reference",
        true if old.is_data() => "a client that uses it does not start: undefined symbol",
        true => "a client that uses it does not start, or ends at the first call: undefined symbol",
    };
    change(What::SymbolGone, name, Some(versioned(name, old)), None, breaks, why)
}

fn moved(name: &str, old: &Definition<'_>, new: &Definition<'_>, satisfied: bool, unversioned: bool) -> Change {
    let why = match satisfied {
        false if unversioned => STRIPPED,
        true if old.node.is_none() => "a reference without a version takes the only visible definition",
        true => "a reference with a version takes a definition that has none",
        false => "clients ask for the old node, and ld.so silently passes over a definition in another",
    };
    let (was, is) = (versioned(name, old), versioned(name, new));
    change(What::SymbolMoved, name, Some(was), Some(is), !satisfied, why)
}

fn added(name: &str, new: &Definition<'_>) -> Change {
    change(What::SymbolAdded, name, None, Some(versioned(name, new)), false, "no client asks for it yet")
}

fn default_changed(name: &str, was: &[Definition<'_>], is: &[Definition<'_>], changes: &mut Vec<Change>) {
    let (Some(old), new) = (default_node(was), default_node(is)) else { return };
    let still_there = is.iter().any(|definition| definition.node.as_deref() == Some(old));
    if still_there && new != Some(old) {
        let why = "linked clients keep the old node; what is linked from now on gets the new one";
        let (old, new) = (Some(old.to_owned()), new.map(str::to_owned));
        changes.push(change(What::DefaultChanged, name, old, new, false, why));
    }
}

fn default_node<'d>(definitions: &'d [Definition<'_>]) -> Option<&'d str> {
    definitions.iter().find(|definition| definition.default).and_then(|definition| definition.node.as_deref())
}

fn attributes(name: &str, old: &Definition<'_>, new: &Definition<'_>, changes: &mut Vec<Change>) {
    let mut push = |what, was: String, is: String, (breaks, why)| {
        if was != is {
            changes.push(change(what, name, Some(was), Some(is), breaks, why));
        }
    };
    push(What::KindChanged, old.kind.to_string(), new.kind.to_string(), kind_verdict(old.kind, new.kind));
    if old.is_data() && new.is_data() {
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
        kind if kind.is_function() => 'f',
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

fn versioned(name: &str, definition: &Definition<'_>) -> String {
    match &definition.node {
        Some(node) if definition.default => format!("{name}@@{node}"),
        Some(node) => format!("{name}@{node}"),
        None => name.to_owned(),
    }
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
