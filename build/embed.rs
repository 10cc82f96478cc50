//! Writes the Rust list of what the binary carries, for src/bundle.rs to include.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::parts::File;

/// `None` where this platform has no bundle.
pub fn write(out: &Path, files: Option<&[File]>) -> io::Result<()> {
    let (sample, entries): (Vec<&File>, Vec<&File>) =
        files.unwrap_or_default().iter().partition(|file| file.path.starts_with("sample/"));
    let mut text = format!("const SUPPORTED: bool = {};\n", files.is_some());
    write_list(&mut text, "ENTRIES", &entries);
    write_list(&mut text, "SAMPLE", &sample);
    fs::write(out.join("bundle_entries.rs"), text)
}

fn write_list(text: &mut String, name: &str, files: &[&File]) {
    let _ = writeln!(text, "static {name}: &[Entry] = &[");
    for file in files {
        let (path, from, executable) = (&file.path, &file.from, file.executable);
        let _ = writeln!(
            text,
            "    Entry {{ path: {path:?}, bytes: include_bytes!({from:?}), executable: {executable} }},"
        );
    }
    text.push_str("];\n");
}
