//! The hash tables by which ld.so finds a name: GNU's with its Bloom filter, and SysV's.
//!
//! The SysV table is in the gABI ("Hash Table"); the GNU one is as binutils write it (`elflink.c`) and glibc reads it
//! (`elf/dl-lookup.c`, `do_lookup_x`).

use goblin::elf::dynamic::{DT_GNU_HASH, DT_HASH};

use super::reader::Reader;
use super::{Dynamic, ElfError, Machine, Segments};

/// The GNU hash of a name.
pub fn gnu_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)))
}

/// The SysV hash of a name, also of a version node's.
pub fn sysv_hash(name: &[u8]) -> u32 {
    name.iter().fold(0, |hash: u32, &byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}

/// A name with its GNU hash, computed once for many tables.
#[derive(Clone, Copy, Debug)]
pub struct NameHash<'n> {
    /// The name.
    pub name: &'n [u8],
    /// Its GNU hash.
    pub gnu: u32,
}

impl<'n> NameHash<'n> {
    /// Hashes the name.
    pub fn new(name: &'n [u8]) -> NameHash<'n> {
        NameHash { name, gnu: gnu_hash(name) }
    }
}

/// A file's hash table: the GNU one where it has both, as in ld.so.
#[derive(Clone, Copy, Debug)]
pub enum HashTable<'a> {
    /// `DT_GNU_HASH`.
    Gnu(GnuTable<'a>),
    /// `DT_HASH`.
    SysV(SysvTable<'a>),
}

impl<'a> HashTable<'a> {
    pub(super) fn locate(
        reader: Reader<'a>,
        segments: &Segments,
        dynamic: &Dynamic,
        machine: Machine,
    ) -> Result<Option<HashTable<'a>>, ElfError> {
        if let Some(address) = dynamic.get(DT_GNU_HASH) {
            return Ok(Some(HashTable::Gnu(GnuTable::at(reader, segments, address)?)));
        }
        Ok(SysvTable::locate(reader, segments, dynamic, machine)?.map(HashTable::SysV))
    }

    /// The symbols that may have that name: all in the chain for SysV, those whose hash agrees for GNU. At most as many
    /// steps as the table has symbols, in a circular chain too.
    #[inline]
    pub fn candidates(&self, name: &NameHash<'_>) -> Chain<'a> {
        match self {
            HashTable::Gnu(table) => table.candidates(name.gnu),
            HashTable::SysV(table) => table.candidates(sysv_hash(name.name)),
        }
    }
}

/// The Bloom filter of a GNU hash table, in the form that nearly all files have it: 64-bit words, least byte first. It is
/// small, and asked far more often than the table behind it.
#[derive(Clone, Copy, Debug)]
pub struct Bloom<'a> {
    words: &'a [[u8; 8]],
    shift: u32,
}

impl Bloom<'_> {
    /// Whether the table can hold a name of that hash.
    #[inline]
    pub fn may_hold(&self, hash: u32) -> bool {
        let word = (hash / 64) as usize & self.words.len().wrapping_sub(1);
        let word = self.words.get(word).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let second = hash.checked_shr(self.shift).unwrap_or(0);
        word >> (hash % 64) & word >> (second % 64) & 1 == 1
    }
}

impl<'a> HashTable<'a> {
    /// The Bloom filter alone, where the table is a GNU one of a 64-bit little-endian file with a power of two of words.
    pub fn bloom(&self) -> Option<Bloom<'a>> {
        let HashTable::Gnu(table) = self else { return None };
        if !table.reader.is_64() || !table.reader.ctx.is_little_endian() || !table.bloom_words.is_power_of_two() {
            return None;
        }
        let (words, _) = table.reader.bytes.get(table.bloom_at..table.buckets_at)?.as_chunks();
        Some(Bloom { words, shift: table.bloom_shift })
    }
}

/// Symbol indices that a hash table yields for a name.
#[derive(Clone, Debug)]
pub struct Chain<'a>(State<'a>);

