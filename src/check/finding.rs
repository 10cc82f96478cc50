//! What a kind of check found, before the checklist's severity and titles make an outcome of it.

use crate::code::Code;
use crate::diagnosis::Diagnosis;

use super::exhibit::Exhibit;

/// Why there is no yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// What it needs is not here, and that is known: not a fault.
    Skipped {
        /// Why; the code where the catalogue has one.
        reason: String,
        /// The catalogue's name for it.
        code: Option<Code>,
    },
    /// It could not be carried out.
    Undetermined {
        /// Why.
        reason: String,
        /// The catalogue's name for it.
        code: Option<Code>,
        /// What makes it possible.
        fix: Option<String>,
    },
}

/// What one check found.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Names one of several findings of the same check: a rung.
    pub part: Option<&'static str>,
    /// What this part claims, in words.
    pub title: Option<String>,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
    /// What is wrong; none means that the claim holds, unless it is open.
    pub violations: Vec<Diagnosis>,
    /// Why there is neither yes nor no.
    pub open: Option<Open>,
    /// What a picture shows better.
    pub exhibits: Vec<Exhibit>,
}

impl Finding {
    /// Adds a line of evidence.
    pub fn saw(&mut self, line: impl Into<String>) {
        self.evidence.push(line.into());
    }

    /// Adds something that is wrong.
    pub fn violates(&mut self, diagnosis: Diagnosis) {
        self.violations.push(diagnosis);
    }

    /// A finding that says only why there is no answer.
    pub fn undetermined(reason: impl Into<String>) -> Finding {
        let open = Open::Undetermined { reason: reason.into(), code: None, fix: None };
        Finding { open: Some(open), ..Finding::default() }
    }

    /// A finding that says only why the check was not asked.
    pub fn skipped(reason: impl Into<String>) -> Finding {
        Finding { open: Some(Open::Skipped { reason: reason.into(), code: None }), ..Finding::default() }
    }

    /// A finding of one violation and nothing else.
    pub fn violation(diagnosis: Diagnosis) -> Finding {
        Finding { violations: vec![diagnosis], ..Finding::default() }
    }
}

impl From<Finding> for Vec<Finding> {
    fn from(finding: Finding) -> Vec<Finding> {
        vec![finding]
    }
}
