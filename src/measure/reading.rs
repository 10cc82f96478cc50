//! The number that is compared: how long a run took, or one that it prints itself.

use std::str::FromStr;

use regex::Regex;

use crate::probe::Ended;

/// What is read of a run.
#[derive(Clone, Debug)]
pub enum Metric {
    /// Wall time of the whole command, in seconds.
    Seconds,
    /// The first group of the last match in what it prints, line by line, on stdout, else on stderr.
    Printed(Regex),
}

/// A pattern that yields no number.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// It is no regular expression.
    #[error(transparent)]
    Pattern(#[from] regex::Error),
    /// It captures nothing, or more than one thing.
    #[error("expected one group around the number, as in 'took ([0-9.]+) ms'; it has {0}")]
    Groups(usize),
}

impl FromStr for Metric {
    type Err = MetricError;

    fn from_str(pattern: &str) -> Result<Metric, MetricError> {
        let regex = Regex::new(&format!("(?m){pattern}"))?;
        match regex.captures_len() - 1 {
            1 => Ok(Metric::Printed(regex)),
            groups => Err(MetricError::Groups(groups)),
        }
    }
}

impl Metric {
    /// The number, which must be above zero to be compared.
    ///
    /// # Errors
    /// Where the run printed none, in words.
    pub fn read(&self, ended: &Ended) -> Result<f64, String> {
        let regex = match self {
            Metric::Seconds => return Ok(ended.seconds),
            Metric::Printed(regex) => regex,
        };
        let last =
            |text: &str| regex.captures_iter(text).last().and_then(|found| Some(found.get(1)?.as_str().to_owned()));
        let found = last(&ended.stdout.text()).or_else(|| last(&ended.stderr.text()));
        let word =
            found.ok_or_else(|| format!("nothing that it printed matches {}", self.pattern().unwrap_or_default()))?;
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
            _ => Err(format!("`{word}` is no number above 0")),
        }
    }

    /// The pattern, where there is one.
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Metric::Seconds => None,
            Metric::Printed(regex) => Some(regex.as_str().trim_start_matches("(?m)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::probe::Child;

    use super::*;

    fn read(pattern: &str, script: &str) -> Result<f64, String> {
        let metric: Metric = pattern.parse().expect("a pattern");
        metric.read(&Child::new("sh").args(["-c", script]).run().expect("sh starts"))
    }

    #[test]
    fn the_last_number_printed_counts_and_stdout_goes_before_stderr() {
        assert_eq!(read("^took ([0-9.]+) ms$", "echo took 1.5 ms; echo took 2.5 ms; echo took 9 ms >&2"), Ok(2.5));
        assert_eq!(read("it/s: (.*)", "echo it/s: 1e3 >&2"), Ok(1000.0));
        for (pattern, script) in [("x=(.)", "echo y=1"), ("x=(.*)", "echo x=many"), ("x=(.*)", "echo x=0; echo x=0")] {
            assert!(read(pattern, script).is_err(), "{pattern} {script}");
        }
    }

    #[test]
    fn a_pattern_has_one_group() {
        for wrong in ["x", "(a)(b)", "("] {
            assert!(wrong.parse::<Metric>().is_err(), "{wrong}");
        }
    }
}
