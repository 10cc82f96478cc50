//! Where the threads of processes stand: what each waits in, and which functions led there.
//!
//! Everything is read from /proc, nothing is attached to and nothing is stopped: a process may vanish at any moment, and
//! then simply has no stack. A thread's stack is not unwound but searched: words that point right behind a call
//! instruction in executable memory are taken for return addresses. So every active function is found as long as the
//! stack is not deeper than what is read, and *stale* ones, left by calls that have returned, may be among them.

mod deadlock;
mod maps;
pub(super) mod names;
mod process;
mod system_calls;

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

pub use deadlock::deadlocked_in_loader;

use process::Process;

/// Where one thread stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThreadStack {
    /// Its process.
    pub pid: u32,
    /// Its own id; that of the process for the main thread.
    pub tid: u32,
    /// Its name, at most 15 bytes, which it may have chosen itself.
    pub name: String,
    /// The system call that it waits in; `None` where it is computing, or where that is not known.
    pub waits_in: Option<String>,
    /// Whether that wait has no end of its own: only another thread, a child's end or a signal ends it.
    pub until_woken: bool,
    /// What it executes, and from where that was called: innermost first, at most 32.
    pub frames: Vec<Frame>,
    /// Why there is nothing to tell, where there is not.
    pub unseen: Option<String>,
}

/// A place in code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The function, demangled, where a symbol covers the place.
    pub function: Option<String>,
    /// The file that the code is from.
    pub object: PathBuf,
    /// The address in that file, as `addr2line -e` takes it. In a caller: within the call instruction.
    pub offset: u64,
}

/// More threads than that are no longer something to read.
const MOST_THREADS: usize = 512;

/// Where the threads of these processes stand now. Those that are computing are `unseen` unless they are stopped: the
/// kernel tells the registers only of who is not running.
pub fn of(pids: &[u32]) -> Vec<ThreadStack> {
    let mut stacks = without_names(pids);
    names::fill(&mut stacks);
    stacks
}

/// The same without the functions' names, which [`names::fill`] finds at leisure.
pub(super) fn without_names(pids: &[u32]) -> Vec<ThreadStack> {
    let threads = pids.iter().map(|&pid| Process::open(pid)).flat_map(|process| process.stacks(MOST_THREADS));
    threads.take(MOST_THREADS).collect()
}

/// The same for a process and all that come of it.
pub fn of_tree(pid: u32) -> Vec<ThreadStack> {
    of(&super::processes::tree(pid))
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => f.write_str(function),
            None => {
                let object = self.object.file_name().unwrap_or(self.object.as_os_str());
                write!(f, "{}+{:#x}", crate::elf::escape(object.as_encoded_bytes()), self.offset)
            }
        }
    }
}

impl fmt::Display for ThreadStack {
    /// One line: `thread 17 (worker) waits in futex: pthread_mutex_lock < take_both < main`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {} ({})", self.tid, crate::elf::escape(self.name.as_bytes()))?;
        match (&self.waits_in, &self.unseen) {
            (_, Some(unseen)) => return write!(f, ": {unseen}"),
            (Some(call), None) => write!(f, " waits in {call}")?,
            (None, None) => f.write_str(" is computing")?,
        }
        for (index, frame) in self.frames.iter().enumerate() {
            write!(f, "{}{frame}", if index == 0 { ": " } else { " < " })?;
        }
        Ok(())
    }
}
