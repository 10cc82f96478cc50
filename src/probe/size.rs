//! Numbers of bytes as people write them.

/// Reads a number of bytes: `8GiB`, `512MiB`, `4KiB`, `64KB` (thousands), or plain.
pub fn parse_size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let split = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = split.unwrap_or((text, 1));
    if let Ok(number) = number.trim_end().parse::<u64>() {
        return number.checked_mul(factor);
    }
    let bytes = number.trim_end().parse::<f64>().ok()? * factor as f64;
    (bytes >= 0.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse_size("8GiB"), Some(8 << 30));
        assert_eq!(parse_size("1.5 MiB"), Some(3 << 19));
        assert_eq!(parse_size("64KB"), Some(64_000));
        assert_eq!((parse_size("4096"), parse_size("4096B")), (Some(4096), Some(4096)));
        for other in ["", "GiB", "-1", "NaN", "inf", "1e99", "99999999999TiB", "much"] {
            assert_eq!(parse_size(other), None, "{other}");
        }
    }
}
