//! A child and all that came of it, wherever it went: found, stopped, ended, reaped.
//!
//! Whoever leaves the child's process group (a daemon, `setsid --fork`) and loses its parent is given to the nearest
//! *subreaper* (prctl(2)), which this process makes itself. Since runs go on side by side, an orphan must tell whose it
//! is: by its session or group, by a mark in its environment, or by having been seen before, as a descendant.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
    set_child_subreaper, waitid,
};

use super::exit::Exit;
use super::processes::children;
use super::stacks::{self, ThreadStack};
use super::stat::Stat;

/// The variable that holds the marks of the run and of those around it, outermost first, separated by slashes.
pub(super) const MARK: &str = "XDOCTOR_RUN";
/// How long to wait for processes to stop: one that the kernel holds in a driver never does.
const STOPPING: Duration = Duration::from_millis(100);
/// How long to wait for processes to be gone, for the same reason.
const ENDING: Duration = Duration::from_secs(5);

/// The children that this module started and has not reaped, which are nobody's orphans, and when the first of them
/// started.
struct Leaders {
    start: BTreeMap<u32, u64>,
    first: u64,
}

static LEADERS: Mutex<Leaders> = Mutex::new(Leaders { start: BTreeMap::new(), first: 0 });

fn leaders() -> MutexGuard<'static, Leaders> {
    LEADERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What no other run has in its environment.
#[derive(Clone, Debug)]
pub(super) struct Mark(String);

