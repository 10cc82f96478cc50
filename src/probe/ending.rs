//! How a child ended, and what came of it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::code::Code;

use super::met::Met;
use super::output::Captured;
use super::stacks::ThreadStack;
use super::usage::Usage;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It was ended when its time was up.
    TimeLimit,
    /// It was ended when it had printed more than it may.
    OutputLimit,
    /// It was ended when its processes together held more memory than they may.
    MemoryLimit,
    /// It was ended when it had more processes than it may.
    ProcessLimit,
    /// It was ended because somebody pressed Ctrl-C.
    Interrupted,
    /// It was ended because what was watched for had happened.
    Stopped,
    /// It was ended because it had done all that was asked of it.
    Enough,
}

impl Ending {
    /// Whether it came to its end as it should: by itself with status 0, or having done all that was asked of it.
    pub fn is_well(self) -> bool {
        matches!(self, Ending::Exited(0) | Ending::Enough)
    }

    /// What this end is called where another was expected; `None` where it was not the child that ended it so.
    pub fn code(self) -> Option<Code> {
        match self {
            Ending::Exited(_) => Some(Code::CommandFailed),
            Ending::Signalled(_) => Some(Code::Crash),
            Ending::TimeLimit => Some(Code::TimeLimit),
            Ending::OutputLimit => Some(Code::OutputLimit),
            Ending::MemoryLimit => Some(Code::MemoryLimit),
            Ending::ProcessLimit => Some(Code::ProcessLimit),
            Ending::Interrupted | Ending::Stopped | Ending::Enough => None,
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Ending::Exited(status) => write!(f, "exit status {status}"),
            Ending::Signalled(signal) => {
                let name = signal_hook::low_level::signal_name(signal).unwrap_or("unnamed");
                write!(f, "signal {signal} ({name}; a shell calls it exit status {})", 128 + signal)
            }
            Ending::TimeLimit => f.write_str("ended at its time limit"),
            Ending::OutputLimit => f.write_str("ended at its output limit"),
            Ending::MemoryLimit => f.write_str("ended at its memory limit"),
            Ending::ProcessLimit => f.write_str("ended at its limit of processes"),
            Ending::Interrupted => f.write_str("interrupted"),
            Ending::Stopped => f.write_str("stopped early"),
            Ending::Enough => f.write_str("ended once it had done enough"),
        }
    }
}

/// What came of a child.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The process that it was, which led a session of its own; 0 where it was not started any more.
    pub pid: u32,
    /// How it ended.
    pub ending: Ending,
    /// Wall time.
    pub seconds: f64,
    /// What it printed on stdout.
    pub stdout: Captured,
    /// What it printed on stderr.
    pub stderr: Captured,
    /// Where it and its children stood when its time was up, or it was stopped; empty where it ended in another way.
    pub stacks: Vec<ThreadStack>,
    /// The most that it was seen to use; nothing where it ended sooner than one looks.
    pub most: Usage,
    /// Who was met while it ran; nobody unless that was asked for.
    pub met: Vec<Met>,
}

impl Ended {
    /// Of a child for which no time was left.
    pub(super) fn never_started() -> Ended {
        Ended {
            pid: 0,
            ending: Ending::TimeLimit,
            seconds: 0.0,
            stdout: Captured::default(),
            stderr: Captured::default(),
            stacks: Vec::new(),
            most: Usage::default(),
            met: Vec::new(),
        }
    }

    /// The exit status, where it ended by itself.
    pub fn exit(&self) -> Option<i32> {
        match self.ending {
            Ending::Exited(status) => Some(status),
            _ => None,
        }
    }

    /// The signal that ended it, where one did.
    pub fn signal(&self) -> Option<i32> {
        match self.ending {
            Ending::Signalled(signal) => Some(signal),
            _ => None,
        }
    }

    /// The last line on stderr that says something, for messages.
    pub fn last_word(&self) -> Option<String> {
        self.stderr.last_line()
    }

    /// The reason that a command gives for not running here: its last line on stdout, else how it ended.
    pub fn own_reason(&self) -> String {
        self.stdout.last_line().unwrap_or_else(|| self.ending.to_string())
    }
}

impl From<ExitStatus> for Ending {
    fn from(status: ExitStatus) -> Ending {
        match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Exited(code),
            (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
        }
    }
}
