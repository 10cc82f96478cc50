//! What ld.so says on stderr when it warns or gives up, and which code that is.

use std::sync::LazyLock;

use regex::Regex;

use crate::code::Code;

/// A complaint of ld.so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderWord {
    /// Which failure it is.
    pub code: Code,
    /// The file or symbol that it is about.
    pub subject: String,
    /// The line as ld.so printed it.
    pub line: String,
}

/// The messages of glibc's elf/rtld.c, dl-load.c, dl-version.c and dl-lookup.c; the first that fits a line counts.
#[expect(clippy::unwrap_used, reason = "literal patterns")]
static MESSAGES: LazyLock<Vec<(Regex, Code)>> = LazyLock::new(|| {
    [
        (r"object '([^']*)' from (?:LD_PRELOAD|/etc/ld\.so\.preload) cannot be preloaded", Code::PreloadIgnored),
        (r"version `([^']*)' not found \(required by", Code::MissingVersion),
        (r"([^\s:]+): no version information available \(required by", Code::UnversionedShim),
        (r"([^\s:]+): cannot open shared object file", Code::MissingLibrary),
        (r"undefined symbol: ([^\s,]+)", Code::UndefinedSymbol),
        (r"([^\s:]+): (?:invalid ELF header|file too short|cannot read file data|wrong ELF class)", Code::WrongType),
    ]
    .map(|(pattern, code)| (Regex::new(pattern).unwrap(), code))
    .into()
});

/// Every complaint of ld.so among the lines of `text`.
pub fn loader_words(text: &str) -> Vec<LoaderWord> {
    let word = |line: &str| {
        MESSAGES.iter().find_map(|(pattern, code)| {
            let found = pattern.captures(line)?;
            Some(LoaderWord { code: *code, subject: found[1].to_owned(), line: line.trim().to_owned() })
        })
    };
    text.lines().filter_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_the_loader_has_its_code_and_subject() {
        let said = |line: &str| loader_words(line).into_iter().map(|w| (w.code, w.subject)).next();
        let cases = [
            (
                "ERROR: ld.so: object '/x.so' from LD_PRELOAD cannot be preloaded (cannot open shared object file): ignored.",
                Code::PreloadIgnored,
                "/x.so",
            ),
            ("./c: /l/libm.so.6: version `GLIBC_2.99' not found (required by ./c)", Code::MissingVersion, "GLIBC_2.99"),
            (
                "./c: /l/libx.so: no version information available (required by ./c)",
                Code::UnversionedShim,
                "/l/libx.so",
            ),
            (
                "./c: error while loading shared libraries: libq.so.1: cannot open shared object file: No such file",
                Code::MissingLibrary,
                "libq.so.1",
            ),
            (
                "./c: symbol lookup error: /l/libshimhip.so: undefined symbol: _ZTIN1aE",
                Code::UndefinedSymbol,
                "_ZTIN1aE",
            ),
        ];
        for (line, code, subject) in cases {
            assert_eq!(said(line), Some((code, subject.to_owned())), "{line}");
        }
        assert_eq!(said("all is well"), None);
    }
}
