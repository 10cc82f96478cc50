//! Running a checklist: which of its checks, and what came of each.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::ladder::Interception;
use crate::lock::Hashes;
use crate::probe::interrupted;

use super::checklist::{Check, Checklist};
use super::conclude::outcome;
use super::finding::Finding;
use super::helpers::Helpers;
use super::kinds::{Context, Found};
use super::outcome::{Outcome, Status, StepOutcome, Summary};
use super::schedule::Schedule;
use super::select::Selection;
use super::verdict::verdict;

/// How a checklist is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which of its checks.
    pub selection: Selection,
    /// How many at once; at least one.
    pub jobs: usize,
    /// A folder that is there for the run and gone after it.
    pub scratch: PathBuf,
    /// Where every child's output is kept, if anywhere.
    pub log: Option<PathBuf>,
    /// A missing device is a failure and no reason to skip.
    pub require_gpu: bool,
}

/// What came of a whole checklist.
#[derive(Clone, Debug)]
pub struct Results {
    /// When it began.
    pub started: SystemTime,
    /// Every step that had a check selected.
    pub steps: Vec<StepOutcome>,
    /// The outcomes, counted.
    pub summary: Summary,
    /// What the evidence ladder showed, where a check climbed it.
    pub interception: Option<Interception>,
    /// The one sentence.
    pub verdict: String,
}

/// What happens while a checklist is run, told from whichever thread it happens in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many checks are to be run.
    Selected(usize),
    /// The check with this id begins.
    Begins(&'a str),
    /// The check with this id has ended.
    Ends(&'a str),
}

/// Runs the selected checks.
pub fn run(checklist: &Checklist, options: &Options) -> Results {
    run_told(checklist, options, &|_| {})
}

/// Runs the selected checks, and tells what happens meanwhile.
pub fn run_told(checklist: &Checklist, options: &Options, tell: &(dyn Fn(Event<'_>) + Sync)) -> Results {
    let (started, clock) = (SystemTime::now(), Instant::now());
    let takes: Vec<bool> = checklist.checks().map(|check| options.selection.takes(check)).collect();
    let selected: Vec<&Check> =
        checklist.checks().zip(&takes).filter(|(_, takes)| **takes).map(|(check, _)| check).collect();
    tell(Event::Selected(selected.len()));
    let shared = Shared { hashes: Arc::default(), helpers: Arc::new(Helpers::of(options.jobs)) };
    let schedule = Schedule::new(&selected, |check, unmet| {
        tell(Event::Begins(&check.id));
        let done = carry_out(check, unmet, options, &shared);
        tell(Event::Ends(&check.id));
        let passed = done.passed();
        (done, passed)
    });
    let (mut done, mut takes) = (schedule.work(options.jobs).into_iter(), takes.into_iter());
    let mut interception = None;
    let mut steps = Vec::new();
    for step in &checklist.steps {
        let mut outcomes = Vec::new();
        for result in step.checks.iter().filter(|_| takes.next() == Some(true)).map_while(|_| done.next()) {
            interception = interception.or(result.interception);
            outcomes.extend(result.outcomes);
        }
        if !outcomes.is_empty() {
            steps.push(StepOutcome { title: step.title.clone(), checks: outcomes });
        }
    }
    let summary = Summary::of(&steps, clock.elapsed().as_secs_f64());
    let verdict = verdict(&summary, interception.as_ref());
    Results { started, steps, summary, interception, verdict }
}

/// What came of one check: a line of the report for each of its findings.
#[derive(Clone, Debug)]
struct Done {
    outcomes: Vec<Outcome>,
    interception: Option<Interception>,
}

impl Done {
    fn passed(&self) -> bool {
        self.outcomes.iter().all(|outcome| matches!(outcome.status, Status::Pass | Status::Warn))
    }
}

/// What all checks of a run have together.
#[derive(Clone)]
struct Shared {
    hashes: Arc<Hashes>,
    helpers: Arc<Helpers>,
}

/// Does what a check asks for, unless a check that it needs did not pass, or a condition does not hold.
fn carry_out(check: &Check, unmet: Option<String>, options: &Options, shared: &Shared) -> Done {
    let started = Instant::now();
    let condition = || check.when.iter().find_map(|condition| condition.holds().err());
    let found = if let Some(need) = unmet {
        Finding::skipped(need).into()
    } else if interrupted() {
        Finding::undetermined("interrupted before it began").into()
    } else if let Some(why) = condition() {
        Finding::skipped(format!("`when` does not hold: {why}")).into()
    } else {
        let log = options.log.as_deref().map(|folder| folder.join(file_name(&check.id)));
        let Options { scratch, require_gpu, .. } = options;
        let Shared { hashes, helpers } = shared.clone();
        let context = Context { scratch, log, require_gpu: *require_gpu, hashes, helpers };
        check.attempts.make(&check.kind, check.severity, &context)
    };
    conclude(check, found, started.elapsed().as_secs_f64(), options)
}

fn conclude(check: &Check, found: Found, seconds: f64, options: &Options) -> Done {
    let outcomes = found.findings.into_iter().map(|finding| outcome(check, finding, seconds));
    let outcomes = outcomes.filter(|outcome| !options.selection.drops(&outcome.id)).collect();
    Done { outcomes, interception: found.interception }
}

/// An id as a file name: ids are free text, and two of them must not share a file.
fn file_name(id: &str) -> String {
    let mut name = String::new();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

impl Options {
    /// One check at a time, all of them, with this scratch folder.
    pub fn new(scratch: &Path) -> Options {
        Options { selection: Selection::default(), jobs: 1, scratch: scratch.to_owned(), log: None, require_gpu: false }
    }
}
