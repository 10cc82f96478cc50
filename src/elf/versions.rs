//! Symbol versions: the nodes that a file defines, and those that it needs of others.
//!
//! The structures are those of the LSB, "Symbol Versioning", and of glibc's `elf.h`; they are the same in both classes.
//! What an index means is glibc's `elf/dl-version.c`: needs and definitions share one table, a base definition has no
//! entry in it.

use goblin::elf::dynamic::{DT_VERDEF, DT_VERNEED};
use goblin::elf::symver::{VER_FLG_BASE, VER_FLG_WEAK, VERSYM_HIDDEN, VERSYM_VERSION};

use super::reader::Reader;
use super::{CORRUPT, Dynamic, ElfError, Segments, Strings};

/// A node that the file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The node's name; the file's SONAME for the base definition.
    pub name: &'a [u8],
    /// Its index in the version table.
    pub index: u16,
    /// The SysV hash of the name, as the file has it.
    pub hash: u32,
    /// The file itself rather than a node: definitions in it are unversioned.
    pub base: bool,
    /// No symbol needs to refer to it.
    pub weak: bool,
    /// The nodes that it inherits.
    pub parents: Vec<&'a [u8]>,
}

/// The nodes that the file needs of one other file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need<'a> {
    /// The other file's SONAME.
    pub file: &'a [u8],
    /// The nodes.
    pub nodes: Vec<NeededNode<'a>>,
}

/// A node that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededNode<'a> {
    /// The node's name.
    pub name: &'a [u8],
    /// Its index in the version table.
    pub index: u16,
    /// The SysV hash of the name, as the file has it.
    pub hash: u32,
    /// The file loads without it.
    pub weak: bool,
    /// `vna_other`'s hidden bit: a base definition does not stand in for it.
    pub hidden: bool,
}

/// What a symbol's version index stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// The node's name.
    pub name: &'a [u8],
    /// The SysV hash of the name, as the file has it.
    pub hash: u32,
    /// The file that it is needed of; `None` for the file's own node.
    pub file: Option<&'a [u8]>,
    /// `vna_other`'s hidden bit; false for the file's own node.
    pub hidden: bool,
}

impl Version<'_> {
    /// An index that no table explains.
    const CORRUPT: Version<'static> = Version { name: CORRUPT, hash: 0, file: None, hidden: false };
}

/// All version nodes of a file, with the table from index to node.
#[derive(Clone, Debug, Default)]
pub struct Versions<'a> {
    definitions: Vec<Definition<'a>>,
    needs: Vec<Need<'a>>,
    table: Vec<Option<Version<'a>>>,
}

impl<'a> Versions<'a> {
    pub(super) fn parse(
        reader: Reader<'a>,
        segments: &Segments,
        dynamic: &Dynamic,
        strings: Strings<'a>,
    ) -> Result<Versions<'a>, ElfError> {
        let mut versions = Versions::default();
        if let Some(address) = dynamic.get(DT_VERNEED).filter(|&address| address != 0) {
            let table = Table::at("version needs", reader, segments, address, strings)?;
            versions.needs = table.needs()?;
        }
        if let Some(address) = dynamic.get(DT_VERDEF).filter(|&address| address != 0) {
            let table = Table::at("version definitions", reader, segments, address, strings)?;
            versions.definitions = table.definitions()?;
        }
        versions.index();
        Ok(versions)
    }

    /// The nodes that the file defines, the base definition among them.
    pub fn definitions(&self) -> &[Definition<'a>] {
        &self.definitions
    }

    /// The nodes that the file needs, by the file that it needs them of.
    pub fn needs(&self) -> &[Need<'a>] {
        &self.needs
    }

    /// Whether the file has no version information at all: it then satisfies any versioned reference.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty() && self.needs.is_empty()
    }

    /// The node behind an entry of `DT_VERSYM` (its hidden bit is ignored); `None` for local, base and unversioned
    /// symbols.
    #[inline]
    pub fn get(&self, versym: u16) -> Option<Version<'a>> {
        let index = usize::from(versym & VERSYM_VERSION);
        match self.table.get(index) {
            Some(Some(version)) => Some(*version),
            _ if index < 2 || self.is_empty() => None,
            _ => Some(Version::CORRUPT),
        }
    }

    /// Fills the table: needs first, definitions over them, as glibc does.
    fn index(&mut self) {
        let needed = self.needs.iter().flat_map(|need| {
            need.nodes.iter().map(|node| {
                let version = Version { name: node.name, hash: node.hash, file: Some(need.file), hidden: node.hidden };
                (node.index, version)
            })
        });
        let defined = self.definitions.iter().filter(|definition| !definition.base).map(|definition| {
            let version = Version { name: definition.name, hash: definition.hash, file: None, hidden: false };
            (definition.index, version)
        });
        for (index, version) in needed.chain(defined) {
            let index = usize::from(index & VERSYM_VERSION);
            if self.table.len() <= index {
                self.table.resize(index + 1, None);
            }
            if let Some(entry) = self.table.get_mut(index) {
                *entry = Some(version);
            }
        }
    }
}

