//! The program headers, and where in the file a virtual address lies.

use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD, PT_TLS, ProgramHeader};

use super::ElfError;
use super::reader::Reader;

/// What lies at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Instructions.
    Code,
    /// Data that can be written.
    Data,
    /// Data that starts as zeroes and takes no room in the file.
    Zeroed,
    /// Data that cannot be written.
    Constant,
}

/// The program header table (gABI, "Program Header").
#[derive(Clone, Debug)]
pub struct Segments(Vec<ProgramHeader>);

impl Segments {
    pub(super) fn parse(reader: Reader<'_>, offset: usize, count: usize) -> Result<Segments, ElfError> {
        let size = ProgramHeader::size(reader.ctx);
        reader.slice("program header table", offset, count.saturating_mul(size))?;
        let headers = (0..count).filter_map(|index| reader.structure(offset + index * size)).collect();
        Ok(Segments(headers))
    }

    /// All headers of one type (`PT_…`), in the file's order.
    pub fn of_type(&self, p_type: u32) -> impl Iterator<Item = &ProgramHeader> {
        self.0.iter().filter(move |header| header.p_type == p_type)
    }

    /// All headers.
    pub fn iter(&self) -> std::slice::Iter<'_, ProgramHeader> {
        self.0.iter()
    }

    /// The part of the file from which `address` on is filled: its offset, and how many bytes follow in that segment.
    pub fn file_range(&self, address: u64) -> Option<(usize, usize)> {
        self.of_type(PT_LOAD).find_map(|load| {
            let skip = address.checked_sub(load.p_vaddr)?;
            let left = load.p_filesz.checked_sub(skip).filter(|&left| left > 0)?;
            Some((usize::try_from(load.p_offset.checked_add(skip)?).ok()?, usize::try_from(left).ok()?))
        })
    }

    /// What the memory at `address` holds, by the segment's permissions. Linkers that put constants and code in one
    /// segment make a constant look like code.
    pub fn place(&self, address: u64) -> Option<Place> {
        let load = self.of_type(PT_LOAD).find(|load| address.wrapping_sub(load.p_vaddr) < load.p_memsz)?;
        Some(match load.p_flags {
            flags if flags & PF_W != 0 && address - load.p_vaddr >= load.p_filesz => Place::Zeroed,
            flags if flags & PF_W != 0 => Place::Data,
            flags if flags & PF_X != 0 => Place::Code,
            _ => Place::Constant,
        })
    }

    /// What a thread-local symbol of that value holds: initialised data, or zeroes.
    pub fn thread_local_place(&self, value: u64) -> Option<Place> {
        let tls = self.of_type(PT_TLS).next()?;
        Some(if value < tls.p_filesz { Place::Data } else { Place::Zeroed })
    }
}
