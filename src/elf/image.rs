//! An ELF file's header, program headers and dynamic section: the way to everything else in it.

use goblin::container::{Container, Ctx};
use goblin::elf::Header;
use goblin::elf::dynamic as tag;
use goblin::elf::header::{self as h, EI_CLASS, EI_DATA, ELFMAG, SIZEOF_IDENT};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, ProgramHeader};
use goblin::elf::section_header::SectionHeader;
use scroll::Pread;

use super::foreign::what_it_is;
use super::notes::{self, Note};
use super::reader::Reader;
use super::statics::{self, StaticSymbols};
use super::{
    ByteOrder, Class, Dynamic, ElfError, HashTable, Kind, Machine, Relocations, Sections, Segments, Strings, Symbols,
    Versions, escape,
};

const DF_SYMBOLIC: u64 = 0x2;
const DF_1_PIE: u64 = 0x0800_0000;
const DT_RELR: u64 = 36;
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;
/// `e_phnum` where the number does not fit: it then stands in the first section's `sh_info`.
const PN_XNUM: u16 = 0xffff;

/// An ELF file over its bytes. Cheap to make: tables are read when they are asked for.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    reader: Reader<'a>,
    header: Header,
    segments: Segments,
    dynamic: Dynamic,
    strings: Strings<'a>,
}

impl<'a> Image<'a> {
    /// Reads header, program headers and dynamic section.
    ///
    /// # Errors
    /// Where the bytes are no ELF file, end too early, or these three contradict the format.
    pub fn parse(bytes: &'a [u8]) -> Result<Image<'a>, ElfError> {
        let (reader, header) = read_header(bytes)?;
        let segments = read_segments(reader, &header)?;
        let dynamic = Dynamic::parse(reader, &segments)?.unwrap_or_default();
        let strings = read_strings(reader, &segments, &dynamic)?;
        Ok(Image { reader, header, segments, dynamic, strings })
    }

    pub(super) fn reader(&self) -> Reader<'a> {
        self.reader
    }

    /// 32 or 64 bits.
    pub fn class(&self) -> Class {
        if self.reader.is_64() { Class::Elf64 } else { Class::Elf32 }
    }

    /// Little or big endian.
    pub fn byte_order(&self) -> ByteOrder {
        if self.reader.ctx.is_little_endian() { ByteOrder::Little } else { ByteOrder::Big }
    }

    /// The processor that it is for.
    pub fn machine(&self) -> Machine {
        Machine::from(self.header.e_machine)
    }

    /// The processor, with the byte order where people name it with it: `ppc64le`.
    pub fn machine_name(&self) -> String {
        match (self.machine(), self.byte_order()) {
            (Machine::Ppc64, ByteOrder::Little) => "ppc64le".to_owned(),
            (Machine::Aarch64, ByteOrder::Big) => "aarch64_be".to_owned(),
            (Machine::Riscv, _) => format!("riscv{}", if self.reader.is_64() { 64 } else { 32 }),
            (machine, _) => machine.to_string(),
        }
    }

    /// Executable, library, object. A position-independent executable says so in `DT_FLAGS_1`; older ones are told from
    /// a library by an interpreter without a SONAME.
    pub fn kind(&self) -> Kind {
        match self.header.e_type {
            h::ET_REL => Kind::Relocatable,
            h::ET_EXEC => Kind::Executable,
            h::ET_CORE => Kind::Core,
            h::ET_DYN if self.flags_1() & DF_1_PIE != 0 => Kind::Pie,
            h::ET_DYN if self.interpreter().is_some() && self.soname().is_none() => Kind::Pie,
            h::ET_DYN => Kind::Shared,
            other => Kind::Other(other),
        }
    }

    /// The header as the file has it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The program headers.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The dynamic section; empty where there is none.
    pub fn dynamic(&self) -> &Dynamic {
        &self.dynamic
    }

    /// Whether there is a dynamic section: a static executable or an object has none.
    pub fn is_dynamic(&self) -> bool {
        self.segments.of_type(PT_DYNAMIC).next().is_some()
    }

