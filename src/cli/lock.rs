//! `xdoctor lock`: remembers the state of everything that a checklist names.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::anyhow;
use serde::Serialize;

use crate::check::{self, Checklist, Located, Source};
use crate::lock::{self, Comparison, Hashes, LockError, Plan, Rebuild, Survey, Thing};

use super::checklists::{locked, name_and_value, not_to_be_had, unusable};
use super::output::after_printing;
use super::{Exit, Format, Output, Unusable};

/// Remember the state of everything that a checklist names, so that `check` can say what has changed
///
/// Writes xdoctor.lock beside the checklist (here, for a bundled one): of each file hash, size, mode and time, of each
/// ELF file build id, SONAME, NEEDED and exported symbols by version node, of each git tree commit and changes. It is
/// made to be committed. `check` compares with it; `check --no-lock` does not.
///
/// Examples:
///   xdoctor check --no-lock && xdoctor lock  once all is well
///   xdoctor lock gpu.yaml                    another checklist's
///   xdoctor check --only 'lock*'             what has changed since
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A file, or the name of a bundled checklist
    checklist: Option<PathBuf>,
    /// Give a variable of the checklist a value; repeatable
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    vars: Vec<(String, String)>,
    /// Replace a lock that is damaged, a link to nothing, or of another checklist
    #[arg(long)]
    force: bool,
}

/// Runs the command.
///
/// # Errors
/// A bad checklist, something that it names and that cannot be read, or a lock that is not to be replaced.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let located = match &args.checklist {
        Some(name) => check::named(name),
        None => check::found(&std::env::current_dir()?),
    };
    let source = match located.map_err(not_to_be_had)? {
        Located::File(source) | Located::Bundled(source) => source,
        Located::SelfCheck(_) => {
            output.remark("no checklist given, and no xdoctor.yaml here or above: there is nothing to remember; `xdoctor init` writes one");
            return nothing(None, output);
        }
    };
    let checklist = Checklist::parse(&source, &args.vars).map_err(unusable)?;
    let plan = check::plan(&checklist, &source.base);
    if plan.things.is_empty() {
        output.remark("the checklist names no file, tree or repository: there is nothing to remember");
        return nothing(Some(&source.name), output);
    }
    let before = before(&source, args.force)?;
    let clock = Instant::now();
    let survey = lock::survey(&plan, &Hashes::default());
    if !survey.unreadable.is_empty() {
        let all = survey.unreadable.iter().map(|(name, reason)| format!("cannot look at {name}: {reason}"));
        return Err(anyhow!(all.collect::<Vec<_>>().join("\n")));
    }
    let path = lock::write(&source.base, &check::lock_name(&source), &survey.state).map_err(locked)?;
    let written = Written {
        path,
        checklist: source.name.clone(),
        changes: before.map(|before| Comparison::new(&before.state, &survey, &plan)),
        seconds: clock.elapsed().as_secs_f64(),
        survey,
        plan,
    };
    let printed = match output.format {
        Format::Json => output.json(&written.document()).map_err(Into::into),
        Format::Text => written.print().map_err(Into::into),
    };
    after_printing(printed, Exit::Holds)
}

/// No lock is written: nothing is there to remember.
fn nothing(checklist: Option<&Path>, output: Output) -> anyhow::Result<Exit> {
    let printed = match output.format {
        Format::Text => Ok(()),
        Format::Json => output.json(&Document {
            schema: SCHEMA,
            lock: None,
            checklist: checklist.map(|checklist| checklist.display().to_string()),
            bytes_hashed: 0,
            seconds: 0.0,
            things: Vec::new(),
            changes: Vec::new(),
        }),
    };
    after_printing(printed.map_err(Into::into), Exit::NothingSelected)
}

/// The lock that is about to be replaced, where it can be compared with.
fn before(source: &Source, force: bool) -> anyhow::Result<Option<lock::Lock>> {
    let name = check::lock_name(source);
    match lock::read(&source.base) {
        Ok(Some(lock)) if lock.checklist == name => Ok(Some(lock)),
        Ok(Some(lock)) if !force => Err(anyhow!(Unusable {
            message: format!(
                "{} is of the checklist {}, not of {name}: `--force` replaces it, and a checklist in a folder of its own \
                 keeps both",
                lock.path.display(),
                lock.checklist
            ),
            file: Some(lock.path),
            line: None,
            column: None,
        })),
        Ok(_) => Ok(None),
        Err(LockError::Damaged { .. } | LockError::Dangling { .. }) if force => Ok(None),
        Err(error) => Err(locked(error)),
    }
}

/// What was done.
struct Written {
    path: PathBuf,
    checklist: PathBuf,
    plan: Plan,
    survey: Survey,
    changes: Option<Comparison>,
    seconds: f64,
}

