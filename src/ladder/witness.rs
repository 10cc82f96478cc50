//! Who can say what happened in the runs: the counters of a shim and a runtime that count, or the observer.

use crate::interpose::Role;
use crate::probe::Ended;

use super::call::Call;
use super::rung::{Answer, Rung};

/// What was found on a rung, and what was seen, a line each.
pub(super) type Seen = (Answer, Vec<String>);

/// Answers for the rungs above the ground.
pub(super) trait Witness {
    /// What is to be said of a rung.
    fn answer(&self, rung: Rung) -> Seen;

    /// Every function that was called.
    fn calls(&self) -> Vec<Call>;

    /// The roles that the client needs, in the order of reports.
    fn needed(&self) -> Vec<Role>;

    /// Whether binding, call and forwarding were all seen for the role.
    fn proves(&self, role: Role, calls: &[Call]) -> bool;

    /// The shimmed run.
    fn shimmed(&self) -> &Ended;
}
