//! What came of a checklist: steps, checks, and one verdict.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use crate::code::{Code, Severity};

use super::exhibit::Exhibit;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not hold, and that is only suspicious.
    Warn,
    /// It does not hold.
    Fail,
    /// It was not asked: what it needs is not here, and that is known.
    Skip,
    /// It could not be carried out, so that it neither passed nor failed.
    Undetermined,
}

impl Status {
    /// The word for it, the same in every report.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Skip => "skip",
            Status::Undetermined => "undetermined",
        }
    }
}

impl From<Severity> for Status {
    /// Of a claim that does not hold, by how much that weighs.
    fn from(severity: Severity) -> Status {
        match severity {
            Severity::Fail => Status::Fail,
            Severity::Warn => Status::Warn,
            Severity::Info => Status::Pass,
        }
    }
}

/// Where a check stands in its checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The checklist.
    #[serde(serialize_with = "shown")]
    pub file: PathBuf,
    /// Line in it, from 1.
    pub line: usize,
}

/// A path need not be UTF-8; JSON must.
fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// What came of one check.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Its name in the checklist; what `--only` takes.
    pub id: String,
    /// What it claims, in words.
    pub title: String,
    /// How it ended.
    pub status: Status,
    /// How much a failure of it weighs.
    pub severity: Severity,
    /// The stable name of what is wrong.
    pub code: Option<Code>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found.
    pub actual: Option<String>,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
    /// What mends it.
    pub fix: Option<String>,
    /// Where it stands in the checklist.
    pub location: Option<Location>,
    /// How long it took.
    pub seconds: f64,
    /// Why it was skipped, or could not be determined.
    pub reason: Option<String>,
    /// What a picture shows better, for reports that can draw.
    #[serde(skip)]
    pub exhibits: Vec<Exhibit>,
}

impl Outcome {
    /// One that passes, with nothing seen yet.
    pub fn passing(id: impl Into<String>, title: impl Into<String>) -> Outcome {
        Outcome {
            id: id.into(),
            title: title.into(),
            status: Status::Pass,
            severity: Severity::Fail,
            code: None,
            expected: None,
            actual: None,
            evidence: Vec::new(),
            fix: None,
            location: None,
            seconds: 0.0,
            reason: None,
            exhibits: Vec::new(),
        }
    }

    /// Makes it a failure, mended as the code's page says.
    pub fn fail(&mut self, code: Code, expected: String, actual: String) {
        self.status = Status::Fail;
        self.code = Some(code);
        self.expected = Some(expected);
        self.actual = Some(actual);
        self.fix = code.page().map(|page| page.mend.clone());
    }

    /// Leaves it open, for this reason.
    pub fn leave_open(&mut self, reason: String) {
        self.status = Status::Undetermined;
        self.reason = Some(reason);
    }
}

/// What came of one step.
#[derive(Clone, Debug, Serialize)]
pub struct StepOutcome {
    /// The step's heading.
    pub title: String,
    /// Its checks, in order.
    pub checks: Vec<Outcome>,
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Checks that hold.
    pub passed: usize,
    /// Checks that are suspicious.
    pub warned: usize,
    /// Checks that fail.
    pub failed: usize,
    /// Checks that were not asked.
    pub skipped: usize,
    /// Checks that could not be carried out.
    pub undetermined: usize,
    /// Wall time of the whole run.
    pub seconds: f64,
}

impl Summary {
    /// Counts the outcomes of all steps.
    pub fn of(steps: &[StepOutcome], seconds: f64) -> Summary {
        let mut summary = Summary { seconds, ..Summary::default() };
        for check in steps.iter().flat_map(|step| &step.checks) {
            *match check.status {
                Status::Pass => &mut summary.passed,
                Status::Warn => &mut summary.warned,
                Status::Fail => &mut summary.failed,
                Status::Skip => &mut summary.skipped,
                Status::Undetermined => &mut summary.undetermined,
            } += 1;
        }
        summary
    }

    /// The number of checks.
    pub fn total(&self) -> usize {
        self.passed + self.warned + self.failed + self.skipped + self.undetermined
    }
}
