//! The counters that the shim and the CPU runtime write.

use std::collections::BTreeMap;
use std::path::Path;

/// A counters file: its `# key value` lines and its counts.
#[derive(Debug)]
pub struct Counters {
    /// pid, object, build-id, runtime.
    pub head: BTreeMap<String, String>,
    /// Calls by function.
    pub calls: BTreeMap<String, u64>,
}

/// Reads a counters file, which must begin as one does.
pub fn read(path: &Path) -> Counters {
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
