//! Memory as a step of the checklist: each thing that the lock remembers is a check of its own.

use std::fmt::{self, Debug};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::code::Code;
use crate::lock::{Comparison, Drift, FILE_NAME, Lock, Plan, survey};

use super::attempt::Attempts;
use super::checklist::{Check, Checklist, Step};
use super::finding::{Finding, Open};
use super::kinds::{Context, Found, Kind};
use super::outcome::Location;
use super::source::Source;

/// The id of the check of the lock itself; those of its things start with it and a dot.
const ID: &str = "lock";

/// Everything that the checklist names; names start from this folder.
pub fn plan(checklist: &Checklist, base: &Path) -> Plan {
    Plan::new(base, checklist.checks().flat_map(|check| check.kind.subjects()))
}

/// What a lock calls its checklist: the file's name, so that the folder may be moved.
pub fn lock_name(source: &Source) -> String {
    source.name.file_name().unwrap_or(source.name.as_os_str()).to_string_lossy().into_owned()
}

/// Adds a step that compares what the checklist names with the lock in this folder.
pub fn remember(checklist: &mut Checklist, base: &Path, lock: Lock) {
    let location = Location { file: lock.path.clone(), line: 1 };
    let memory = Arc::new(Memory { plan: plan(checklist, base), lock, compared: OnceLock::new() });
    let check = |id: String, subject: Option<String>| {
        let kind = Arc::new(Remembered { memory: Arc::clone(&memory), subject });
        Check {
            id,
            title: kind.title(),
            tags: vec![ID.to_owned()],
            families: Vec::new(),
            severity: None,
            needs: Vec::new(),
            when: Vec::new(),
            attempts: Attempts::default(),
            fix: None,
            location: location.clone(),
            claim: ID,
            kind,
        }
    };
    let things = memory.plan.things.keys().map(|name| check(format!("{ID}.{name}"), Some(name.clone())));
    let checks = [check(ID.to_owned(), None)].into_iter().chain(things).collect();
    checklist.steps.push(Step { title: "Memory".to_owned(), checks });
}

/// The lock and what it is compared with, looked at once, when the first check asks.
struct Memory {
    lock: Lock,
    plan: Plan,
    compared: OnceLock<Comparison>,
}

impl Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("lock", &self.lock.path).finish_non_exhaustive()
    }
}

impl Memory {
    fn comparison(&self, context: &Context<'_>) -> &Comparison {
        self.compared.get_or_init(|| {
            let survey = context.helpers.share(|| survey(&self.plan, &context.hashes));
            Comparison::new(&self.lock.state, &survey, &self.plan)
        })
    }
}

/// One thing, or the lock itself.
#[derive(Debug)]
struct Remembered {
    memory: Arc<Memory>,
    subject: Option<String>,
}

impl Kind for Remembered {
    fn title(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{subject} is as it was when it worked"),
            None => format!("{FILE_NAME} is whole, and of this checklist"),
        }
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let comparison = self.memory.comparison(context);
        match &self.subject {
            None => self.whole(comparison).into(),
            Some(subject) => {
                let drift = comparison.drifts.iter().find(|drift| drift.subject == *subject);
                drift.map_or_else(|| Finding::undetermined("it was not looked at"), finding).into()
            }
        }
    }
}

impl Remembered {
    fn whole(&self, comparison: &Comparison) -> Finding {
        let mut finding = Finding::default();
        let lock = &self.memory.lock;
        let things = match lock.state.things.len() {
            1 => "1 thing".to_owned(),
            count => format!("{count} things"),
        };
        finding.saw(format!("{}: {things} remembered", lock.path.display()));
        finding.evidence.extend(comparison.host.iter().map(|change| format!("this machine: {change}")));
        finding.evidence.extend(
            comparison
                .forgotten
                .iter()
                .map(|name| format!("{name}: the checklist names it no longer, so it is not compared")),
        );
        let drifted = comparison.drifts.iter().filter(|drift| !drift.diagnoses.is_empty()).count();
        finding.saw(match drifted {
            0 => "everything is as it was when it worked".to_owned(),
            1 => "1 thing is not as it was when it worked".to_owned(),
            count => format!("{count} things are not as they were when it worked"),
        });
        let rebuilds: Vec<&str> = comparison.rebuilds().map(|(name, _)| name).collect();
        finding.saw(match rebuilds.as_slice() {
            [] => "nothing has to be built again".to_owned(),
            names => format!("to be built again: {}", names.join(", ")),
        });
        finding
    }
}

fn finding(drift: &Drift) -> Finding {
    let mut finding =
        Finding { evidence: drift.seen.clone(), violations: drift.diagnoses.clone(), ..Finding::default() };
    // A diagnosis of that name says it already.
    let said = drift.diagnoses.iter().any(|diagnosis| diagnosis.code == Code::RebuildNeeded);
    finding.evidence.extend(drift.rebuild.as_ref().filter(|_| !said).map(ToString::to_string));
    if let Some(reason) = &drift.undetermined {
        finding.open = Some(Open::Undetermined { reason: reason.clone(), code: None, fix: None });
    }
    finding
}
