//! The counters that the bundled shim and the bundled runtime write: how often each API function was called.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One process's counters, as one object wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The process.
    pub pid: u32,
    /// The object that counted.
    pub object: PathBuf,
    /// The object that it forwards to, where it does and found one.
    pub runtime: Option<PathBuf>,
    /// Calls per function; functions that were not called are not in it.
    pub calls: BTreeMap<String, u64>,
}

/// A counters file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// It cannot be read.
    #[error("cannot read counters {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what the bundled objects write.
    #[error("{}:{line}: expected {expected}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line in it, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
}

impl Counters {
    /// Reads every counters file whose path is `stem` and a process id, in the order of the ids.
    ///
    /// # Errors
    /// Where one of them cannot be read, or was cut off.
    pub fn read_all(stem: &Path) -> Result<Vec<Counters>, CountersError> {
        let folder = stem.parent().unwrap_or(Path::new("."));
        let prefix = stem.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unreadable = |source| CountersError::Unreadable { path: folder.to_owned(), source };
        let mut all = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.strip_prefix(&prefix).is_some_and(|rest| rest.parse::<u32>().is_ok()) {
                all.push(Counters::read(&path)?);
            }
        }
        all.sort_by_key(|counters| counters.pid);
        Ok(all)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// Where it cannot be read, or is not what the bundled objects write.
    pub fn read(path: &Path) -> Result<Counters, CountersError> {
        let text =
            fs::read_to_string(path).map_err(|source| CountersError::Unreadable { path: path.to_owned(), source })?;
        Counters::parse(&text).map_err(|(line, expected)| CountersError::Malformed {
            path: path.to_owned(),
            line,
            expected,
        })
    }

    fn parse(text: &str) -> Result<Counters, (usize, &'static str)> {
        let mut counters = Counters::default();
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        if lines.next().map(|(_, line)| line) != Some("# xdoctor counters 1") {
            return Err((1, "`# xdoctor counters 1`"));
        }
        for (number, line) in lines {
            if let Some(header) = line.strip_prefix("# ") {
                match header.split_once(' ') {
                    Some(("pid", pid)) => counters.pid = pid.parse().map_err(|_| (number, "a process id"))?,
                    Some(("object", path)) => counters.object = path.into(),
                    Some(("runtime", path)) => counters.runtime = (path != "-").then(|| path.into()),
                    _ => {}
                }
            } else {
                let row = line.split_once('\t').and_then(|(name, count)| Some((name, count.parse().ok()?)));
                let (name, count) = row.ok_or((number, "a function's name, a tab, and a number"))?;
                counters.calls.insert(name.to_owned(), count);
            }
        }
        Ok(counters)
    }

    /// The calls of several processes added up.
    pub fn total(all: &[Counters]) -> BTreeMap<String, u64> {
        let mut total = BTreeMap::new();
        for (name, count) in all.iter().flat_map(|counters| &counters.calls) {
            *total.entry(name.clone()).or_default() += count;
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_back() {
        let text = "# xdoctor counters 1\n# pid 12\n# object /a b\n# build-id -\n# runtime -\nhipMalloc\t3\n";
        let counters = Counters::parse(text).expect("valid");
        assert_eq!((counters.pid, counters.runtime.clone()), (12, None));
        assert_eq!(counters.object, Path::new("/a b"));
        assert_eq!(Counters::total(&[counters.clone(), counters])["hipMalloc"], 6);
    }

    #[test]
    fn a_file_that_was_cut_off_is_refused_with_its_line() {
        assert_eq!(
            Counters::parse("# xdoctor counters 1\n# pid 1\nhipMal"),
            Err((3, "a function's name, a tab, and a number"))
        );
        assert!(Counters::parse("").is_err());
    }
}
