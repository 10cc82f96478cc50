//! Relocations, as far as they name symbols.

use goblin::elf::Reloc;
use goblin::elf::dynamic as tag;
use scroll::Pread;

use super::reader::Reader;
use super::{Dynamic, Segments};

/// Which of the dynamic section's tables a relocation stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelocationTable {
    /// `DT_RELA`.
    Rela,
    /// `DT_REL`.
    Rel,
    /// `DT_JMPREL`: the PLT's, bound lazily where that is allowed.
    Plt,
}

/// A relocation.
#[derive(Clone, Copy, Debug)]
pub struct Relocation {
    /// The address that it changes.
    pub offset: u64,
    /// The symbol's index; 0 for none.
    pub symbol: u32,
    /// The machine's relocation type.
    pub kind: u32,
    /// What is added; `None` where it stands at the address itself.
    pub addend: Option<i64>,
    /// Where it stands.
    pub table: RelocationTable,
}

/// All relocations that can name symbols (`DT_RELR`'s cannot), in ld.so's order. A table that leaves the file ends early.
#[derive(Clone, Debug)]
pub struct Relocations<'a> {
    reader: Reader<'a>,
    tables: [Option<Span>; 3],
    current: usize,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    table: RelocationTable,
    has_addends: bool,
    at: usize,
    end: usize,
}

impl<'a> Relocations<'a> {
    pub(super) fn new(reader: Reader<'a>, segments: &Segments, dynamic: &Dynamic) -> Relocations<'a> {
        let span = |table, start, size, has_addends| {
            let (at, available) = segments.file_range(dynamic.get(start)?)?;
            let len = available.min(usize::try_from(dynamic.get(size)?).ok()?);
            Some(Span { table, has_addends, at, end: at.saturating_add(len).min(reader.bytes.len()) })
        };
        let plt_has_addends = dynamic.get(tag::DT_PLTREL).map_or(reader.is_64(), |kind| kind == tag::DT_RELA);
        let plt = span(RelocationTable::Plt, tag::DT_JMPREL, tag::DT_PLTRELSZ, plt_has_addends);
        // Some linkers count the PLT's relocations, which come last, into the other table too (glibc,
        // `elf/dynamic-link.h`).
        let without_plt = |mut table: Span| {
            let shared = plt.filter(|plt| table.end == plt.end && table.at <= plt.at);
            table.end = shared.map_or(table.end, |plt| plt.at);
            table
        };
        let tables = [
            span(RelocationTable::Rela, tag::DT_RELA, tag::DT_RELASZ, true).map(without_plt),
            span(RelocationTable::Rel, tag::DT_REL, tag::DT_RELSZ, false).map(without_plt),
            plt,
        ];
        Relocations { reader, tables, current: 0 }
    }
}

impl Iterator for Relocations<'_> {
    type Item = Relocation;

    #[inline]
    fn next(&mut self) -> Option<Relocation> {
        loop {
            let Some(span) = self.tables.get_mut(self.current)? else {
                self.current += 1;
                continue;
            };
            let ctx = (span.has_addends, self.reader.ctx);
            let size = Reloc::size(span.has_addends, self.reader.ctx);
            if span.end.saturating_sub(span.at) < size {
                self.current += 1;
                continue;
            }
            let Ok(found) = self.reader.bytes.pread_with::<Reloc>(span.at, ctx) else {
                self.current += 1;
                continue;
            };
            span.at += size;
            return Some(Relocation {
                offset: found.r_offset,
                symbol: found.r_sym as u32,
                kind: found.r_type,
                addend: found.r_addend,
                table: span.table,
            });
        }
    }
}