#[derive(Clone, Debug)]
enum State<'a> {
    End,
    Gnu { table: GnuTable<'a>, hash: u32, next: u32 },
    SysV { table: SysvTable<'a>, next: u32, left: u32 },
}

impl Iterator for Chain<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        loop {
            match &mut self.0 {
                State::End => return None,
                State::Gnu { table, hash, next } => {
                    let (hash, index) = (*hash, *next);
                    let Some(entry) = table.chain_entry(index) else {
                        self.0 = State::End;
                        return None;
                    };
                    match index.checked_add(1).filter(|_| entry & 1 == 0) {
                        Some(following) => *next = following,
                        None => self.0 = State::End,
                    }
                    if (entry ^ hash) >> 1 == 0 {
                        return Some(index as usize);
                    }
                }
                State::SysV { table, next, left } => {
                    let index = *next;
                    if index == 0 || *left == 0 {
                        self.0 = State::End;
                        return None;
                    }
                    *next = table.chain_entry(index).unwrap_or(0);
                    *left -= 1;
                    return Some(index as usize);
                }
            }
        }
    }
}

/// The table behind `DT_GNU_HASH`.
#[derive(Clone, Copy, Debug)]
pub struct GnuTable<'a> {
    reader: Reader<'a>,
    buckets: u32,
    first: u32,
    bloom_words: u32,
    bloom_shift: u32,
    bloom_at: usize,
    buckets_at: usize,
    chains_at: usize,
    /// Where the segment ends, in the file.
    end: usize,
}

impl<'a> GnuTable<'a> {
    const WHAT: &'static str = "GNU hash table";

    fn at(reader: Reader<'a>, segments: &Segments, address: u64) -> Result<GnuTable<'a>, ElfError> {
        let unmapped = ElfError::Unmapped { what: Self::WHAT, address };
        let (offset, len) = segments.file_range(address).ok_or(unmapped)?;
        let end = offset.saturating_add(len).min(reader.bytes.len());
        let field = |at: usize| reader.u32(at).ok_or_else(|| reader.truncated(Self::WHAT, offset, 16));
        let (buckets, first, bloom_words, bloom_shift) =
            (field(offset)?, field(offset + 4)?, field(offset + 8)?, field(offset + 12)?);
        let bloom_at = offset + 16;
        let buckets_at = bloom_at.saturating_add(bloom_words as usize * if reader.is_64() { 8 } else { 4 });
        let chains_at = buckets_at.saturating_add(buckets as usize * 4);
        if chains_at > end {
            return Err(reader.truncated(Self::WHAT, offset, chains_at - offset));
        }
        Ok(GnuTable { reader, buckets, first, bloom_words, bloom_shift, bloom_at, buckets_at, chains_at, end })
    }

    /// Whether the Bloom filter lets a name pass. It is consulted as ld.so does, with a power of two of words.
    #[inline]
    fn may_hold(&self, hash: u32) -> bool {
        let bits = if self.reader.is_64() { 64 } else { 32 };
        let word = ((hash / bits) & self.bloom_words.wrapping_sub(1)) as usize;
        let filter = if self.reader.is_64() {
            self.reader.u64(self.bloom_at + word * 8)
        } else {
            self.reader.u32(self.bloom_at + word * 4).map(u64::from)
        };
        let second = hash.checked_shr(self.bloom_shift).unwrap_or(0);
        let mask = 1u64 << (hash % bits) | 1u64 << (second % bits);
        filter.is_some_and(|filter| filter & mask == mask)
    }

    #[inline]
    fn candidates(&self, hash: u32) -> Chain<'a> {
        let bucket = || hash.checked_rem(self.buckets).and_then(|bucket| self.bucket(bucket));
        match self.may_hold(hash).then(bucket).flatten() {
            Some(next) if next != 0 => Chain(State::Gnu { table: *self, hash, next }),
            _ => Chain(State::End),
        }
    }

    #[inline]
    fn bucket(&self, bucket: u32) -> Option<u32> {
        self.reader.u32(self.buckets_at + bucket as usize * 4)
    }

