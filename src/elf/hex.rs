//! Bytes as people write build ids and hashes.

/// Two lower-case hexadecimal digits a byte.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
