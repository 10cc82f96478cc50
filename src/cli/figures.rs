//! Figures as people read them.

/// A time in the unit that leaves one to three digits before the point.
pub fn time(seconds: f64) -> String {
    let size = seconds.abs();
    if size >= 1.0 {
        format!("{seconds:.2} s")
    } else if size >= 1e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}

/// How much a ratio is above or below one, in per cent.
pub fn percent(ratio: f64) -> String {
    format!("{:+.1}%", (ratio - 1.0) * 100.0)
}

/// A number with four significant digits.
pub fn number(value: f64) -> String {
    let digits = value.abs().log10().floor();
    let after = if digits.is_finite() { (3.0 - digits).clamp(0.0, 9.0) as usize } else { 0 };
    format!("{value:.after$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_the_unit_and_digits_that_fit_it() {
        assert_eq!([2.5, 0.2304, 0.00123, 4.2e-6].map(time), ["2.50 s", "230.40 ms", "1.23 ms", "4.2 µs"]);
        assert_eq!([1.008, 0.5, 1.0].map(percent), ["+0.8%", "-50.0%", "+0.0%"]);
        assert_eq!([0.0, 1234.56, 1.0, 0.012_345].map(number), ["0", "1235", "1.000", "0.01235"]);
    }
}
