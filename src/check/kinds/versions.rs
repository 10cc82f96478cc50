//! Versions, and what is required of them: `>=5.15, <7`, `==6.2.*`, `~=2.4`, `!=1.0`.
//!
//! The words are those of PEP 440 everywhere; what is greater is for the packager to say: Python, Debian or RPM.

use std::cmp::Ordering;
use std::fmt::{self, Display};
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

use crate::check::fields::Fields;

/// Whose rules order two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// deb-version(7); also for kernels and drivers.
    Debian,
    /// rpm-version(7).
    Rpm,
    /// <https://peps.python.org/pep-0440/>
    Python,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// At least that, with the same beginning: `~=2.4` is `>=2.4, ==2.*`.
    Compatible,
}

/// What a version must be.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    text: String,
    clauses: Vec<(Comparison, String)>,
    python: Option<VersionSpecifiers>,
}

const OPERATORS: [(&str, Comparison); 7] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("~=", Comparison::Compatible),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Requirement {
    /// Reads a field.
    pub(super) fn field(fields: &Fields<'_>, name: &'static str, scheme: Option<Scheme>) -> Option<Requirement> {
        let wanted = "a range of versions such as `>=5.15, <7`, `==6.2.*` or `~=2.4`";
        let requirement = fields.parsed(name, wanted, Requirement::parse)?;
        if scheme == Some(Scheme::Python) && requirement.python.is_none() {
            let place = fields.node(name).map_or(fields.place(), |node| node.place);
            fields.reader().complain(place, format!("`{requirement}` is no version specifier of Python (PEP 440)"));
            return None;
        }
        Some(requirement)
    }

    /// Reads clauses parted by commas.
    pub(super) fn parse(text: &str) -> Option<Requirement> {
        let clause = |part: &str| {
            let part = part.trim();
            let (operator, comparison) = OPERATORS.iter().find(|(operator, _)| part.starts_with(operator))?;
            let version = part[operator.len()..].trim();
            let starred = version.ends_with(".*");
            let stars = matches!(comparison, Comparison::Equal | Comparison::Unequal);
            let plain = version.trim_end_matches(".*");
            let good = plain.chars().all(|c| c.is_ascii_alphanumeric() || ".+-~:^_".contains(c));
            let compatible = *comparison != Comparison::Compatible || plain.contains('.');
            (good && compatible && !plain.is_empty() && (stars || !starred)).then(|| (*comparison, version.to_owned()))
        };
        let clauses: Vec<_> = text.split(',').map(clause).collect::<Option<_>>()?;
        Some(Requirement { text: text.to_owned(), clauses, python: VersionSpecifiers::from_str(text).ok() })
    }

    /// Whether the version is as required; `None` where the version cannot be read as one of that scheme, or the
    /// requirement cannot.
    pub(super) fn admits(&self, version: &str, scheme: Scheme) -> Option<bool> {
        let order = match scheme {
            Scheme::Python => return Some(self.python.as_ref()?.contains(&Version::from_str(version).ok()?)),
            Scheme::Debian => debian,
            Scheme::Rpm => rpm,
        };
        Some(self.clauses.iter().all(|(comparison, wanted)| holds(*comparison, version, wanted, order)))
    }
}

