//! What has changed between two states of an ELF file, in the words that its owner would use.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnosis::listed;
use crate::interpose::Api;
use crate::interpose::diff::{Change, What, diff};

use crate::lock::state::{Crowd, Elf};

/// Names that a sentence shows.
const SHOWN: usize = 4;

/// What has changed.
#[derive(Clone, Debug, Default)]
pub(super) struct ElfChange {
    /// The changes of the ABI, those that break a client first.
    pub changes: Vec<Change>,
    /// All changes, a clause each, the gravest first.
    pub clauses: Vec<String>,
}

impl ElfChange {
    /// Compares two states of a file.
    pub fn between(was: &Elf, is: &Elf) -> ElfChange {
        let crowds: BTreeSet<Crowd> = was.many.keys().chain(is.many.keys()).cloned().collect();
        let (old, new) = (without(was, &crowds), without(is, &crowds));
        let changes = diff(&old.abi, &new.abi);
        let mut clauses = Vec::new();
        symbols(&old, &changes, &mut clauses);
        clauses.extend(changes.iter().filter_map(clause));
        crowd_clauses(was, is, &crowds, &mut clauses);
        paths(was, is, &mut clauses);
        let gained: Vec<_> = new.references.difference(&old.references).collect();
        let of_api = |(name, _): &&&(String, Option<String>)| Api::hip().function(name).is_some();
        let asks_for: Vec<String> = gained.iter().filter(of_api).map(|(name, _)| name.clone()).collect();
        if !asks_for.is_empty() {
            clauses.push(format!(
                "asks for {} more of the API: {}",
                functions(asks_for.len()),
                listed(&asks_for, SHOWN)
            ));
        }
        let lost = old.references.difference(&new.references).filter(|lost| of_api(&lost)).count();
        if lost > 0 {
            clauses.push(format!("asks for {} of the API no longer", functions(lost)));
        }
        ElfChange { changes, clauses }
    }

    /// All of it in one sentence; `again` where the build id is another, too.
    pub fn sentence(&self, size: &str, again: bool) -> String {
        match (self.clauses.is_empty(), again) {
            (false, _) => format!("{size}, {}", self.clauses.join("; ")),
            (true, true) => format!("rebuilt ({size}): build id differs, exports the same"),
            (true, false) => format!("{size}, build id and exports the same: stripped, patched or signed afterwards"),
        }
    }

    /// Whether a client that is already linked notices.
    pub fn breaks(&self) -> bool {
        self.changes.iter().any(|change| change.breaks)
    }

    /// Functions that are new.
    pub fn added(&self) -> usize {
        self.changes.iter().filter(|change| change.change == What::SymbolAdded).count()
    }

    /// The changes that break what this file uses: it forwards what it exports, and asks for what it refers to. A file
    /// that follows the change already (it was built against the new library) uses nothing that is lost.
    pub fn breaking_for<'c>(&'c self, user: &'c Elf) -> impl Iterator<Item = &'c Change> {
        let needs = |node: &str| user.abi.needs.iter().any(|(_, need)| need.as_deref() == Some(node));
        let needed = |soname: &str| user.needed().any(|needed| needed == soname);
        self.changes.iter().filter(move |change| {
            change.breaks
                && match change.change {
                    What::NodeGone => needs(&change.subject) || user.abi.nodes.contains_key(change.subject.as_str()),
                    What::SonameChanged => change.old.as_deref().is_some_and(needed),
                    What::MachineChanged => true,
                    _ => uses(user, change),
                }
        })
    }
}

/// Whether a file exports or asks for what has changed, where it was and not where it is now.
fn uses(user: &Elf, change: &Change) -> bool {
    let of = |versioned: &Option<String>| Some(versioned.as_deref()?.rsplit_once('@')?.1.to_owned());
    let (old, new) = (of(&change.old), of(&change.new));
    let name = change.subject.as_str();
    let asks = user.references.contains(&(name.to_owned(), old.clone()));
    let follows = |node: Option<&str>| change.new.is_some() && old != new && node == new.as_deref();
    let exports = user.abi.exports.get(name);
    asks || exports.is_some_and(|all| !all.iter().any(|definition| follows(definition.node.as_deref())))
}

pub(super) fn functions(count: usize) -> String {
    format!("{count} function{}", if count == 1 { "" } else { "s" })
}

fn without(elf: &Elf, crowds: &BTreeSet<Crowd>) -> Elf {
    let mut elf = elf.clone();
    elf.forget(crowds);
    elf
}

