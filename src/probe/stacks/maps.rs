//! A process's memory map, as far as it holds code or is a stack.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

/// One line of /proc/PID/maps (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Addresses.
    pub addresses: Range<u64>,
    /// Where in the file it begins.
    pub offset: u64,
    /// The file, or what the kernel calls it: `[vdso]`, `[stack]`; empty where it has no name. A file that is no longer
    /// there, or was replaced, ends in ` (deleted)`.
    pub path: PathBuf,
    /// Whether it may be executed.
    pub code: bool,
}

/// All mappings, by address.
#[derive(Clone, Debug, Default)]
pub(super) struct Maps(Vec<Mapping>);

impl Maps {
    /// Of a process; none where it is gone or may not be looked at.
    pub fn of(pid: u32) -> Maps {
        let bytes = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
        Maps(String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect())
    }

    /// What lies at an address.
    pub fn at(&self, address: u64) -> Option<&Mapping> {
        let index = self.0.partition_point(|mapping| mapping.addresses.end <= address);
        self.0.get(index).filter(|mapping| mapping.addresses.contains(&address))
    }

    /// The code at an address.
    pub fn code(&self, address: u64) -> Option<&Mapping> {
        self.at(address).filter(|mapping| mapping.code)
    }
}

/// `start-end rwxp offset device inode path`, the path up to the line's end.
fn parse(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let hex = |word: &str| u64::from_str_radix(word, 16).ok();
    let addresses = hex(start)?..hex(end)?;
    let code = words.next()?.as_bytes().get(2) == Some(&b'x');
    let offset = hex(words.next()?)?;
    let path = words.nth(2).unwrap_or_default().trim_start().into();
    Some(Mapping { addresses, offset, path, code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_addresses_file_and_whether_it_is_code() {
        let mapping = parse("7f00-8000 r-xp 00001000 08:01 42                 /lib/with space.so").expect("a mapping");
        assert_eq!((mapping.addresses, mapping.offset, mapping.code), (0x7f00..0x8000, 0x1000, true));
        assert_eq!(mapping.path, PathBuf::from("/lib/with space.so"));
        assert!(parse("nonsense").is_none() && parse("").is_none());
    }

    #[test]
    fn an_address_is_found_in_the_mapping_that_holds_it_and_in_no_other() {
        let here = Maps::of(std::process::id());
        let function = parse as fn(&str) -> Option<Mapping> as usize as u64;
        assert_eq!(here.code(function).map(|found| found.path.clone()), std::env::current_exe().ok());
        assert!(here.at(0).is_none() && Maps::of(0).at(function).is_none());
    }
}
