//! The lanes as the command line gives them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::str::FromStr;

use anyhow::bail;

use crate::cli::shimmed::name_and_value;

/// `--lane NAME:K=V,…`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LaneArg {
    pub name: String,
    pub env: Vec<(String, String)>,
}

impl FromStr for LaneArg {
    type Err = String;

    fn from_str(text: &str) -> Result<LaneArg, String> {
        let (name, list) = text.split_once(':').unwrap_or((text, ""));
        let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Err("expected NAME:K=V,… where NAME is of letters, digits, `-`, `_` and `.`".to_owned());
        }
        let env = list.split(',').filter(|word| !word.is_empty()).map(name_and_value).collect::<Result<_, String>>()?;
        Ok(LaneArg { name: name.to_owned(), env })
    }
}

/// `NAME:COMMAND`, its words as a shell would part them; no shell runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunArg {
    pub lane: String,
    pub command: Vec<OsString>,
}

impl FromStr for RunArg {
    type Err = String;

    fn from_str(text: &str) -> Result<RunArg, String> {
        let (lane, line) = text.split_once(':').ok_or("expected NAME:COMMAND")?;
        let words = shlex::split(line).ok_or("a quote in the command is never closed")?;
        match words.is_empty() {
            true => Err("expected a command after the lane's name".to_owned()),
            false => Ok(RunArg { lane: lane.to_owned(), command: words.into_iter().map(OsString::from).collect() }),
        }
    }
}

/// `NAME:VALUE`, for one lane, or `VALUE`, for all that have none of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ForLane<T> {
    pub lane: Option<String>,
    pub value: T,
}

impl<T: FromStr<Err: std::fmt::Display>> FromStr for ForLane<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<ForLane<T>, String> {
        let (lane, value) = match text.split_once(':') {
            Some((lane, value)) => (Some(lane.to_owned()), value),
            None => (None, text),
        };
        let value = value.parse().map_err(|error| format!("expected [LANE:]NUMBER: {error}"))?;
        Ok(ForLane { lane, value })
    }
}

/// What is said of that lane, the last word first; else what is said of all.
pub(super) fn of_lane<T: Clone>(given: &[ForLane<T>], lane: &str) -> Option<T> {
    let find = |wanted: Option<&str>| given.iter().rev().find(|one| one.lane.as_deref() == wanted);
    find(Some(lane)).or_else(|| find(None)).map(|one| one.value.clone())
}

/// The lanes, two at least, each with a name of its own; where none is given `high` and `low`.
pub(super) fn lanes(given: &[LaneArg]) -> anyhow::Result<Vec<LaneArg>> {
    if given.is_empty() {
        return Ok(["high", "low"].map(|name| LaneArg { name: name.to_owned(), env: Vec::new() }).into());
    }
    if let [only] = given {
        bail!("expected two lanes at least; --lane {} is the only one", only.name);
    }
    let mut names = BTreeSet::new();
    match given.iter().find(|lane| !names.insert(&lane.name)) {
        Some(twice) => bail!("two lanes are called {}", twice.name),
        None => Ok(given.to_vec()),
    }
}

/// The place of the lane with that name.
pub(super) fn place(lanes: &[LaneArg], name: &str) -> anyhow::Result<usize> {
    match lanes.iter().position(|lane| lane.name == name) {
        Some(place) => Ok(place),
        None => {
            let names: Vec<&str> = lanes.iter().map(|lane| lane.name.as_str()).collect();
            bail!("there is no lane {name}; the lanes are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_a_name_and_variables() {
        let lane: LaneArg = "high:PRIORITY=1,PATHS=/a:/b".parse().expect("a lane");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(lane, LaneArg { name: "high".to_owned(), env: vec![pair("PRIORITY", "1"), pair("PATHS", "/a:/b")] });
        assert_eq!("low".parse::<LaneArg>().map(|lane| lane.env), Ok(Vec::new()));
        assert_eq!("low:".parse::<LaneArg>().map(|lane| lane.env), Ok(Vec::new()));
        for wrong in ["", ":A=1", "a b", "a:B", "a:=1", "a:LD_AUDIT=x"] {
            assert!(wrong.parse::<LaneArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lanes_command_is_parted_as_a_shell_would() {
        let run: RunArg = "high:python3 'my serve.py' --port=8000".parse().expect("a command");
        assert_eq!(
            (run.lane.as_str(), &run.command[..]),
            ("high", &["python3", "my serve.py", "--port=8000"].map(OsString::from)[..])
        );
        for wrong in ["high", "high:", "high: ", "high:'open"] {
            assert!(wrong.parse::<RunArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_said_of_a_lane_goes_before_what_is_said_of_all() {
        let given: Vec<ForLane<u32>> = ["5", "high:7", "6"].map(|text| text.parse().expect("a number")).into();
        assert_eq!((of_lane(&given, "high"), of_lane(&given, "low")), (Some(7), Some(6)));
        assert_eq!(of_lane::<u32>(&[], "low"), None);
        assert!("high:x".parse::<ForLane<u32>>().is_err());
    }

    #[test]
    fn lanes_are_two_at_least_with_names_of_their_own() {
        let lane = |name: &str| name.parse::<LaneArg>().expect("a lane");
        assert_eq!(lanes(&[]).expect("two").len(), 2);
        assert!(lanes(&[lane("a")]).is_err() && lanes(&[lane("a"), lane("a")]).is_err());
        let two = lanes(&[lane("a"), lane("b")]).expect("two");
        assert_eq!(place(&two, "b").expect("it is there"), 1);
        assert!(place(&two, "c").expect_err("none").to_string().contains("the lanes are a, b"));
    }
}
