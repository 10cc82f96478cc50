//! Notes: build id, ABI tag, what the processor must have, who packaged it.

use goblin::elf::program_header::PT_NOTE;

use super::Segments;
use super::reader::Reader;

const NT_GNU_ABI_TAG: u32 = 1;
const NT_GNU_BUILD_ID: u32 = 3;
const NT_GNU_PROPERTY: u32 = 5;
const NT_FDO_PACKAGING: u32 = 0xcafe_1a7e;
const X86_ISA_1_NEEDED: u32 = 0xc000_8002;

/// A note (gABI, "Note Section").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Who defines what `kind` means, without its NUL.
    pub name: &'a [u8],
    /// The number that says what it is.
    pub kind: u32,
    /// The content.
    pub content: &'a [u8],
}

/// The notes of all `PT_NOTE` segments; one that leaves its segment ends it.
pub(super) fn notes<'a>(reader: Reader<'a>, segments: &Segments) -> impl Iterator<Item = Note<'a>> {
    segments.of_type(PT_NOTE).flat_map(move |segment| {
        let start = usize::try_from(segment.p_offset).unwrap_or(usize::MAX).min(reader.bytes.len());
        let len = usize::try_from(segment.p_filesz).unwrap_or(usize::MAX);
        let bytes = reader.bytes.get(start..start.saturating_add(len).min(reader.bytes.len())).unwrap_or(&[]);
        // 8 is what linkers give GNU properties on 64-bit; everything else is aligned to 4.
        let align = if segment.p_align == 8 { 8 } else { 4 };
        let segment = Reader { bytes, ctx: reader.ctx };
        let mut at = 0;
        std::iter::from_fn(move || next(segment, &mut at, align))
    })
}

fn next<'a>(segment: Reader<'a>, at: &mut usize, align: usize) -> Option<Note<'a>> {
    let (name_size, size) = (segment.u32(*at)? as usize, segment.u32(*at + 4)? as usize);
    let kind = segment.u32(*at + 8)?;
    let name_at = *at + 12;
    let name = segment.bytes.get(name_at..name_at.checked_add(name_size)?)?;
    let content_at = (name_at + name_size).next_multiple_of(align);
    let content_end = content_at.checked_add(size)?;
    let content = segment.bytes.get(content_at..content_end)?;
    *at = content_end.next_multiple_of(align);
    Some(Note { name: name.strip_suffix(b"\0").unwrap_or(name), kind, content })
}

impl<'a> Note<'a> {
    /// The build id's bytes.
    pub(super) fn build_id(&self) -> Option<&'a [u8]> {
        (self.name == b"GNU" && self.kind == NT_GNU_BUILD_ID).then_some(self.content)
    }

    /// The oldest kernel that glibc runs on: operating system (0 for Linux), then three version numbers.
    pub(super) fn abi_tag(&self, reader: Reader<'_>) -> Option<[u32; 4]> {
        let content = Reader { bytes: self.content, ctx: reader.ctx };
        let number = |index: usize| content.u32(index * 4);
        let is_tag = self.name == b"GNU" && self.kind == NT_GNU_ABI_TAG;
        if is_tag { Some([number(0)?, number(1)?, number(2)?, number(3)?]) } else { None }
    }

    /// The x86-64 levels needed, as a bit set: 1 baseline, 2 v2, 4 v3, 8 v4 (x86-64 psABI, "Program Property").
    pub(super) fn x86_isa_needed(&self, reader: Reader<'_>) -> Option<u32> {
        if self.name != b"GNU" || self.kind != NT_GNU_PROPERTY {
            return None;
        }
        let content = Reader { bytes: self.content, ctx: reader.ctx };
        let align = if reader.is_64() { 8 } else { 4 };
        let mut at = 0usize;
        loop {
            let (kind, size) = (content.u32(at)?, content.u32(at + 4)? as usize);
            if kind == X86_ISA_1_NEEDED && size == 4 {
                return content.u32(at + 8);
            }
            at = at.checked_add(8)?.checked_add(size)?.checked_next_multiple_of(align)?;
        }
    }

    /// The JSON that a distribution's package builder left (systemd, "Package Metadata").
    pub(super) fn package(&self) -> Option<&'a [u8]> {
        let is_package = self.name == b"FDO" && self.kind == NT_FDO_PACKAGING;
        is_package.then(|| self.content.split(|&byte| byte == 0).next().unwrap_or_default())
    }
}
