//! The climb in one sentence.

use crate::code::Code;

use super::rung::Rung;

/// What climbing the ladder showed of interception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interception {
    /// How many roles of the API the client needs.
    pub needed: usize,
    /// For how many of them binding, call and forwarding were all seen.
    pub proven: usize,
    /// Where the climb ended, if not at the top.
    pub stopped: Option<Stop>,
    /// The device that the client computed on, where that is no GPU.
    pub stand_in: Option<String>,
}

/// Why a climb ended below the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A claim does not hold.
    Failed(Rung, Code),
    /// Nobody could tell.
    Undetermined(Rung, String),
    /// It was not asked.
    Skipped(Rung, String),
}

impl Interception {
    /// Whether every claim holds, for every role.
    pub fn is_proven(&self) -> bool {
        self.stopped.is_none() && self.needed > 0 && self.proven == self.needed
    }

    /// The sentence that people read.
    pub fn sentence(&self) -> String {
        let Interception { needed, proven, .. } = self;
        match &self.stopped {
            Some(Stop::Failed(rung, code)) => format!("interception NOT proven: `{rung}` fails ({code})"),
            Some(Stop::Undetermined(rung @ (Rung::Correct | Rung::Survives), reason))
                if *needed > 0 && proven == needed =>
            {
                format!("interception seen for {proven} of {needed} roles; `{rung}` is undetermined ({reason})")
            }
            Some(Stop::Undetermined(rung @ (Rung::Correct | Rung::Survives), reason)) if *proven > 0 => format!(
                "interception NOT proven: seen for {proven} of {needed} roles only; `{rung}` is undetermined ({reason})"
            ),
            Some(Stop::Undetermined(rung, reason)) => {
                format!("interception NOT proven: `{rung}` is undetermined ({reason})")
            }
            Some(Stop::Skipped(rung, reason)) => {
                format!("interception NOT proven: skipped from `{rung}` on ({reason})")
            }
            None if self.is_proven() => {
                let on =
                    self.stand_in.as_ref().map(|device| format!(", on the device \"{device}\"")).unwrap_or_default();
                format!("interception proven for {proven} of {needed} roles{on}")
            }
            None => format!("interception NOT proven: seen for {proven} of {needed} roles only"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_claimed_only_where_every_role_was_seen() {
        let proven = Interception { needed: 12, proven: 12, stopped: None, stand_in: None };
        assert_eq!(proven.sentence(), "interception proven for 12 of 12 roles");
        let wrong = [
            Interception { proven: 11, ..proven.clone() },
            Interception { needed: 0, proven: 0, ..proven.clone() },
            Interception { stopped: Some(Stop::Failed(Rung::Binds, Code::ExportsNothing)), ..proven.clone() },
            Interception { stopped: Some(Stop::Undetermined(Rung::Called, "why".into())), ..proven.clone() },
            Interception { stopped: Some(Stop::Skipped(Rung::Loads, "why".into())), ..proven },
        ];
        for interception in wrong {
            assert!(!interception.is_proven());
            assert!(interception.sentence().starts_with("interception NOT proven"), "{}", interception.sentence());
        }
    }

    #[test]
    fn what_was_seen_is_said_where_only_the_result_or_the_end_is_open() {
        let open = |proven| Interception {
            needed: 8,
            proven,
            stopped: Some(Stop::Undetermined(Rung::Correct, "why".into())),
            stand_in: None,
        };
        let said = [8, 7].map(|proven| open(proven).sentence());
        assert_eq!(said[0], "interception seen for 8 of 8 roles; `correct` is undetermined (why)");
        assert_eq!(said[1], "interception NOT proven: seen for 7 of 8 roles only; `correct` is undetermined (why)");
    }
}
