//! Whose fault: the node's, or that of who uses it.

use super::checklist::Checklist;
use super::outcome::Outcome;
use super::run::Results;

/// The tag of checks that look at the node.
pub const NODE: &str = "node";

/// The outcomes of the checks that look at the node: those that have the tag `node`, and those of a kind that looks at
/// nothing else.
pub fn of_the_node<'r>(checklist: &Checklist, results: &'r Results) -> Vec<&'r Outcome> {
    let checks =
        checklist.checks().filter(|check| check.kind.is_of_the_node() || check.tags.iter().any(|tag| tag == NODE));
    let ids = checks.flat_map(|check| {
        let parts = check.kind.parts().iter().map(|part| format!("{}.{part}", check.id));
        std::iter::once(check.id.clone()).chain(parts)
    });
    let ids: std::collections::HashSet<String> = ids.collect();
    let outcomes = results.steps.iter().flat_map(|step| &step.checks);
    outcomes.filter(|outcome| ids.contains(&outcome.id)).collect()
}