impl Mark {
    /// A new one.
    pub fn new() -> Mark {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let start = Stat::of(pid).map_or(0, |stat| stat.start);
        Mark(format!("{pid}-{start}-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The variable's value: this process may itself be part of a run.
    pub fn value(&self) -> OsString {
        let mut value = std::env::var_os(MARK).unwrap_or_default();
        value.push("/");
        value.push(&self.0);
        value
    }
}

/// A child with its descendants. They end with it: when it is dropped, at the latest.
#[derive(Debug)]
pub(super) struct Family {
    child: Child,
    mark: Mark,
    /// Everyone met so far, by id, with the start that tells it from a later process of that id.
    known: BTreeMap<u32, u64>,
    ended: bool,
}

impl Family {
    /// Starts the child, which is to lead a session of its own and to have this mark in its environment.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(mark: Mark, spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<Family> {
        static SUBREAPER: Once = Once::new();
        // Where the kernel refuses, an orphan is still found if it was met before it became one.
        SUBREAPER.call_once(|| {
            let _ = set_child_subreaper(Pid::from_raw(1));
        });
        // Held while it starts: until it is registered, other runs would take it for an orphan.
        let mut leaders = leaders();
        let child = spawn()?;
        let leader = child.id();
        let start = Stat::of(leader).map_or(0, |stat| stat.start);
        if leaders.start.is_empty() {
            leaders.first = start;
        }
        leaders.start.insert(leader, start);
        Ok(Family { child, mark, known: BTreeMap::from([(leader, start)]), ended: false })
    }

    /// The child's id, which is its session's, too.
    pub fn leader(&self) -> u32 {
        self.child.id()
    }

    /// What is connected with the child's stdout and stderr, once.
    pub fn take_streams(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Whether the child has ended. It is not reaped by this, so that its id and its group stay its own.
    ///
    /// # Errors
    /// Where it is no longer known to the kernel.
    pub fn is_over(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?.is_some())
    }

    /// The child's end, to be waited for.
    pub fn exit(&self) -> Exit {
        Exit::of(Pid::from_child(&self.child))
    }

    /// The child and all that came of it, as far as they are there.
    pub fn members(&mut self) -> Vec<Stat> {
        let met = self.known.iter().map(|(&pid, &start)| (pid, start));
        let still = met.filter_map(|(pid, start)| Stat::of(pid).filter(|stat| stat.start == start));
        let mut left: Vec<Stat> = still.chain(self.orphans()).collect();
        let mut members = BTreeMap::new();
        while let Some(stat) = left.pop() {
            if members.insert(stat.pid, stat).is_none() {
                left.extend(children(stat.pid).into_iter().filter_map(Stat::of));
            }
        }
        self.known = members.values().map(|stat| (stat.pid, stat.start)).collect();
        members.into_values().collect()
    }

    /// The children of this process that came to it as orphans, and are this run's.
    fn orphans(&self) -> Vec<Stat> {
        let leaders = leaders();
        let alone = leaders.start.len() == 1;
        adopted(&leaders).into_iter().filter(|stat| alone || self.claims(stat)).collect()
    }

    fn claims(&self, stat: &Stat) -> bool {
        let leader = self.child.id();
        stat.session == leader || stat.group == leader || marks(stat.pid).any(|mark| mark == self.mark.0.as_bytes())
    }

    /// Where all threads stand, their functions without names. The processes stay stopped, which is how a computing
    /// thread lets its registers be seen: only for those that are about to be killed.
    pub fn last_stacks(&mut self) -> Vec<ThreadStack> {
        let pids: Vec<u32> = self.members().iter().map(|stat| stat.pid).collect();
        for pid in pids.iter().filter_map(|&pid| id(pid)) {
            // Gone already: it has no stack, then.
            let _ = kill_process(pid, Signal::STOP);
        }
        let until = Instant::now() + STOPPING;
        while pids.iter().any(|&pid| is_running(pid)) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        stacks::without_names(&pids)
    }

    /// Kills all of them, again and again until nobody is left, and reaps those that this process has to reap. The
    /// child's status; `None` where the kernel does not let go of it.
    ///
    /// # Errors
    /// Where the child is no longer known to the kernel.
    pub fn end(&mut self) -> io::Result<Option<ExitStatus>> {
        let until = Instant::now() + ENDING;
        let mut pause = Duration::from_micros(100);
        // A list of children that changes while it is read may lack one: it takes two without any.
        let mut empty = 0;
        while empty < 2 && Instant::now() < until {
            let alone = self.kill_all();
            reap_adopted();
            empty = if alone && self.is_over().unwrap_or(true) { empty + 1 } else { 0 };
            if empty == 0 {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(5));
            }
        }
        self.ended = true;
        let mut leaders = leaders();
        let status = self.child.try_wait();
        if !matches!(status, Ok(None)) {
            leaders.start.remove(&self.child.id());
        }
        status
    }

    /// Whether there was nobody to be killed beside the child.
    fn kill_all(&mut self) -> bool {
        // All at once, before one of them can fork again; nobody left in the group is no error.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let leader = self.child.id();
        let others: Vec<Stat> = self.members().into_iter().filter(|stat| stat.pid != leader).collect();
        others.iter().filter(|stat| !stat.zombie).for_each(kill);
        others.is_empty()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if !self.ended {
            // Nobody is left to hear of an error.
            let _ = self.end();
        }
    }
}

/// Children of this process that it did not start: they are in another session, since every run has one of its own, and
/// younger than the oldest run. (Whoever uses this module as a library and starts children in sessions of their own
/// while a run is on would see them taken for orphans.)
fn adopted(leaders: &Leaders) -> Vec<Stat> {
    // Not by getsid(2) of a library that takes 0 for no id: in a PID namespace whose session was begun outside it, as
    // containers have it, 0 is the session's id for this process and for all that never left it.
    let Some(Stat { session, .. }) = Stat::of(std::process::id()) else { return Vec::new() };
    let ours = children(std::process::id()).into_iter().filter(|pid| !leaders.start.contains_key(pid));
    ours.filter_map(Stat::of).filter(|stat| stat.session != session && stat.start >= leaders.first).collect()
}

/// Takes note of the orphans' ends. A zombie has no environment any more that would tell whose it was: everybody's.
fn reap_adopted() {
    for zombie in adopted(&leaders()).iter().filter(|stat| stat.zombie) {
        if let Some(pid) = id(zombie.pid) {
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}

/// Kills that process, and not another one that has got its id meanwhile.
fn kill(stat: &Stat) {
    let Some(pid) = id(stat.pid) else { return };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) if Stat::of(stat.pid).is_some_and(|now| now.start == stat.start) => {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        Err(Errno::NOSYS) => drop(kill_process(pid, Signal::KILL)),
        // Gone.
        Ok(_) | Err(_) => {}
    }
}

/// The marks in the environment that a process was started with; none where it may not be looked at, or is a zombie.
fn marks(pid: u32) -> impl Iterator<Item = Vec<u8>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let value = |variable: &[u8]| Some(variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")?.to_vec());
    let found = environment.split(|&byte| byte == 0).find_map(value).unwrap_or_default();
    found.split(|&byte| byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter()
}

/// Whether a thread of it is on a processor, or could be.
fn is_running(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.any(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R')))
}

fn id(pid: u32) -> Option<Pid> {
    Pid::from_raw(pid.try_into().ok()?)
}
