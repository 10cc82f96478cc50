//! The dynamic symbol table, with each symbol's version.

use std::ops::Range;

use goblin::elf::Sym;
use goblin::elf::dynamic::{self as tag, DT_SYMENT, DT_SYMTAB, DT_VERSYM};
use goblin::elf::section_header::{SHN_ABS, SHN_COMMON, SHN_UNDEF};
use goblin::elf::symver::VERSYM_HIDDEN;

use super::hash::SysvTable;
use super::reader::Reader;
use super::{
    Binding, ElfError, HashTable, Image, Place, Sections, Segments, Strings, SymbolKind, Version, Versions, Visibility,
};

/// A dynamic symbol.
#[derive(Clone, Copy, Debug)]
pub struct Symbol<'a> {
    /// Its name, without version.
    pub name: &'a [u8],
    /// Its version node; `None` where it is unversioned, local, or in the base version.
    pub version: Option<Version<'a>>,
    /// Defined in a node, and what a reference without a version means (`@@`).
    pub default: bool,
    /// The version's hidden bit: only a reference that asks for the node finds it (`@`).
    pub hidden: bool,
    /// Defined here rather than wanted of another file.
    pub defined: bool,
    /// What it names.
    pub kind: SymbolKind,
    /// Who sees it.
    pub binding: Binding,
    /// How it may be preempted.
    pub visibility: Visibility,
    /// Address; for thread-local symbols the offset in the block.
    pub value: u64,
    /// Size in bytes, 0 where not known.
    pub size: u64,
    /// Section index (`st_shndx`), only as good as the section table.
    pub section: u16,
}

impl<'a> Symbol<'a> {
    /// Whether it stands for a section or a source file, which `nm` leaves out.
    pub fn is_debugging(&self) -> bool {
        matches!(self.kind, SymbolKind::Section | SymbolKind::File)
    }

    /// Whether it is the absolute symbol that GNU ld makes for a version node, named as the node is.
    pub fn is_node_marker(&self) -> bool {
        u32::from(self.section) == SHN_ABS && self.version.is_some_and(|node| node.name == self.name)
    }

    /// The name of the section that it is defined in, `ABS` or `COMMON`; `None` where it is undefined, or where the
    /// section table does not tell.
    pub fn section_name(&self, sections: Sections<'a>) -> Option<&'a [u8]> {
        match u32::from(self.section) {
            SHN_UNDEF => None,
            SHN_ABS => Some(b"ABS"),
            SHN_COMMON => Some(b"COMMON"),
            index => sections.name(index as usize),
        }
    }

    /// The letter that `nm` shows, from the segments' permissions instead of the section table.
    pub fn letter(&self, segments: &Segments) -> char {
        let object = matches!(self.kind, SymbolKind::Object);
        match (self.binding, self.defined) {
            (Binding::Weak, false) => return if object { 'v' } else { 'w' },
            (_, false) => return 'U',
            _ if u32::from(self.section) == SHN_COMMON => return 'C',
            _ if self.kind == SymbolKind::Ifunc => return 'i',
            (Binding::Weak, true) => return if object { 'V' } else { 'W' },
            (Binding::Unique, true) => return 'u',
            _ => {}
        }
        let place = match self.kind {
            _ if u32::from(self.section) == SHN_ABS => None,
            SymbolKind::Tls => segments.thread_local_place(self.value),
            // Such as `_end`, which lies behind the last byte.
            _ => segments.place(self.value).or_else(|| segments.place(self.value.checked_sub(1)?)),
        };
        let letter = match place {
            // One segment may hold code and constants: only the symbol's kind tells them apart.
            Some(Place::Code) if object => 'R',
            Some(Place::Code) => 'T',
            Some(Place::Data) => 'D',
            Some(Place::Zeroed) => 'B',
            Some(Place::Constant) => 'R',
            None => 'A',
        };
        if self.binding == Binding::Local { letter.to_ascii_lowercase() } else { letter }
    }
}

/// The dynamic symbol table. Entry 0 is the null symbol.
#[derive(Clone, Debug)]
pub struct Symbols<'a> {
    reader: Reader<'a>,
    /// The table's bytes, and where they lie in the file.
    table: &'a [u8],
    offset: usize,
    count: usize,
    strings: Strings<'a>,
    /// `DT_VERSYM`, two bytes a symbol; empty without versions.
    versyms: &'a [u8],
    versions: Versions<'a>,
}

