//! From what a kind found to the line of the report: the checklist's severity, title and fix come in.

use crate::code::Severity;
use crate::diagnosis::Diagnosis;

use super::checklist::Check;
use super::finding::{Finding, Open};
use super::outcome::{Outcome, Status};

/// What the report says of one finding of a check.
pub(super) fn outcome(check: &Check, finding: Finding, seconds: f64) -> Outcome {
    let severity_of = |violation: &Diagnosis| check.severity.unwrap_or(violation.severity());
    let worst = finding.violations.iter().map(severity_of).max();
    let at = finding.violations.iter().position(|violation| Some(severity_of(violation)) == worst);
    let id = finding.part.map_or_else(|| check.id.clone(), |part| format!("{}.{part}", check.id));
    let mut outcome = Outcome {
        id,
        title: finding.title.unwrap_or_else(|| check.title.clone()),
        status: Status::Pass,
        severity: worst.or(check.severity).unwrap_or(Severity::Fail),
        code: None,
        expected: None,
        actual: None,
        evidence: finding.evidence,
        fix: None,
        location: Some(check.location.clone()),
        seconds,
        reason: None,
        exhibits: finding.exhibits,
    };
    // What is about to be said as `found` needs no saying twice.
    let found = at.and_then(|at| finding.violations.get(at)).map(|violation| violation.actual.clone());
    outcome.evidence.retain(|line| Some(line) != found.as_ref());
    for (index, violation) in finding.violations.into_iter().enumerate() {
        if Some(index) == at {
            outcome.code = Some(violation.code);
            outcome.expected = Some(violation.expected);
            outcome.actual = Some(violation.actual);
            let general = || violation.code.page().map(|page| page.mend.clone());
            outcome.fix = check.fix.clone().or(violation.fix).or_else(general);
        } else {
            let Diagnosis { code, expected, actual, .. } = violation;
            outcome.evidence.push(format!("also {code}: expected {expected}, found {actual}"));
        }
    }
    outcome.status = worst.map_or(Status::Pass, Status::from);
    if outcome.status != Status::Fail {
        settle_open(&mut outcome, finding.open);
    }
    abridge(&mut outcome);
    outcome
}

/// A program may print megabytes in one line, which no report has room for: `--log` keeps them.
fn abridge(outcome: &mut Outcome) {
    let Outcome { expected, actual, evidence, reason, .. } = outcome;
    let texts = [expected, actual, reason].into_iter().flatten().chain(evidence);
    for text in texts.filter(|text| text.len() > LONGEST) {
        let kept = (0..=LONGEST).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let left_out = text.len() - kept;
        text.truncate(kept);
        text.push_str(&format!(" … and {left_out} bytes more"));
    }
}

/// The bytes of a text that a report shows.
const LONGEST: usize = 8000;

/// A claim that fails in one part fails; otherwise what is open leaves the whole open.
fn settle_open(outcome: &mut Outcome, open: Option<Open>) {
    match open {
        Some(Open::Skipped { reason, code }) => {
            outcome.status = Status::Skip;
            outcome.reason = Some(reason);
            outcome.code = code;
        }
        Some(Open::Undetermined { reason, code, fix }) => {
            outcome.status = Status::Undetermined;
            outcome.reason = Some(reason);
            outcome.code = code;
            outcome.fix = fix;
        }
        None => {}
    }
}
