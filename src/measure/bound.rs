//! What must hold of a lane while the others run: `high:p99<1.2x`.

use std::fmt;
use std::str::FromStr;

use super::{Estimate, Experiment, Quantity, Setting, Standing, Unit};

/// A bound on a figure of a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The lane's name.
    pub lane: String,
    /// The figure.
    pub quantity: Quantity,
    /// Whether it must stay below, or above.
    pub sense: Sense,
    /// The mark.
    pub target: Target,
    /// As it was written.
    text: String,
}

/// On which side of its target a figure must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// `<`
    Below,
    /// `>`
    Above,
}

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Its multiple alone: `1.2x`.
    Alone(f64),
    /// A figure in its own unit: seconds, or requests a second.
    Figure(f64),
}

/// A text that is no bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected LANE:FIGURE<TARGET, as in high:p99<1.2x, high:p99<5ms or low:throughput>20/s ({0})")]
pub struct BoundError(String);

impl FromStr for Bound {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Bound, BoundError> {
        let wrong = |what: &str| BoundError(what.to_owned());
        let (lane, rest) = text.split_once(':').ok_or_else(|| wrong("no colon after the lane"))?;
        let at = rest.find(['<', '>']).ok_or_else(|| wrong("neither < nor >"))?;
        let (name, target) = rest.split_at(at);
        let sense = if target.starts_with('<') { Sense::Below } else { Sense::Above };
        let quantity = Quantity::ALL.into_iter().find(|quantity| quantity.name() == name.trim());
        let quantity = quantity.ok_or_else(|| wrong("the figure is one of p50, p90, p99, throughput"))?;
        let target = Target::of(target[1..].trim(), quantity).ok_or_else(|| match quantity {
            Quantity::Throughput => wrong("the target is a number with x or /s"),
            _ => wrong("the target is a number with x, us, ms or s"),
        })?;
        Ok(Bound { lane: lane.trim().to_owned(), quantity, sense, target, text: text.to_owned() })
    }
}

impl Target {
    fn of(text: &str, quantity: Quantity) -> Option<Target> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(end);
        let number: f64 = number.parse().ok().filter(|number| *number > 0.0)?;
        match (unit.trim(), quantity) {
            ("x", _) => Some(Target::Alone(number)),
            ("/s", Quantity::Throughput) => Some(Target::Figure(number)),
            (_, Quantity::Throughput) => None,
            (unit, _) => Some(Target::Figure(number * unit.parse::<Unit>().ok()?.seconds())),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How a bound came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// What was held against the target: a ratio, or the figure itself.
    pub measured: Estimate,
    /// On which side of it that stands.
    pub standing: Standing,
}

impl Bound {
    /// How it comes out for the lane at that place; `None` where nothing was measured. A bound on the ratio is missed only where
    /// running together makes a difference at all: one that is larger than the spread between repeats.
    pub fn held(&self, experiment: &Experiment, lane: usize) -> Option<Held> {
        let against = |measured: &Estimate, mark: f64| match self.sense {
            Sense::Below => Standing::below(measured, mark),
            Sense::Above => Standing::above(measured, mark),
        };
        match self.target {
            Target::Alone(multiple) => {
                let comparison = experiment.comparison(lane, self.quantity)?;
                let standing = match against(&comparison.ratio, multiple) {
                    Standing::Missed if !comparison.differs() => Standing::Open,
                    standing => standing,
                };
                Some(Held { measured: comparison.ratio, standing })
            }
            Target::Figure(mark) => {
                let figures = experiment.figures(lane, Setting::Together, self.quantity);
                let measured = Estimate::of(&figures.iter().map(|(_, value)| *value).collect::<Vec<f64>>())?;
                Some(Held { measured, standing: against(&measured, mark) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::experiment::tests::with_p99;
    use super::*;

    fn bound(text: &str) -> Bound {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_bound_names_lane_figure_and_target() {
        let it = bound("high:p99<1.2x");
        assert_eq!((it.lane.as_str(), it.quantity, it.sense), ("high", Quantity::P99, Sense::Below));
        assert_eq!(it.target, Target::Alone(1.2));
        assert_eq!(bound("a:p50<5ms").target, Target::Figure(5.0 * 1e-3));
        assert_eq!(bound("a: p90 < 250 us").target, Target::Figure(250.0 * 1e-6));
        assert_eq!(bound("low:throughput>20/s").target, Target::Figure(20.0));
        assert_eq!(bound("low:throughput>0.5x").sense, Sense::Above);
        for wrong in [
            "",
            "p99<1x",
            "a:p99",
            "a:p98<1x",
            "a:p99<",
            "a:p99<1",
            "a:p99<x",
            "a:p99<0x",
            "a:p99<-1x",
            "a:p99<5/s",
            "a:throughput>5ms",
        ] {
            assert!(wrong.parse::<Bound>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bound_is_missed_only_by_more_than_the_spread_between_repeats() {
        let standing = |text: &str, alone: &[f64], together: &[f64]| {
            bound(text).held(&with_p99(alone, together), 0).map(|held| held.standing)
        };
        let (calm, doubled) = (&[1.0, 1.1, 1.2][..], &[2.0, 2.2, 2.4][..]);
        assert_eq!(standing("a:p99<3x", calm, doubled), Some(Standing::Holds));
        assert_eq!(standing("a:p99<1.5x", calm, doubled), Some(Standing::Missed));
        assert_eq!(standing("a:p99<1.2x", &[1.0, 2.0, 3.0], &[1.5, 3.0, 4.5]), Some(Standing::Open), "in the spread");
        assert_eq!(standing("a:p99<2.1s", calm, doubled), Some(Standing::Open));
        assert_eq!(standing("a:p99<1s", calm, doubled), Some(Standing::Missed));
        assert_eq!(standing("a:p99>1s", calm, doubled), Some(Standing::Holds));
        assert_eq!(standing("a:p99<1s", calm, &[]), None);
    }
}
