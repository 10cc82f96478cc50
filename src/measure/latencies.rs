//! Reading latencies out of the lines that a program prints.

use std::str::FromStr;

use regex::Regex;

/// What a printed latency is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Unit {
    /// Microseconds
    Us,
    /// Milliseconds
    #[default]
    Ms,
    /// Seconds
    S,
}

impl Unit {
    /// One of it, in seconds.
    pub fn seconds(self) -> f64 {
        match self {
            Unit::Us => 1e-6,
            Unit::Ms => 1e-3,
            Unit::S => 1.0,
        }
    }
}

impl FromStr for Unit {
    type Err = ();

    fn from_str(word: &str) -> Result<Unit, ()> {
        match word {
            "us" | "µs" | "μs" => Ok(Unit::Us),
            "ms" => Ok(Unit::Ms),
            "s" => Ok(Unit::S),
            _ => Err(()),
        }
    }
}

/// Finds the latency in a line.
#[derive(Clone, Debug)]
pub struct Reader {
    pattern: Regex,
    unit: Unit,
}

/// A pattern that yields no latency.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// It is no regular expression.
    #[error(transparent)]
    Pattern(#[from] regex::Error),
    /// It captures something else than a number, or a number and its unit.
    #[error(
        "expected a group around the number, and perhaps one around its unit, as in 'took ([0-9.]+) ?(us|ms|s)'; it has {0}"
    )]
    Groups(usize),
}

impl Reader {
    /// Of a pattern whose first group is the number. A second group is its unit (us, ms, s), else `unit` is.
    ///
    /// # Errors
    /// Where the pattern is none, or has another number of groups.
    pub fn new(pattern: &str, unit: Unit) -> Result<Reader, ReaderError> {
        let pattern = Regex::new(pattern)?;
        match pattern.captures_len() - 1 {
            1 | 2 => Ok(Reader { pattern, unit }),
            groups => Err(ReaderError::Groups(groups)),
        }
    }

    /// The pattern.
    pub fn pattern(&self) -> &Regex {
        &self.pattern
    }

    /// The latency in seconds, where the line holds one.
    pub fn read(&self, line: &str) -> Option<f64> {
        let found = self.pattern.captures(line)?;
        let number: f64 = found.get(1)?.as_str().parse().ok()?;
        let unit = match found.get(2) {
            Some(word) => word.as_str().parse().ok()?,
            None => self.unit,
        };
        (number.is_finite() && number >= 0.0).then(|| number * unit.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_stands_in_the_line_or_is_said_before() {
        let read = |pattern: &str, unit, line| Reader::new(pattern, unit).expect("a pattern").read(line);
        assert_eq!(read("latency_us=([0-9.]+)", Unit::Us, "latency_us=250"), Some(250.0 * 1e-6));
        assert_eq!(read("took ([0-9.]+) ?(us|ms|s)", Unit::Us, "step 3 took 2.5 ms"), Some(2.5 * 1e-3));
        assert_eq!(read("took ([0-9.]+)", Unit::S, "took 2"), Some(2.0));
        for line in ["", "took", "took x", "took 1 fortnight"] {
            assert_eq!(read("took ([0-9.x]+) ?([a-z]+)", Unit::S, line), None, "{line}");
        }
    }

    #[test]
    fn a_pattern_has_one_group_or_two() {
        for wrong in ["x", "(a)(b)(c)", "("] {
            assert!(Reader::new(wrong, Unit::Ms).is_err(), "{wrong}");
        }
    }
}
