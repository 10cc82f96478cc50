//! The dynamic section (gABI, "Dynamic Section").

use goblin::elf::dynamic::{self as tag, Dyn};
use goblin::elf::program_header::PT_DYNAMIC;

use super::reader::Reader;
use super::{ElfError, Segments};

/// The entries of `PT_DYNAMIC`, up to `DT_NULL`.
#[derive(Clone, Debug, Default)]
pub struct Dynamic {
    entries: Vec<(u64, u64)>,
}

impl Dynamic {
    pub(super) fn parse(reader: Reader<'_>, segments: &Segments) -> Result<Option<Dynamic>, ElfError> {
        let Some(header) = segments.of_type(PT_DYNAMIC).next() else { return Ok(None) };
        let in_header = || (header.p_offset as usize, usize::try_from(header.p_filesz).unwrap_or(usize::MAX));
        // ld.so goes by the address; the offset is what a file without matching PT_LOAD still tells.
        let (offset, available) = segments.file_range(header.p_vaddr).unwrap_or_else(in_header);
        let size = available.min(usize::try_from(header.p_filesz).unwrap_or(usize::MAX));
        reader.slice("dynamic section", offset, size)?;
        let step = Dyn::size(reader.ctx.container);
        let entries = (0..size / step)
            .map_while(|index| reader.structure::<Dyn>(offset + index * step))
            .take_while(|entry| entry.d_tag != tag::DT_NULL)
            .map(|entry| (entry.d_tag, entry.d_val))
            .collect();
        Ok(Some(Dynamic { entries }))
    }

    /// All entries: tag and value.
    pub fn entries(&self) -> &[(u64, u64)] {
        &self.entries
    }

    /// The value of a tag; of the last entry where there are several, as in ld.so.
    pub fn get(&self, tag: u64) -> Option<u64> {
        self.all(tag).last()
    }

    /// The values of all entries with that tag.
    pub fn all(&self, tag: u64) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(move |entry| entry.0 == tag).map(|entry| entry.1)
    }
}
