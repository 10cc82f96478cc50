//! What has become of a folder: which of its files are others, gone or new.

use crate::code::Code;
use crate::diagnosis::listed;
use crate::lock::plan::{Part, Planned};
use crate::lock::state::{Entry, TreeState};

use super::Sides;
use super::drift::{Drift, SHOWN, mend};
use super::elf::ElfChange;
use super::file::sizes;

impl Sides<'_> {
    pub(super) fn tree(&self, planned: &Planned, was: &TreeState, is: &TreeState, drift: &mut Drift) {
        let gone: Vec<&String> = was.files.keys().filter(|name| !is.files.contains_key(*name)).collect();
        let new: Vec<&String> = is.files.keys().filter(|name| !was.files.contains_key(*name)).collect();
        let differs = |(name, entry): &(&String, &Entry)| is.files.get(*name).is_some_and(|now| now != *entry);
        let changed: Vec<&String> = was.files.iter().filter(differs).map(|(name, _)| name).collect();
        let groups = [(&changed, "changed"), (&gone, "gone"), (&new, "new")];
        let clause = |(names, word): (&Vec<&String>, &str)| {
            let files = if names.len() == 1 { "file" } else { "files" };
            format!("{} {files} {word}: {}", names.len(), listed(names, SHOWN))
        };
        let clauses: Vec<String> = groups.into_iter().filter(|(names, _)| !names.is_empty()).map(clause).collect();
        if clauses.is_empty() {
            return drift.saw(format!("all {} files as they were", was.files.len()));
        }
        let client = planned.parts.contains(&Part::Client);
        let code = if client || (changed.is_empty() && gone.is_empty()) { Code::Drifted } else { Code::HashDiffers };
        if client {
            drift.rebuild = Some(self.new_client(planned));
        }
        for name in &changed {
            drift.seen.extend(library(name, was, is));
        }
        drift.differs(code, format!("{} files as they were", was.files.len()), clauses.join("; "), mend(code));
    }
}

/// What has changed in an ELF file of a folder, where it was remembered in detail.
fn library(name: &str, was: &TreeState, is: &TreeState) -> Option<String> {
    let (old, new) = was.libraries.get(name).zip(is.libraries.get(name))?;
    let size = match (was.files.get(name)?, is.files.get(name)?) {
        (Entry::File(was, _), Entry::File(is, _)) if was != is => sizes(was, is),
        _ => return None,
    };
    let change = ElfChange::between(old, new);
    Some(format!("{name}: {}", change.sentence(&size, old.build_id != new.build_id)))
}
