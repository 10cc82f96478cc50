//! One thing that is not as it should be: its code, what was expected, what was found, what mends it.

use crate::code::{Code, Severity};

/// A finding that has a name in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Its stable name.
    pub code: Code,
    /// How much it weighs here, where that is not the code's default.
    pub severity: Option<Severity>,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub actual: String,
    /// What mends it, where more is known than the code's page says.
    pub fix: Option<String>,
}

impl Diagnosis {
    /// A diagnosis of the code's own weight, with nothing known of its mend.
    pub fn new(code: Code, expected: impl Into<String>, actual: impl Into<String>) -> Diagnosis {
        Diagnosis { code, severity: None, expected: expected.into(), actual: actual.into(), fix: None }
    }

    /// Adds what mends it.
    #[must_use]
    pub fn mended_by(mut self, fix: impl Into<String>) -> Diagnosis {
        self.fix = Some(fix.into());
        self
    }

    /// Gives it another weight than its code has by default.
    #[must_use]
    pub fn weighing(mut self, severity: Severity) -> Diagnosis {
        self.severity = Some(severity);
        self
    }

    /// How much it weighs where nobody overrules it.
    pub fn severity(&self) -> Severity {
        self.severity.unwrap_or(self.code.default_severity())
    }
}

/// The first `most` of some names, and how many more there are.
pub fn listed(names: &[impl AsRef<str>], most: usize) -> String {
    let shown = names.iter().take(most).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(most);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// So many of them: `1 call`, `9 calls`. For nouns whose plural is made with an s.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::{counted, listed};

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "call")), ["0 calls", "1 call", "2 calls"]);
    }

    #[test]
    fn a_list_says_how_many_it_leaves_out() {
        assert_eq!(listed(&["a", "b"], 2), "a, b");
        assert_eq!(listed(&["a", "b", "c"], 2), "a, b and 1 more");
    }
}
