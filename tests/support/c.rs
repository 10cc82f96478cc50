//! C sources of tests/c, compiled with the machine's compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `tests/c/<source>` into `dir/<output>`.
pub fn compile(dir: &Path, source: &str, output: &str, flags: &[&str]) -> PathBuf {
    let path = dir.join(output);
    let result = Command::new("cc")
        .args(["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Werror", "-pthread"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(source))
        .args(flags)
        .arg("-o")
        .arg(&path)
        .output()
        .expect("a C compiler");
    let said = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{source}: {said}");
    path
}
