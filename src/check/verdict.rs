//! The verdict in words: the one sentence that people read.

use crate::code::Code;

use super::outcome::Summary;

/// What climbing the evidence ladder showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interception {
    /// How many roles of the API the client needs.
    pub needed: usize,
    /// For how many of them binding, call and forwarding were all seen.
    pub proven: usize,
    /// The first rung that fails, with what is wrong.
    pub failed: Option<(&'static str, Code)>,
    /// The first rung that could not be determined, with the reason, where none fails.
    pub open: Option<(&'static str, String)>,
    /// What the proof rests on, where that is no GPU.
    pub basis: Option<String>,
}

impl Interception {
    fn sentence(&self) -> String {
        let Interception { needed, proven, .. } = self;
        match (&self.failed, &self.open) {
            (Some((rung, code)), _) => format!("interception NOT proven: `{rung}` fails ({code})"),
            (None, Some((rung, reason))) => format!("interception NOT proven: `{rung}` is undetermined ({reason})"),
            (None, None) if proven == needed => {
                let basis = self.basis.as_ref().map(|basis| format!(", on {basis}")).unwrap_or_default();
                format!("interception proven for {proven} of {needed} roles{basis}")
            }
            (None, None) => format!("interception NOT proven: seen for {proven} of {needed} roles only"),
        }
    }
}

/// The sentence for a whole checklist.
pub fn verdict(summary: &Summary, interception: Option<&Interception>) -> String {
    let total = summary.total();
    let others = match (summary.failed, summary.undetermined) {
        (0, 0) => None,
        (0, open) => Some(format!("{open} of {total} checks could not be determined")),
        (failed, 0) => Some(format!("{failed} of {total} checks fail")),
        (failed, open) => Some(format!("{failed} of {total} checks fail, {open} could not be determined")),
    };
    match (interception.map(|seen| (seen.sentence(), seen.failed.is_none() && seen.open.is_none())), others) {
        (Some((sentence, true)), Some(others)) => format!("{sentence}, but {others}"),
        (Some((sentence, _)), _) => sentence,
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
    fn a_proof_is_claimed_only_for_roles_that_were_seen() {
        let proven = Interception { needed: 12, proven: 12, ..Interception::default() };
        assert_eq!(verdict(&of(9, 0, 0), Some(&proven)), "interception proven for 12 of 12 roles");
        let partly = Interception { proven: 11, ..proven.clone() };
        assert!(verdict(&of(9, 0, 0), Some(&partly)).starts_with("interception NOT proven"));
        let failed = Interception { failed: Some(("binds", Code::ExportsNothing)), ..proven.clone() };
        assert_eq!(verdict(&of(9, 1, 3), Some(&failed)), "interception NOT proven: `binds` fails (exports-nothing)");
        assert_eq!(
            verdict(&of(9, 1, 0), Some(&proven)),
            "interception proven for 12 of 12 roles, but 1 of 10 checks fail"
        );
    }

    #[test]
    fn without_a_ladder_the_checks_speak() {
        assert_eq!(verdict(&of(3, 0, 0), None), "every check holds");
        assert_eq!(verdict(&of(3, 0, 1), None), "1 of 4 checks could not be determined");
        assert_eq!(verdict(&of(0, 0, 0), None), "nothing was checked");
    }
}