/// A node as a sentence has it.
fn node(versioned: Option<&str>) -> String {
    let node = versioned.and_then(|text| text.rsplit_once('@')).map(|(_, node)| node);
    node.unwrap_or("base").to_owned()
}

/// Functions that went the same way together: `3 functions moved from hip_4.2 to base: …`.
fn symbols(old: &Elf, changes: &[Change], clauses: &mut Vec<String>) {
    let mut groups: BTreeMap<(What, String, String), Vec<String>> = BTreeMap::new();
    for change in changes {
        if matches!(change.change, What::SymbolMoved | What::SymbolGone | What::SymbolAdded) {
            let key = (change.change, node(change.old.as_deref()), node(change.new.as_deref()));
            groups.entry(key).or_default().push(change.subject.clone());
        }
    }
    let is_code = |name: &String| {
        let known = old.abi.exports.get(name.as_str()).and_then(|definitions| definitions.first());
        known.is_none_or(|definition| !definition.is_data())
    };
    let order = |what: What| match what {
        What::SymbolMoved => 0,
        What::SymbolGone => 1,
        _ => 2,
    };
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((what, ..), _)| order(*what));
    for ((what, from, to), names) in groups {
        let many = names.len();
        let things = match names.iter().all(is_code) {
            true => functions(many),
            false => format!("{many} symbol{}", if many == 1 { "" } else { "s" }),
        };
        let names = listed(&names, SHOWN);
        clauses.push(match what {
            What::SymbolMoved => format!("{things} moved from {from} to {to}: {names}"),
            What::SymbolGone => format!("{things} gone from {from}: {names}"),
            _ => format!("{things} new in {to}: {names}"),
        });
    }
}

/// Every other change of the ABI.
fn clause(change: &Change) -> Option<String> {
    let Change { subject, old, new, .. } = change;
    let (old, new) = (old.as_deref().unwrap_or("none"), new.as_deref().unwrap_or("none"));
    Some(match change.change {
        What::SymbolMoved | What::SymbolGone | What::SymbolAdded => return None,
        What::MachineChanged => format!("machine {old} → {new}"),
        What::SonameChanged => format!("SONAME {old} → {new}"),
        What::NodeGone => format!("node {subject} gone"),
        What::NodeAdded => format!("node {subject} new"),
        What::NeedAdded if subject == new => format!("NEEDED gained {subject}"),
        What::NeedGone if subject == old => format!("NEEDED lost {subject}"),
        What::NeedAdded => format!("needs {new} of {subject} now"),
        What::NeedGone => format!("needs {old} of {subject} no longer"),
        What::NodeParentsChanged => format!("node {subject} inherits {} instead of {}", or_none(new), or_none(old)),
        What::KindChanged => format!("{subject} was {old}, is {new}"),
        What::SizeChanged => format!("{subject} has {new} bytes instead of {old}"),
        What::DefaultChanged => format!("{subject}'s default node {old} → {new}"),
        What::BindingChanged | What::VisibilityChanged => format!("{subject} {old} → {new}"),
    })
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn crowd_clauses(was: &Elf, is: &Elf, crowds: &BTreeSet<Crowd>, clauses: &mut Vec<String>) {
    for crowd in crowds {
        let (old, new) = (was.many.get(crowd), is.many.get(crowd));
        if old != new {
            let count =
                |many: Option<&crate::lock::state::Many>| many.map_or("few".to_owned(), |many| many.count.to_string());
            let verb = if crowd.wanted { "asks for" } else { "exports" };
            let node = crowd.node.as_deref().unwrap_or("base");
            clauses.push(format!("{verb} {} names in {node} instead of {}, not all the same", count(new), count(old)));
        }
    }
}

fn paths(was: &Elf, is: &Elf, clauses: &mut Vec<String>) {
    for (tag, old, new) in [("RUNPATH", &was.runpath, &is.runpath), ("RPATH", &was.rpath, &is.rpath)] {
        if old != new {
            let shown = |path: &Option<String>| path.clone().unwrap_or_else(|| "none".to_owned());
            clauses.push(format!("{tag} {} → {}", shown(old), shown(new)));
        }
    }
    let order = |elf: &Elf| elf.needed().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (order(was), order(is));
    let same: BTreeSet<_> = old.iter().collect();
    if old != new && same == new.iter().collect() {
        clauses.push(format!("NEEDED in another order: {}", new.join(", ")));
    }
}
