//! Whether a library must be built again, and why.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::code::Code;
use crate::diagnosis::listed;
use crate::interpose::diff::Change;
use crate::lock::format::time;
use crate::lock::plan::{Part, Planned};
use crate::lock::repository::Moved;
use crate::lock::state::{Elf, FileState, RepositoryState, Thing};

use super::Sides;
use super::drift::{Drift, Rebuild, SHOWN};
use super::elf::{ElfChange, functions};
use super::repository::sentence;

/// Whether a library is one's own to build: a runtime and a client are somebody else's.
pub(super) fn built_here(planned: &Planned) -> bool {
    !planned.parts.contains(&Part::Runtime) && !planned.parts.contains(&Part::Client)
}

impl Sides<'_> {
    /// Whether a library must be built again: because its sources moved on, or because the runtime lost what it uses.
    pub(super) fn judge_rebuild(
        &self,
        name: &str,
        planned: &Planned,
        was: &FileState,
        is: &FileState,
        drift: &mut Drift,
    ) {
        let changed = was.content != is.content;
        let shim = planned.parts.contains(&Part::Shim);
        let (runtime, client) = (planned.parts.contains(&Part::Runtime), planned.parts.contains(&Part::Client));
        let lost = if shim { is.elf.as_ref().and_then(|elf| self.lost_by_runtime(elf)) } else { None };
        let verdict = match self.source_moved(name, planned) {
            _ if lost.is_some() => Rebuild::Yes(lost.unwrap_or_default()),
            Some((source, moved)) => since_sources_moved(&source, &moved, was, is),
            None if changed && runtime => self.new_runtime(name),
            None if changed && client => self.new_client(planned),
            None if changed && self.changed.get(name).is_some_and(ElfChange::breaks) => {
                Rebuild::Yes("what it exports is not what worked: bring that build back, or build it as it was".into())
            }
            None if changed && !self.sources(name, planned).is_empty() => {
                Rebuild::No("it is of the same sources as it was".to_owned())
            }
            None if changed => Rebuild::No("what it exports still serves its clients".to_owned()),
            None if was.modified != is.modified => {
                Rebuild::No("only its time moved, as in a copy or a clone".to_owned())
            }
            None if self.sources(name, planned).is_empty() => Rebuild::No("it is as it was".to_owned()),
            None => Rebuild::No("it is as it was, and so are its sources".to_owned()),
        };
        if let Rebuild::Yes(reason) = &verdict
            && drift.diagnoses.iter().all(|diagnosis| diagnosis.code != Code::AbiChanged)
        {
            let fix = "build and install it again, check, then: xdoctor lock";
            drift.differs(Code::RebuildNeeded, format!("{name}, built for what is there now"), reason.clone(), fix);
        }
        if let Rebuild::Unknown(reason) = &verdict
            && !changed
        {
            let fix = "if it was built again, and this is what came of it: xdoctor lock";
            drift.differs(Code::Drifted, format!("{name}, built for what is there now"), reason.clone(), fix);
        }
        drift.rebuild = Some(verdict);
    }

    /// The repositories that a file is built from: those that a check says, else those of a product that it is a copy of.
    pub(super) fn sources(&self, name: &str, planned: &Planned) -> Vec<&str> {
        let all = self.built_as(name, planned).into_iter().flat_map(|product| &product.sources);
        let names: BTreeSet<&str> = all.filter_map(|source| self.plan.repository(source)).collect();
        names.into_iter().collect()
    }

    /// The products that a file is: itself, and those that it is a copy of.
    fn built_as<'p>(&'p self, name: &str, planned: &'p Planned) -> Vec<&'p Planned> {
        let build_id =
            |name: &str| self.was.things.get(name).and_then(Thing::elf).and_then(|elf| elf.build_id.as_ref());
        let copied = self.plan.things.iter().filter(|(other, product)| {
            *other != name
                && product.path.file_name() == planned.path.file_name()
                && build_id(name).is_some()
                && build_id(other) == build_id(name)
        });
        let all = std::iter::once(planned).chain(copied.map(|(_, product)| product));
        all.filter(|product| !product.sources.is_empty()).collect()
    }

    /// The first of its source trees that is not what it was, in what may have gone into the file.
    fn source_moved(&self, name: &str, planned: &Planned) -> Option<(String, Moved)> {
        let products = self.built_as(name, planned);
        let is_foreign = |file: &Path| products.iter().all(|product| product.foreign.contains(file));
        let moved = |source: &&str| {
            let tree = fs::canonicalize(&self.plan.things.get(*source)?.path).ok();
            let moved = self.moved.get(*source)?;
            let moved = tree.map_or_else(|| moved.clone(), |tree| moved.without(&tree, is_foreign));
            let (was, is) = self.pair(source)?;
            (!moved.same_sources(was, is)).then(|| (format!("{source} is {}", sentence(was, is, &moved)), moved))
        };
        self.sources(name, planned).iter().find_map(moved)
    }

    fn pair(&self, source: &str) -> Option<(&RepositoryState, &RepositoryState)> {
        self.was.things.get(source)?.repository().zip(self.is.things.get(source)?.repository())
    }

    /// What a runtime has lost of what a shim uses.
    fn lost_by_runtime(&self, shim: &Elf) -> Option<String> {
        self.plan.with_part(Part::Runtime).find_map(|(runtime, _)| {
            let change = self.changed.get(runtime)?;
            let lost: Vec<String> = change.breaking_for(shim).map(spelled).collect();
            (!lost.is_empty())
                .then(|| format!("{runtime} has lost or moved what the shim uses: {}", listed(&lost, SHOWN)))
        })
    }

    /// A runtime is not built here; whether the shim must be is the shim's own verdict.
    fn new_runtime(&self, name: &str) -> Rebuild {
        let change = self.changed.get(name);
        let shims: Vec<&str> = self.plan.with_part(Part::Shim).map(|(name, _)| name).collect();
        let shim = if shims.is_empty() { "a shim".to_owned() } else { shims.join(", ") };
        match (change.is_some_and(ElfChange::breaks), change.map_or(0, ElfChange::added)) {
            (true, _) => Rebuild::No(format!("of the runtime; whether {shim} must be built again is said there")),
            (false, 0) => Rebuild::No(format!("all that {shim} uses is still there")),
            (false, added) => Rebuild::No(format!(
                "all that {shim} uses is still there; {} new in the runtime: check coverage again",
                functions(added)
            )),
        }
    }

    pub(super) fn new_client(&self, planned: &Planned) -> Rebuild {
        Rebuild::No(format!("only a client changed; check coverage again: {}", self.coverage(planned)))
    }

    /// The command that judges coverage anew.
    fn coverage(&self, client: &Planned) -> String {
        let path = |part| self.plan.with_part(part).next().map(|(_, planned)| planned.path.display().to_string());
        let or = |path: Option<String>, word: &str| path.unwrap_or_else(|| word.to_owned());
        format!(
            "xdoctor coverage --shim {} --runtime {} --client {}",
            or(path(Part::Shim), "SHIM"),
            or(path(Part::Runtime), "RUNTIME"),
            client.path.display()
        )
    }
}

fn spelled(change: &Change) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{old} → {new}"),
        (Some(old), None) => format!("{old} gone"),
        _ => change.subject.clone(),
    }
}

/// The verdict on a file whose sources are not what they were.
fn since_sources_moved(source: &str, moved: &Moved, was: &FileState, file: &FileState) -> Rebuild {
    let written_again = was.modified != file.modified && moved.newest.is_some_and(|newest| newest < file.modified);
    match (was.content != file.content, moved.newest) {
        // A comment changes no byte of what is built; neither does a copy.
        (false, _) if written_again => Rebuild::Unknown(format!(
            "it has the bytes of before, written at {}, after its sources changed: built again to the same, or copied: {source}",
            time(file.modified)
        )),
        (false, _) => Rebuild::Yes(format!("it is the build of before: {source}")),
        (true, Some(newest)) if newest > file.modified => Rebuild::Yes(format!(
            "it was built at {}, and a source changed at {}: {source}",
            time(file.modified),
            time(newest)
        )),
        (true, Some(_)) => Rebuild::No(format!("it was built after its sources changed: {source}")),
        (true, None) => {
            Rebuild::Unknown(format!("it is another build, and when its sources changed is not known: {source}"))
        }
    }
}
