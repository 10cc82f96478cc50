//! What a child may use up.

use std::time::Duration;

/// What a child may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wall time.
    pub time: Duration,
    /// Bytes on each of stdout and stderr.
    pub output: usize,
    /// Bytes in RAM, of all its processes together, where there is a limit. They are counted while it runs; the kernel's
    /// own limit (RLIMIT_AS) counts addresses instead, of which GPU runtimes reserve hundreds of GiB without using them.
    pub memory: Option<u64>,
    /// Processes at once.
    pub processes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(60), output: 16 << 20, memory: None, processes: 1000 }
    }
}
