//! `git`: a source tree is a repository, at the commit wanted, clean, with its submodules.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, Repository, Status, StatusOptions, SubmoduleIgnore, SubmoduleStatus};

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;

use super::{Context, Found, Kind};

#[derive(Debug)]
struct GitCheck {
    path: PathBuf,
    commit: Option<String>,
    branch: Option<String>,
    clean: bool,
    submodules: bool,
}

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the source tree", Fields::path);
    let commit = fields.text("commit").filter(|commit| !commit.is_empty());
    if let (Some(commit), Some(node)) = (&commit, fields.node("commit"))
        && (commit.len() < 4 || commit.len() > 40 || !commit.chars().all(|c| c.is_ascii_hexdigit()))
    {
        let message = format!("expected a commit id of 4 to 40 hexadecimal digits for `commit`, found `{commit}`");
        fields.reader().complain(node.place, message);
    }
    let branch = fields.text("branch");
    let clean = fields.flag("clean").unwrap_or(false);
    let submodules = fields.flag("submodules").unwrap_or(false);
    Some(Arc::new(GitCheck { path: path?, commit, branch, clean, submodules }))
}

impl Kind for GitCheck {
    fn title(&self) -> String {
        format!("{} is the source tree that is meant", self.path.display())
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let repository = match Repository::open(&self.path) {
            Ok(repository) => repository,
            Err(error) => return self.unopened(&error).into(),
        };
        let mut finding = Finding::default();
        let looked = self
            .look_at_head(&repository, &mut finding)
            .and_then(|()| self.look_for_changes(&repository, &mut finding))
            .and_then(|()| self.look_at_submodules(&repository, &mut finding));
        if let Err(error) = looked {
            let reason = format!("git cannot read {}: {}", self.path.display(), error.message());
            finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
        }
        finding.into()
    }
}

impl GitCheck {
    fn unopened(&self, error: &git2::Error) -> Finding {
        let path = self.path.display();
        if error.code() == ErrorCode::Owner {
            let place = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
            let fix = format!("git config --global --add safe.directory {}", place.display());
            let reason = format!("{path} belongs to somebody else, and git refuses to read such a repository");
            let open = Open::Undetermined { reason, code: Some(Code::RepositoryNotTrusted), fix: Some(fix) };
            return Finding { open: Some(open), ..Finding::default() };
        }
        if error.code() == ErrorCode::NotFound {
            let actual = if self.path.is_dir() { "a folder without .git" } else { "no such folder" };
            return Finding::violation(Diagnosis::new(
                Code::NotARepository,
                format!("a git repository at {path}"),
                actual,
            ));
        }
        Finding::undetermined(format!("{path}: {}", error.message()))
    }

