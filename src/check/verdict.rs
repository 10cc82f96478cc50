//! The verdict on a whole checklist: the one sentence that people read.

use crate::ladder::Interception;

use super::outcome::Summary;

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
    fn without_a_ladder_the_checks_speak() {
        assert_eq!(verdict(&of(3, 0, 0), None), "every check holds");
        assert_eq!(verdict(&of(3, 0, 1), None), "1 of 4 checks could not be determined");
        assert_eq!(verdict(&of(0, 0, 0), None), "nothing was checked");
    }
}
