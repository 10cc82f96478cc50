//! How much a run uses: memory and processes, of the whole family.

use std::fmt;

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
