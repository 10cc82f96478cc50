//! What of the shimmed run is held against the native one.

use regex::Regex;

use crate::ladder::setup::Setup;
use crate::probe::Ended;

use super::run::Run;

/// The shimmed run, its stdout without the lines that were to be looked for and that the native run prints none of: the shim's.
pub(super) fn without_the_shims_lines(setup: &Setup, native: Option<&Run>, shimmed: &Run) -> Ended {
    let fits = |pattern: &Regex, line: &[u8]| pattern.is_match(String::from_utf8_lossy(line).trim_end_matches('\n'));
    let native = native.map(|run| lines(&run.ended)).unwrap_or_default();
    let patterns = setup.expected_lines.iter().chain(setup.trace_lines.iter().map(|(_, pattern)| pattern));
    let own: Vec<&Regex> = patterns.filter(|pattern| !native.iter().any(|line| fits(pattern, line))).collect();
    let mut compared = shimmed.ended.clone();
    if !own.is_empty() {
        let kept = lines(&shimmed.ended).into_iter().filter(|line| !own.iter().any(|pattern| fits(pattern, line)));
        compared.stdout.bytes = kept.collect::<Vec<_>>().concat();
    }
    compared
}

/// Of stdout, with what ends them.
pub(super) fn lines(ended: &Ended) -> Vec<&[u8]> {
    ended.stdout.bytes.split_inclusive(|&byte| byte == b'\n').collect()
}
