//! What every check may have besides what its kind asks for.

use crate::code::Severity;

use super::attempt::{self, Attempts};
use super::fields::Fields;
use super::matrix;
use super::when::{self, Condition};

/// One check as it stands in the checklist, without what it claims.
pub struct Entry {
    /// Its id, without prefix and combination.
    pub id: Option<String>,
    /// What it claims, in words.
    pub title: Option<String>,
    /// Names of groups that it belongs to.
    pub tags: Vec<String>,
    /// How much a failure weighs.
    pub severity: Option<Severity>,
    /// Checks that must have passed.
    pub needs: Vec<String>,
    /// What mends a failure.
    pub fix: Option<String>,
    /// What must hold on this machine.
    pub when: Vec<Condition>,
    /// How long a try may take, and how many there are.
    pub attempts: Attempts,
}

/// Reads them.
pub(super) fn read(fields: &Fields<'_>) -> Entry {
    let id = fields.required("id", "a name, unique in the checklist", Fields::text);
    if id.as_deref() == Some("") {
        fields.reader().complain(fields.place(), "expected a name for `id`, found an empty text");
    }
    let severities = [("fail", Severity::Fail), ("warn", Severity::Warn), ("info", Severity::Info)];
    matrix::belongs_to(fields);
    Entry {
        id,
        title: fields.text("title"),
        tags: fields.texts("tags").unwrap_or_default(),
        severity: fields.choice("severity", &severities),
        needs: fields.texts("needs").unwrap_or_default(),
        fix: fields.text("fix"),
        when: when::read(fields),
        attempts: attempt::read(fields),
    }
}
