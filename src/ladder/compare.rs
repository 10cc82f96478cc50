//! What of a native and a shimmed run must be equal for the result to be the same.

use std::str::FromStr;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::probe::{Ended, Ending};

/// What is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// How they ended.
    #[default]
    Exit,
    /// All that they print on stdout.
    Stdout,
    /// One value of the last line of stdout that is a JSON document, or of all of it: a JSON Pointer (RFC 6901).
    Json(String),
}

/// A word that names no comparison.
#[derive(Debug, thiserror::Error)]
#[error("expected `exit`, `stdout` or `json:PATH` (such as json:/loss or json:.losses.0), found `{0}`")]
pub struct UnknownCompare(String);

impl FromStr for Compare {
    type Err = UnknownCompare;

    fn from_str(text: &str) -> Result<Compare, UnknownCompare> {
        match text {
            "exit" => Ok(Compare::Exit),
            "stdout" => Ok(Compare::Stdout),
            _ => match text.strip_prefix("json:") {
                Some(path) => Ok(Compare::Json(pointer(path))),
                None => Err(UnknownCompare(text.to_owned())),
            },
        }
    }
}

/// `.a.0` and `a.0` as `/a/0`.
fn pointer(path: &str) -> String {
    if path.is_empty() || path == "." {
        String::new()
    } else if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{}", path.trim_start_matches('.').replace('.', "/"))
    }
}

impl Compare {
    /// What of the run is compared, in words.
    pub(super) fn subject(&self) -> String {
        match self {
            Compare::Exit => "the exit status".to_owned(),
            Compare::Stdout => "stdout".to_owned(),
            Compare::Json(pointer) if pointer.is_empty() => "the JSON document".to_owned(),
            Compare::Json(pointer) => format!("the JSON value at `{pointer}`"),
        }
    }

    /// What one run has there; an error says why it has nothing that can be compared.
    pub(super) fn value(&self, ended: &Ended) -> Result<String, String> {
        match self {
            Compare::Exit => match ended.ending {
                Ending::Exited(_) | Ending::Signalled(_) => Ok(ended.ending.to_string()),
                ending => Err(ending.to_string()),
            },
            Compare::Stdout if ended.stdout.truncated => Err("its stdout was cut off".to_owned()),
            Compare::Stdout => Ok(ended.stdout.text()),
            Compare::Json(pointer) => {
                let document = document(&ended.stdout.text()).map_err(|error| error.to_string())?;
                let value = document.pointer(pointer).ok_or_else(|| format!("its JSON has nothing at `{pointer}`"))?;
                Ok(value.to_string())
            }
        }
    }

    /// Where two values differ, for a message: short ones whole, long ones from their first difference on.
    pub(super) fn difference(native: &str, shimmed: &str) -> (String, String) {
        let at = native.chars().zip(shimmed.chars()).take_while(|(a, b)| a == b).count();
        let from = at.saturating_sub(CONTEXT);
        let cut = |text: &str| {
            let shown: String = text.chars().skip(from).take(SHOWN).collect();
            let more = |is: bool| if is { "…" } else { "" };
            let (before, after) = (more(from > 0), more(text.chars().count() > from + SHOWN));
            format!("{before}{}{after}", crate::elf::escape(shown.as_bytes()))
        };
        (cut(native), cut(shimmed))
    }
}

/// Characters shown of a value, and before its first difference.
const SHOWN: usize = 120;
const CONTEXT: usize = 20;

/// Output without a document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum NoDocument {
    #[error("its stdout holds no JSON document")]
    Missing,
    /// Python's json.dumps writes such words unless it is told otherwise; RFC 8259 (section 6) has no such numbers.
    #[error(
        "the JSON on its stdout holds {0}, which JSON has no word for: print null in its place (Python's json.dumps(..., \
         allow_nan=False) finds where), or compare stdout instead"
    )]
    NoNumber(&'static str),
}

/// All of the text as one document, else its last line that is one, or would be but for a word in a number's place.
fn document(text: &str) -> Result<Value, NoDocument> {
    let lines = text.lines().rev().filter(|line| line.trim_start().starts_with(['{', '[']));
    for text in std::iter::once(text).chain(lines) {
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(value);
        }
        if let Some((word, rest)) = without_words(text)
            && serde_json::from_str::<IgnoredAny>(&rest).is_ok()
        {
            return Err(NoDocument::NoNumber(word));
        }
    }
    Err(NoDocument::Missing)
}

/// Words in a number's place; the longer before what it ends with.
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// The text with null for each of those words, but for those in strings, and the first of them; `None` where there is none.
fn without_words(text: &str) -> Option<(&'static str, String)> {
    let (mut first, mut rest, mut written) = (None, text, String::new());
    let mut in_string = false;
    while let Some(char) = rest.chars().next() {
        let word = WORDS.into_iter().find(|word| !in_string && rest.starts_with(word));
        let taken = match (word, char) {
            (Some(word), _) => word.len(),
            (None, '\\') => char.len_utf8() + rest.chars().nth(1).map_or(0, char::len_utf8),
            (None, _) => char.len_utf8(),
        };
        in_string ^= char == '"';
        let (text, behind) = rest.split_at(taken);
        written.push_str(if word.is_some() { "null" } else { text });
        first = first.or(word);
        rest = behind;
    }
    first.map(|word| (word, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_into_json_may_be_a_pointer_or_dotted() {
        for text in ["json:/a/0", "json:.a.0", "json:a.0"] {
            assert_eq!(text.parse::<Compare>().expect("known"), Compare::Json("/a/0".to_owned()));
        }
        assert!("md5".parse::<Compare>().is_err());
    }

    #[test]
    fn the_document_is_all_of_stdout_or_its_last_line_of_json() {
        assert_eq!(document("noise\n{\"a\": 1}\n{\"a\": 2}\nmore noise\n"), Ok(serde_json::json!({"a": 2})));
        assert_eq!(document("{\n \"a\": 3\n}\n"), Ok(serde_json::json!({"a": 3})));
        assert_eq!(document("nothing"), Err(NoDocument::Missing));
        assert_eq!(document("NaN, said nobody"), Err(NoDocument::Missing));
    }

    #[test]
    fn a_word_in_a_numbers_place_is_named_and_no_earlier_line_stands_for_it() {
        let lines = "{\"loss\": 0.5}\n{\"loss\": NaN}\n";
        assert_eq!(document(lines), Err(NoDocument::NoNumber("NaN")));
        assert_eq!(document("{\n \"a\": [{}, -Infinity,\n {}\n]}"), Err(NoDocument::NoNumber("-Infinity")));
        assert_eq!(document("[Infinity]").expect_err("no number"), NoDocument::NoNumber("Infinity"));
        let text = r#"{"said": "\\\"NaN\"", "a": 1}"#;
        assert_eq!(document(text), Ok(serde_json::json!({"said": "\\\"NaN\"", "a": 1})));
    }

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let (native, shimmed) = Compare::difference(&("x".repeat(500) + "1"), &("x".repeat(500) + "2"));
        assert!(native.starts_with('…') && native.ends_with("x1") && shimmed.ends_with("x2"), "{native}");
    }
}
