//! Who was met of a run while it went on, and which programs they ran: a short life may be over between two looks.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

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

/// Everybody once for every program that it was seen to run, and once more where it ran it without an audit library as well:
/// its parent when it was first met.
#[derive(Debug, Default)]
pub(super) struct Meetings(BTreeMap<(u32, PathBuf, bool), u32>);

impl Meetings {
    /// Takes note of those who are there now.
    pub fn look(&mut self, members: &[Stat]) {
        for Stat { pid, parent, .. } in members {
            let program = || fs::read_link(format!("/proc/{pid}/exe")).ok();
            let (before, audited) = (program(), is_audited(*pid));
            // Another program by now may have been started with another environment.
            if let Some(program) = program().filter(|after| before.as_ref() == Some(after)) {
                self.0.entry((*pid, program, audited)).or_insert(*parent);
            }
        }
    }

    /// All who were met.
    pub fn into_met(self) -> Vec<Met> {
        self.0.into_iter().map(|((pid, program, audited), parent)| Met { pid, parent, program, audited }).collect()
    }
}

/// Whether its program was started with LD_AUDIT. What it has done to its environment since is not seen there, unless it
/// wrote over it; then the name of what is mapped tells. True where neither may be read.
fn is_audited(pid: u32) -> bool {
    let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok().filter(|bytes| !bytes.is_empty());
    let has = |bytes: Vec<u8>, word: &str| memchr::memmem::find(&bytes, word.as_bytes()).is_some();
    read("environ").is_none_or(|environment| has(environment, "LD_AUDIT="))
        || read("maps").is_none_or(|maps| has(maps, "libxdoctor-observer.so"))
}

#[cfg(test)]
mod tests {
    use crate::probe::Child;

    #[test]
    fn a_grandchild_is_met_with_its_parent_and_program() {
        let ended = Child::new("sh").args(["-c", "sleep 0.5; true"]).meeting().run().expect("sh starts");
        assert_eq!(ended.exit(), Some(0));
        let sleep = ended.met.iter().find(|met| met.program.ends_with("sleep")).expect("sleep");
        assert_eq!(sleep.parent, ended.pid, "{:?}", ended.met);
        assert!(ended.met.iter().any(|met| met.pid == ended.pid && !met.program.ends_with("sleep")), "{:?}", ended.met);
        assert!(ended.met.iter().all(|met| !met.audited), "{:?}", ended.met);
    }

    #[test]
    fn runs_side_by_side_meet_their_own() {
        let run = || {
            let child = Child::new("sh").args(["-c", "sleep 0.5; true"]).meeting();
            std::thread::spawn(move || child.run().expect("sh starts"))
        };
        let runs = [run(), run()].map(|run| run.join().expect("no panic"));
        for ended in &runs {
            let other = runs.iter().map(|run| run.pid).find(|pid| *pid != ended.pid).expect("two");
            let is_others = |met: &super::Met| met.pid == other || met.parent == other;
            assert!(ended.met.len() > 1 && !ended.met.iter().any(is_others), "{:?}", ended.met);
        }
    }
}
