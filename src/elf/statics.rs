//! The static symbol table: only there to find a name that is *local* in a neighbour.

use object::read::elf::ElfFile;
use object::{Object, ObjectSymbol};

/// A symbol of `.symtab`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticSymbol<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Not seen outside the file: bound locally, as a version script's `local: *` makes it.
    pub local: bool,
    /// Defined here.
    pub defined: bool,
    /// Address.
    pub value: u64,
    /// Size in bytes.
    pub size: u64,
}

/// The symbols of `.symtab`, in the file's order; none where it is stripped.
pub type StaticSymbols<'a> = Vec<StaticSymbol<'a>>;

/// Reads them through the section table, which alone knows of them.
pub(super) fn static_symbols(bytes: &[u8]) -> StaticSymbols<'_> {
    match object::FileKind::parse(bytes) {
        Ok(object::FileKind::Elf32) => read::<object::elf::FileHeader32<object::Endianness>>(bytes),
        Ok(object::FileKind::Elf64) => read::<object::elf::FileHeader64<object::Endianness>>(bytes),
        _ => Vec::new(),
    }
}

fn read<H: object::read::elf::FileHeader<Endian = object::Endianness>>(bytes: &[u8]) -> StaticSymbols<'_> {
    let Ok(file) = ElfFile::<H>::parse(bytes) else { return Vec::new() };
    file.symbols()
        .filter_map(|symbol| {
            Some(StaticSymbol {
                name: symbol.name_bytes().ok()?,
                local: symbol.is_local(),
                defined: !symbol.is_undefined(),
                value: symbol.address(),
                size: symbol.size(),
            })
        })
        .collect()
}
