//! A git work tree: at which commit it is, what is not as committed, and how far it has moved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use git2::{Delta, DiffOptions, ErrorCode, ObjectType, Oid, Repository, Status, StatusOptions};

use crate::elf::escape;

use super::state::{Dirty, RepositoryState};

/// Looks at a work tree; `None` where there is no repository. The file at `lock` counts as not there: it is written
/// after the look.
///
/// # Errors
/// What git says, where it cannot read it.
pub(super) fn look(path: &Path, lock: &Path) -> Result<Option<RepositoryState>, git2::Error> {
    let repository = match Repository::open(path) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut state = RepositoryState::default();
    match repository.head() {
        Ok(head) => {
            let commit = head.peel_to_commit()?;
            state.commit = Some(commit.id().to_string());
            state.tree = Some(commit.tree_id().to_string());
            state.branch =
                head.shorthand().ok().filter(|_| head.is_branch()).map(|name| escape(name.as_bytes()).to_string());
        }
        Err(error) if error.code() == ErrorCode::UnbornBranch => {}
        Err(error) => return Err(error),
    }
    look_below(&repository, "", path, lock, &mut state)?;
    Ok(Some(state))
}

/// What is not as committed, and the submodules with theirs; `above` stands before each path.
fn look_below(
    repository: &Repository,
    above: &str,
    path: &Path,
    lock: &Path,
    state: &mut RepositoryState,
) -> Result<(), git2::Error> {
    let dirty = dirty(repository, path, lock)?;
    state.dirty.extend(dirty.into_iter().map(|(name, dirty)| (format!("{above}{name}"), dirty)));
    for submodule in repository.submodules()? {
        let name = format!("{above}{}", escape(submodule.path().as_os_str().as_encoded_bytes()));
        if let (Some(_), Ok(inner)) = (submodule.workdir_id(), submodule.open()) {
            look_below(&inner, &format!("{name}/"), &path.join(submodule.path()), lock, state)?;
        }
        state.submodules.insert(name, submodule.workdir_id().map(|id| id.to_string()));
    }
    Ok(())
}

fn dirty(repository: &Repository, path: &Path, lock: &Path) -> Result<BTreeMap<String, Dirty>, git2::Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(true).include_ignored(false).exclude_submodules(true);
    let mut dirty = BTreeMap::new();
    for entry in repository.statuses(Some(&mut options))?.iter() {
        let name = escape(entry.path_bytes()).to_string();
        let file = path.join(name.trim_end_matches('/'));
        let change = match entry.status() {
            status if status.contains(Status::CONFLICTED) => "in conflict",
            status if status.intersects(Status::WT_NEW | Status::INDEX_NEW) => "new",
            status if status.intersects(Status::WT_DELETED | Status::INDEX_DELETED) => "deleted",
            _ => "changed",
        };
        if file != lock {
            dirty.insert(name, Dirty { change: change.to_owned(), blob: blob(&file) });
        }
    }
    Ok(dirty)
}

/// The id of the blob that the file's content would be.
fn blob(file: &Path) -> Option<String> {
    let regular = fs::symlink_metadata(file).ok()?.is_file();
    regular.then(|| Oid::hash_file(ObjectType::Blob, file).ok()).flatten().map(|id| id.to_string())
}

fn is_below(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// How far a work tree has moved from a state of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Commits that are new, and commits that are left behind; `None` where the old commit is not in this clone.
    pub commits: Option<(usize, usize)>,
    /// Files whose content is another; `None` where the old commit is not in this clone, so that they cannot be told.
    pub files: Option<Vec<String>>,
    /// When one of them was last written, in seconds since 1970.
    pub newest: Option<i64>,
}

impl Moved {
    /// The same without the files, below the top of the work tree, that something was not made from.
    pub(super) fn without(&self, tree: &Path, foreign: impl Fn(&Path) -> bool) -> Moved {
        let Some(files) = &self.files else { return self.clone() };
        let files: Vec<String> = files.iter().filter(|name| !foreign(&tree.join(name))).cloned().collect();
        let newest = files.iter().filter_map(|name| modified(&tree.join(name))).max();
        Moved { commits: self.commits, files: Some(files), newest }
    }
}

/// How far the work tree has moved from what it was.
///
/// # Errors
/// What git says, where it cannot read it.
pub(super) fn moved(
    path: &Path,
    lock: &Path,
    was: &RepositoryState,
    is: &RepositoryState,
) -> Result<Moved, git2::Error> {
    let repository = Repository::open(path)?;
    let id = |state: &RepositoryState| state.commit.as_deref().and_then(|id| Oid::from_str(id).ok());
    let (Some(old), Some(new)) = (id(was), id(is)) else { return Ok(Moved::default()) };
    let Ok(commit) = repository.find_commit(old) else { return Ok(Moved::default()) };
    let mut options = DiffOptions::new();
    options.include_untracked(true).ignore_submodules(true);
    let diff = repository.diff_tree_to_workdir_with_index(Some(&commit.tree()?), Some(&mut options))?;
    let mut files = BTreeSet::new();
    for delta in diff.deltas().filter(|delta| delta.status() != Delta::Unmodified) {
        for bytes in [delta.old_file().path_bytes(), delta.new_file().path_bytes()].into_iter().flatten() {
            files.insert(escape(bytes).to_string());
        }
    }
    // What was not as committed then counts from what it was, not from what the commit has.
    for (name, dirty) in &was.dirty {
        let file = path.join(name.trim_end_matches('/'));
        let same = if name.ends_with('/') { file.is_dir() } else { blob(&file) == dirty.blob };
        if same {
            files.remove(name);
        } else {
            files.insert(name.clone());
        }
    }
    // The difference above stops at submodules.
    let stands = |module: &String| was.submodules.get(module) == is.submodules.get(module);
    let within = |name: &&String| is.submodules.keys().any(|module| stands(module) && is_below(name, module));
    files.extend(is.dirty.keys().filter(within).filter(|name| is.dirty.get(*name) != was.dirty.get(*name)).cloned());
    files.retain(|name| path.join(name) != lock);
    let newest = files.iter().filter_map(|name| modified(&path.join(name))).max();
    Ok(Moved {
        commits: Some(repository.graph_ahead_behind(new, old)?),
        files: Some(files.into_iter().collect()),
        newest,
    })
}

fn modified(file: &Path) -> Option<i64> {
    let time = fs::symlink_metadata(file).ok()?.modified().ok()?;
    seconds(time)
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs()).ok().map(std::ops::Neg::neg),
    }
}