    #[inline]
    fn chain_entry(&self, symbol: u32) -> Option<u32> {
        let at = self.chains_at + symbol.checked_sub(self.first)? as usize * 4;
        if at >= self.end { None } else { self.reader.u32(at) }
    }

    /// One more than the last hashed symbol's index; `None` where none is hashed, so that nothing is known.
    pub(super) fn symbol_count(&self) -> Result<Option<usize>, ElfError> {
        let highest = (0..self.buckets).filter_map(|bucket| self.bucket(bucket)).max().unwrap_or(0);
        if highest == 0 || highest < self.first {
            return Ok(None);
        }
        let mut symbol = highest;
        loop {
            let at = self.chains_at + (symbol - self.first) as usize * 4;
            let entry = self.chain_entry(symbol).ok_or_else(|| self.reader.truncated(Self::WHAT, at, 4))?;
            symbol = symbol.checked_add(1).ok_or_else(|| self.reader.truncated(Self::WHAT, at, 4))?;
            if entry & 1 == 1 {
                return Ok(Some(symbol as usize));
            }
        }
    }
}

/// The table behind `DT_HASH`.
#[derive(Clone, Copy, Debug)]
pub struct SysvTable<'a> {
    reader: Reader<'a>,
    offset: usize,
    /// Bytes of an entry: 8 on 64-bit s390x and Alpha, else 4.
    width: usize,
    buckets: u32,
    chains: u32,
}

impl<'a> SysvTable<'a> {
    const WHAT: &'static str = "SysV hash table";

    pub(super) fn locate(
        reader: Reader<'a>,
        segments: &Segments,
        dynamic: &Dynamic,
        machine: Machine,
    ) -> Result<Option<SysvTable<'a>>, ElfError> {
        let Some(address) = dynamic.get(DT_HASH) else { return Ok(None) };
        let unmapped = ElfError::Unmapped { what: Self::WHAT, address };
        let (offset, len) = segments.file_range(address).ok_or(unmapped)?;
        let wide = reader.is_64() && matches!(machine, Machine::S390 | Machine::Alpha);
        let mut table = SysvTable { reader, offset, width: if wide { 8 } else { 4 }, buckets: 0, chains: 0 };
        let truncated = |entries: usize| reader.truncated(Self::WHAT, offset, entries.saturating_mul(table.width));
        let (buckets, chains) = table.entry(0).zip(table.entry(1)).ok_or_else(|| truncated(2))?;
        let entries = 2usize.saturating_add(buckets as usize).saturating_add(chains as usize);
        if entries.saturating_mul(table.width) > len.min(reader.bytes.len().saturating_sub(offset)) {
            return Err(truncated(entries));
        }
        table.buckets = buckets;
        table.chains = chains;
        Ok(Some(table))
    }

    /// The number of symbols: the table has a chain entry for each.
    pub(super) fn symbol_count(&self) -> usize {
        self.chains as usize
    }

    fn candidates(&self, hash: u32) -> Chain<'a> {
        let first = hash.checked_rem(self.buckets).and_then(|bucket| self.entry(2 + bucket as usize));
        Chain(State::SysV { table: *self, next: first.unwrap_or(0), left: self.chains })
    }

    fn chain_entry(&self, symbol: u32) -> Option<u32> {
        if symbol < self.chains { self.entry(2 + self.buckets as usize + symbol as usize) } else { None }
    }

    fn entry(&self, index: usize) -> Option<u32> {
        let at = self.offset.checked_add(index.checked_mul(self.width)?)?;
        if self.width == 8 {
            self.reader.u64(at).and_then(|entry| u32::try_from(entry).ok())
        } else {
            self.reader.u32(at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_specifications() {
        assert_eq!(gnu_hash(b""), 5381);
        assert_eq!(gnu_hash(b"printf"), 0x156b_2bb8);
        assert_eq!(sysv_hash(b""), 0);
        assert_eq!(sysv_hash(b"printf"), 0x077905a6);
        assert_eq!(sysv_hash(b"GLIBC_2.2.5"), 0x09691a75);
    }
}