    fn look_at_head(&self, repository: &Repository, finding: &mut Finding) -> Result<(), git2::Error> {
        let head = match repository.head() {
            Ok(head) => head,
            Err(error) if error.code() == ErrorCode::UnbornBranch => {
                let expected = format!("a commit in {}", self.path.display());
                finding.violates(Diagnosis::new(Code::WrongCommit, expected, "a repository without any commit"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let id = head.peel_to_commit()?.id().to_string();
        let branch = head.shorthand().ok().filter(|_| head.is_branch());
        finding.saw(format!("{} at {id}, {}", self.path.display(), branch.map_or("no branch", |name| name)));
        if let Some(wanted) = &self.commit
            && !id.starts_with(&wanted.to_ascii_lowercase())
        {
            let fix = format!("git -C {} checkout {wanted}", self.path.display());
            finding.violates(
                Diagnosis::new(Code::WrongCommit, format!("commit {wanted}"), format!("commit {id}")).mended_by(fix),
            );
        }
        if let Some(wanted) = self.branch.as_deref().filter(|wanted| branch != Some(wanted)) {
            let actual = branch.map_or_else(|| "no branch (detached HEAD)".to_owned(), |name| format!("branch {name}"));
            finding.violates(Diagnosis::new(Code::WrongCommit, format!("branch {wanted}"), actual));
        }
        Ok(())
    }

    fn look_for_changes(&self, repository: &Repository, finding: &mut Finding) -> Result<(), git2::Error> {
        if !self.clean {
            return Ok(());
        }
        let mut options = StatusOptions::new();
        options.include_untracked(true).exclude_submodules(true);
        let statuses = repository.statuses(Some(&mut options))?;
        let changed: Vec<String> = statuses
            .iter()
            .filter(|entry| !entry.status().contains(Status::IGNORED))
            .map(|entry| format!("{} {}", word(entry.status()), crate::elf::escape(entry.path_bytes())))
            .collect();
        if changed.is_empty() {
            finding.saw("no file changed, added or removed");
            return Ok(());
        }
        let fix = format!("git -C {} status; then commit, stash or restore what it lists", self.path.display());
        let expected = "a clean tree: every file as committed, none besides";
        finding.violates(Diagnosis::new(Code::TreeDirty, expected, listed(&changed)).mended_by(fix));
        Ok(())
    }

    fn look_at_submodules(&self, repository: &Repository, finding: &mut Finding) -> Result<(), git2::Error> {
        if !self.submodules {
            return Ok(());
        }
        let submodules = repository.submodules()?;
        let mut wrong = Vec::new();
        for submodule in &submodules {
            let path = submodule.path().display().to_string();
            let status = repository.submodule_status(submodule.name().unwrap_or(&path), SubmoduleIgnore::None)?;
            if status.contains(SubmoduleStatus::WD_UNINITIALIZED) || !status.contains(SubmoduleStatus::IN_WD) {
                wrong.push(format!("{path} is not checked out"));
            } else if status.contains(SubmoduleStatus::WD_MODIFIED) {
                let at = |id: Option<git2::Oid>| id.map_or_else(|| "nothing".to_owned(), |id| id.to_string());
                wrong.push(format!("{path} is at {}, not at {}", at(submodule.workdir_id()), at(submodule.head_id())));
            } else if self.clean
                && status.intersects(SubmoduleStatus::WD_WD_MODIFIED | SubmoduleStatus::WD_INDEX_MODIFIED)
            {
                wrong.push(format!("{path} has local changes"));
            }
        }
        if wrong.is_empty() {
            finding.saw(match submodules.len() {
                0 => "no submodules".to_owned(),
                1 => "its submodule is there, at the commit recorded".to_owned(),
                count => format!("its {count} submodules are there, at the commits recorded"),
            });
            return Ok(());
        }
        let fix = format!("git -C {} submodule update --init --recursive", self.path.display());
        let expected = "every submodule checked out at the commit recorded";
        finding.violates(Diagnosis::new(Code::SubmoduleMissing, expected, listed(&wrong)).mended_by(fix));
        Ok(())
    }
}

fn word(status: Status) -> &'static str {
    match status {
        s if s.contains(Status::CONFLICTED) => "in conflict:",
        s if s.intersects(Status::WT_NEW | Status::INDEX_NEW) => "new:",
        s if s.intersects(Status::WT_DELETED | Status::INDEX_DELETED) => "deleted:",
        _ => "changed:",
    }
}

/// The first few, and how many more.
fn listed(items: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = items.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if items.len() > SHOWN {
        text.push_str(&format!("; and {} more", items.len() - SHOWN));
    }
    text
}

/// The files of a work tree that git tracks, for whoever asks when the sources last changed.
pub(super) fn tracked_files(tree: &Path) -> Option<Vec<PathBuf>> {
    let repository = Repository::open(tree).ok()?;
    let index = repository.index().ok()?;
    let path = |entry: git2::IndexEntry| String::from_utf8(entry.path).ok().map(|path| tree.join(path));
    Some(index.iter().filter_map(path).collect())
}