impl<'a> Symbols<'a> {
    pub(super) fn parse(image: &Image<'a>) -> Result<Symbols<'a>, ElfError> {
        let reader = image.reader();
        let versions = image.versions()?;
        let mut symbols =
            Symbols { reader, table: &[], offset: 0, count: 0, strings: image.strings(), versyms: &[], versions };
        let Some(address) = image.dynamic().get(DT_SYMTAB) else { return Ok(symbols) };
        let size = Sym::size(reader.ctx.container);
        if let Some(found) = image.dynamic().get(DT_SYMENT).filter(|&found| found != size as u64) {
            let expected = if reader.is_64() { "24" } else { "16" };
            return Err(ElfError::malformed("dynamic section's DT_SYMENT", 0, expected, found));
        }
        let what = "dynamic symbol table";
        let (offset, _) = image.segments().file_range(address).ok_or(ElfError::Unmapped { what, address })?;
        symbols.offset = offset;
        symbols.count = symbol_count(image, offset, size)?;
        symbols.table = reader.slice(what, offset, symbols.count.saturating_mul(size))?;
        if let Some(address) = image.dynamic().get(DT_VERSYM).filter(|_| !symbols.versions.is_empty()) {
            let what = "version symbol table";
            let (offset, _) = image.segments().file_range(address).ok_or(ElfError::Unmapped { what, address })?;
            symbols.versyms = reader.slice(what, offset, symbols.count * 2)?;
        }
        Ok(symbols)
    }

    /// The number of entries, the null symbol among them.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no table.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The file's version nodes.
    pub fn versions(&self) -> &Versions<'a> {
        &self.versions
    }

    /// The entry as the file has it.
    #[inline]
    pub fn raw(&self, index: usize) -> Option<Sym> {
        if index >= self.count {
            return None;
        }
        if self.reader.is_64() && self.reader.ctx.is_little_endian() {
            return self.table.get(index * SYMBOL_64..)?.first_chunk().map(little_endian_64);
        }
        let table = Reader { bytes: self.table, ctx: self.reader.ctx };
        table.structure(index * Sym::size(table.ctx.container))
    }

    /// Whether an entry has that name. Unlike [`Symbols::name`] it does not look for the name's end.
    #[inline]
    pub fn is_named(&self, index: usize, name: &[u8]) -> bool {
        self.raw(index).is_some_and(|raw| self.strings.is_at(raw.st_name, name))
    }

    /// The name of an entry, without the rest.
    #[inline]
    pub fn name(&self, index: usize) -> Option<&'a [u8]> {
        self.raw(index).map(|raw| self.strings.name(raw.st_name))
    }

    /// Where entries lie in the file.
    pub fn file_range(&self, entries: Range<usize>) -> Range<usize> {
        let size = Sym::size(self.reader.ctx.container);
        let at = |index: usize| self.offset + index.min(self.count) * size;
        at(entries.start)..at(entries.end)
    }

    /// Looks at each name. Names lie scattered over a string table that no cache holds: asked for together, they are
    /// waited for together.
    #[inline]
    fn touch_names(&self, range: Range<usize>) {
        let table = Reader { bytes: self.table, ctx: self.reader.ctx };
        let size = Sym::size(table.ctx.container);
        // `st_name` comes first in both classes. The less is done here, the more names the processor asks for at once.
        let names = range.filter_map(|index| table.u32(index * size));
        std::hint::black_box(names.fold(0u8, |sum, name| sum ^ self.strings.touch(name as usize)));
    }

    /// The entry of `DT_VERSYM`: version index and hidden bit. 1 (global, unversioned) where there are no versions.
    #[inline]
    pub fn versym(&self, index: usize) -> u16 {
        Reader { bytes: self.versyms, ctx: self.reader.ctx }.u16(index * 2).unwrap_or(1)
    }

    /// Whether the entry is a definition, and not the absolute symbol that GNU ld makes for a version node.
    #[inline]
    pub fn is_api(&self, index: usize) -> bool {
        match self.raw(index).map(|raw| raw.st_shndx as u32) {
            None | Some(SHN_UNDEF) => false,
            Some(SHN_ABS) => self.get(index).is_some_and(|symbol| !symbol.is_node_marker()),
            Some(_) => true,
        }
    }

    /// Whether the entry is the absolute symbol that GNU ld makes for a version node.
    pub fn is_node_marker(&self, index: usize) -> bool {
        self.get(index).is_some_and(|symbol| symbol.is_node_marker())
    }

    /// The symbol at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Symbol<'a>> {
        let raw = self.raw(index)?;
        let versym = self.versym(index);
        let version = self.versions.get(versym);
        let defined = raw.st_shndx != SHN_UNDEF as usize;
        let hidden = versym & VERSYM_HIDDEN != 0;
        Some(Symbol {
            name: self.strings.name(raw.st_name),
            version,
            // A copy of another file's variable is defined here too, but in a node that is needed.
            default: defined && !hidden && version.is_some_and(|version| version.file.is_none()),
            hidden,
            defined,
            kind: SymbolKind::from(raw.st_type()),
            binding: Binding::from(raw.st_bind()),
            visibility: Visibility::from(raw.st_visibility()),
            value: raw.st_value,
            size: raw.st_size,
            section: raw.st_shndx as u16,
        })
    }

    /// All symbols but the null one, in the file's order.
    pub fn iter(&self) -> Iter<'_, 'a> {
        self.range(1..self.count)
    }

    /// The symbols with these indices; those that are outside the table are left out.
    pub fn range(&self, indices: Range<usize>) -> Iter<'_, 'a> {
        let end = indices.end.min(self.count);
        let start = indices.start.min(end);
        Iter { symbols: self, indices: start..end, touched: start }
    }
}

