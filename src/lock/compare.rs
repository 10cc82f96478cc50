//! What has become of everything since it was known to be good, and whether anything must be built again.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};
use crate::interpose::diff::{Change, What};

use super::elf_change::{ElfChange, functions};
use super::file::FILE_NAME;
use super::format::time;
use super::plan::{Part, Plan, Planned};
use super::rebuild::Rebuild;
use super::repository::{self, Moved};
use super::state::{Elf, Entry, FileState, RepositoryState, State, Thing, TreeState};
use super::survey::Survey;

/// Names that a sentence shows.
const SHOWN: usize = 4;

/// What has become of one thing.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// Its name in the lock.
    pub subject: String,
    /// What was seen, a line each.
    pub seen: Vec<String>,
    /// What is not as it was.
    pub diagnoses: Vec<Diagnosis>,
    /// Whether it must be built again; `None` where it is not built.
    pub rebuild: Option<Rebuild>,
    /// Why it could not be looked at.
    pub undetermined: Option<String>,
}

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
            let moved = repository::moved(&planned.path, &lock, was, is).unwrap_or_default();
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

/// What brings the lock up to date.
const LOCK_AGAIN: &str = "if it is as it should be: xdoctor lock";

fn kind(thing: &Thing) -> &'static str {
    match thing {
        Thing::Absent => "nothing",
        Thing::File(_) => "a file",
        Thing::Tree(_) => "a folder",
        Thing::Repository(_) => "a git repository",
    }
}

impl Drift {
    fn saw(&mut self, line: impl Into<String>) {
        self.seen.push(line.into());
    }

    fn differs(&mut self, code: Code, expected: impl Into<String>, actual: impl Into<String>, fix: &str) {
        self.diagnoses.push(Diagnosis::new(code, expected, actual).mended_by(fix));
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
    if code == Code::LibraryMissing && !planned.parts.contains(&Part::Runtime) && !planned.parts.contains(&Part::Client)
    {
        drift.rebuild = Some(Rebuild::Yes("it is gone: build or install it again".to_owned()));
    }
    drift.differs(code, was, "file gone", "build or install it again; if it is meant to be gone: xdoctor lock");
}

impl Sides<'_> {
    fn file(&self, name: &str, planned: &Planned, was: &FileState, is: &FileState, drift: &mut Drift) {
        if was.content == is.content {
            same_content(was, is, drift);
        } else if let Some(change) = self.changed.get(name) {
            self.elf(planned, was, is, change, drift);
        } else {
            other_content(was, is, drift);
        }
        if was.link != is.link {
            let shown = |link: &Option<String>| link.clone().unwrap_or_else(|| "no link".to_owned());
            let actual = format!("the link leads to {}", shown(&is.link));
            drift.differs(Code::Drifted, format!("a link to {}", shown(&was.link)), actual, LOCK_AGAIN);
        }
        if was.mode != is.mode {
            let lost = was.mode & !is.mode & 0o555;
            let actual = format!("mode {:04o}{}", is.mode, if lost != 0 { ": permissions are gone" } else { "" });
            drift.differs(
                Code::Drifted,
                format!("mode {:04o}", was.mode),
                actual,
                &format!("chmod {:o} {name}", was.mode),
            );
        }
        if is.elf.is_some() {
            self.judge_rebuild(name, planned, was, is, drift);
        }
    }

    fn elf(&self, planned: &Planned, was: &FileState, is: &FileState, change: &ElfChange, drift: &mut Drift) {
        let size = sizes(was, is);
        let build_id = |file: &FileState| file.elf.as_ref().and_then(|elf| elf.build_id.clone());
        let (old, new) = (build_id(was), build_id(is));
        let again = old != new;
        if let (true, Some(old), Some(new)) = (again, &old, &new) {
            drift.saw(format!("build id {} → {}", short(old), short(new)));
        }
        let mut whys = BTreeSet::new();
        for one in change.changes.iter().filter(|change| change.breaks || change.change == What::SymbolMoved) {
            if whys.insert(one.why) {
                drift.saw(format!("{}: {}", one.subject, one.why));
            }
        }
        let actual = match (change.clauses.is_empty(), again) {
            (false, _) => format!("{size}, {}", change.clauses.join("; ")),
            (true, true) => format!("rebuilt ({size}): build id differs, exports the same"),
            (true, false) => format!("{size}, build id and exports the same: stripped, patched or signed afterwards"),
        };
        // What a client exports is no promise to the shim.
        let only_client = planned.parts.iter().eq([&Part::Client]);
        let code = if change.breaks() && !only_client { Code::AbiChanged } else { Code::Drifted };
        let expected = format!("sha256 {}, as it was", short(&was.content.sha256));
        drift.differs(code, expected, actual, mend(code));
    }

