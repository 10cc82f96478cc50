//! One JSON report of `xdoctor check`, as far as machines are compared by it.

use serde::Deserialize;
use serde_json::Value;

use crate::check::Status;

use super::fault::Fault;

/// The document that is read: `check --format json` and `--report json=PATH` write it.
pub const SCHEMA: &str = "xdoctor/check/1";

/// What one machine reported of one checklist. Codes stay text: another version of xdoctor may know more of them.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// The document's name: `xdoctor/check/1`.
    pub schema: String,
    /// The machine.
    pub host: String,
    /// When the run began, in RFC 3339, so that the later text is the later time.
    pub started: String,
    /// The checklist.
    pub checklist: String,
    /// What the checklist is about; reports of older versions do not say.
    #[serde(default)]
    pub title: Option<String>,
    /// The run's one sentence.
    pub verdict: String,
    /// The run's exit status.
    pub exit_status: u8,
    /// The outcomes, counted.
    pub summary: Summary,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Deserialize)]
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
}

/// A heading, and the checks below it.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    /// The heading.
    pub title: String,
    /// Its checks, in order.
    pub checks: Vec<Check>,
}

/// What came of one check.
#[derive(Clone, Debug, Deserialize)]
pub struct Check {
    /// Its name in the checklist.
    pub id: String,
    /// What it claims, in words.
    pub title: String,
    /// How it ended.
    pub status: Status,
    /// The stable name of what is wrong.
    pub code: Option<String>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found.
    pub actual: Option<String>,
    /// Why it was skipped, or could not be determined.
    pub reason: Option<String>,
    /// What mends it.
    pub fix: Option<String>,
}

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is nothing in it.
    #[error("empty: expected a report of `xdoctor check --format json`")]
    Empty,
    /// It is no JSON, or ends in the middle of it.
    #[error("no whole JSON document: {0}")]
    Damaged(Fault),
    /// xdoctor ended with exit status 2 on that machine.
    #[error("holds no report but what stopped xdoctor there: {0}")]
    Stopped(String),
    /// Another document of xdoctor.
    #[error("holds `{0}`, expected `{SCHEMA}`: a report of `xdoctor check --format json`")]
    Other(String),
    /// JSON that is none of ours.
    #[error("is JSON without `\"schema\": \"{SCHEMA}\"`, expected a report of `xdoctor check --format json`")]
    Alien,
    /// No run ends so.
    #[error("says exit status {0}; a run of `xdoctor check` ends with 0, 1, 3 or 4")]
    ExitStatus(u8),
    /// It calls itself a report, and is none.
    #[error("says that it is a report and is not as one: {0}")]
    Malformed(Fault),
}

impl Report {
    /// Reads the reports in a text: one document, or several one after another, as many machines write into one file.
    ///
    /// # Errors
    /// Where one of them is no report; the others of that text are not used then.
    pub fn read(text: &[u8]) -> Result<Vec<Report>, Refusal> {
        let documents = serde_json::Deserializer::from_slice(text).into_iter::<Report>();
        let reports = documents.collect::<Result<Vec<_>, _>>().map_err(|error| refusal(text, &error))?;
        if reports.is_empty() {
            return Err(Refusal::Empty);
        }
        for report in &reports {
            if report.schema != SCHEMA {
                return Err(Refusal::Other(report.schema.clone()));
            }
            if !matches!(report.exit_status, 0 | 1 | 3 | 4) {
                return Err(Refusal::ExitStatus(report.exit_status));
            }
        }
        Ok(reports)
    }
}

/// Looks again, to say what it is instead: reading is fast, refusing need not be.
fn refusal(text: &[u8], error: &serde_json::Error) -> Refusal {
    for document in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        let document = match document {
            Ok(document) => document,
            Err(error) => return Refusal::Damaged(Fault::of(text, &error)),
        };
        let member = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        match member("schema").as_deref() {
            Some(SCHEMA) => {}
            Some("xdoctor/error/1") => return Refusal::Stopped(member("message").unwrap_or_default()),
            Some(other) => return Refusal::Other(other.to_owned()),
            None => return Refusal::Alien,
        }
    }
    Refusal::Malformed(Fault::of(text, error))
}