impl<'s, 'a> IntoIterator for &'s Symbols<'a> {
    type Item = Symbol<'a>;
    type IntoIter = Iter<'s, 'a>;

    fn into_iter(self) -> Iter<'s, 'a> {
        self.iter()
    }
}

/// Bytes of an entry of 64-bit files.
const SYMBOL_64: usize = 24;

/// An entry as nearly all files have it: symbols are read more often than anything else.
#[inline]
fn little_endian_64(bytes: &[u8; SYMBOL_64]) -> Sym {
    let [n0, n1, n2, n3, st_info, st_other, x0, x1, rest @ ..] = *bytes;
    let [v0, v1, v2, v3, v4, v5, v6, v7, s0, s1, s2, s3, s4, s5, s6, s7] = rest;
    Sym {
        st_name: u32::from_le_bytes([n0, n1, n2, n3]) as usize,
        st_info,
        st_other,
        st_shndx: usize::from(u16::from_le_bytes([x0, x1])),
        st_value: u64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]),
        st_size: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
    }
}

/// Names that are asked for together.
const BATCH: usize = 16;

/// Symbols of a table, in its order.
#[derive(Clone, Debug)]
pub struct Iter<'s, 'a> {
    symbols: &'s Symbols<'a>,
    indices: Range<usize>,
    /// The first index whose name has not been looked at.
    touched: usize,
}

impl<'a> Iterator for Iter<'_, 'a> {
    type Item = Symbol<'a>;

    #[inline]
    fn next(&mut self) -> Option<Symbol<'a>> {
        let index = self.indices.next()?;
        if index >= self.touched {
            self.touched = self.indices.end.min(index + BATCH);
            self.symbols.touch_names(index..self.touched);
        }
        self.symbols.get(index)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.indices.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_, '_> {}

/// How many symbols the table at `offset` has. The format does not say it outright: the hash tables do, and where
/// nothing is hashed (a program that exports nothing) the section table, else the tables that follow.
fn symbol_count(image: &Image<'_>, offset: usize, size: usize) -> Result<usize, ElfError> {
    let (reader, dynamic) = (image.reader(), image.dynamic());
    if let Some(table) = SysvTable::locate(reader, image.segments(), dynamic, image.machine())? {
        return Ok(table.symbol_count());
    }
    if let Some(HashTable::Gnu(table)) = image.hash_table()?
        && let Some(count) = table.symbol_count()?
    {
        return Ok(count);
    }
    let room = reader.bytes.len().saturating_sub(offset) / size;
    let referenced = image.relocations().map(|relocation| relocation.symbol as usize + 1).max().unwrap_or(0);
    let listed = image.sections().dynamic_symbol_count(offset).unwrap_or_else(|| count_by_layout(image, offset, size));
    Ok(listed.max(referenced).min(room))
}

/// Without hashes and sections: up to the next table that the dynamic section names, as long as entries have names.
fn count_by_layout(image: &Image<'_>, offset: usize, size: usize) -> usize {
    const TABLES: [u64; 10] = [
        tag::DT_STRTAB,
        tag::DT_VERSYM,
        tag::DT_VERDEF,
        tag::DT_VERNEED,
        tag::DT_GNU_HASH,
        tag::DT_RELA,
        tag::DT_REL,
        tag::DT_JMPREL,
        tag::DT_INIT,
        tag::DT_PLTGOT,
    ];
    let following = TABLES
        .iter()
        .filter_map(|&tag| image.segments().file_range(image.dynamic().get(tag)?))
        .map(|(start, _)| start)
        .filter(|&start| start > offset)
        .min();
    let end = following.unwrap_or(offset);
    let named = |&index: &usize| {
        let entry = image.reader().structure::<Sym>(offset + index * size);
        entry.is_some_and(|entry| image.strings().get(entry.st_name).is_some())
    };
    (0..(end - offset) / size).take_while(named).count()
}