    /// Whether a library must be built again: because its sources moved on, or because the runtime lost what it uses.
    fn judge_rebuild(&self, name: &str, planned: &Planned, was: &FileState, is: &FileState, drift: &mut Drift) {
        let changed = was.content != is.content;
        let shim = planned.parts.contains(&Part::Shim);
        let (runtime, client) = (planned.parts.contains(&Part::Runtime), planned.parts.contains(&Part::Client));
        let lost = if shim { is.elf.as_ref().and_then(|elf| self.lost_by_runtime(elf)) } else { None };
        let verdict = match self.source_moved(name, planned) {
            _ if lost.is_some() => Rebuild::Yes(lost.unwrap_or_default()),
            Some((source, moved)) => since_sources_moved(&source, moved, changed, is),
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
        drift.rebuild = Some(verdict);
    }

    /// The repositories that a file is built from: those that a check says, else those of a product that it is a copy of.
    fn sources(&self, name: &str, planned: &Planned) -> Vec<&str> {
        let own = planned.sources.iter();
        let build_id =
            |name: &str| self.was.things.get(name).and_then(Thing::elf).and_then(|elf| elf.build_id.as_ref());
        let copied = self.plan.things.iter().filter(|(other, product)| {
            *other != name
                && product.path.file_name() == planned.path.file_name()
                && build_id(name).is_some()
                && build_id(other) == build_id(name)
        });
        let all = own.chain(copied.flat_map(|(_, product)| &product.sources));
        let names: BTreeSet<&str> = all.filter_map(|source| self.plan.repository(source)).collect();
        names.into_iter().collect()
    }

    /// The first of its source trees that is not what it was.
    fn source_moved(&self, name: &str, planned: &Planned) -> Option<(String, &Moved)> {
        let moved = |source: &&str| {
            let moved = self.moved.get(*source)?;
            let (was, is) = self.pair(source)?;
            (!moved.same_sources(was, is)).then(|| (format!("{source} is {}", sentence(was, is, moved)), moved))
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

    fn new_client(&self, planned: &Planned) -> Rebuild {
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

    fn tree(&self, planned: &Planned, was: &TreeState, is: &TreeState, drift: &mut Drift) {
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
        drift.differs(code, format!("{} files as they were", was.files.len()), clauses.join("; "), mend(code));
    }

    fn repository(&self, name: &str, was: &RepositoryState, is: &RepositoryState, drift: &mut Drift) {
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

fn same_content(was: &FileState, is: &FileState, drift: &mut Drift) {
    drift.saw(format!("sha256 {}, {} bytes, as it was", short(&is.content.sha256), is.content.size));
    if was.modified != is.modified {
        drift.saw(format!("only its time moved: {} → {}", time(was.modified), time(is.modified)));
    }
}

fn other_content(was: &FileState, is: &FileState, drift: &mut Drift) {
    let expected = format!("sha256 {}, as it was", short(&was.content.sha256));
    let what = match (was.elf.is_some(), is.elf.is_some()) {
        (true, false) => ", no ELF file any more that can be read",
        (false, true) => ", an ELF file now",
        _ => "",
    };
    let actual = format!("sha256 {}, {}{what}", short(&is.content.sha256), sizes(was, is));
    drift.differs(Code::HashDiffers, expected, actual, mend(Code::HashDiffers));
}

fn mend(code: Code) -> &'static str {
    match code {
        Code::AbiChanged => {
            "bring the build back that worked, or link again with its version script; if the change is meant, build what \
             uses the library again, check, then: xdoctor lock"
        }
        Code::HashDiffers => "bring back what was there, or, if the change is meant: xdoctor lock",
        _ => LOCK_AGAIN,
    }
}

fn sizes(was: &FileState, is: &FileState) -> String {
    match (was.content.size, is.content.size) {
        (old, new) if old == new => "same size".to_owned(),
        (old, new) => format!("{old} → {new} bytes"),
    }
}

/// As much of a hash as people compare by eye.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn spelled(change: &Change) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{old} → {new}"),
        (Some(old), None) => format!("{old} gone"),
        _ => change.subject.clone(),
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
fn sentence(was: &RepositoryState, is: &RepositoryState, moved: &Moved) -> String {
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
    fn same_sources(&self, was: &RepositoryState, is: &RepositoryState) -> bool {
        match &self.files {
            Some(files) => files.is_empty() && was.submodules == is.submodules,
            None => was.same_sources(is),
        }
    }
}

/// The verdict on a file whose sources are not what they were.
fn since_sources_moved(source: &str, moved: &Moved, changed: bool, file: &FileState) -> Rebuild {
    match (changed, moved.newest) {
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