impl Written {
    fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for (name, thing) in &self.survey.state.things {
            writeln!(out, "  {name}: {}", described(thing))?;
        }
        for drift in self.changes.iter().flat_map(|changes| &changes.drifts) {
            for diagnosis in &drift.diagnoses {
                writeln!(out, "since the last lock: {}: {}", drift.subject, diagnosis.actual)?;
            }
        }
        let things = self.survey.state.things.len();
        let plural = if things == 1 { "" } else { "s" };
        let hashed = megabytes(self.survey.bytes);
        writeln!(
            out,
            "{}: {things} thing{plural} remembered, {hashed} hashed in {:.2} s",
            self.path.display(),
            self.seconds
        )?;
        out.flush()
    }

    fn document(&self) -> Document<'_> {
        let changes = self.changes.iter().flat_map(|changes| &changes.drifts);
        let change = |drift: &crate::lock::Drift| {
            let (rebuild, reason) = match &drift.rebuild {
                None => (None, None),
                Some(Rebuild::No(reason)) => (Some("no"), Some(reason.clone())),
                Some(Rebuild::Yes(reason)) => (Some("yes"), Some(reason.clone())),
                Some(Rebuild::Unknown(reason)) => (Some("unknown"), Some(reason.clone())),
            };
            let one = |diagnosis: &crate::diagnosis::Diagnosis| ChangeDocument {
                subject: drift.subject.clone(),
                code: diagnosis.code,
                expected: diagnosis.expected.clone(),
                actual: diagnosis.actual.clone(),
                rebuild,
                reason: reason.clone(),
            };
            drift.diagnoses.iter().map(one).collect::<Vec<_>>()
        };
        Document {
            schema: SCHEMA,
            lock: Some(self.path.display().to_string()),
            checklist: Some(self.checklist.display().to_string()),
            bytes_hashed: self.survey.bytes,
            seconds: self.seconds,
            things: self
                .survey
                .state
                .things
                .iter()
                .map(|(name, thing)| ThingDocument::of(name, thing, &self.plan))
                .collect(),
            changes: changes.flat_map(change).collect(),
        }
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A thing in a few words.
fn described(thing: &Thing) -> String {
    match thing {
        Thing::Absent => "not there, and remembered as that".to_owned(),
        Thing::Tree(tree) if tree.libraries.is_empty() => format!("{} files", tree.files.len()),
        Thing::Tree(tree) => {
            format!("{} files, {} of them with their exports", tree.files.len(), tree.libraries.len())
        }
        Thing::Repository(repository) => {
            let commit = repository.commit.as_deref().and_then(|id| id.get(..7)).unwrap_or("no commit");
            let dirty = repository.dirty.len();
            format!("commit {commit}, {}", if dirty == 0 { "clean".to_owned() } else { format!("{dirty} files dirty") })
        }
        Thing::File(file) => match &file.elf {
            None => format!("{} bytes", file.content.size),
            Some(elf) => {
                let exports = elf.abi.exports.len() + elf.many.values().map(|many| many.count).sum::<usize>();
                let build_id = elf.build_id.as_deref().and_then(|id| id.get(..12)).unwrap_or("none");
                format!(
                    "{} bytes, build id {build_id}, {exports} exports in {} nodes",
                    file.content.size,
                    elf.abi.nodes.len()
                )
            }
        },
    }
}

const SCHEMA: &str = "xdoctor/lock/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    /// `None` where none was written.
    lock: Option<String>,
    /// `None` where there is none.
    checklist: Option<String>,
    bytes_hashed: u64,
    seconds: f64,
    things: Vec<ThingDocument<'a>>,
    changes: Vec<ChangeDocument>,
}

#[derive(Serialize)]
struct ThingDocument<'a> {
    name: &'a str,
    path: Option<String>,
    kind: &'static str,
    sha256: Option<&'a str>,
    size: Option<u64>,
    build_id: Option<&'a str>,
    soname: Option<&'a str>,
    commit: Option<&'a str>,
    files: Option<usize>,
}

impl<'a> ThingDocument<'a> {
    fn of(name: &'a str, thing: &'a Thing, plan: &Plan) -> ThingDocument<'a> {
        let (file, elf) = (thing.file(), thing.elf());
        ThingDocument {
            name,
            path: plan.things.get(name).map(|planned| planned.path.display().to_string()),
            kind: match thing {
                Thing::Absent => "absent",
                Thing::File(_) if elf.is_some() => "elf",
                Thing::File(_) => "file",
                Thing::Tree(_) => "tree",
                Thing::Repository(_) => "repository",
            },
            sha256: file.map(|file| file.content.sha256.as_str()),
            size: file.map(|file| file.content.size),
            build_id: elf.and_then(|elf| elf.build_id.as_deref()),
            soname: elf.and_then(|elf| elf.abi.soname.as_deref()),
            commit: thing.repository().and_then(|repository| repository.commit.as_deref()),
            files: match thing {
                Thing::Tree(tree) => Some(tree.files.len()),
                _ => None,
            },
        }
    }
}

#[derive(Serialize)]
struct ChangeDocument {
    subject: String,
    code: crate::code::Code,
    expected: String,
    actual: String,
    rebuild: Option<&'static str>,
    reason: Option<String>,
}
