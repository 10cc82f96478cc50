//! Looks at how much a run uses while it runs, and whether that is too much.

use std::fs;
use std::time::{Duration, Instant};

use rustix::param::page_size;

use super::ending::Ending;
use super::family::Family;
use super::limits::Limits;
use super::met::{Meetings, Met};
use super::stat::Stat;
use super::usage::Usage;

/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// A look costs what it costs, with many processes and threads; this many times as long is then no look taken, so that
/// all of them stay below a hundredth of one processor.
const REST: u32 = 100;

/// Looks at a family now and then.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    next: Instant,
    most: Usage,
    meetings: Option<Meetings>,
}

impl Meter {
    /// Whose first look comes after one pause: most runs are over by then. Where everybody is to be met, it comes at once.
    pub fn new(limits: Limits, meets: bool) -> Meter {
        let (first, meetings) = if meets { (Duration::ZERO, Some(Meetings::default())) } else { (PAUSE, None) };
        Meter { limits, next: Instant::now() + first, most: Usage::default(), meetings }
    }

    /// The most that was seen, and who was met.
    pub fn finish(self) -> (Usage, Vec<Met>) {
        (self.most, self.meetings.map(Meetings::into_met).unwrap_or_default())
    }

    /// Looks, if it is time to, and tells which limit is exceeded.
    pub fn exceeded(&mut self, family: &mut Family) -> Option<Ending> {
        let begun = Instant::now();
        if begun < self.next {
            return None;
        }
        let members = family.members();
        if let Some(meetings) = &mut self.meetings {
            meetings.look(&members);
        }
        let resident = members.iter().map(resident).sum();
        self.most.memory = self.most.memory.max(resident);
        self.most.processes = self.most.processes.max(members.len());
        let exceeded = if members.len() > self.limits.processes {
            Some(Ending::ProcessLimit)
        } else if self.limits.memory.is_some_and(|limit| resident > limit && proportional(&members) > limit) {
            Some(Ending::MemoryLimit)
        } else {
            None
        };
        self.next = Instant::now() + PAUSE.max(begun.elapsed() * REST);
        exceeded
    }
}

/// Bytes of a process that are in RAM.
fn resident(stat: &Stat) -> u64 {
    stat.resident.saturating_mul(page_size() as u64)
}

/// The proportional set sizes' sum, in bytes: what n processes share counts 1/n for each. It is exact where the resident
/// sets' sum is too much, but costs a walk over all page tables, so it is asked for only where that sum is over the limit.
fn proportional(members: &[Stat]) -> u64 {
    let of = |stat: &Stat| {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", stat.pid)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
    };
    members.iter().map(|stat| of(stat).unwrap_or_else(|| resident(stat))).sum()
}