    /// The dynamic string table.
    pub fn strings(&self) -> Strings<'a> {
        self.strings
    }

    /// The section table, as a cross-check.
    pub fn sections(&self) -> Sections<'a> {
        Sections::parse(self.reader, &self.header)
    }

    /// `PT_INTERP`: the path of the dynamic linker.
    pub fn interpreter(&self) -> Option<&'a [u8]> {
        let header = self.segments.of_type(PT_INTERP).next()?;
        let start = usize::try_from(header.p_offset).ok()?;
        let bytes = self.reader.bytes.get(start..start.checked_add(usize::try_from(header.p_filesz).ok()?)?)?;
        bytes.split(|&byte| byte == 0).next()
    }

    /// `DT_SONAME`.
    pub fn soname(&self) -> Option<&'a [u8]> {
        self.text(tag::DT_SONAME)
    }

    /// `DT_NEEDED`, in order.
    pub fn needed(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.texts(tag::DT_NEEDED)
    }

    /// `DT_RPATH`, folders separated by colons.
    pub fn rpath(&self) -> Option<&'a [u8]> {
        self.text(tag::DT_RPATH)
    }

    /// `DT_RUNPATH`, folders separated by colons.
    pub fn runpath(&self) -> Option<&'a [u8]> {
        self.text(tag::DT_RUNPATH)
    }

    /// `DT_FILTER`: libraries that answer for this one.
    pub fn filters(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.texts(DT_FILTER)
    }

    /// `DT_AUXILIARY`: libraries that answer for this one where they are there.
    pub fn auxiliaries(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.texts(DT_AUXILIARY)
    }

    /// `DT_FLAGS`.
    pub fn flags(&self) -> u64 {
        self.dynamic.get(tag::DT_FLAGS).unwrap_or(0)
    }

    /// `DT_FLAGS_1`.
    pub fn flags_1(&self) -> u64 {
        self.dynamic.get(tag::DT_FLAGS_1).unwrap_or(0)
    }

    /// Whether it looks in itself first: `DT_SYMBOLIC`, or the flag.
    pub fn is_symbolic(&self) -> bool {
        self.dynamic.get(tag::DT_SYMBOLIC).is_some() || self.flags() & DF_SYMBOLIC != 0
    }

    /// Whether it has packed relative relocations, for which glibc wants the node `GLIBC_ABI_DT_RELR`.
    pub fn has_relr(&self) -> bool {
        self.dynamic.get(DT_RELR).is_some()
    }

    /// The nodes that it defines and needs.
    ///
    /// # Errors
    /// Where the tables leave the file or contradict the format.
    pub fn versions(&self) -> Result<Versions<'a>, ElfError> {
        Versions::parse(self.reader, &self.segments, &self.dynamic, self.strings)
    }

    /// The dynamic symbols.
    ///
    /// # Errors
    /// Where the tables leave the file or contradict the format.
    pub fn symbols(&self) -> Result<Symbols<'a>, ElfError> {
        Symbols::parse(self)
    }

    /// The table by which names are found; GNU's where there are both.
    ///
    /// # Errors
    /// Where it leaves the file.
    pub fn hash_table(&self) -> Result<Option<HashTable<'a>>, ElfError> {
        HashTable::locate(self.reader, &self.segments, &self.dynamic, self.machine())
    }

    /// The relocations that can name symbols.
    pub fn relocations(&self) -> Relocations<'a> {
        Relocations::new(self.reader, &self.segments, &self.dynamic)
    }

    /// The static symbols, by the section table; none where it is stripped.
    pub fn static_symbols(&self) -> StaticSymbols<'a> {
        statics::static_symbols(self.reader.bytes)
    }

    /// All notes.
    pub fn notes(&self) -> impl Iterator<Item = Note<'a>> + '_ {
        notes::notes(self.reader, &self.segments)
    }

    /// The build id's bytes.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        self.notes().find_map(|note| note.build_id())
    }

    /// The oldest kernel that it runs on: operating system (0 for Linux), then three version numbers.
    pub fn abi_tag(&self) -> Option<[u32; 4]> {
        self.notes().find_map(|note| note.abi_tag(self.reader))
    }

    /// The x86-64 levels that it needs, as a bit set: 1 baseline, 2 v2, 4 v3, 8 v4.
    pub fn x86_isa_needed(&self) -> Option<u32> {
        self.notes().find_map(|note| note.x86_isa_needed(self.reader))
    }

    /// The package that it came in, as JSON.
    pub fn package(&self) -> Option<&'a [u8]> {
        self.notes().find_map(|note| note.package())
    }

    fn text(&self, tag: u64) -> Option<&'a [u8]> {
        self.dynamic.get(tag).map(|offset| self.string(offset))
    }

    fn texts(&self, tag: u64) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.dynamic.all(tag).map(|offset| self.string(offset))
    }

    fn string(&self, offset: u64) -> &'a [u8] {
        self.strings.name(usize::try_from(offset).unwrap_or(usize::MAX))
    }
}

