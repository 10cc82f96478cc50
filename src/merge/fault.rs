//! Where a JSON text is wrong, as an editor counts.

use std::fmt;

use serde_json::error::Category;

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    what: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in it, in characters from 1; behind the last one where more was expected.
    pub column: usize,
}

impl Fault {
    /// What serde_json says of this text. It counts bytes, gives the end of a line as column 0 of the next, and the end of
    /// the text as its last byte.
    pub(super) fn of(text: &[u8], error: &serde_json::Error) -> Fault {
        let said = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let (line, column) = match (error.classify(), error.line(), error.column()) {
            (Category::Eof, ..) => end(text),
            (_, line @ 2.., 0) => (line - 1, characters(line_of(text, line - 1)) + 1),
            (_, line, column) => {
                let line_text = line_of(text, line);
                (line.max(1), characters(line_text.get(..column).unwrap_or(line_text)).max(1))
            }
        };
        Fault { what: said.strip_suffix(&place).unwrap_or(&said).to_owned(), line, column }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.what, self.line, self.column)
    }
}

/// The line with that number, from 1, without its end.
fn line_of(text: &[u8], number: usize) -> &[u8] {
    text.split(|&byte| byte == b'\n').nth(number.saturating_sub(1)).unwrap_or_default()
}

/// The place behind the last character.
fn end(text: &[u8]) -> (usize, usize) {
    let lines = memchr::memchr_iter(b'\n', text).count() + 1;
    (lines, characters(line_of(text, lines)) + 1)
}

/// How many characters these bytes show as; a part of one counts as one.
fn characters(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where this text is wrong.
    fn place(text: &str) -> (usize, usize) {
        let error = serde_json::from_str::<serde_json::Value>(text).expect_err("no JSON");
        let fault = Fault::of(text.as_bytes(), &error);
        assert!(fault.to_string().ends_with(&format!(" at line {} column {}", fault.line, fault.column)));
        assert_eq!(fault.to_string().matches(" at line ").count(), 1, "{fault}");
        (fault.line, fault.column)
    }

    #[test]
    fn a_character_that_is_wrong_has_its_own_column() {
        assert_eq!(place("?"), (1, 1));
        assert_eq!(place("{\"a\": x}"), (1, 7));
        assert_eq!(place("{\n  \"a\": x}"), (2, 8));
        assert_eq!(place("{\"größe\": x}"), (1, 11), "in characters, not in bytes");
    }

    #[test]
    fn a_line_that_ends_too_early_is_wrong_at_its_end() {
        assert_eq!(place("{\"a\": \"b\n\"}"), (1, 9));
        assert_eq!(place("{\"a\": tru\n}"), (1, 10));
    }

    #[test]
    fn a_text_that_ends_too_early_is_wrong_behind_its_last_character() {
        assert_eq!(place("{\"a\": "), (1, 7));
        assert_eq!(place("{\"a\": \n"), (2, 1));
        assert_eq!(place("{\"ä"), (1, 4));
        assert_eq!(place(""), (1, 1));
    }
}
