//! The SHA-256 of files.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// A fifo must not keep the reader waiting for a writer.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// What a file's contents come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The SHA-256 in lower-case hexadecimal digits, as `sha256sum` prints it.
    pub sha256: String,
    /// How many bytes were read.
    pub size: u64,
}

/// Reads a whole file.
///
/// # Errors
/// Where it is no regular file, or cannot be read to its end.
pub fn sha256(path: &Path) -> io::Result<Digest> {
    let mut file = File::options().read(true).custom_flags(NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut hash = Hash(Sha256::new());
    let size = io::copy(&mut file, &mut hash)?;
    Ok(Digest { sha256: hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), size })
}

/// Whether a text could be a SHA-256: 64 hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Feeds a hash from anything that can be copied.
struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_has_the_digest_that_sha256sum_prints() {
        let path = std::env::current_exe().expect("this test");
        let output = Command::new("sha256sum").arg(&path).output().expect("coreutils");
        let digest = sha256(&path).expect("readable");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(&digest.sha256));
        assert_eq!(digest.size, path.metadata().expect("there").len());
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        assert!(sha256(Path::new("/dev/zero")).is_err());
        assert!(sha256(Path::new("/")).is_err());
    }
}
