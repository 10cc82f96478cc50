//! The section table: a cross-check only, since it may be stripped or wrong.

use goblin::elf::Header;
use goblin::elf::section_header::{SHF_ALLOC, SHF_EXECINSTR, SHN_XINDEX, SHT_DYNSYM, SHT_PROGBITS, SectionHeader};

use super::Strings;
use super::reader::Reader;

/// The section header table; empty where there is none or it leaves the file.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'a> {
    reader: Reader<'a>,
    offset: usize,
    count: usize,
    names: Strings<'a>,
}

impl<'a> Sections<'a> {
    pub(super) fn parse(reader: Reader<'a>, header: &Header) -> Sections<'a> {
        let offset = usize::try_from(header.e_shoff).unwrap_or(usize::MAX);
        let mut sections = Sections { reader, offset, count: 0, names: Strings::default() };
        let size = SectionHeader::size(reader.ctx);
        if header.e_shoff == 0 || usize::from(header.e_shentsize) != size {
            return sections;
        }
        let room = reader.bytes.len().saturating_sub(offset) / size;
        sections.count = room.min(1);
        // Numbers too large for the header stand in the first section (gABI, "ELF Header").
        let first = sections.get(0);
        let large = |number: u16, limit: u16, stored: Option<u64>| {
            if number == limit {
                stored.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
            } else {
                usize::from(number)
            }
        };
        sections.count = large(header.e_shnum, 0, first.as_ref().map(|first| first.sh_size)).min(room);
        let names = large(header.e_shstrndx, SHN_XINDEX as u16, first.as_ref().map(|first| u64::from(first.sh_link)));
        sections.names =
            sections.get(names).and_then(|names| sections.content(&names)).map(Strings::new).unwrap_or_default();
        sections
    }

    fn get(&self, index: usize) -> Option<SectionHeader> {
        if index >= self.count {
            return None;
        }
        self.reader.structure(self.offset + index * SectionHeader::size(self.reader.ctx))
    }

    fn content(&self, header: &SectionHeader) -> Option<&'a [u8]> {
        let start = usize::try_from(header.sh_offset).ok()?;
        self.reader.bytes.get(start..start.checked_add(usize::try_from(header.sh_size).ok()?)?)
    }

    /// A section's name.
    pub fn name(&self, index: usize) -> Option<&'a [u8]> {
        self.get(index).and_then(|header| self.names.get(header.sh_name))
    }

    /// What the program's own instructions read: sections that are loaded and hold no instructions. Code for a device
    /// (`.hip_fatbin`, `.nv_fatbin`), often most of the file, is none of it.
    pub fn data(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let is_data = |header: &SectionHeader| {
            header.sh_type == SHT_PROGBITS
                && header.sh_flags & u64::from(SHF_ALLOC) != 0
                && header.sh_flags & u64::from(SHF_EXECINSTR) == 0
        };
        let is_for_device =
            |header: &SectionHeader| self.names.get(header.sh_name).is_some_and(|name| name.ends_with(b"_fatbin"));
        let headers = (0..self.count).filter_map(|index| self.get(index));
        headers
            .filter(move |header| is_data(header) && !is_for_device(header))
            .filter_map(|header| self.content(&header))
    }

    /// The number of entries that the section at `offset` gives the dynamic symbol table, where there is such a section.
    pub(super) fn dynamic_symbol_count(&self, offset: usize) -> Option<usize> {
        let size = goblin::elf::Sym::size(self.reader.ctx.container) as u64;
        (0..self.count)
            .filter_map(|index| self.get(index))
            .find(|header| header.sh_type == SHT_DYNSYM && header.sh_offset == offset as u64)
            .and_then(|header| usize::try_from(header.sh_size / size).ok())
    }
}
