//! A checklist, ready to be run: title, variables, steps, and the checks in them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::code::Severity;

use super::attempt::Attempts;
use super::kinds::Kind;
use super::outcome::Location;
use super::variables::Variables;
use super::when::Condition;

/// A checklist, ready to be run.
#[derive(Debug)]
pub struct Checklist {
    /// What it is about.
    pub title: String,
    /// The values of its variables.
    pub variables: Variables,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// Where it was read from.
    pub source: PathBuf,
}

/// A heading, and the checks below it.
#[derive(Debug)]
pub struct Step {
    /// The heading.
    pub title: String,
    /// Its checks, in order.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its name, unique in the checklist; of a matrix with the values of its combination: `id[a,x]`.
    pub id: String,
    /// The names that mean it together with its siblings of a matrix: `id`.
    pub families: Vec<String>,
    /// What it claims, in words.
    pub title: String,
    /// Names of groups that it belongs to.
    pub tags: Vec<String>,
    /// How much a failure weighs, where the checklist says so.
    pub severity: Option<Severity>,
    /// Checks that must have passed before this one makes sense: ids, or families.
    pub needs: Vec<String>,
    /// What must hold on this machine, or it is skipped; all of them.
    pub when: Vec<Arc<Condition>>,
    /// How long a try may take, and how many there are.
    pub attempts: Attempts,
    /// What mends a failure.
    pub fix: Option<String>,
    /// Where it stands.
    pub location: Location,
    /// The name of its kind, or of the combinator over its nested checks: `any_of`.
    pub claim: &'static str,
    /// What it does.
    pub kind: Arc<dyn Kind>,
}

impl Checklist {
    /// Every check, in order.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.steps.iter().flat_map(|step| &step.checks)
    }
}
