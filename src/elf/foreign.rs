//! What a file is that is no ELF file, as far as its beginning tells: what a person put, or found, in a library's place.

/// How they begin, and what they are.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"version https://git-lfs", "a Git LFS pointer; git lfs pull brings the file that it stands for"),
    (b"/* GNU ld script", LINKER_SCRIPT),
    (b"GROUP", LINKER_SCRIPT),
    (b"INPUT", LINKER_SCRIPT),
    (b"OUTPUT_FORMAT", LINKER_SCRIPT),
    (b"!<arch>\n", "an archive of objects, which ld takes and ld.so does not"),
    (b"!<thin>\n", "an archive of objects, which ld takes and ld.so does not"),
    (b"#!", "a script"),
    (b"<!DOCTYPE", "an HTML page, as a failed download leaves one"),
    (b"<!doctype", "an HTML page, as a failed download leaves one"),
    (b"<html", "an HTML page, as a failed download leaves one"),
    (b"PK\x03\x04", PACKED),
    (b"\x1f\x8b", PACKED),
    (b"\xfd7zXZ", PACKED),
    (b"\x28\xb5\x2f\xfd", PACKED),
    (b"MZ", "a library or program for Windows"),
    (b"\xcf\xfa\xed\xfe", "a library or program for macOS"),
    (b"\xca\xfe\xba\xbe", "a library or program for macOS"),
    (b"BC\xc0\xde", "LLVM bitcode, not linked yet"),
    (b"\0\0\0\0", "zeros, as a copy that was cut off leaves them"),
];

const LINKER_SCRIPT: &str = "a linker script, which ld follows and ld.so does not; it names the library";
const PACKED: &str = "a packed file, to be unpacked first";

/// How much is looked at.
const START: usize = 512;

/// In words; `None` where nobody could tell.
pub(super) fn what_it_is(bytes: &[u8]) -> Option<&'static str> {
    let known = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning));
    known.map(|(_, what)| *what).or_else(|| is_text(bytes.get(..START).unwrap_or(bytes)).then_some("a text file"))
}

/// Whether it is UTF-8, but for a character that was cut at its end, and nothing in it controls anything but lines.
fn is_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && bytes.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_librarys_place_is_told_from_its_beginning() {
        let starts = |bytes: &[u8], words: &str| what_it_is(bytes).is_some_and(|what| what.starts_with(words));
        assert!(starts(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"));
        assert!(starts(b"/* GNU ld script\n*/ GROUP ( libc.so.6 )", "a linker script"));
        assert!(starts(b"INPUT(libamdhip64.so.6)\n", "a linker script"));
        assert!(starts(b"!<arch>\n/   ", "an archive"));
        assert!(starts("libamdhip64.so.6 \u{e4}".as_bytes(), "a text file"));
        assert_eq!(what_it_is(b"\x7fELG\x02\x01\x01"), None);
    }
}
