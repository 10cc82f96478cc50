//! What the bundled client says of its own result.

use serde::Deserialize;

use crate::probe::Ended;

/// The line of JSON that the bundled client prints; what else stands in it is for people.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Computed {
    pub result: String,
    pub checksum: String,
    pub device: String,
}

impl Computed {
    /// Whether its own product was right; how its child fared is another rung's question.
    pub(super) fn is_right(&self) -> bool {
        matches!(self.result.as_str(), "correct" | "child-failed")
    }

    pub(super) fn of(ended: &Ended) -> Option<Computed> {
        let text = ended.stdout.text();
        text.lines().rev().find_map(|line| serde_json::from_str(line).ok())
    }
}

/// The device that a run computed on, by the runtime's name for it.
pub(super) fn device_of(ended: &Ended) -> Option<String> {
    Computed::of(ended).map(|computed| computed.device).filter(|name| !name.is_empty())
}
