//! What has become of one thing, and whether it must be built again.

use std::fmt::{self, Display};

use crate::code::Code;
use crate::diagnosis::Diagnosis;

/// What has become of one thing.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// Its name in the lock.
    pub subject: String,
    /// What was seen, a line each.
    pub seen: Vec<String>,
    /// What is not as it was.
    pub diagnoses: Vec<Diagnosis>,
    /// Whether it must be built again; `None` where it is not built.
    pub rebuild: Option<Rebuild>,
    /// Why it could not be looked at.
    pub undetermined: Option<String>,
}

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

/// Names that a sentence shows.
pub(super) const SHOWN: usize = 4;

/// What brings the lock up to date.
pub(super) const LOCK_AGAIN: &str = "if it is as it should be: xdoctor lock";

impl Drift {
    pub(super) fn saw(&mut self, line: impl Into<String>) {
        self.seen.push(line.into());
    }

    pub(super) fn differs(&mut self, code: Code, expected: impl Into<String>, actual: impl Into<String>, fix: &str) {
        self.diagnoses.push(Diagnosis::new(code, expected, actual).mended_by(fix));
    }
}

/// What mends a drift of that code.
pub(super) fn mend(code: Code) -> &'static str {
    match code {
        Code::AbiChanged => {
            "bring the build back that worked, or link again with its version script; if the change is meant, build what \
             uses the library again, check, then: xdoctor lock"
        }
        Code::HashDiffers => "bring back what was there, or, if the change is meant: xdoctor lock",
        _ => LOCK_AGAIN,
    }
}

/// As much of a hash as people compare by eye.
pub(super) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
