//! Promise: in one run a file is read once, however many checks name it, of whatever kind. Seen in the bytes that the kernel
//! counts for this process, so that one test is alone in it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use xdoctor::check::{Checklist, Options, Source, plan, remember, run};
use xdoctor::lock::{self, Hashes, survey};

const LIBRARY: &str = "/lib/x86_64-linux-gnu/libc.so.6";

/// Bytes that this process has read with read(2) so far (proc(5), io).
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn a_file_that_many_checks_name_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(LIBRARY, folder.path().join("link.so")).unwrap();
    let sum = Hashes::default().sha256(Path::new(LIBRARY)).unwrap();
    let mut text = "title: Many\nsteps:\n- title: Many\n  checks:\n".to_owned();
    for number in 0..50 {
        text.push_str(&format!("  - {{id: library-{number}, kind: library, path: {LIBRARY}}}\n"));
        text.push_str(&format!("  - {{id: hash-{number}, kind: hash, path: link.so, sha256: {}}}\n", sum.sha256));
        text.push_str(&format!("  - {{id: tree-{number}, kind: tree, path: ., files: {{link.so: {}}}}}\n", sum.sha256));
    }
    let source = Source { name: "many.yaml".into(), text, base: folder.path().to_owned(), unasked: false };
    let mut checklist = Checklist::parse(&source, &[]).unwrap();
    let state = survey(&plan(&checklist, folder.path()), &Hashes::default()).state;
    lock::write(folder.path(), "many.yaml", &state).unwrap();
    remember(&mut checklist, folder.path(), lock::read(folder.path()).unwrap().unwrap());
    let before = bytes_read();
    let results = run(&checklist, &Options { jobs: 4, ..Options::new(folder.path()) });
    let read = bytes_read() - before;
    assert!(results.summary.passed > 150 && results.summary.failed == 0, "{:?}", results.summary);
    assert!(read >= sum.size, "{read} bytes: not even once");
    assert!(read < 2 * sum.size, "{read} bytes of a file of {}", sum.size);
}