fn read_header(bytes: &[u8]) -> Result<(Reader<'_>, Header), ElfError> {
    let start = bytes.get(..ELFMAG.len()).unwrap_or(bytes);
    if start != ELFMAG {
        let what = what_it_is(bytes).map(|what| format!(" ({what})")).unwrap_or_default();
        return Err(ElfError::NotElf { found: format!("\"{}\"{what}", escape(start)) });
    }
    let truncated = |needed: usize| ElfError::Truncated {
        what: "ELF header",
        offset: 0,
        needed: needed as u64,
        end: bytes.len() as u64,
    };
    let ident = bytes.first_chunk::<SIZEOF_IDENT>().ok_or_else(|| truncated(SIZEOF_IDENT))?;
    let container = match Class::from(ident[EI_CLASS]) {
        Class::Elf32 => Container::Little,
        Class::Elf64 => Container::Big,
        Class::Other(found) => return Err(ElfError::malformed("ELF header", EI_CLASS, "class 1 or 2", found)),
    };
    let order = match ByteOrder::from(ident[EI_DATA]) {
        ByteOrder::Little => scroll::LE,
        ByteOrder::Big => scroll::BE,
        ByteOrder::Other(found) => return Err(ElfError::malformed("ELF header", EI_DATA, "byte order 1 or 2", found)),
    };
    let ctx = Ctx::new(container, order);
    let header = bytes.pread_with::<Header>(0, order).map_err(|_| truncated(Header::size(ctx)))?;
    Ok((Reader { bytes, ctx }, header))
}

fn read_segments(reader: Reader<'_>, header: &Header) -> Result<Segments, ElfError> {
    let offset = usize::try_from(header.e_phoff).unwrap_or(usize::MAX);
    let count = match header.e_phnum {
        PN_XNUM => {
            let first = usize::try_from(header.e_shoff).ok().and_then(|at| reader.structure::<SectionHeader>(at));
            first.map_or(usize::from(PN_XNUM), |first| first.sh_info as usize)
        }
        count => usize::from(count),
    };
    let size = ProgramHeader::size(reader.ctx);
    if count > 0 && usize::from(header.e_phentsize) != size {
        let expected = if reader.is_64() { "program headers of 56 bytes" } else { "program headers of 32 bytes" };
        return Err(ElfError::malformed("ELF header", 0, expected, header.e_phentsize));
    }
    Segments::parse(reader, offset, count)
}

/// The dynamic string table. It must start in the file; where it ends outside, the names there are corrupt.
fn read_strings<'a>(reader: Reader<'a>, segments: &Segments, dynamic: &Dynamic) -> Result<Strings<'a>, ElfError> {
    let what = "dynamic string table";
    let Some(address) = dynamic.get(tag::DT_STRTAB) else { return Ok(Strings::default()) };
    let (offset, available) = segments.file_range(address).ok_or(ElfError::Unmapped { what, address })?;
    let size = dynamic.get(tag::DT_STRSZ).map_or(available, |size| usize::try_from(size).unwrap_or(usize::MAX));
    reader.slice(what, offset, size).map(Strings::new)
}
