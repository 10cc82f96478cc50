//! Native and shimmed in turn: what drifts meanwhile (heat, caches, other load) meets both alike.

use std::fmt;

use serde::Serialize;

use crate::probe::{Child, Ended, Ending, StartError};

/// Which of the two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Without the shim.
    Native,
    /// With it.
    Shimmed,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Native => "native",
            Role::Shimmed => "shimmed",
        })
    }
}

/// What was read of one native and one shimmed run, one right after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair<T> {
    /// Which came first.
    pub first: Role,
    /// Of the native run.
    pub native: T,
    /// Of the shimmed run.
    pub shimmed: T,
}

/// What came of all pairs.
#[derive(Clone, Debug)]
pub struct Pairs<T> {
    /// The first pair, which only fills caches: never part of a figure.
    pub warm_up: Option<Pair<T>>,
    /// The others, in their order.
    pub measured: Vec<Pair<T>>,
    /// What ended it before all pairs were run.
    pub broken: Option<Broken>,
}

/// A run that gave nothing to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// It did not end with exit status 0.
    Ended {
        /// Which run.
        role: Role,
        /// How it ended.
        ending: Ending,
        /// Its last line on stderr.
        said: Option<String>,
    },
    /// What was to be read of it is not there.
    Unread {
        /// Which run.
        role: Role,
        /// What is missing.
        reason: String,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Interrupted => f.write_str("interrupted"),
            Broken::Ended { role, ending, said } => {
                let said = said.as_ref().map(|said| format!("; last on stderr: {said}")).unwrap_or_default();
                write!(f, "the {role} run: {ending}{said}")
            }
            Broken::Unread { role, reason } => write!(f, "the {role} run: {reason}"),
        }
    }
}

/// Runs a pair to warm up, then so many that count: native first in one pair, shimmed first in the next. `read` takes
/// out of a run that ended well what is to be compared; `tell` hears how many pairs are done.
///
/// # Errors
/// Where a command cannot be started. One that fails later is in [`Pairs::broken`], after the pairs before it.
pub fn run_pairs<T>(
    [native, shimmed]: [&Child; 2],
    count: usize,
    read: impl Fn(&Ended) -> Result<T, String>,
    tell: impl Fn(usize),
) -> Result<Pairs<T>, StartError> {
    let mut pairs = Pairs { warm_up: None, measured: Vec::new(), broken: None };
    let run = |role: Role| -> Result<Result<T, Broken>, StartError> {
        let child = if role == Role::Native { native } else { shimmed };
        Ok(value(role, &child.run()?, &read))
    };
    let pair = |first: Role| -> Result<Result<Pair<T>, Broken>, StartError> {
        let earlier = match run(first)? {
            Ok(value) => value,
            Err(broken) => return Ok(Err(broken)),
        };
        let second = if first == Role::Native { Role::Shimmed } else { Role::Native };
        Ok(run(second)?.map(|later| match first {
            Role::Native => Pair { first, native: earlier, shimmed: later },
            Role::Shimmed => Pair { first, native: later, shimmed: earlier },
        }))
    };
    for number in 0..=count {
        tell(number);
        let first = if number.is_multiple_of(2) { Role::Native } else { Role::Shimmed };
        match pair(first)? {
            Ok(pair) if number == 0 => pairs.warm_up = Some(pair),
            Ok(pair) => pairs.measured.push(pair),
            Err(broken) => {
                pairs.broken = Some(broken);
                break;
            }
        }
    }
    Ok(pairs)
}

fn value<T>(role: Role, ended: &Ended, read: impl Fn(&Ended) -> Result<T, String>) -> Result<T, Broken> {
    match ended.ending {
        Ending::Exited(0) => read(ended).map_err(|reason| Broken::Unread { role, reason }),
        Ending::Interrupted => Err(Broken::Interrupted),
        ending => Err(Broken::Ended { role, ending, said: ended.last_word() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        Child::new("sh").args(["-c", script])
    }

    fn text(ended: &Ended) -> Result<String, String> {
        Ok(ended.stdout.text().trim().to_owned())
    }

    #[test]
    fn the_order_turns_from_pair_to_pair_and_the_first_pair_is_set_aside() {
        let folder = tempfile::tempdir().expect("scratch");
        let log = folder.path().join("log");
        let say = |word: &str| shell(&format!("echo {word}; echo {word} >> {}", log.display()));
        let pairs = run_pairs([&say("n"), &say("s")], 2, text, |_| {}).expect("sh starts");
        assert_eq!(std::fs::read_to_string(&log).expect("written").replace('\n', ""), "nssnns");
        assert_eq!(pairs.warm_up.expect("a pair").first, Role::Native);
        let first: Vec<Role> = pairs.measured.iter().map(|pair| pair.first).collect();
        assert_eq!(first, [Role::Shimmed, Role::Native]);
        assert!(pairs.measured.iter().all(|pair| (pair.native.as_str(), pair.shimmed.as_str()) == ("n", "s")));
        assert_eq!(pairs.broken, None);
    }

    #[test]
    fn a_run_that_fails_ends_it_and_is_named() {
        let pairs = run_pairs([&shell("echo 1"), &shell("echo why >&2; exit 3")], 5, text, |_| {}).expect("sh starts");
        assert!(pairs.measured.is_empty());
        let broken = pairs.broken.expect("it fails").to_string();
        assert_eq!(broken, "the shimmed run: exit status 3; last on stderr: why");
    }
}
