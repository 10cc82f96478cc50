//! Text that comes from files, made safe to show.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use serde::{Serialize, Serializer};

/// Bytes from a file, shown so that they cannot steer a terminal: printable text as it is, a backslash doubled,
/// control and direction-changing characters as `\u{1b}`, bytes that are not UTF-8 as `\xff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped<'a>(pub &'a [u8]);

/// Shows bytes from a file: see [`Escaped`].
pub fn escape(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

impl<'a> Escaped<'a> {
    /// The text, borrowed where nothing had to be escaped.
    pub fn to_text(self) -> Cow<'a, str> {
        match self.plain() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.to_string()),
        }
    }

    /// Appends the text.
    pub fn append_to(self, out: &mut Vec<u8>) {
        if is_plain(self.0) {
            out.extend_from_slice(self.0);
        } else {
            out.extend_from_slice(self.to_string().as_bytes());
        }
    }

    fn plain(self) -> Option<&'a str> {
        let text = std::str::from_utf8(self.0).ok()?;
        (is_plain(self.0) || !text.chars().any(needs_escape)).then_some(text)
    }
}

/// Whether all bytes are printable ASCII other than the backslash.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    // Without an early exit the compiler makes this a vector loop: names are long, and nearly always plain.
    bytes.iter().fold(true, |plain, &byte| plain & (byte.wrapping_sub(0x20) < 0x5f) & (byte != b'\\'))
}

fn needs_escape(c: char) -> bool {
    // Besides controls: zero-width and direction-changing characters, with which one name can pass for another.
    c == '\\'
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0)
            && let Ok(text) = std::str::from_utf8(self.0)
        {
            return f.write_str(text);
        }
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if needs_escape(c) => write!(f, "{}", c.escape_default())?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Escaped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.plain() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_is_shown_as_it_is() {
        for text in ["hipMalloc", "_ZN3fooEv", "größe", "with space", ""] {
            assert_eq!(escape(text.as_bytes()).to_string(), text);
            assert!(matches!(escape(text.as_bytes()).to_text(), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn what_could_steer_a_terminal_is_spelled_out() {
        let shown = |bytes: &[u8]| escape(bytes).to_string();
        assert_eq!(shown(b"\x1b[31mred"), "\\u{1b}[31mred");
        assert_eq!(shown(b"a\nb\tc\rd"), "a\\nb\\tc\\rd");
        assert_eq!(shown(b"\xff\xfe"), "\\xff\\xfe");
        assert_eq!(shown("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(shown("\u{9b}31m".as_bytes()), "\\u{9b}31m");
        assert_eq!(shown(b"\\x1b"), "\\\\x1b");
        assert_eq!(shown(b"\x7f"), "\\u{7f}");
    }
}
