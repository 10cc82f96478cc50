//! `{min: …, max: …}`: from where to where a number may go, both included.

use std::fmt::{self, Display};

use crate::check::fields::Fields;
use crate::probe::parse_size;

/// A range; an end that is not there is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    min: Option<u64>,
    max: Option<u64>,
    show: fn(u64) -> String,
}

impl Bounds {
    /// At least this many.
    pub(super) fn at_least(min: u64) -> Bounds {
        Bounds { min: Some(min), max: None, show: |number| number.to_string() }
    }

    /// This many.
    pub(super) fn exactly(number: u64) -> Bounds {
        Bounds { max: Some(number), ..Bounds::at_least(number) }
    }

    /// Reads a range of bytes: `{min: 1MiB, max: 2GiB}`.
    pub(super) fn of_bytes(fields: &Fields<'_>, name: &'static str) -> Option<Bounds> {
        Bounds::read(fields, name, "a size such as 512, 64KiB, 1MiB or 2GB", parse_size, human)
    }

    /// Reads a range of counts: `{min: 1, max: 4}`.
    pub(super) fn of_counts(fields: &Fields<'_>, name: &'static str) -> Option<Bounds> {
        Bounds::read(fields, name, "a whole number", |text| text.parse().ok(), |number| number.to_string())
    }

    fn read(
        fields: &Fields<'_>,
        name: &'static str,
        wanted: &str,
        parse: fn(&str) -> Option<u64>,
        show: fn(u64) -> String,
    ) -> Option<Bounds> {
        let range = fields.mapping(name, "range")?;
        let bounds = Bounds { min: range.parsed("min", wanted, parse), max: range.parsed("max", wanted, parse), show };
        let says_something = range.node("min").is_some() || range.node("max").is_some();
        if !says_something {
            fields.reader().complain(range.place(), format!("`{name}` asks for nothing; expected min, max or both"));
        }
        if matches!((bounds.min, bounds.max), (Some(min), Some(max)) if min > max) {
            fields.reader().complain(range.place(), format!("`min` of `{name}` is greater than its `max`"));
        }
        range.finish();
        says_something.then_some(bounds)
    }

    /// Whether the number is too small.
    pub(super) fn is_above(&self, number: u64) -> bool {
        self.min.is_some_and(|min| number < min)
    }

    /// Whether the number lies between the ends.
    pub(super) fn admit(&self, number: u64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }
}

impl Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = self.show;
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => write!(f, "exactly {}", show(min)),
            (Some(min), Some(max)) => write!(f, "{} to {}", show(min), show(max)),
            (Some(min), None) => write!(f, "at least {}", show(min)),
            (None, Some(max)) => write!(f, "at most {}", show(max)),
            (None, None) => f.write_str("any number"),
        }
    }
}

const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// A number of bytes for people: exact below 1 KiB, else with one decimal.
pub(super) fn human(bytes: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, size)| bytes >= *size);
    match unit {
        Some((unit, size)) if bytes.is_multiple_of(*size) => format!("{} {unit}", bytes / size),
        Some((unit, size)) => format!("{:.1} {unit}", bytes as f64 / *size as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_one_writes_them() {
        assert_eq!(["0 bytes", "1 KiB", "1.5 GiB"].map(str::to_owned), [0, 1024, 3 << 29].map(human));
    }
}
