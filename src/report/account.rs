//! What a check has to say for itself, as plain text: the formats dress it, none of them words it anew.

use crate::check::{Outcome, Status};

use super::Run;

/// One sentence: why there is no answer, what was expected and found, or what it claims.
pub fn sentence(check: &Outcome) -> String {
    match (&check.reason, &check.expected, &check.actual) {
        (Some(reason), _, _) => reason.clone(),
        (None, Some(expected), Some(actual)) => format!("expected {expected}, found {actual}"),
        _ => check.title.clone(),
    }
}

/// Everything known of a check, named; what mends it and what runs it again only where there is something to mend.
pub fn particulars(run: &Run<'_>, check: &Outcome) -> Vec<(&'static str, String)> {
    let named = |name, text: &Option<String>| text.clone().map(|text| (name, text));
    let mut all = Vec::new();
    all.extend(named("reason", &check.reason));
    all.extend(named("expected", &check.expected));
    all.extend(named("found", &check.actual));
    all.extend(check.evidence.iter().map(|seen| ("evidence", seen.clone())));
    if !matches!(check.status, Status::Pass | Status::Skip) {
        all.extend(named("fix", &check.fix));
        all.push(("rerun", run.again(check)));
    }
    all
}

/// The particulars, a line each, aligned; what runs over several lines goes on below itself.
pub fn lines(particulars: &[(&'static str, String)]) -> String {
    let mut out = String::new();
    for (name, text) in particulars {
        let mut label = format!("{name}:");
        for line in text.lines() {
            out.push_str(format!("{label:<10}{line}").trim_end());
            out.push('\n');
            label.clear();
        }
    }
    out
}