impl Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn holds(comparison: Comparison, version: &str, wanted: &str, order: fn(&str, &str) -> Ordering) -> bool {
    let begins = |wanted: &str| {
        let rest = version.strip_prefix(wanted);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    let ordered = order(version, wanted);
    match comparison {
        Comparison::Equal => wanted.strip_suffix(".*").map_or(ordered.is_eq(), begins),
        Comparison::Unequal => wanted.strip_suffix(".*").map_or(ordered.is_ne(), |wanted| !begins(wanted)),
        Comparison::Less => ordered.is_lt(),
        Comparison::LessOrEqual => ordered.is_le(),
        Comparison::Greater => ordered.is_gt(),
        Comparison::GreaterOrEqual => ordered.is_ge(),
        Comparison::Compatible => ordered.is_ge() && wanted.rsplit_once('.').is_some_and(|(begin, _)| begins(begin)),
    }
}

/// How Debian orders `[epoch:]upstream[-revision]` (deb-version(7)).
pub(super) fn debian(a: &str, b: &str) -> Ordering {
    let parts = |version: &str| {
        let (epoch, rest) = split_epoch(version);
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        (epoch, upstream.to_owned(), revision.to_owned())
    };
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then_with(|| debian_part(&a.1, &b.1)).then_with(|| debian_part(&a.2, &b.2))
}

fn split_epoch(version: &str) -> (u64, &str) {
    let split = version.split_once(':').and_then(|(epoch, rest)| Some((epoch.parse().ok()?, rest)));
    split.unwrap_or((0, version))
}

/// Words and numbers in turn: words with `~` before their end and letters before the rest, numbers by value.
fn debian_part(mut a: &str, mut b: &str) -> Ordering {
    let weight = |letter: Option<u8>| match letter {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    };
    while !a.is_empty() || !b.is_empty() {
        let (word_a, rest_a) = split_while(a, |c| !c.is_ascii_digit());
        let (word_b, rest_b) = split_while(b, |c| !c.is_ascii_digit());
        for at in 0..word_a.len().max(word_b.len()) {
            let (x, y) = (word_a.as_bytes().get(at).copied(), word_b.as_bytes().get(at).copied());
            let ordered = weight(x).cmp(&weight(y));
            if ordered.is_ne() {
                return ordered;
            }
        }
        let (number_a, rest_a) = split_while(rest_a, |c| c.is_ascii_digit());
        let (number_b, rest_b) = split_while(rest_b, |c| c.is_ascii_digit());
        let ordered = numbers(number_a, number_b);
        if ordered.is_ne() {
            return ordered;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// How RPM orders `[epoch:]version[-release]` (rpm-version(7)); a release is compared only where both have one.
pub(super) fn rpm(a: &str, b: &str) -> Ordering {
    let ((epoch_a, a), (epoch_b, b)) = (split_epoch(a), split_epoch(b));
    let parts = |version: &str| match version.split_once('-') {
        Some((version, release)) => (version.to_owned(), Some(release.to_owned())),
        None => (version.to_owned(), None),
    };
    let (a, b) = (parts(a), parts(b));
    epoch_a.cmp(&epoch_b).then_with(|| rpm_part(&a.0, &b.0)).then_with(|| match (&a.1, &b.1) {
        (Some(a), Some(b)) => rpm_part(a, b),
        _ => Ordering::Equal,
    })
}

/// Segments of letters or of digits, whatever stands between them; `~` before the end, `^` after it.
fn rpm_part(mut a: &str, mut b: &str) -> Ordering {
    let separator = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
    loop {
        (a, b) = (a.trim_start_matches(separator), b.trim_start_matches(separator));
        for (mark, before) in [('~', Ordering::Less), ('^', Ordering::Greater)] {
            let (in_a, in_b) = (a.starts_with(mark), b.starts_with(mark));
            if in_a && in_b {
                return rpm_part(&a[1..], &b[1..]);
            }
            // `1.0^post` is after `1.0`, yet before `1.0.1`.
            let ended = if in_a { b.is_empty() } else { a.is_empty() };
            let ordered = if mark == '^' && !ended { before.reverse() } else { before };
            if in_a || in_b {
                return if in_a { ordered } else { ordered.reverse() };
            }
        }
        let digits = a.starts_with(|c: char| c.is_ascii_digit());
        let same = |c: char| c.is_ascii_alphanumeric() && c.is_ascii_digit() == digits;
        let ((segment_a, rest_a), (segment_b, rest_b)) = (split_while(a, same), split_while(b, same));
        match (segment_a.is_empty(), segment_b.is_empty()) {
            (true, true) if b.is_empty() => return Ordering::Equal,
            // One has ended, or the kinds differ: a number is newer than a word, and what is longer is newer.
            (true, _) => return Ordering::Less,
            (false, true) if b.is_empty() || digits => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let ordered = if digits { numbers(segment_a, segment_b) } else { segment_a.cmp(segment_b) };
        if ordered.is_ne() {
            return ordered;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn split_while(text: &str, part: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !part(c)).unwrap_or(text.len()))
}

/// Compares strings of digits by value, however long.
fn numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
#[path = "../../../tests/support/mod.rs"]
mod support;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::support::require;
    use super::*;

    fn admits(requirement: &str, version: &str, scheme: Scheme) -> bool {
        let read = Requirement::parse(requirement).unwrap_or_else(|| panic!("{requirement}"));
        read.admits(version, scheme).unwrap_or_else(|| panic!("{version}"))
    }

    #[test]
    fn every_comparison_means_what_pep_440_says() {
        let cases = [
            (">=5.15, <7", "6.18.44-fc-v595", true),
            (">=5.15,<7", "7.0", false),
            ("==6.2.*", "6.2.4", true),
            ("==6.2.*", "6.20.1", false),
            ("!=6.2.*", "6.2", false),
            ("~=2.4", "2.9.1", true),
            ("~=2.4", "3.0", false),
            ("~=2.4.1", "2.5", false),
            ("!=1.0", "1.1", true),
            (">1, <=2", "2", true),
            ("==5.2.3", "5.2.3", true),
        ];
        for (requirement, version, wanted) in cases {
            assert_eq!(admits(requirement, version, Scheme::Debian), wanted, "{version} {requirement}");
            let python = version.split('-').next().expect("a version");
            assert_eq!(admits(requirement, python, Scheme::Python), wanted, "{python} {requirement} (Python)");
        }
        assert!(!admits(">=2.1", "2.1.0rc1", Scheme::Python));
        assert!(admits(">=2.1", "2.1.0+rocm6.2", Scheme::Python));
    }

    #[test]
    fn what_is_no_requirement_is_none() {
        for text in ["", "5.15", ">=", ">=5,,<6", "=5", ">=5.*", "~=2", ">=a b", "latest"] {
            assert!(Requirement::parse(text).is_none(), "{text}");
        }
        assert!(Requirement::parse(">=1").expect("read").admits("not a version", Scheme::Python).is_none());
    }

    const VERSIONS: [&str; 26] = [
        "1.0",
        "1.0-1",
        "1.0-2",
        "1.0~rc1-1",
        "1.0~~",
        "1.0+dfsg-1",
        "1:0.9",
        "1.0a",
        "1.0b",
        "1.0.1",
        "1.00",
        "01.0",
        "1.10",
        "1.9",
        "5.2.3-8",
        "5.2.3+dfsg-1",
        "5.2.3",
        "6.2.4.60204-139~22.04",
        "1.0-",
        "2",
        "1.0.a",
        "1.0-1.1",
        "6.1.0-37-amd64",
        "1.0^git1",
        "1.0^",
        "1.0~rc1",
    ];

    #[test]
    fn debians_order_is_that_of_dpkg() {
        if !require(Command::new("dpkg").arg("--version").output().is_ok(), "dpkg") {
            return;
        }
        // `^` is none of Debian's characters.
        let versions = || VERSIONS.iter().filter(|version| !version.contains('^') && !version.ends_with('-'));
        for a in versions() {
            for b in versions() {
                let says = |relation| {
                    let status = Command::new("dpkg").args(["--compare-versions", a, relation, b]).status();
                    status.expect("dpkg").success()
                };
                let wanted = if says("lt") {
                    Ordering::Less
                } else if says("eq") {
                    Ordering::Equal
                } else {
                    Ordering::Greater
                };
                assert_eq!(debian(a, b), wanted, "{a} {b}");
            }
        }
    }

    #[test]
    fn rpms_order_is_that_of_rpm() {
        let script = |pairs: &[(&str, &str)]| {
            let calls = pairs.iter().map(|(a, b)| format!("print(rpm.vercmp('{a}', '{b}') .. ' ')"));
            format!("%{{lua: {} }}", calls.collect::<String>())
        };
        // rpm.vercmp compares one part each, as `rpm_part` does.
        let versions = || VERSIONS.iter().filter(|version| !version.contains([':', '-']));
        let pairs: Vec<(&str, &str)> = versions().flat_map(|a| versions().map(move |b| (*a, *b))).collect();
        let output = Command::new("rpm").args(["--eval", &script(&pairs)]).output();
        if !require(output.is_ok(), "rpm") {
            return;
        }
        let output = output.expect("it ran");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wanted: Vec<i8> = said.split_whitespace().map(|word| word.parse().expect("a sign")).collect();
        assert_eq!(wanted.len(), pairs.len(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        for ((a, b), wanted) in pairs.into_iter().zip(wanted) {
            assert_eq!(rpm_part(a, b) as i8, wanted, "{a} {b}");
        }
        assert_eq!(rpm("1:1.0", "2.0"), Ordering::Greater);
        assert_eq!(rpm("1.0-3", "1.0"), Ordering::Equal);
        assert_eq!(rpm("1.0-3", "1.0-10"), Ordering::Less);
    }
}
