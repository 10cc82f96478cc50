//! What has become of a git work tree: how far it has moved, and what is built from it.

use std::collections::BTreeSet;

use crate::code::Code;
use crate::diagnosis::listed;
use crate::lock::repository::Moved;
use crate::lock::state::RepositoryState;

use super::Sides;
use super::drift::{Drift, Rebuild, SHOWN};

impl Sides<'_> {
    pub(super) fn repository(&self, name: &str, was: &RepositoryState, is: &RepositoryState, drift: &mut Drift) {
        let Some(moved) = self.moved.get(name) else {
            return drift.saw(standing(is));
        };
        let sentence = sentence(was, is, moved);
        if moved.same_sources(was, is) {
            drift.saw(sentence);
            drift.rebuild = Some(Rebuild::No("no source file differs".to_owned()));
            return;
        }
        if let Some(files) = moved.files.as_ref().filter(|files| !files.is_empty()) {
            drift.saw(format!("files that differ: {}", listed(files, SHOWN)));
        }
        let products: Vec<&str> = self
            .plan
            .things
            .iter()
            .filter(|(product, planned)| self.sources(product, planned).contains(&name))
            .map(|(product, _)| product.as_str())
            .collect();
        if products.is_empty() {
            let reason = format!("no `build` check says which products are built from {name}");
            drift.rebuild = Some(Rebuild::Unknown(reason));
        } else {
            let products = listed(&products, SHOWN);
            drift.saw(format!("whether what is built from it must be built again is said there: {products}"));
        }
        let expected = format!("{}, as it was", standing(was));
        drift.differs(
            Code::Drifted,
            expected,
            sentence,
            "build what is built from it again, check, then: xdoctor lock",
        );
    }
}

fn commit(state: &RepositoryState) -> &str {
    state.commit.as_deref().map_or("no commit", |id| id.get(..7).unwrap_or(id))
}

fn dirty(count: usize) -> String {
    match count {
        0 => "clean".to_owned(),
        1 => "1 file dirty".to_owned(),
        count => format!("{count} files dirty"),
    }
}

/// Where a repository stands: `commit abc1234, clean`.
fn standing(state: &RepositoryState) -> String {
    let branch = state.branch.as_ref().map(|branch| format!(" on {branch}")).unwrap_or_default();
    format!("commit {}{branch}, {}", commit(state), dirty(state.dirty.len()))
}

/// How far it has moved: `commit abc1234 → def5678, 3 commits ahead, 2 files dirty`.
pub(super) fn sentence(was: &RepositoryState, is: &RepositoryState, moved: &Moved) -> String {
    let commits = |count: usize| format!("{count} commit{}", if count == 1 { "" } else { "s" });
    let mut clauses = Vec::new();
    if was.commit == is.commit {
        clauses.push(format!("still at commit {}", commit(is)));
    } else {
        clauses.push(format!("commit {} → {}", commit(was), commit(is)));
        match moved.commits {
            Some((ahead, behind)) => {
                clauses.extend((ahead > 0).then(|| format!("{} ahead", commits(ahead))));
                clauses.extend((behind > 0).then(|| format!("{} behind", commits(behind))));
            }
            None => clauses.push("the old one is not in this clone".to_owned()),
        }
    }
    if was.branch != is.branch {
        let branch = |state: &RepositoryState| state.branch.clone().unwrap_or_else(|| "no branch".to_owned());
        clauses.push(format!("{} → {}", branch(was), branch(is)));
    }
    if was.dirty != is.dirty || !is.dirty.is_empty() {
        clauses.push(dirty(is.dirty.len()));
    }
    let submodules: BTreeSet<&String> = was.submodules.keys().chain(is.submodules.keys()).collect();
    for name in submodules.into_iter().filter(|name| was.submodules.get(*name) != is.submodules.get(*name)) {
        let at = |state: &RepositoryState| {
            let id = state.submodules.get(name).cloned().flatten();
            id.map_or_else(|| "not checked out".to_owned(), |id| id.get(..7).unwrap_or(&id).to_owned())
        };
        clauses.push(format!("submodule {name} {} → {}", at(was), at(is)));
    }
    clauses.join(", ")
}

impl Moved {
    /// Whether what is built from the work tree is the same.
    pub(super) fn same_sources(&self, was: &RepositoryState, is: &RepositoryState) -> bool {
        match &self.files {
            Some(files) => files.is_empty() && was.submodules == is.submodules,
            None => was.same_sources(is),
        }
    }
}
