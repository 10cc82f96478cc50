//! Output to be compared with a page of the documentation.

use regex::Regex;

/// What xdoctor says, without what differs from run to run and from machine to machine.
pub fn settled(text: &str) -> String {
    let changes = [
        (r"\s+", " "),
        (r"0x[0-9a-f]+", "0x…"),
        // Also beside the id of a check that was slow here.
        (r" [0-9]+(\.[0-9]+)? s\b", ""),
        (r"[0-9a-f]{40,}", "…"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z", "…"),
        (r"[0-9]+ bytes", "… bytes"),
    ];
    let change = |text: String, (pattern, with): &(&str, &str)| {
        Regex::new(pattern).expect("valid").replace_all(&text, *with).into_owned()
    };
    changes.iter().fold(text.to_owned(), change)
}
