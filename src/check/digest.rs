//! The SHA-256 of files, as checks ask for it.

pub use crate::lock::Hashed as Digest;

/// Whether a text could be a SHA-256: 64 hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
