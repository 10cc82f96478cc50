//! The bundle, unpacked once a test program.

use std::path::PathBuf;
use std::sync::LazyLock;

/// A file of the unpacked bundle.
pub fn file(path: &str) -> PathBuf {
    static UNPACKED: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        xdoctor::bundle::unpack(dir.path()).expect("the bundle");
        xdoctor::bundle::unpack_sample(dir.path()).expect("the sample");
        dir
    });
    UNPACKED.path().join(path)
}
