//! The verdict on a whole checklist: the one sentence that people read.

use crate::ladder::Interception;

use super::outcome::{Status, Summary};
use crate::diagnosis::counted;

/// The sentence for a whole checklist.
pub fn verdict(summary: &Summary, interception: Option<&Interception>) -> String {
    let total = summary.total();
    let others = match (summary.failed, summary.undetermined) {
        (0, 0) => None,
        (0, open) => Some(format!("{open} of {total} checks could not be determined")),
        (failed, 0) => Some(format!("{failed} of {total} checks fail")),
        (failed, open) => Some(format!("{failed} of {total} checks fail, {open} could not be determined")),
    };
    match (interception, others) {
        (Some(seen), Some(others)) if seen.is_proven() => format!("{}, but {others}", seen.sentence()),
        (Some(seen), _) => seen.sentence(),
        (None, Some(others)) => others,
        (None, None) if summary.passed + summary.warned == 0 => "nothing was checked".to_owned(),
        (None, None) if summary.skipped > 0 => {
            format!("every check that was made holds ({} of {total} skipped)", summary.skipped)
        }
        (None, None) if summary.warned > 0 => format!("every check holds, {} with a warning", summary.warned),
        (None, None) => "every check holds".to_owned(),
    }
}

/// The same where warnings or skips count as failures (`--fail-on`), and nothing else fails.
pub fn raised_verdict(verdict: &str, summary: &Summary, raised: &[Status]) -> String {
    let counts = [(Status::Warn, summary.warned, "warning"), (Status::Skip, summary.skipped, "skip")];
    let counts = counts.into_iter().filter(|(status, count, _)| raised.contains(status) && *count > 0);
    let counts: Vec<String> = counts.map(|(_, count, noun)| counted(count as u64, noun)).collect();
    if counts.is_empty() || summary.failed > 0 {
        return verdict.to_owned();
    }
    format!("{verdict}; but --fail-on takes {} for failing", counts.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(passed: usize, failed: usize, undetermined: usize) -> Summary {
        Summary { passed, failed, undetermined, ..Summary::default() }
    }

    #[test]
    fn a_proof_does_not_hide_what_else_fails() {
        let proven = Interception { needed: 12, proven: 12, stopped: None, stand_in: None };
        assert_eq!(verdict(&of(9, 0, 0), Some(&proven)), "interception proven for 12 of 12 roles");
        let but = verdict(&of(9, 1, 0), Some(&proven));
        assert_eq!(but, "interception proven for 12 of 12 roles, but 1 of 10 checks fail");
    }

    #[test]
    fn what_fails_by_the_callers_wish_is_no_part_of_every_check_holds() {
        let summary = Summary { passed: 1, warned: 1, skipped: 2, ..Summary::default() };
        let said = |raised: &[Status]| raised_verdict("x", &summary, raised);
        assert_eq!(said(&[Status::Warn]), "x; but --fail-on takes 1 warning for failing");
        assert_eq!(said(&[Status::Warn, Status::Skip]), "x; but --fail-on takes 1 warning and 2 skips for failing");
        assert_eq!(said(&[]), "x");
        assert_eq!(raised_verdict("x", &Summary { failed: 1, ..summary }, &[Status::Warn]), "x");
    }

    #[test]
    fn without_a_ladder_the_checks_speak() {
        assert_eq!(verdict(&of(3, 0, 0), None), "every check holds");
        assert_eq!(verdict(&of(3, 0, 1), None), "1 of 4 checks could not be determined");
        assert_eq!(verdict(&of(0, 0, 0), None), "nothing was checked");
    }
}
