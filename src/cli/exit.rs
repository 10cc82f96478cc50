//! Exit statuses, mapped in this one place.

use clap::ValueEnum;

use crate::check::Status;

/// `--exit-style`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExitStyle {
    /// 0 holds, 1 fails, 2 unusable, 3 undetermined, 4 nothing selected
    #[default]
    Plain,
    /// 0 ok, 1 warning, 2 critical, 3 unknown
    Nagios,
}

/// How a command ended. Where several apply, [`Exit::and`] keeps the one that matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked holds; skips included.
    Holds,
    /// All that was asked holds, some of it with a warning.
    Warns,
    /// Something fails: a check, an unresolved strong reference, a difference, a shim that does not intercept.
    Fails,
    /// Wrong usage, a bad checklist, or input that cannot be read.
    Unusable,
    /// A check could not be carried out, so that it neither passed nor failed.
    Undetermined,
    /// Nothing was selected.
    NothingSelected,
}

impl From<Status> for Exit {
    fn from(status: Status) -> Exit {
        match status {
            Status::Pass | Status::Skip => Exit::Holds,
            Status::Warn => Exit::Warns,
            Status::Fail => Exit::Fails,
            Status::Undetermined => Exit::Undetermined,
        }
    }
}

impl Exit {
    /// The process's exit status, always below 126.
    pub fn status(self, style: ExitStyle) -> u8 {
        match (style, self) {
            (_, Exit::Holds) | (ExitStyle::Plain, Exit::Warns) => 0,
            (ExitStyle::Plain, Exit::Fails) | (ExitStyle::Nagios, Exit::Warns) => 1,
            (ExitStyle::Plain, Exit::Unusable) | (ExitStyle::Nagios, Exit::Fails) => 2,
            (ExitStyle::Plain, Exit::Undetermined) => 3,
            (ExitStyle::Plain, Exit::NothingSelected) => 4,
            (ExitStyle::Nagios, Exit::Unusable | Exit::Undetermined | Exit::NothingSelected) => 3,
        }
    }

    /// The one of the two that wins: unusable, then fails, undetermined, nothing selected, holds.
    #[must_use]
    pub fn and(self, other: Exit) -> Exit {
        let rank = |exit| match exit {
            Exit::Unusable => 4i8,
            Exit::Fails => 3,
            Exit::Undetermined => 2,
            Exit::NothingSelected => 1,
            Exit::Warns => 0,
            Exit::Holds => -1,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit::*;
    use super::ExitStyle;

    #[test]
    fn unusable_beats_fails_beats_undetermined_beats_nothing_selected() {
        let ascending = [Holds, Warns, NothingSelected, Undetermined, Fails, Unusable];
        for (i, low) in ascending.iter().enumerate() {
            for high in &ascending[i..] {
                assert_eq!(low.and(*high), *high);
                assert_eq!(high.and(*low), *high);
            }
        }
    }

    #[test]
    fn nagios_knows_ok_warning_critical_and_unknown() {
        let all = [Holds, Warns, Fails, Unusable, Undetermined, NothingSelected];
        assert_eq!(all.map(|exit| exit.status(ExitStyle::Nagios)), [0, 1, 2, 3, 3, 3]);
        assert_eq!(all.map(|exit| exit.status(ExitStyle::Plain)), [0, 0, 1, 2, 3, 4]);
    }
}
