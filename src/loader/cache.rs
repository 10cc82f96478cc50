//! `/etc/ld.so.cache`, as glibc's `elf/cache.c` writes it and `elf/dl-cache.c` reads it: from a name to a file.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use memchr::memmem;

use super::Hwcaps;
use crate::elf::{Class, Machine};

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
/// The extension's section that names the `glibc-hwcaps` subdirectories.
const TAG_HWCAPS: u32 = 1;
/// The bit of an entry's hwcap field that makes the lower half an index of that section.
const NAMED_HWCAP: u32 = 1 << 30;

/// The entries of a loader cache.
#[derive(Debug, Default)]
pub struct Cache {
    bytes: Vec<u8>,
    start: usize,
    big_endian: bool,
}

impl Cache {
    /// Reads a cache; one that is missing or of an unknown format has no entries, as for ld.so.
    pub fn read(path: &Path) -> Cache {
        let bytes = std::fs::read(path).unwrap_or_default();
        // Old files have a libc5 table in front.
        let Some(start) = memmem::find(&bytes, MAGIC) else { return Cache::default() };
        let big_endian = bytes.get(start + 28).is_some_and(|flags| flags & 3 == 3);
        Cache { bytes, start, big_endian }
    }

    /// The path that ld.so takes for a name: that of the best usable `glibc-hwcaps` subdirectory, else the plain one
    /// (glibc, `elf/dl-cache.c`, `search_cache`).
    pub fn lookup(&self, name: &[u8], class: Class, machine: Machine, hwcaps: &Hwcaps) -> Option<&Path> {
        let (mut best, mut best_priority): (Option<&[u8]>, usize) = (None, usize::MAX);
        for entry in self.entries_of(name).filter(|&entry| self.is_for(entry, class, machine)) {
            let (low, high) = (self.u32(entry + 16)?, self.u32(entry + 20)?);
            let value = self.text(self.u32(entry + 8)?);
            if high & NAMED_HWCAP == 0 {
                // Legacy platforms: none is usable, but for an entry without.
                if best.is_none() && low == 0 && high == 0 {
                    best = value;
                }
                if best.is_some() {
                    break;
                }
            } else if let Some(priority) = self.priority(low, hwcaps)
                && priority < best_priority
            {
                (best, best_priority) = (value, priority);
            }
        }
        best.map(|path| Path::new(OsStr::from_bytes(path)))
    }

    /// The places of the entries with that name.
    fn entries_of(&self, name: &[u8]) -> impl Iterator<Item = usize> {
        self.range_of(name).unwrap_or(0..0).map(place)
    }

    /// The entries with that name. The table is sorted, the greatest name first.
    fn range_of(&self, name: &[u8]) -> Option<Range<usize>> {
        let count = (self.u32(20)? as usize).min(self.bytes.len() / ENTRY);
        let key = |index: usize| self.text(self.u32(place(index) + 4)?);
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = usize::midpoint(low, high);
            match compare(key(middle)?, name) {
                Ordering::Greater => low = middle + 1,
                _ => high = middle,
            }
        }
        let same = (low..count).take_while(|&index| key(index) == Some(name)).count();
        Some(low..low + same)
    }

    /// Whether an entry's flags are those of the class and machine (glibc, `sysdeps/generic/ldconfig.h`).
    fn is_for(&self, entry: usize, class: Class, machine: Machine) -> bool {
        let libc6 = 3;
        let architecture = match (machine, class) {
            (Machine::X86_64, Class::Elf64) => 0x0300,
            (Machine::X86_64, _) => 0x0800,
            (Machine::I386, _) => 0,
            (Machine::Aarch64, _) => 0x0a00,
            (Machine::Arm, _) => 0x0900,
            (Machine::Ppc64, _) => 0x0500,
            (Machine::S390, Class::Elf64) => 0x0400,
            (Machine::Riscv, _) => 0x1000,
            (Machine::LoongArch, _) => 0x1200,
            // The file itself tells later.
            _ => return true,
        };
        self.u32(entry).is_some_and(|flags| flags == 1 || flags == architecture | libc6)
    }

    /// How good the subdirectory behind an index is: 0 is best; `None` where the processor cannot use it.
    fn priority(&self, index: u32, hwcaps: &Hwcaps) -> Option<usize> {
        let extension = self.u32(32)? as usize;
        if self.u32(extension)? != EXTENSION_MAGIC {
            return None;
        }
        let sections = self.u32(extension + 4)? as usize;
        let places = (0..sections.min(64)).map(|section| extension + 8 + section * 16);
        let named = places.filter(|&at| self.u32(at) == Some(TAG_HWCAPS)).find_map(|at| {
            let (offset, size) = (self.u32(at + 8)? as usize, self.u32(at + 12)? as usize);
            let index = index as usize;
            if index < size / 4 { self.text(self.u32(offset + index * 4)?) } else { None }
        })?;
        hwcaps.names().iter().position(|name| name.as_bytes() == named)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(self.start.checked_add(at)?..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) })
    }

    fn text(&self, at: u32) -> Option<&[u8]> {
        let rest = self.bytes.get(self.start.checked_add(at as usize)?..)?;
        rest.get(..memchr::memchr(0, rest)?)
    }
}

/// Where an entry stands, from the header on.
fn place(index: usize) -> usize {
    HEADER + index * ENTRY
}

/// The table's order: byte by byte, but runs of digits by their number (glibc, `_dl_cache_libcmp`).
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let ((x, rest_a), (y, rest_b)) = (number(a), number(b));
                match x.cmp(&y) {
                    Ordering::Equal => (a, b) = (rest_a, rest_b),
                    unequal => return unequal,
                }
            }
            (Some(x), _) if x.is_ascii_digit() => return Ordering::Greater,
            (_, Some(y)) if y.is_ascii_digit() => return Ordering::Less,
            (x, y) if x != y => return x.copied().unwrap_or(0).cmp(&y.copied().unwrap_or(0)),
            _ => (a, b) = (&a[1..], &b[1..]),
        }
    }
}

fn number(text: &[u8]) -> (u64, &[u8]) {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = text[..len].iter().fold(0u64, |sum, byte| sum.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')));
    (value, &text[len..])
}
