//! `/etc/ld.so.cache`, as glibc's `elf/cache.c` writes it: from a name to the files that have it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;

/// The entries of a loader cache.
#[derive(Debug, Default)]
pub struct Cache {
    bytes: Vec<u8>,
    start: usize,
    big_endian: bool,
}

impl Cache {
    /// Reads a cache; one that is missing or of an unknown format has no entries.
    pub fn read(path: &Path) -> Cache {
        let bytes = std::fs::read(path).unwrap_or_default();
        // Old files have a libc5 table in front.
        let Some(start) = memmem::find(&bytes, MAGIC) else { return Cache::default() };
        let big_endian = bytes.get(start + 28).is_some_and(|flags| flags & 3 == 3);
        Cache { bytes, start, big_endian }
    }

    /// The paths listed for a name, those of the plain directories only: what a `glibc-hwcaps` folder holds is left out.
    pub fn lookup<'c>(&'c self, name: &'c OsStr) -> impl Iterator<Item = PathBuf> + 'c {
        let count = self.u32(20).unwrap_or(0) as usize;
        (0..count.min(self.bytes.len() / ENTRY)).filter_map(move |index| {
            let entry = HEADER + index * ENTRY;
            let plain = self.u32(entry + 16)? == 0 && self.u32(entry + 20)? == 0;
            let found = plain && self.text(self.u32(entry + 4)?)? == name.as_bytes();
            if found { self.text(self.u32(entry + 8)?).map(|path| OsStr::from_bytes(path).into()) } else { None }
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(self.start + at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) })
    }

    fn text(&self, at: u32) -> Option<&[u8]> {
        self.bytes.get(self.start + at as usize..)?.split(|&byte| byte == 0).next()
    }
}
