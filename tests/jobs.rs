//! Promise: `--jobs` limits how many checks run at once, and how many threads do what these share out. Seen in the threads of this process,
//! so that one test is alone in it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use xdoctor::check::{Checklist, Options, Source, plan, remember, run};
use xdoctor::lock::{self, State};

fn threads() -> BTreeSet<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.map(|task| task.file_name().to_string_lossy().into_owned()).collect()
}

/// The largest number of threads beside those that were there, seen while the work is done, and those left after it.
fn watched(work: impl FnOnce()) -> (usize, usize) {
    let done = AtomicBool::new(false);
    let looked = Barrier::new(2);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let before = threads();
            looked.wait();
            let new = || threads().difference(&before).count();
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(new());
                thread::sleep(Duration::from_millis(1));
            }
            // A pool's threads end soon after it; those of a pool for the whole process never do.
            for _ in 0..10_000 {
                if new() == 0 {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
            (most, new())
        });
        looked.wait();
        work();
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    })
}

#[test]
fn jobs_limit_the_threads_of_a_run_whatever_its_checks_share_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tree")).unwrap();
    let mut files = String::new();
    for number in 0..8 {
        fs::write(folder.path().join(format!("tree/{number}")), vec![number; 4 << 20]).unwrap();
        let sum = lock::Hashes::default().sha256(&folder.path().join(format!("tree/{number}"))).unwrap().sha256;
        files.push_str(&format!("\n      '{number}': {sum}"));
    }
    let text = format!(
        "title: Many\nsteps:\n- title: Many\n  checks:\n\
         \x20 - id: tree\n    kind: tree\n    path: tree\n    files:{files}\n\
         \x20 - id: limited\n    kind: tree\n    path: tree\n    timeout: 10m\n    files:{files}\n\
         \x20 - id: remembered\n    kind: tree\n    path: tree\n    lock: true\n"
    );
    let source = Source { name: "many.yaml".into(), text, base: folder.path().to_owned(), unasked: false };
    let mut checklist = Checklist::parse(&source, &[]).unwrap();
    assert_eq!(plan(&checklist, folder.path()).things.len(), 9);
    lock::write(folder.path(), "many.yaml", &State::default()).unwrap();
    remember(&mut checklist, folder.path(), lock::read(folder.path()).unwrap().unwrap());
    for jobs in [1, 3] {
        let options = Options { jobs, ..Options::new(Path::new("/")) };
        let (most, left) = watched(|| {
            let summary = run(&checklist, &options).summary;
            // The two trees and the lock, which knows nothing of the nine things: all are hashed for it.
            assert_eq!((summary.passed, summary.warned + summary.failed), (3, 9), "{summary:?}");
        });
        // Each job has a thread, and a helper for which it waits; a check with a limit has one of its own.
        assert!(most <= 2 * jobs + 1, "{most} threads for {jobs} jobs");
        assert_eq!(left, 0, "threads that nobody asked for");
    }
}
