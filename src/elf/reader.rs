//! Numbers out of a byte slice, in the file's class and byte order.

use goblin::container::{Container, Ctx};
use scroll::Pread;
use scroll::ctx::TryFromCtx;

use super::ElfError;

/// The file's bytes and how to read numbers from them. Offsets are from the start of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub ctx: Ctx,
}

impl<'a> Reader<'a> {
    pub fn is_64(self) -> bool {
        self.ctx.container == Container::Big
    }

    pub fn u16(self, offset: usize) -> Option<u16> {
        self.bytes.pread_with(offset, self.ctx.le).ok()
    }

    pub fn u32(self, offset: usize) -> Option<u32> {
        self.bytes.pread_with(offset, self.ctx.le).ok()
    }

    pub fn u64(self, offset: usize) -> Option<u64> {
        self.bytes.pread_with(offset, self.ctx.le).ok()
    }

    /// One of goblin's unified structures.
    pub fn structure<T>(self, offset: usize) -> Option<T>
    where
        T: TryFromCtx<'a, Ctx, Error = goblin::error::Error>,
    {
        self.bytes.pread_with(offset, self.ctx).ok()
    }

    /// `len` bytes at `offset`, or the error that names them.
    pub fn slice(self, what: &'static str, offset: usize, len: usize) -> Result<&'a [u8], ElfError> {
        offset
            .checked_add(len)
            .and_then(|end| self.bytes.get(offset..end))
            .ok_or_else(|| self.truncated(what, offset, len))
    }

    pub fn truncated(self, what: &'static str, offset: usize, len: usize) -> ElfError {
        ElfError::Truncated { what, offset: offset as u64, needed: len as u64, end: self.bytes.len() as u64 }
    }
}
