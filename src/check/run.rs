//! Running a checklist: each check as soon as what it needs has passed, several at once.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use crate::code::Severity;
use crate::diagnosis::Diagnosis;
use crate::ladder::Interception;
use crate::probe::interrupted;

use super::checklist::{Check, Checklist};
use super::finding::{Finding, Open};
use super::kinds::{Context, Found};
use super::outcome::{Outcome, Status, StepOutcome, Summary};
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

/// Runs the selected checks.
pub fn run(checklist: &Checklist, options: &Options) -> Results {
    let (started, clock) = (SystemTime::now(), Instant::now());
    let selected: Vec<&Check> = checklist.checks().filter(|check| options.selection.takes(check)).collect();
    let done = Schedule::new(&selected).work(options);
    let mut interception = None;
    let mut steps = Vec::new();
    let mut done = done.into_iter();
    for step in &checklist.steps {
        let mut outcomes = Vec::new();
        for _ in step.checks.iter().filter(|check| options.selection.takes(check)) {
            let Some(result) = done.next() else { break };
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

/// Which checks wait, run, or are done. `needs` only ever name checks further up, so that there is always one to run
/// until all are done.
struct Schedule<'a> {
    checks: &'a [&'a Check],
    /// For each check, the checks that it needs, as far as they are run at all: one that was not selected was left out on
    /// purpose, and holds nothing up.
    needs: Vec<Vec<usize>>,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    done: Vec<Option<Done>>,
    /// How many of its needs are not done yet, for each check.
    unmet: Vec<usize>,
    /// The checks that need each check.
    needed_by: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
    left: usize,
}

impl<'a> Schedule<'a> {
    fn new(checks: &'a [&'a Check]) -> Schedule<'a> {
        let places: HashMap<&str, usize> =
            checks.iter().enumerate().map(|(at, check)| (check.id.as_str(), at)).collect();
        let place = |need: &String| places.get(need.as_str()).copied();
        let needs: Vec<Vec<usize>> =
            checks.iter().map(|check| check.needs.iter().filter_map(place).collect()).collect();
        let mut progress = Progress { left: checks.len(), ..Progress::default() };
        progress.done.resize_with(checks.len(), || None);
        progress.needed_by.resize_with(checks.len(), Vec::new);
        for (index, needs) in needs.iter().enumerate() {
            progress.unmet.push(needs.len());
            needs.iter().for_each(|need| progress.needed_by[*need].push(index));
            if needs.is_empty() {
                progress.ready.push_back(index);
            }
        }
        Schedule { checks, needs, progress: Mutex::new(progress), changed: Condvar::new() }
    }

    fn work(self, options: &Options) -> Vec<Done> {
        std::thread::scope(|scope| {
            for _ in 0..options.jobs.clamp(1, self.checks.len().max(1)) {
                scope.spawn(|| self.worker(options));
            }
        });
        let progress = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        progress.done.into_iter().flatten().collect()
    }

    fn worker(&self, options: &Options) {
        while let Some((index, unmet)) = self.take() {
            let check = self.checks[index];
            let done = match unmet {
                Some(reason) => conclude(check, Found::from(Finding::skipped(reason)), 0.0, options),
                None => carry_out(check, options),
            };
            self.settle(index, done);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next check whose needs are settled, and why it cannot be asked where one of them did not pass.
    fn take(&self) -> Option<(usize, Option<String>)> {
        let mut progress = self.lock();
        loop {
            if let Some(index) = progress.ready.pop_front() {
                let passed = |need: &&usize| !progress.done[**need].as_ref().is_some_and(Done::passed);
                let unmet = self.needs[index].iter().find(passed);
                let reason = unmet.map(|need| format!("needs `{}`, which did not pass", self.checks[*need].id));
                return Some((index, reason));
            }
            if progress.left == 0 {
                return None;
            }
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn settle(&self, index: usize, done: Done) {
        let mut progress = self.lock();
        progress.done[index] = Some(done);
        progress.left -= 1;
        for next in std::mem::take(&mut progress.needed_by[index]) {
            progress.unmet[next] -= 1;
            if progress.unmet[next] == 0 {
                progress.ready.push_back(next);
            }
        }
        drop(progress);
        self.changed.notify_all();
    }
}

fn carry_out(check: &Check, options: &Options) -> Done {
    if interrupted() {
        return conclude(check, Found::from(Finding::undetermined("interrupted before it began")), 0.0, options);
    }
    let started = Instant::now();
    let log = options.log.as_deref().map(|folder| folder.join(file_name(&check.id)));
    let context = Context { scratch: &options.scratch, log, require_gpu: options.require_gpu };
    // A check that panics is a bug, and must not leave the other workers waiting for it.
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check.kind.run(&context)));
    let found = found.unwrap_or_else(|_| Finding::undetermined("xdoctor itself failed in this check: a bug").into());
    conclude(check, found, started.elapsed().as_secs_f64(), options)
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

fn conclude(check: &Check, found: Found, seconds: f64, options: &Options) -> Done {
    let outcomes = found.findings.into_iter().map(|finding| outcome(check, finding, seconds));
    let outcomes = outcomes.filter(|outcome| !options.selection.drops(&outcome.id)).collect();
    Done { outcomes, interception: found.interception }
}

fn outcome(check: &Check, finding: Finding, seconds: f64) -> Outcome {
    let severity_of = |violation: &Diagnosis| check.severity.unwrap_or(violation.severity());
    let worst = finding.violations.iter().map(severity_of).max();
    let at = finding.violations.iter().position(|violation| Some(severity_of(violation)) == worst);
    let id = finding.part.map_or_else(|| check.id.clone(), |part| format!("{}.{part}", check.id));
    let mut outcome = Outcome {
        id,
        title: finding.title.unwrap_or_else(|| check.title.clone()),
        status: Status::Pass,
        severity: worst.or(check.severity).unwrap_or(Severity::Fail),
        code: None,
        expected: None,
        actual: None,
        evidence: finding.evidence,
        fix: None,
        location: Some(check.location.clone()),
        seconds,
        reason: None,
    };
    // What is about to be said as `found` needs no saying twice.
    let found = at.and_then(|at| finding.violations.get(at)).map(|violation| violation.actual.clone());
    outcome.evidence.retain(|line| Some(line) != found.as_ref());
    for (index, violation) in finding.violations.into_iter().enumerate() {
        if Some(index) == at {
            outcome.code = Some(violation.code);
            outcome.expected = Some(violation.expected);
            outcome.actual = Some(violation.actual);
            let general = || violation.code.page().map(|page| page.mend.clone());
            outcome.fix = check.fix.clone().or(violation.fix).or_else(general);
        } else {
            let Diagnosis { code, expected, actual, .. } = violation;
            outcome.evidence.push(format!("also {code}: expected {expected}, found {actual}"));
        }
    }
    outcome.status = match worst {
        Some(Severity::Fail) => Status::Fail,
        Some(Severity::Warn) => Status::Warn,
        Some(Severity::Info) | None => Status::Pass,
    };
    if outcome.status != Status::Fail {
        settle_open(&mut outcome, finding.open);
    }
    outcome
}

/// A claim that fails in one part fails; otherwise what is open leaves the whole open.
fn settle_open(outcome: &mut Outcome, open: Option<Open>) {
    match open {
        Some(Open::Skipped { reason, code }) => {
            outcome.status = Status::Skip;
            outcome.reason = Some(reason);
            outcome.code = code;
        }
        Some(Open::Undetermined { reason, code, fix }) => {
            outcome.status = Status::Undetermined;
            outcome.reason = Some(reason);
            outcome.code = code;
            outcome.fix = fix;
        }
        None => {}
    }
}

impl Options {
    /// One check at a time, all of them, with this scratch folder.
    pub fn new(scratch: &Path) -> Options {
        Options { selection: Selection::default(), jobs: 1, scratch: scratch.to_owned(), log: None, require_gpu: false }
    }
}
