//! The bundle, unpacked once a test program, and the counters that its parts write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file of the unpacked bundle.
pub fn file(path: &str) -> PathBuf {
    static UNPACKED: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        xdoctor::bundle::unpack(dir.path()).expect("the bundle");
        xdoctor::bundle::unpack_sample(dir.path()).expect("the sample");
        dir
    });
    UNPACKED.path().join(path)
}

/// A counters file: its `# key value` lines and its counts.
#[derive(Debug)]
pub struct Counters {
    /// pid, object, build-id, runtime.
    pub head: BTreeMap<String, String>,
    /// Calls by function.
    pub calls: BTreeMap<String, u64>,
}

/// Reads a counters file, which must begin as one does.
pub fn counters(path: &Path) -> Counters {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("# xdoctor counters 1"), "{text}");
    let (mut head, mut calls) = (BTreeMap::new(), BTreeMap::new());
    for line in lines {
        if let Some((key, value)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) {
            head.insert(key.to_owned(), value.to_owned());
        } else {
            let (symbol, count) = line.split_once('\t').expect("symbol, tab, count");
            calls.insert(symbol.to_owned(), count.parse().expect("a count"));
        }
    }
    Counters { head, calls }
}
