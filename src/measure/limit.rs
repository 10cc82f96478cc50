//! A limit, and on which side of it an estimate stands.

use std::fmt;
use std::str::FromStr;

use super::Estimate;

/// How much longer the shimmed run may take than the native one, as a share: 0.1 for 10 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit(pub f64);

/// A text that is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a share such as 10% or 2.5%")]
pub struct LimitError;

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Limit, LimitError> {
        let number = text.trim().strip_suffix('%').ok_or(LimitError)?;
        let percent: f64 = number.trim().parse().map_err(|_| LimitError)?;
        if percent.is_finite() && percent >= 0.0 { Ok(Limit(percent / 100.0)) } else { Err(LimitError) }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 1e4).round() / 100.0)
    }
}

/// On which side of a limit an estimate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its whole interval lies on the good side, the limit itself included.
    Holds,
    /// Its whole interval lies beyond.
    Missed,
    /// The limit lies inside the interval: these measurements cannot tell.
    Open,
}

impl Standing {
    /// Where an estimate stands that is to be at most `most`.
    pub fn below(estimate: &Estimate, most: f64) -> Standing {
        if estimate.high <= most {
            Standing::Holds
        } else if estimate.low > most {
            Standing::Missed
        } else {
            Standing::Open
        }
    }

    /// Where an estimate stands that is to be at least `least`.
    pub fn above(estimate: &Estimate, least: f64) -> Standing {
        let Estimate { median, low, high } = *estimate;
        Standing::below(&Estimate { median: -median, low: -high, high: -low }, -least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_share_in_per_cent() {
        assert_eq!("10%".parse(), Ok(Limit(0.1)));
        assert_eq!("2.5 %".parse(), Ok(Limit(0.025)));
        assert_eq!("1000%".parse::<Limit>().map(|limit| limit.to_string()), Ok("1000%".to_owned()));
        for wrong in ["10", "", "%", "x%", "-1%", "inf%", "NaN%"] {
            assert_eq!(wrong.parse::<Limit>(), Err(LimitError), "{wrong}");
        }
    }

    #[test]
    fn only_a_whole_interval_on_one_side_decides() {
        let estimate = Estimate { median: 1.05, low: 1.02, high: 1.08 };
        assert_eq!(Standing::below(&estimate, 1.10), Standing::Holds);
        assert_eq!(Standing::below(&estimate, 1.08), Standing::Holds);
        assert_eq!(Standing::below(&estimate, 1.06), Standing::Open);
        assert_eq!(Standing::below(&estimate, 1.01), Standing::Missed);
        assert_eq!(Standing::above(&estimate, 1.01), Standing::Holds);
        assert_eq!(Standing::above(&estimate, 1.06), Standing::Open);
        assert_eq!(Standing::above(&estimate, 1.10), Standing::Missed);
    }
}
