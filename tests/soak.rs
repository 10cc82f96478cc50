//! Promise: a run leaves nothing behind, however many there are: no process, no zombie, no file, no open file, no thread,
//! no mapping, no memory. One test alone in its process, since it watches the process.
//!
//! The climbs of `xdoctor smoke` are made in this process, where what each leaves would add up; every tenth is made by
//! the command as well, with a temporary folder of its own. 100 climbs, or as many as XDOCTOR_SOAK says.

#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::alloc::System;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ::xdoctor::bundle;
use ::xdoctor::ladder::{Setup, climb};
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What this process holds.
struct Held {
    /// Bytes allocated and not freed.
    heap: usize,
    /// Bytes of its own in RAM.
    anonymous: usize,
    mappings: usize,
    descriptors: usize,
    threads: usize,
    /// Children with their names and states, zombies too, and orphans that came to it.
    children: Vec<String>,
    /// What lies in the folder for temporary files.
    files: Vec<PathBuf>,
}

impl Held {
    fn now(temporary: &Path) -> Held {
        let entries = |folder: &Path| fs::read_dir(folder).expect("readable").flatten().map(|entry| entry.path());
        let status = fs::read_to_string("/proc/self/status").expect("readable");
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the kernel tells");
        let children = entries("/proc/self/task".as_ref()).flat_map(|thread| {
            let list = fs::read_to_string(thread.join("children")).unwrap_or_default();
            list.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>()
        });
        Held {
            heap: ALLOCATOR.allocated(),
            anonymous: anonymous.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10,
            mappings: fs::read_to_string("/proc/self/maps").expect("readable").lines().count(),
            descriptors: entries("/proc/self/fd".as_ref()).count(),
            threads: entries("/proc/self/task".as_ref()).count(),
            children: children.map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or(pid)).collect(),
            files: entries(temporary).collect(),
        }
    }

    /// Once the threads that read the last run's output have seen its end.
    fn at_rest(temporary: &Path, threads: usize) -> Held {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let held = Held::now(temporary);
            if held.threads <= threads || Instant::now() > until {
                return held;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { heap, anonymous, mappings, descriptors, threads, children, files } = self;
        write!(f, "{heap} bytes of heap, {} KiB of its own in RAM, {mappings} mappings, ", anonymous >> 10)?;
        write!(f, "{descriptors} descriptors, {threads} threads, {} children, {} files", children.len(), files.len())
    }
}

#[test]
fn smoke_runs_leave_nothing_behind() {
    let count = std::env::var("XDOCTOR_SOAK").map_or(100, |count| count.parse().expect("a number of climbs"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (unpacked, temporary) = (folder.path().join("bundle"), folder.path().join("temporary"));
    bundle::unpack(&unpacked).expect("the bundle");
    fs::create_dir(&temporary).expect("made");
    let (shim, runtime) = (unpacked.join("lib/libshimhip.so"), unpacked.join("lib/libamdhip64.so.7"));
    let setup = Setup::new(&shim, &runtime, &temporary);
    let threads = Held::now(&temporary).threads;
    let run = |number: usize| {
        let climbed = climb(&setup).expect("it begins");
        assert!(climbed.failure().is_none(), "climb {number}: {:?}", climbed.failure());
        if number.is_multiple_of(10) {
            let mut command = xdoctor::command(["smoke", "-q"]);
            let output = command.env("TMPDIR", &temporary).output().expect("it starts");
            xdoctor::Run::of(output).exits(0);
        }
        if number.is_multiple_of(1000) {
            eprintln!("{number} climbs: {}", Held::now(&temporary));
        }
    };
    // What is read once and kept, and an allocator that knows what it will need.
    let warm = 20.max(count / 100);
    (1..=warm).for_each(run);
    let before = Held::at_rest(&temporary, threads);
    (warm + 1..=warm + count).for_each(run);
    let after = Held::at_rest(&temporary, threads);
    eprintln!("after {warm} climbs: {before}\nafter {count} more: {after}");
    // The bundle is unpacked once for all climbs, into the folder that they were given.
    assert_eq!((&after.children, &after.files), (&Vec::new(), &vec![temporary.join("bundle")]));
    assert_eq!((after.descriptors, after.threads), (before.descriptors, threads));
    assert!(after.mappings <= before.mappings + 8, "{} mappings, {} before", after.mappings, before.mappings);
    // Less than a kilobyte a climb would be a leak as well, if it were every climb's: 10,000 show it.
    assert!(after.heap <= before.heap + (16 << 10), "{} bytes of heap, {} before", after.heap, before.heap);
    let grown = after.anonymous.saturating_sub(before.anonymous);
    assert!(grown <= 4 << 20, "{grown} more bytes in RAM");
}
