//! What of a native and a shimmed run must be equal for the result to be the same.

use std::str::FromStr;

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
                let document = document(&ended.stdout.text()).ok_or("its stdout holds no JSON document")?;
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

/// All of the text as one document, else its last line that is one.
fn document(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| {
        let objects = text.lines().rev().filter(|line| line.trim_start().starts_with(['{', '[']));
        objects.filter_map(|line| serde_json::from_str(line).ok()).next()
    })
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
        assert_eq!(document("noise\n{\"a\": 1}\n{\"a\": 2}\nmore noise\n"), Some(serde_json::json!({"a": 2})));
        assert_eq!(document("{\n \"a\": 3\n}\n"), Some(serde_json::json!({"a": 3})));
        assert_eq!(document("nothing"), None);
    }

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let (native, shimmed) = Compare::difference(&("x".repeat(500) + "1"), &("x".repeat(500) + "2"));
        assert!(native.starts_with('…') && native.ends_with("x1") && shimmed.ends_with("x2"), "{native}");
    }
}
