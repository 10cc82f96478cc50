//! The processes that come of a command, as far as they are met while it runs: a short life may be over between two looks.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::stat::Stat;

/// A process that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Its id.
    pub pid: u32,
    /// Its parent then.
    pub parent: u32,
    /// The file that it ran.
    pub program: PathBuf,
    /// Whether it was started with an audit library in its environment, or had one loaded, wherever that could be read.
    pub audited: bool,
}

/// A process while it runs one program, audited or not.
type Life = (u32, PathBuf, bool);

/// Its parent then, and its session.
type Origin = (u32, u32);

/// Looks again and again, in a thread of its own.
#[derive(Debug)]
pub struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<Life, Origin>>,
}

impl Watch {
    /// Begins to look for children of this process, and theirs.
    pub fn start() -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        Watch { over, thread: thread::spawn(move || look_until(&told)) }
    }

    /// All of a run that were met, each once for every program that it was seen to run, and once more where it ran it without
    /// an audit library as well. `leader` is the run's child; others may go on side by side with it.
    pub fn finish(self, leader: u32) -> Vec<Met> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let met = self.thread.join().unwrap_or_default();
        let origins: HashMap<u32, Origin> = met.iter().map(|((pid, ..), origin)| (*pid, *origin)).collect();
        let own = met.into_iter().filter(|((pid, ..), _)| came_of(*pid, leader, &origins));
        own.map(|((pid, program, audited), (parent, _))| Met { pid, parent, program, audited }).collect()
    }
}

/// Whether it is the leader, in its session, or a child of one that came of it.
fn came_of(pid: u32, leader: u32, origins: &HashMap<u32, Origin>) -> bool {
    let older = std::iter::successors(Some(pid), |pid| origins.get(pid).map(|(parent, _)| *parent));
    let is_own = |pid: u32| pid == leader || origins.get(&pid).is_some_and(|(_, session)| *session == leader);
    older.take(DEPTH as usize).any(is_own)
}

fn look_until(over: &AtomicBool) -> BTreeMap<Life, Origin> {
    // A child between fork and exec still runs what we run.
    let ours = fs::read_link("/proc/self/exe").unwrap_or_default();
    let mut met = BTreeMap::new();
    let mut pause = Duration::from_millis(1);
    while !over.load(Ordering::Relaxed) {
        look(std::process::id(), 0, &mut |pid, parent, program| {
            if program != ours {
                let session = Stat::of(pid).map_or(0, |stat| stat.session);
                met.insert((pid, program, is_audited(pid)), (parent, session));
            }
        });
        thread::park_timeout(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    met
}

/// Whether its program was started with LD_AUDIT. What it has done to its environment since is not seen there, unless it
/// wrote over it; then the name of what is mapped tells. True where neither may be read.
fn is_audited(pid: u32) -> bool {
    let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok().filter(|bytes| !bytes.is_empty());
    let has = |bytes: Vec<u8>, word: &str| memchr::memmem::find(&bytes, word.as_bytes()).is_some();
    read("environ").is_none_or(|environment| has(environment, "LD_AUDIT="))
        || read("maps").is_none_or(|maps| has(maps, "libxdoctor-observer.so"))
}

/// A process and all that come of it now, the process first.
pub(super) fn tree(root: u32) -> Vec<u32> {
    let mut pids = vec![root];
    let mut index = 0;
    while let Some(&parent) = pids.get(index) {
        pids.extend(children(parent));
        index += 1;
    }
    pids
}

/// The children of all its threads; none where the process is gone.
pub(super) fn children(parent: u32) -> Vec<u32> {
    static LISTED: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/thread-self/children").exists());
    if *LISTED { listed_children(parent) } else { found_children(parent) }
}

fn listed_children(parent: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// Where the kernel keeps no lists (built without CONFIG_PROC_CHILDREN): every process is asked for its parent.
fn found_children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| Stat::of(entry.file_name().to_str()?.parse().ok()?));
    stats.filter(|stat| stat.parent == parent).map(|stat| stat.pid).collect()
}

/// Deeper than any tree of processes that is not a runaway.
const DEPTH: u32 = 64;

fn look(parent: u32, depth: u32, meet: &mut impl FnMut(u32, u32, PathBuf)) {
    for pid in children(parent).into_iter().filter(|_| depth < DEPTH) {
        if let Ok(program) = fs::read_link(format!("/proc/{pid}/exe")) {
            meet(pid, parent, program);
        }
        look(pid, depth + 1, meet);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::probe::Child;

    #[test]
    fn a_grandchild_is_met_with_its_parent_and_program() {
        let watch = Watch::start();
        let ended = Child::new("sh").args(["-c", "sleep 0.3; true"]).run().expect("sh starts");
        assert_eq!(ended.exit(), Some(0));
        let met = watch.finish(ended.pid);
        let sleep = met.iter().find(|met| met.program.ends_with("sleep")).expect("sleep");
        assert!(met.iter().any(|met| met.pid == sleep.parent && !met.program.ends_with("sleep")), "{met:?}");
    }

    #[test]
    fn runs_side_by_side_meet_their_own() {
        let run = |seconds: &'static str| {
            std::thread::spawn(move || {
                let watch = Watch::start();
                let ended = Child::new("sh").args(["-c", &format!("sleep {seconds}; true")]).run().expect("sh starts");
                (ended.pid, watch.finish(ended.pid))
            })
        };
        let runs = [run("0.3"), run("0.31")].map(|run| run.join().expect("no panic"));
        for (leader, met) in &runs {
            let other = runs.iter().map(|(pid, _)| pid).find(|pid| *pid != leader).expect("two");
            assert!(met.iter().any(|met| met.pid == *leader) && met.iter().any(|met| met.parent == *leader), "{met:?}");
            assert!(!met.iter().any(|met| met.pid == *other || met.parent == *other), "{met:?}");
        }
    }

    #[test]
    fn children_are_the_same_whether_the_kernel_lists_them_or_not() {
        // Not `sleep`, which the test above looks for at the same time.
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("starts");
        for found in [listed_children(std::process::id()), found_children(std::process::id())] {
            assert!(found.contains(&child.id()), "{found:?}");
        }
        assert_eq!(tree(child.id()), [child.id()]);
        child.kill().and_then(|()| child.wait()).expect("ends");
    }
}
