//! Whether a library must be built again, and why.

use std::fmt::{self, Display};

/// The answer to "do I have to rebuild?", with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// No.
    No(String),
    /// Yes.
    Yes(String),
    /// It cannot be told.
    Unknown(String),
}

impl Display for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rebuild::No(reason) => write!(f, "no rebuild: {reason}"),
            Rebuild::Yes(reason) => write!(f, "rebuild: {reason}"),
            Rebuild::Unknown(reason) => write!(f, "whether to rebuild cannot be told: {reason}"),
        }
    }
}
