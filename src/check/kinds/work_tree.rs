//! What lies in a git work tree and is not as committed, and where its submodules stand, those of submodules too.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use git2::{
    Delta, DiffOptions, ErrorCode, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag, Oid, Repository, Status,
};
use git2::{StatusOptions, Submodule};
use git2::{SubmoduleIgnore, SubmoduleStatus};

use crate::elf::escape;

/// A submodule that the repository, or one of its submodules, records.
pub(super) struct Recorded {
    /// From the top of the work tree.
    pub(super) path: String,
    pub(super) standing: Standing,
    /// Itself, where it is checked out.
    pub(super) repository: Option<Repository>,
}

/// Where a submodule stands.
pub(super) enum Standing {
    AsRecorded,
    NotCheckedOut,
    Elsewhere {
        at: Option<Oid>,
        recorded: Oid,
        /// It is in the index already, from where `git submodule update` takes it.
        staged: bool,
    },
}

/// All submodules, each before its own.
///
/// # Errors
/// What git says, where it cannot read one of them.
pub(super) fn submodules(repository: &Repository) -> Result<Vec<Recorded>, git2::Error> {
    let mut all = Vec::new();
    collect(repository, "", &mut all)?;
    Ok(all)
}

fn collect(repository: &Repository, above: &str, all: &mut Vec<Recorded>) -> Result<(), git2::Error> {
    for submodule in repository.submodules()? {
        // What .gitmodules names and neither the commit nor the index has is nothing but a line that was left there.
        let Some(recorded) = submodule.head_id().or(submodule.index_id()) else { continue };
        let path = format!("{above}{}", escape(submodule.path().as_os_str().as_encoded_bytes()));
        let opened = opened(repository, &submodule)?;
        let standing = match &opened {
            None => Standing::NotCheckedOut,
            Some(_) if submodule.workdir_id() == Some(recorded) => Standing::AsRecorded,
            Some(_) => {
                let staged = submodule.index_id() != submodule.head_id();
                Standing::Elsewhere { at: submodule.workdir_id(), recorded, staged }
            }
        };
        let below = format!("{path}/");
        let at = all.len();
        all.push(Recorded { path, standing, repository: None });
        if let Some(inner) = opened {
            collect(&inner, &below, all)?;
            all[at].repository = Some(inner);
        }
    }
    Ok(())
}

fn opened(repository: &Repository, submodule: &Submodule<'_>) -> Result<Option<Repository>, git2::Error> {
    let path = submodule.path().display().to_string();
    let status = repository.submodule_status(submodule.name().unwrap_or(&path), SubmoduleIgnore::None)?;
    if status.contains(SubmoduleStatus::WD_UNINITIALIZED) || !status.contains(SubmoduleStatus::IN_WD) {
        return Ok(None);
    }
    match submodule.open() {
        Ok(inner) => Ok(Some(inner)),
        // Its .git leads nowhere.
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is not as committed, a line each, but for submodules. `above` stands before each path.
///
/// # Errors
/// What git says, where it cannot read the work tree.
pub(super) fn changes(repository: &Repository, above: &str) -> Result<Vec<String>, git2::Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(true).exclude_submodules(true);
    // A sparse checkout leaves files out on purpose.
    let flags = |entry: &IndexEntry| IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended);
    let index = repository.index()?;
    let sparse = index.iter().filter(|entry| flags(entry).is_skip_worktree());
    let sparse: HashSet<Vec<u8>> = sparse.map(|entry| entry.path).collect();
    let statuses = repository.statuses(Some(&mut options))?;
    let changed = statuses.iter().filter(|entry| !entry.status().contains(Status::IGNORED));
    let changed = changed.filter(|entry| entry.status() != Status::WT_DELETED || !sparse.contains(entry.path_bytes()));
    let mut changes: Vec<String> =
        changed.map(|entry| format!("{} {above}{}", word(entry.status()), escape(entry.path_bytes()))).collect();
    changes.extend(unseen(repository, above)?);
    Ok(changes)
}

/// What differs and was hidden from git: by `git update-index --assume-unchanged` or `--skip-worktree`.
fn unseen(repository: &Repository, above: &str) -> Result<Vec<String>, git2::Error> {
    let Some(tree) = repository.workdir() else { return Ok(Vec::new()) };
    let hides = |entry: &IndexEntry| {
        IndexEntryFlag::from_bits_truncate(entry.flags).is_valid()
            || IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended).is_skip_worktree()
    };
    let there = |entry: &IndexEntry| tree.join(OsString::from_vec(entry.path.clone())).symlink_metadata().is_ok();
    // Where a submodule stands is looked at whatever is hidden.
    let file = |entry: &IndexEntry| entry.mode != u32::from(git2::FileMode::Commit);
    let hidden: Vec<IndexEntry> = repository.index()?.iter().filter(hides).filter(file).filter(there).collect();
    if hidden.is_empty() {
        return Ok(Vec::new());
    }
    // An index in memory, without the flags and what git remembers of times and sizes.
    let mut index = git2::Index::new()?;
    let mut options = DiffOptions::new();
    options.disable_pathspec_match(true);
    for entry in hidden {
        options.pathspec(entry.path.as_slice());
        let zero = git2::IndexTime::new(0, 0);
        index.add(&IndexEntry { flags: 0, flags_extended: 0, ctime: zero, mtime: zero, file_size: 0, ..entry })?;
    }
    let diff = repository.diff_index_to_workdir(Some(&index), Some(&mut options))?;
    let changed = diff.deltas().filter(|delta| delta.status() != Delta::Unmodified);
    let paths = changed.filter_map(|delta| delta.new_file().path_bytes().map(|path| escape(path).to_string()));
    Ok(paths.map(|path| format!("changed, and hidden from git: {above}{path}")).collect())
}

fn word(status: Status) -> &'static str {
    match status {
        s if s.contains(Status::CONFLICTED) => "in conflict:",
        s if s.intersects(Status::WT_NEW | Status::INDEX_NEW) => "new:",
        s if s.intersects(Status::WT_DELETED | Status::INDEX_DELETED) => "deleted:",
        _ => "changed:",
    }
}

/// The files of a work tree that git tracks, those of its submodules too, for whoever asks when the sources last
/// changed. `None` where it tracks none.
pub(super) fn tracked_files(tree: &Path) -> Option<Vec<PathBuf>> {
    let repository = Repository::open(tree).ok()?;
    let mut files = files_of(&repository, tree)?;
    for submodule in submodules(&repository).unwrap_or_default() {
        if let Some((inner, folder)) = submodule.repository.as_ref().and_then(|inner| Some((inner, inner.workdir()?))) {
            files.extend(files_of(inner, folder).unwrap_or_default());
        }
    }
    (!files.is_empty()).then_some(files)
}

fn files_of(repository: &Repository, tree: &Path) -> Option<Vec<PathBuf>> {
    let path = |entry: IndexEntry| tree.join(OsString::from_vec(entry.path));
    Some(repository.index().ok()?.iter().map(path).collect())
}
