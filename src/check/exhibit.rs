//! What a check saw that a picture shows better than a line: for reports that can draw.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::interpose::Role;
use crate::ladder::Rung;

/// One thing to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exhibit {
    /// The outcome is what was found on this rung of the evidence ladder.
    Rung(Rung),
    /// A row of the coverage matrix for each client.
    Coverage(Vec<CoverageRow>),
    /// Edges of the binding graph.
    Bindings(Vec<BindingEdge>),
}

/// What one client needs of an API, and how much of that the shim gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageRow {
    /// The client.
    pub client: PathBuf,
    /// For each role that it needs: how many functions, and how many of them reach the shim.
    pub roles: BTreeMap<Role, (usize, usize)>,
}

/// What goes from one object to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingEdge {
    /// Who refers or calls.
    pub from: PathBuf,
    /// Who provides; `None` where nothing does.
    pub to: Option<PathBuf>,
    /// How much goes there.
    pub count: u64,
    /// What is counted.
    pub unit: Unit,
    /// Whether it is where it should go.
    pub intended: bool,
}

/// What an edge counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// References, as the loader would bind them.
    References,
    /// Calls, as they were counted.
    Calls,
}

impl Unit {
    /// The word for so many.
    pub fn word(self, count: u64) -> &'static str {
        match (self, count) {
            (Unit::References, 1) => "reference",
            (Unit::References, _) => "references",
            (Unit::Calls, 1) => "call",
            (Unit::Calls, _) => "calls",
        }
    }
}
