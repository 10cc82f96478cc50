//! The order of a run: each check as soon as what it needs is settled, several at once.
//!
//! Checks wait at gates, one for each name that some check needs. A name may mean the thousand checks of a matrix: with a
//! gate between them, a thousand others that need it cost two thousand steps, not a million.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::checklist::Check;

/// Which checks wait, run, or are done. `needs` only ever name checks further up, so that there is always one to run
/// until all are done.
pub struct Schedule<'a, Work, Done> {
    checks: &'a [&'a Check],
    /// Carries out a check, or says why it cannot be asked; also whether it passed.
    work: Work,
    /// The gates at which each check waits.
    waits_at: Vec<Vec<usize>>,
    /// The gates that each check keeps shut.
    shuts: Vec<Vec<usize>>,
    progress: Mutex<Progress<Done>>,
    changed: Condvar,
}

struct Progress<Done> {
    done: Vec<Option<Done>>,
    /// How many gates each check still waits at.
    shut: Vec<usize>,
    gates: Vec<Gate>,
    ready: VecDeque<usize>,
    left: usize,
}

/// What one name means: it opens once all checks of that name are done.
#[derive(Default)]
struct Gate {
    left: usize,
    waiting: Vec<usize>,
    /// The first check of that name that did not pass.
    failed: Option<usize>,
}

impl<'a, Work, Done> Schedule<'a, Work, Done>
where
    Work: Fn(&Check, Option<String>) -> (Done, bool) + Sync,
    Done: Send,
{
    /// A schedule of these checks; a need that is not among them was left out on purpose, and holds nothing up.
    pub fn new(checks: &'a [&'a Check], work: Work) -> Schedule<'a, Work, Done> {
        let mut names: HashMap<&str, usize> = HashMap::new();
        for need in checks.iter().flat_map(|check| &check.needs) {
            let next = names.len();
            names.entry(need).or_insert(next);
        }
        let mut gates: Vec<Gate> = Vec::new();
        gates.resize_with(names.len(), Gate::default);
        let of = |names_of: &mut dyn Iterator<Item = &String>| -> Vec<usize> {
            names_of.filter_map(|name| names.get(name.as_str()).copied()).collect()
        };
        let shuts: Vec<Vec<usize>> =
            checks.iter().map(|check| of(&mut std::iter::once(&check.id).chain(&check.families))).collect();
        for gate in shuts.iter().flatten() {
            gates[*gate].left += 1;
        }
        let mut waits_at: Vec<Vec<usize>> = checks.iter().map(|check| of(&mut check.needs.iter())).collect();
        let mut progress =
            Progress { done: Vec::new(), shut: Vec::new(), gates, ready: VecDeque::new(), left: checks.len() };
        progress.done.resize_with(checks.len(), || None);
        for (index, waits_at) in waits_at.iter_mut().enumerate() {
            waits_at.retain(|gate| progress.gates[*gate].left > 0);
            progress.shut.push(waits_at.len());
            waits_at.iter().for_each(|gate| progress.gates[*gate].waiting.push(index));
            if waits_at.is_empty() {
                progress.ready.push_back(index);
            }
        }
        Schedule { checks, work, waits_at, shuts, progress: Mutex::new(progress), changed: Condvar::new() }
    }

    /// Does all of it, so many at once; what came of each check, in their order.
    pub fn work(self, jobs: usize) -> Vec<Done> {
        std::thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, self.checks.len().max(1)) {
                scope.spawn(|| self.worker());
            }
        });
        let progress = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        progress.done.into_iter().flatten().collect()
    }

    fn worker(&self) {
        while let Some((index, unmet)) = self.take() {
            let (done, passed) = (self.work)(self.checks[index], unmet);
            self.settle(index, done, passed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress<Done>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next check whose needs are settled, and why it cannot be asked where one of them did not pass.
    fn take(&self) -> Option<(usize, Option<String>)> {
        let mut progress = self.lock();
        loop {
            if let Some(index) = progress.ready.pop_front() {
                let failed = self.waits_at[index].iter().find_map(|gate| progress.gates[*gate].failed);
                let reason = failed.map(|need| format!("needs `{}`, which did not pass", self.checks[need].id));
                return Some((index, reason));
            }
            if progress.left == 0 {
                return None;
            }
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn settle(&self, index: usize, done: Done, passed: bool) {
        let mut guard = self.lock();
        let progress = &mut *guard;
        progress.done[index] = Some(done);
        progress.left -= 1;
        for gate in &self.shuts[index] {
            let gate = &mut progress.gates[*gate];
            gate.left -= 1;
            if !passed {
                gate.failed = Some(gate.failed.map_or(index, |first| first.min(index)));
            }
            if gate.left == 0 {
                for next in std::mem::take(&mut gate.waiting) {
                    progress.shut[next] -= 1;
                    if progress.shut[next] == 0 {
                        progress.ready.push_back(next);
                    }
                }
            }
        }
        drop(guard);
        self.changed.notify_all();
    }
}
