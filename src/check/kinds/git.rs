//! `git`: a source tree is a repository, at the commit wanted (or after it, or before it), clean, with its submodules, and
//! from where it should be.

use std::path::PathBuf;
use std::sync::Arc;

use git2::{Commit, ErrorCode, Repository};
use globset::GlobMatcher;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::lock::Subject;

use super::remotes::{Matching, without_credentials};
use super::work_tree::{self, Recorded, Standing};
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct GitCheck {
    path: PathBuf,
    commit: Option<String>,
    branch: Option<String>,
    /// A tag that must stand on this very commit.
    tag: Option<String>,
    /// The URL that one of the remotes must have.
    remotes: Vec<GlobMatcher>,
    /// Revisions that HEAD must be part of the history of.
    ancestor_of: Vec<String>,
    /// Revisions that must be part of HEAD's history.
    contains: Vec<String>,
    clean: bool,
    submodules: bool,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The source tree."),
    ("commit", "The commit that must be checked out, by 4 to 40 of its first digits; empty for any."),
    ("branch", "The branch that must be checked out; empty for any."),
    ("tag", "A tag that must be on that very commit; empty for any."),
    ("remote", "A glob, or a list: a remote's URL must be like this, with or without .git."),
    ("ancestor_of", "Revisions of whose history the commit must be a part."),
    ("contains", "Revisions that must be a part of the commit's history."),
    ("clean", "Whether no file may be changed or new, in submodules neither."),
    ("submodules", "Whether submodules must be checked out at the commit recorded, and those of submodules."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the source tree", Fields::path);
    let commit = fields.text("commit").filter(|commit| !commit.is_empty());
    if let (Some(commit), Some(node)) = (&commit, fields.node("commit"))
        && (commit.len() < 4 || commit.len() > 40 || !commit.chars().all(|c| c.is_ascii_hexdigit()))
    {
        let message = format!("expected a commit id of 4 to 40 hexadecimal digits for `commit`, found `{commit}`");
        fields.reader().complain(node.place, message);
    }
    let check = GitCheck {
        path: path.clone().unwrap_or_default(),
        commit,
        branch: fields.text("branch").filter(|branch| !branch.is_empty()),
        tag: fields.text("tag").filter(|tag| !tag.is_empty()),
        remotes: fields.globs("remote").unwrap_or_default(),
        ancestor_of: revisions(fields, "ancestor_of"),
        contains: revisions(fields, "contains"),
        clean: fields.flag("clean").unwrap_or(false),
        submodules: fields.flag("submodules").unwrap_or(false),
    };
    path.map(|_| Arc::new(check) as Arc<dyn Kind>)
}

/// A variable that is left empty asks for nothing.
fn revisions(fields: &Fields<'_>, name: &'static str) -> Vec<String> {
    fields.texts(name).unwrap_or_default().into_iter().filter(|revision| !revision.is_empty()).collect()
}

impl Kind for GitCheck {
    fn title(&self) -> String {
        format!("{} is the source tree that is meant", self.path.display())
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::Repository(self.path.clone())]
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let repository = match Repository::open(&self.path) {
            Ok(repository) => repository,
            Err(error) => return self.unopened(&error).into(),
        };
        let mut finding = Finding::default();
        let looked = self
            .look_at_head(&repository, &mut finding)
            .and_then(|()| self.look_at_history(&repository, &mut finding))
            .and_then(|()| self.look_at_remotes(&repository, &mut finding))
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

    fn look_at_history(&self, repository: &Repository, finding: &mut Finding) -> Result<(), git2::Error> {
        if self.tag.is_none() && self.ancestor_of.is_empty() && self.contains.is_empty() {
            return Ok(());
        }
        let head = match repository.head() {
            Ok(head) => head.peel_to_commit()?,
            // There is no commit, and that has been said.
            Err(error) if error.code() == ErrorCode::UnbornBranch => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(tag) = &self.tag {
            self.look_at_tag(tag, repository, &head, finding)?;
        }
        for revision in &self.ancestor_of {
            let Some(commit) = self.known(revision, repository, finding)? else { continue };
            let holds = commit.id() == head.id() || repository.graph_descendant_of(commit.id(), head.id())?;
            let expected = format!("HEAD in the history of {revision}");
            self.judge_history(holds, revision, &expected, repository, finding);
        }
        for revision in &self.contains {
            let Some(commit) = self.known(revision, repository, finding)? else { continue };
            let holds = commit.id() == head.id() || repository.graph_descendant_of(head.id(), commit.id())?;
            let expected = format!("{revision} in the history of HEAD");
            self.judge_history(holds, revision, &expected, repository, finding);
        }
        Ok(())
    }

    fn look_at_tag(
        &self,
        tag: &str,
        repository: &Repository,
        head: &Commit<'_>,
        finding: &mut Finding,
    ) -> Result<(), git2::Error> {
        let expected = format!("tag {tag} on HEAD");
        let path = self.path.display();
        let (actual, fix) = match repository.find_reference(&format!("refs/tags/{tag}")) {
            Ok(reference) => {
                let tagged = reference.peel_to_commit()?.id();
                if tagged == head.id() {
                    finding.saw(expected);
                    return Ok(());
                }
                (format!("tag {tag} on {tagged}, HEAD at {}", head.id()), format!("git -C {path} checkout {tag}"))
            }
            Err(error) if error.code() == ErrorCode::NotFound => {
                (format!("no tag {tag} in the repository"), format!("git -C {path} fetch --tags"))
            }
            Err(error) => return Err(error),
        };
        finding.violates(Diagnosis::new(Code::WrongCommit, expected, actual).mended_by(fix));
        Ok(())
    }

    /// The commit of a revision. One that is not here may exist elsewhere all the same.
    fn known<'a>(
        &self,
        revision: &str,
        repository: &'a Repository,
        finding: &mut Finding,
    ) -> Result<Option<Commit<'a>>, git2::Error> {
        let found = repository.revparse_single(revision).and_then(|object| object.peel_to_commit());
        match found {
            Ok(commit) => Ok(Some(commit)),
            Err(error)
                if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::Ambiguous) =>
            {
                let path = self.path.display();
                let reason = format!("{revision} names no commit in {path}: {}", error.message());
                let fix = format!("git -C {path} fetch --all --tags");
                finding.open = Some(Open::Undetermined { reason, code: None, fix: Some(fix) });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn judge_history(
        &self,
        holds: bool,
        revision: &str,
        expected: &str,
        repository: &Repository,
        finding: &mut Finding,
    ) {
        let path = self.path.display();
        if holds {
            finding.saw(expected);
        } else if repository.is_shallow() {
            let reason = format!("{path} is a shallow clone: whether {revision} is related to HEAD cannot be seen");
            let fix = Some(format!("git -C {path} fetch --unshallow"));
            finding.open = Some(Open::Undetermined { reason, code: None, fix });
        } else {
            let fix = format!("git -C {path} log --oneline --graph HEAD {revision}, then merge, rebase or check out");
            finding.violates(Diagnosis::new(Code::WrongCommit, expected, "it is not").mended_by(fix));
        }
    }

    fn look_at_remotes(&self, repository: &Repository, finding: &mut Finding) -> Result<(), git2::Error> {
        if self.remotes.is_empty() {
            return Ok(());
        }
        let mut urls = Vec::new();
        for name in repository.remotes()?.iter().flatten().flatten() {
            if let Ok(url) = repository.find_remote(name)?.url() {
                urls.push((name.to_owned(), without_credentials(url)));
            }
        }
        let shown: Vec<String> = urls.iter().map(|(name, url)| format!("{name} {url}")).collect();
        for wanted in &self.remotes {
            if let Some((name, url)) = urls.iter().find(|(_, url)| wanted.matches_url(url)) {
                finding.saw(format!("remote {name} is {url}"));
                continue;
            }
            let expected = format!("a remote with the URL {}", without_credentials(wanted.glob().glob()));
            let actual = if shown.is_empty() { "no remote".to_owned() } else { listed(&shown) };
            finding.violates(Diagnosis::new(Code::WrongRemote, expected, actual));
        }
        Ok(())
    }

    fn look_for_changes(&self, repository: &Repository, finding: &mut Finding) -> Result<(), git2::Error> {
        if !self.clean {
            return Ok(());
        }
        let mut changed = work_tree::changes(repository, "")?;
        for submodule in work_tree::submodules(repository)? {
            // Where it stands is said once.
            if let (false, Standing::Elsewhere { .. }) = (self.submodules, &submodule.standing) {
                changed.push(format!("changed: {}", place(&submodule)));
            }
            if let Some(inner) = &submodule.repository {
                changed.extend(work_tree::changes(inner, &format!("{}/", submodule.path))?);
            }
        }
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
        let submodules = work_tree::submodules(repository)?;
        let wrong = |submodule: &&Recorded| !matches!(submodule.standing, Standing::AsRecorded);
        let wrong: Vec<&Recorded> = submodules.iter().filter(wrong).collect();
        if wrong.is_empty() {
            finding.saw(match submodules.len() {
                0 => "no submodules".to_owned(),
                1 => "its submodule is there, at the commit recorded".to_owned(),
                count => format!("its {count} submodules are there, at the commits recorded"),
            });
            return Ok(());
        }
        let path = self.path.display();
        let mut fix = format!("git -C {path} submodule update --init --recursive");
        if wrong.iter().any(|submodule| matches!(submodule.standing, Standing::Elsewhere { staged: true, .. })) {
            fix = format!("git -C {path} reset, since the index has another commit already; then {fix}");
        }
        let expected = "every submodule checked out at the commit recorded";
        let actual: Vec<String> = wrong.into_iter().map(place).collect();
        finding.violates(Diagnosis::new(Code::SubmoduleMissing, expected, listed(&actual)).mended_by(fix));
        Ok(())
    }
}

/// Where a submodule is.
fn place(submodule: &Recorded) -> String {
    let path = &submodule.path;
    match &submodule.standing {
        Standing::AsRecorded => format!("{path} is at the commit recorded"),
        Standing::NotCheckedOut => format!("{path} is not checked out"),
        Standing::Elsewhere { at, recorded, .. } => {
            let at = at.map_or_else(|| "no commit".to_owned(), |id| id.to_string());
            format!("{path} is at {at}, not at {recorded}")
        }
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
