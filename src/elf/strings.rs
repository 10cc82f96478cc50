//! A string table: NUL-terminated names by offset.

/// What stands for a name or version that the file's tables do not hold, as binutils show it.
pub const CORRUPT: &[u8] = b"<corrupt>";

/// A string table (gABI, "String Table").
#[derive(Clone, Copy, Debug, Default)]
pub struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Strings<'a> {
        Strings(bytes)
    }

    /// The name at `offset`, without its NUL; `None` where it starts or ends outside the table.
    pub fn get(self, offset: usize) -> Option<&'a [u8]> {
        let rest = self.0.get(offset..)?;
        rest.get(..memchr::memchr(0, rest)?)
    }

    /// Whether that name, and nothing behind it, stands at `offset`.
    #[inline]
    pub fn is_at(self, offset: usize, name: &[u8]) -> bool {
        let rest = self.0.get(offset..).unwrap_or_default();
        rest.get(name.len()) == Some(&0) && rest.starts_with(name)
    }

    /// Like [`Strings::get`], with [`CORRUPT`] in place of nothing.
    pub fn name(self, offset: usize) -> &'a [u8] {
        self.get(offset).unwrap_or(CORRUPT)
    }

    /// Looks at each cache line that a name of usual length (a mangled one of 200 bytes) may lie in.
    #[inline]
    pub(super) fn touch(self, offset: usize) -> u8 {
        [0, 64, 128, 192].iter().filter_map(|line| self.0.get(offset + line)).fold(0, |sum, byte| sum ^ byte)
    }

    /// The whole table.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Size in bytes.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is no table.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}
