//! Exit statuses, mapped in this one place.

use std::process::ExitCode;

/// How a command ended. Where several apply, [`Exit::and`] keeps the one that matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked holds; warnings and skips included.
    Holds,
    /// Something fails: a check, an unresolved strong reference, a difference, a shim that does not intercept.
    Fails,
    /// Wrong usage, a bad checklist, or input that cannot be read.
    Unusable,
    /// A check could not be carried out, so that it neither passed nor failed.
    Undetermined,
    /// Nothing was selected.
    NothingSelected,
}

impl Exit {
    /// The process's exit status, always below 126.
    pub fn status(self) -> u8 {
        match self {
            Exit::Holds => 0,
            Exit::Fails => 1,
            Exit::Unusable => 2,
            Exit::Undetermined => 3,
            Exit::NothingSelected => 4,
        }
    }

    /// The one of the two that wins: unusable, then fails, undetermined, nothing selected, holds.
    #[must_use]
    pub fn and(self, other: Exit) -> Exit {
        let rank = |exit| match exit {
            Exit::Unusable => 4,
            Exit::Fails => 3,
            Exit::Undetermined => 2,
            Exit::NothingSelected => 1,
            Exit::Holds => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.status())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit::*;

    #[test]
    fn unusable_beats_fails_beats_undetermined_beats_nothing_selected() {
        let ascending = [Holds, NothingSelected, Undetermined, Fails, Unusable];
        for (i, low) in ascending.iter().enumerate() {
            for high in &ascending[i..] {
                assert_eq!(low.and(*high), *high);
                assert_eq!(high.and(*low), *high);
            }
        }
    }
}
