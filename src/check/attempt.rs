//! `timeout`, `retries` and `retry_delay`: a check is tried, no longer than it may take, as often as it may be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, mpsc::RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuilder;

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::probe::{interrupted, within};

use super::fields::Fields;
use super::finding::{Finding, Open};
use super::helpers::Helpers;
use super::kinds::{Context, Found, Kind};

/// How long a try may take, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The longest that a try may take, where there is a limit.
    pub timeout: Option<Duration>,
    /// How often it is tried again where it fails or has no answer.
    pub retries: u16,
    /// The pause before it is tried again.
    pub delay: Duration,
}

/// Reads them.
pub(super) fn read(fields: &Fields<'_>) -> Attempts {
    let delay = fields.duration("retry_delay");
    let retries = fields.integer("retries");
    if delay.is_some() && retries.is_none() {
        fields.reader().complain(fields.place(), "`retry_delay` says nothing without `retries`");
    }
    let delay = delay.unwrap_or(Duration::from_secs(1));
    Attempts { timeout: fields.duration("timeout"), retries: retries.unwrap_or(0), delay }
}

impl Attempts {
    /// Tries a check until it holds, or may not be tried again: one that weighs nothing (`severity: info`) holds. What came
    /// of each try is in the evidence.
    pub(super) fn make(&self, kind: &Arc<dyn Kind>, severity: Option<Severity>, context: &Context<'_>) -> Found {
        let all = usize::from(self.retries) + 1;
        let mut earlier = Vec::new();
        for number in 1.. {
            let mut found = self.once(kind, &numbered(context, number));
            let last = number == all || interrupted();
            match (shortfall(severity, &found), last) {
                (Some(why), false) => earlier.push(format!("try {number} of {all}: {why}")),
                (why, _) => {
                    if all > 1 {
                        tell(&mut found, number, all, why.is_some(), earlier);
                    }
                    return found;
                }
            }
            pause(self.delay);
        }
        Finding::undetermined("it was never tried").into()
    }

    fn once(&self, kind: &Arc<dyn Kind>, context: &Context<'_>) -> Found {
        match self.timeout.filter(|_| !kind.limits_each_run()) {
            Some(limit) => limited(kind, context, limit),
            None => guarded(kind.as_ref(), context),
        }
    }
}

/// A later try's output must not take the place of an earlier one's.
fn numbered<'a>(context: &Context<'a>, number: usize) -> Context<'a> {
    let log = context.log.as_ref().map(|stem| {
        let mut stem = stem.as_os_str().to_owned();
        if number > 1 {
            stem.push(format!(".try{number}"));
        }
        stem.into()
    });
    Context { log, ..context.clone() }
}

/// A check that panics is a bug, and must not leave the other workers waiting for it.
fn guarded(kind: &dyn Kind, context: &Context<'_>) -> Found {
    let found = catch_unwind(AssertUnwindSafe(|| kind.run(context)));
    found.unwrap_or_else(|_| Finding::undetermined("xdoctor itself failed in this check: a bug").into())
}

/// How long a check whose child was ended at the limit has to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Its children are ended at the limit. What has none may hang in the kernel, where nothing can end it: it is left
/// behind in its thread, and ends with this process.
fn limited(kind: &Arc<dyn Kind>, context: &Context<'_>, limit: Duration) -> Found {
    let (told, answer) = mpsc::channel();
    let kind = Arc::clone(kind);
    let (scratch, log, require_gpu) = (context.scratch.to_owned(), context.log.clone(), context.require_gpu);
    let hashes = Arc::clone(&context.hashes);
    let work = move || {
        let helpers = Arc::new(Helpers::none());
        let context = Context { scratch: &scratch, log, require_gpu, hashes, helpers };
        // Nobody waits any more where this fails.
        let _ = told.send(within(limit, || guarded(kind.as_ref(), &context)));
    };
    // A pool of this one thread: whatever the check would share out is done by it, or hangs with it.
    match ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "check".to_owned()).build() {
        Ok(pool) => pool.spawn(work),
        Err(error) => return Finding::undetermined(format!("cannot start a thread for it: {error}")).into(),
    }
    match answer.recv_timeout(limit.saturating_add(LAST_WORDS)) {
        Ok(found) => found,
        Err(RecvTimeoutError::Disconnected) => Finding::undetermined("its thread ended without an answer").into(),
        Err(RecvTimeoutError::Timeout) => {
            let reason = format!("no answer within {} (`timeout`)", humantime::format_duration(limit));
            let fix =
                "a path on a file system that does not answer, or a pipe, holds it up; if neither, raise `timeout`";
            let open = Open::Undetermined { reason, code: Some(Code::TimeLimit), fix: Some(fix.to_owned()) };
            Finding { open: Some(open), ..Finding::default() }.into()
        }
    }
}

/// Why a try is worth another one: it does not hold, or has no answer. Skipped is an answer.
fn shortfall(severity: Option<Severity>, found: &Found) -> Option<String> {
    let fails = |violation: &&Diagnosis| severity.unwrap_or(violation.severity()) != Severity::Info;
    let one = |finding: &Finding| {
        let failed = finding.violations.iter().find(fails);
        match (failed, &finding.open) {
            (Some(Diagnosis { code, actual, .. }), _) => Some(format!("failed [{code}]: {actual}")),
            (None, Some(Open::Undetermined { reason, .. })) => Some(format!("undetermined: {reason}")),
            _ => None,
        }
    };
    found.findings.iter().find_map(one)
}

fn tell(found: &mut Found, number: usize, all: usize, failed: bool, earlier: Vec<String>) {
    let Some(finding) = found.findings.first_mut() else { return };
    let line = match (failed, number) {
        (true, _) => format!("tried {number} of {all} times, to no avail"),
        (false, 1) => format!("tried once of {all} times"),
        (false, _) => format!("held only at try {number} of {all}"),
    };
    finding.evidence.splice(0..0, std::iter::once(line).chain(earlier));
}

/// Sleeps, unless somebody wants it all to end.
fn pause(delay: Duration) {
    let started = Instant::now();
    while !interrupted() {
        let left = delay.saturating_sub(started.elapsed());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}
