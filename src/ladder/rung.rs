//! A rung of the ladder, and what was found on it.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::code::Code;
use crate::diagnosis::Diagnosis;

/// One claim of the ladder; each rests on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// The files are there, and are the ones meant.
    Present,
    /// ld.so loads the shim into this client, and every symbol that it needs resolves.
    Loads,
    /// The client's references to the API bind to the shim.
    Binds,
    /// The calls arrive in the shim, for every role that matters.
    Called,
    /// Each call then reaches the intended runtime, once.
    Forwards,
    /// The result is the one that the runtime gives alone.
    Correct,
    /// Exit 0, in time, at teardown too, and in a child that it execs.
    Survives,
}

impl Rung {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Rung::Present => "present",
            Rung::Loads => "loads",
            Rung::Binds => "binds",
            Rung::Called => "called",
            Rung::Forwards => "forwards",
            Rung::Correct => "correct",
            Rung::Survives => "survives",
        }
    }

    /// What it claims, in words.
    pub fn claim(self) -> &'static str {
        match self {
            Rung::Present => "the shim and the runtime are there",
            Rung::Loads => "ld.so loads the shim into the client",
            Rung::Binds => "the client's references to the API bind to the shim",
            Rung::Called => "the calls arrive in the shim",
            Rung::Forwards => "each call reaches the intended runtime, once",
            Rung::Correct => "the result is right, natively and under the shim",
            Rung::Survives => "it ends well, in time, and in a child that it execs",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Rung {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What was found on a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The claim holds.
    Holds,
    /// It does not, or holds with something to be said about it: the diagnosis's severity tells.
    Diagnosed(Diagnosis),
    /// Nobody could tell, for this reason.
    Undetermined(String),
    /// Nobody could tell, for a reason that has a name.
    Unobserved(Code, String),
    /// It was not asked, for a reason that is no fault of the shim's.
    Skipped(Option<Code>, String),
}

impl Answer {
    /// A missing device is a reason to skip, unless one is required.
    pub(super) fn without_device(actual: &str, required: bool) -> Answer {
        if required {
            Answer::Diagnosed(Diagnosis::new(Code::DeviceMissing, "a device", actual))
        } else {
            Answer::Skipped(Some(Code::DeviceMissing), actual.to_owned())
        }
    }
}

/// One rung, climbed.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which.
    pub rung: Rung,
    /// What was found.
    pub answer: Answer,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
}
