//! The records of one process image, as the observer writes them: each ended by NUL, its fields parted by tabs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub enum Record {
    /// The observer has begun: the audit interface's version, and the parent's process id.
    Observer { version: u32, parent: u32 },
    /// A forked child: all records of this file up to that many bytes are its own, too.
    Fork { stem: PathBuf, bytes: usize },
    /// An object, by the number that later records call it.
    Object { number: usize, namespace: i64, path: PathBuf },
    /// The program's own destructors have run: it came to its end by itself.
    Closed { number: usize },
    /// What the counter of that number stands for. `provider` is `None` where no object holds the address.
    Entry { number: usize, caller: usize, provider: Option<usize>, via: u8, version: Option<String>, symbol: String },
    /// A reference or pointer whose calls are not counted, and the observer's word for why.
    Unseen { caller: usize, via: u8, reason: String, symbol: String },
}

/// Reads all of them; what a full disk cut off in the middle is left out.
pub fn parse(log: &[u8]) -> impl Iterator<Item = Record> {
    log.split_inclusive(|&byte| byte == 0).filter_map(|record| parse_one(record.strip_suffix(b"\0")?))
}

fn parse_one(record: &[u8]) -> Option<Record> {
    let (kind, rest) = cut(record)?;
    Some(match kind {
        b"observer" => {
            let (version, parent) = cut(rest)?;
            Record::Observer { version: number(version)?, parent: number(parent)? }
        }
        b"fork" => {
            let (bytes, stem) = cut(rest)?;
            Record::Fork { stem: path(stem), bytes: number(bytes)? }
        }
        b"object" => {
            let (id, rest) = cut(rest)?;
            let (namespace, file) = cut(rest)?;
            Record::Object { number: number(id)?, namespace: number(namespace)?, path: path(file) }
        }
        b"closed" => Record::Closed { number: number(rest)? },
        b"entry" => entry(rest)?,
        b"unseen" => {
            let (caller, rest) = cut(rest)?;
            let (via, rest) = cut(rest)?;
            let (reason, symbol) = cut(rest)?;
            Record::Unseen { caller: number(caller)?, via: number(via)?, reason: text(reason), symbol: text(symbol) }
        }
        _ => return None,
    })
}

fn entry(rest: &[u8]) -> Option<Record> {
    let (id, rest) = cut(rest)?;
    let (caller, rest) = cut(rest)?;
    let (provider, rest) = cut(rest)?;
    let (via, rest) = cut(rest)?;
    let (version, symbol) = cut(rest)?;
    Some(Record::Entry {
        number: number(id)?,
        caller: number(caller)?,
        provider: if provider == b"-" { None } else { Some(number(provider)?) },
        via: number(via)?,
        version: (version != b"-").then(|| text(version)),
        symbol: text(symbol),
    })
}

/// The field before the first tab, and what follows it.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'\t', bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

fn number<N: std::str::FromStr>(bytes: &[u8]) -> Option<N> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_what_was_cut_off_is_left_out() {
        let log = b"observer\t2\t7\0object\t0\t0\t/a b\tc\0entry\t64\t0\t-\t2\t-\thipMalloc\0nonsense\0closed\t0\0unseen\t0\t0\trefused\tf\0entry\t6";
        let records: Vec<Record> = parse(log).collect();
        let symbol = "hipMalloc".to_owned();
        assert_eq!(
            records,
            [
                Record::Observer { version: 2, parent: 7 },
                Record::Object { number: 0, namespace: 0, path: "/a b\tc".into() },
                Record::Entry { number: 64, caller: 0, provider: None, via: 2, version: None, symbol },
                Record::Closed { number: 0 },
                Record::Unseen { caller: 0, via: 0, reason: "refused".to_owned(), symbol: "f".to_owned() },
            ]
        );
    }
}