/// One of the two version tables, by its place in the file.
struct Table<'a> {
    what: &'static str,
    reader: Reader<'a>,
    offset: usize,
    /// Where the segment ends, in the file.
    end: usize,
    strings: Strings<'a>,
}

const VERDEF_SIZE: usize = 20;
const VERDAUX_SIZE: usize = 8;
const VERNEED_SIZE: usize = 16;
const VERNAUX_SIZE: usize = 16;

impl<'a> Table<'a> {
    fn at(
        what: &'static str,
        reader: Reader<'a>,
        segments: &Segments,
        address: u64,
        strings: Strings<'a>,
    ) -> Result<Table<'a>, ElfError> {
        let (offset, len) = segments.file_range(address).ok_or(ElfError::Unmapped { what, address })?;
        let end = offset.saturating_add(len).min(reader.bytes.len());
        Ok(Table { what, reader, offset, end, strings })
    }

    fn definitions(&self) -> Result<Vec<Definition<'a>>, ElfError> {
        let mut budget = self.budget(VERDAUX_SIZE);
        self.walk(self.offset, usize::MAX, VERDEF_SIZE, 16, |at| {
            self.expect_revision(at)?;
            let flags = self.u16(at + 2)?;
            let first = at.saturating_add(self.u32(at + 12)? as usize);
            let mut names = self.walk(first, usize::from(self.u16(at + 6)?), VERDAUX_SIZE, 4, |aux| {
                self.spend(&mut budget, aux)?;
                Ok(self.strings.name(self.u32(aux)? as usize))
            })?;
            let parents = names.split_off(names.len().min(1));
            Ok(Definition {
                name: names.first().copied().unwrap_or(CORRUPT),
                index: self.u16(at + 4)? & VERSYM_VERSION,
                hash: self.u32(at + 8)?,
                base: flags & VER_FLG_BASE != 0,
                weak: flags & VER_FLG_WEAK != 0,
                parents,
            })
        })
    }

    fn needs(&self) -> Result<Vec<Need<'a>>, ElfError> {
        let mut budget = self.budget(VERNAUX_SIZE);
        self.walk(self.offset, usize::MAX, VERNEED_SIZE, 12, |at| {
            self.expect_revision(at)?;
            let first = at.saturating_add(self.u32(at + 8)? as usize);
            let nodes = self.walk(first, usize::from(self.u16(at + 2)?), VERNAUX_SIZE, 12, |aux| {
                self.spend(&mut budget, aux)?;
                let other = self.u16(aux + 6)?;
                Ok(NeededNode {
                    name: self.strings.name(self.u32(aux + 8)? as usize),
                    index: other & VERSYM_VERSION,
                    hash: self.u32(aux)?,
                    weak: self.u16(aux + 4)? & VER_FLG_WEAK != 0,
                    hidden: other & VERSYM_HIDDEN != 0,
                })
            })?;
            Ok(Need { file: self.strings.name(self.u32(at + 4)? as usize), nodes })
        })
    }

    /// Reads the entries of a chain, at most `limit` of them. Each is `size` bytes long and has the distance to the next
    /// one, zero for none, at `next`. Distances are unsigned, and one that stays within its entry is refused: a chain
    /// only goes forward, and has no more entries than the segment has room for.
    fn walk<T>(
        &self,
        mut at: usize,
        limit: usize,
        size: usize,
        next: usize,
        mut read: impl FnMut(usize) -> Result<T, ElfError>,
    ) -> Result<Vec<T>, ElfError> {
        let mut entries = Vec::new();
        while entries.len() < limit {
            if at.checked_add(size).is_none_or(|end| end > self.end) {
                return Err(self.reader.truncated(self.what, at, size));
            }
            entries.push(read(at)?);
            match self.u32(at + next)? as usize {
                0 => break,
                step if step < size => {
                    let expected = "a next entry behind this one, or 0";
                    return Err(ElfError::malformed(self.what, at + next, expected, step));
                }
                step => at = at.saturating_add(step),
            }
        }
        Ok(entries)
    }

    /// How many auxiliary entries the segment has room for: chains that share their tails must not multiply the work.
    fn budget(&self, size: usize) -> usize {
        self.end.saturating_sub(self.offset) / size
    }

    fn spend(&self, budget: &mut usize, at: usize) -> Result<(), ElfError> {
        *budget = budget.checked_sub(1).ok_or_else(|| {
            ElfError::malformed(
                self.what,
                at,
                "auxiliary entries of one node apart from another's",
                "chains that overlap",
            )
        })?;
        Ok(())
    }

    fn expect_revision(&self, at: usize) -> Result<(), ElfError> {
        match self.u16(at)? {
            1 => Ok(()),
            other => Err(ElfError::malformed(self.what, at, "revision 1", other)),
        }
    }

    fn u16(&self, at: usize) -> Result<u16, ElfError> {
        self.reader.u16(at).ok_or_else(|| self.reader.truncated(self.what, at, 2))
    }

    fn u32(&self, at: usize) -> Result<u32, ElfError> {
        self.reader.u32(at).ok_or_else(|| self.reader.truncated(self.what, at, 4))
    }
}
