//! Lines that the shimmed run printed, as evidence: what a shim says of itself proves that it was loaded, no more.

use regex::Regex;

use crate::probe::Ended;

/// How many lines of both streams fit each pattern.
pub(super) fn counted(ended: &Ended, patterns: &[(String, Regex)]) -> Vec<(String, usize)> {
    let count = |pattern: &Regex| lines(ended).iter().filter(|line| pattern.is_match(line)).count();
    patterns.iter().map(|(name, pattern)| (name.clone(), count(pattern))).collect()
}

/// The first line that fits.
pub(super) fn first(ended: &Ended, pattern: &Regex) -> Option<String> {
    lines(ended).into_iter().find(|line| pattern.is_match(line))
}

/// Every line that was printed, on stderr first.
pub(super) fn lines(ended: &Ended) -> Vec<String> {
    let (stderr, stdout) = (ended.stderr.text(), ended.stdout.text());
    stderr.lines().chain(stdout.lines()).map(ToOwned::to_owned).collect()
}
