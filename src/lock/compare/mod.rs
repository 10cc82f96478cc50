//! What has become of everything since it was known to be good, and whether anything must be built again.

mod drift;
mod elf;
mod file;
mod rebuild;
mod repository;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use crate::code::Code;

use super::file::FILE_NAME;
use super::plan::{Plan, Planned};
use super::repository::{Moved, moved};
use super::state::{State, Thing};
use super::survey::Survey;
use drift::LOCK_AGAIN;
use elf::ElfChange;
use rebuild::built_here;

pub use drift::{Drift, Rebuild};

/// What has become of everything.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Each thing that the checklist names, in the order of names.
    pub drifts: Vec<Drift>,
    /// Facts about the machine that are others now: as information.
    pub host: Vec<String>,
    /// Things in the lock that the checklist names no longer.
    pub forgotten: Vec<String>,
}

impl Comparison {
    /// Compares what is with what was.
    pub fn new(was: &State, is: &Survey, plan: &Plan) -> Comparison {
        let mut sides = Sides { was, is: &is.state, plan, moved: BTreeMap::new(), changed: BTreeMap::new() };
        sides.moved = sides.repositories();
        sides.changed = sides.elf_files();
        let drift = |(name, planned): (&String, &Planned)| match is.unreadable.get(name) {
            Some(reason) => Drift { subject: name.clone(), undetermined: Some(reason.clone()), ..Drift::default() },
            None => sides.drift(name, planned),
        };
        Comparison {
            drifts: plan.things.iter().map(drift).collect(),
            host: host(was, &is.state),
            forgotten: was.things.keys().filter(|name| !plan.things.contains_key(*name)).cloned().collect(),
        }
    }

    /// What must be built again, each with the reason.
    pub fn rebuilds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.drifts.iter().filter_map(|drift| match &drift.rebuild {
            Some(Rebuild::Yes(reason)) => Some((drift.subject.as_str(), reason.as_str())),
            _ => None,
        })
    }
}

fn host(was: &State, is: &State) -> Vec<String> {
    let facts: BTreeSet<&String> = was.host.keys().chain(is.host.keys()).collect();
    let shown = |value: Option<&String>| value.map_or("none", String::as_str).to_owned();
    let changed = facts.into_iter().filter(|fact| was.host.get(*fact) != is.host.get(*fact));
    changed.map(|fact| format!("{fact} {} → {}", shown(was.host.get(fact)), shown(is.host.get(fact)))).collect()
}

/// Then and now, and what both together tell.
struct Sides<'s> {
    was: &'s State,
    is: &'s State,
    plan: &'s Plan,
    /// How far each repository has moved, where its sources are not the same.
    moved: BTreeMap<String, Moved>,
    /// What has changed in each ELF file whose content is another.
    changed: BTreeMap<String, ElfChange>,
}

impl Sides<'_> {
    fn repositories(&self) -> BTreeMap<String, Moved> {
        let mut all = BTreeMap::new();
        for (name, planned) in &self.plan.things {
            let pair = self.was.things.get(name).and_then(Thing::repository);
            let pair = pair.zip(self.is.things.get(name).and_then(Thing::repository));
            let Some((was, is)) = pair.filter(|(was, is)| was != is) else { continue };
            let lock = self.plan.base.join(FILE_NAME);
            let moved = moved(&planned.path, &lock, was, is).unwrap_or_default();
            all.insert(name.clone(), moved);
        }
        all
    }

    fn elf_files(&self) -> BTreeMap<String, ElfChange> {
        let changed = |name: &String| {
            let (was, is) = self.was.things.get(name)?.file().zip(self.is.things.get(name)?.file())?;
            let (old, new) = was.elf.as_ref().zip(is.elf.as_ref())?;
            (was.content != is.content).then(|| ElfChange::between(old, new))
        };
        self.plan.things.keys().filter_map(|name| Some((name.clone(), changed(name)?))).collect()
    }

    fn drift(&self, name: &str, planned: &Planned) -> Drift {
        let mut drift = Drift { subject: name.to_owned(), ..Drift::default() };
        let Some(is) = self.is.things.get(name) else { return drift };
        match (self.was.things.get(name), is) {
            (None, _) => {
                let actual = "the checklist names it, and the lock does not know it";
                drift.differs(Code::Drifted, format!("{name} in the lock"), actual, LOCK_AGAIN);
            }
            (Some(Thing::Absent), Thing::Absent) => drift.saw("not there, as when it was locked"),
            (Some(Thing::Absent), _) => {
                drift.differs(Code::Drifted, format!("nothing at {name}"), "it is there now", LOCK_AGAIN);
            }
            (Some(was), Thing::Absent) => gone(name, was, planned, &mut drift),
            (Some(Thing::File(was)), Thing::File(is)) => self.file(name, planned, was, is, &mut drift),
            (Some(Thing::Tree(was)), Thing::Tree(is)) => self.tree(planned, was, is, &mut drift),
            (Some(Thing::Repository(was)), Thing::Repository(is)) => self.repository(name, was, is, &mut drift),
            (Some(was), is) => {
                drift.differs(Code::WrongType, kind(was), format!("{} now", kind(is)), LOCK_AGAIN);
            }
        }
        drift
    }
}

fn kind(thing: &Thing) -> &'static str {
    match thing {
        Thing::Absent => "nothing",
        Thing::File(_) => "a file",
        Thing::Tree(_) => "a folder",
        Thing::Repository(_) => "a git repository",
    }
}

fn gone(name: &str, was: &Thing, planned: &Planned, drift: &mut Drift) {
    let (code, was) = match was {
        Thing::File(file) => {
            let code = if file.elf.is_some() { Code::LibraryMissing } else { Code::FileMissing };
            (code, format!("{name}, {} bytes, as it was", file.content.size))
        }
        Thing::Repository(_) => (Code::NotARepository, format!("a git repository at {name}")),
        _ => (Code::FileMissing, name.to_owned()),
    };
    if code == Code::LibraryMissing && built_here(planned) {
        drift.rebuild = Some(Rebuild::Yes("it is gone: build or install it again".to_owned()));
    }
    drift.differs(code, was, "file gone", "build or install it again; if it is meant to be gone: xdoctor lock");
}
