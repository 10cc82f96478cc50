//! `--slurm-prolog`: nobody but the node itself may be the reason for which a node is drained.

use crate::check::{Checklist, NODE, Outcome, Status, of_the_node};
use crate::report::Run;

use super::super::{Exit, Output};

/// Fails where a check of the node does. What is not held against the node is said on stderr.
pub fn exit(checklist: &Checklist, run: &Run<'_>, output: Output) -> Exit {
    let of_node = of_the_node(checklist, run.results);
    if of_node.is_empty() {
        output.remark(format_args!(
            "--slurm-prolog: no check that was run is of the node; the tag `{NODE}` makes it one"
        ));
    }
    let is_of_node = |check: &Outcome| of_node.iter().any(|other| std::ptr::eq(*other, check));
    for check in run.results.steps.iter().flat_map(|step| &step.checks) {
        let why = match check.status {
            Status::Undetermined => "could not be determined",
            status if run.fails(status) && !is_of_node(check) => "is no check of the node",
            _ => continue,
        };
        output.remark(format_args!("--slurm-prolog: not held against the node: {} {why}", check.id));
    }
    if of_node.iter().any(|check| run.fails(check.status)) { Exit::Fails } else { Exit::Holds }
}
