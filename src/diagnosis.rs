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
