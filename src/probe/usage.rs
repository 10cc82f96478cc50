//! How much a run uses while it runs: memory and processes, of the whole family.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use rustix::param::page_size;

use super::ending::Ending;
use super::family::Family;
use super::limits::Limits;
use super::stat::Stat;

/// The most that was seen at once. What came and went between two looks was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in RAM (the resident sets' sum, in which what processes share counts for each of them).
    pub memory: u64,
    /// Processes.
    pub processes: usize,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.processes == 1 { "process" } else { "processes" };
        write!(f, "{:.1} MiB in {} {plural}", self.memory as f64 / f64::from(1 << 20), self.processes)
    }
}

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
}

impl Meter {
    /// Whose first look comes after one pause: most runs are over by then.
    pub fn new(limits: Limits) -> Meter {
        Meter { limits, next: Instant::now() + PAUSE, most: Usage::default() }
    }

    /// The most that was seen so far.
    pub fn most(&self) -> Usage {
        self.most
    }

    /// Looks, if it is time to, and tells which limit is exceeded.
    pub fn exceeded(&mut self, family: &mut Family) -> Option<Ending> {
        let begun = Instant::now();
        if begun < self.next {
            return None;
        }
        let members = family.members();
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

/// Reads a number of bytes: `8GiB`, `512MiB`, `4KiB`, `64KB` (thousands), or plain.
pub fn parse_size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let split = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = split.unwrap_or((text, 1));
    if let Ok(number) = number.trim_end().parse::<u64>() {
        return number.checked_mul(factor);
    }
    let bytes = number.trim_end().parse::<f64>().ok()? * factor as f64;
    (bytes >= 0.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse_size("8GiB"), Some(8 << 30));
        assert_eq!(parse_size("1.5 MiB"), Some(3 << 19));
        assert_eq!(parse_size("64KB"), Some(64_000));
        assert_eq!((parse_size("4096"), parse_size("4096B")), (Some(4096), Some(4096)));
        for other in ["", "GiB", "-1", "NaN", "inf", "1e99", "99999999999TiB", "much"] {
            assert_eq!(parse_size(other), None, "{other}");
        }
    }
}
