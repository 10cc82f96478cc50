//! A child and all that came of it.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::processes::tree;
use super::stacks::{self, ThreadStack};

/// How long to wait for processes to stop: one that the kernel holds in a driver never does.
const STOPPING: Duration = Duration::from_millis(100);

/// Where all threads stand. The processes stay stopped, which is how a computing thread lets its registers be seen: only
/// for those that are about to be killed.
pub(super) fn last_stacks(leader: Pid) -> Vec<ThreadStack> {
    let pids = tree(leader.as_raw_nonzero().get().unsigned_abs());
    for pid in pids.iter().filter_map(|&pid| Pid::from_raw(pid.try_into().ok()?)) {
        // Gone already: it has no stack, then.
        let _ = kill_process(pid, Signal::STOP);
    }
    let until = Instant::now() + STOPPING;
    while pids.iter().any(|&pid| is_running(pid)) && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    stacks::of(&pids)
}

/// Whether a thread of it is on a processor, or could be.
fn is_running(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.any(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R')))
}
