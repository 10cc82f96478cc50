//! Coverage for gates: each diagnosis as the outcome of a check, so that the reports that gates read serve it, too.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::check::{Location, Outcome, Results, Status, StepOutcome, Summary};
use crate::interpose::{Blame, Coverage, Subject};
use crate::report::{Command, Run};

use super::super::Exit;
use super::super::exit::ExitStyle;
use super::{Args, absolute, fix, is_of_exports};

/// Writes the report that `render` makes of the coverage.
pub fn write(
    args: &Args,
    answer: &Coverage,
    blamed: &[Blame],
    exit: Exit,
    render: impl FnOnce(&Run<'_>) -> io::Result<String>,
) -> io::Result<()> {
    let checks: Vec<Outcome> = answer.diagnoses.iter().map(|subject| outcome(args, subject, blamed)).collect();
    let steps = vec![StepOutcome { title: "Coverage".to_owned(), checks }];
    let summary = Summary::of(&steps, 0.0);
    let results =
        Results { started: SystemTime::now(), steps, summary, interception: None, verdict: answer.sentence() };
    let line: Vec<String> = std::env::args_os().skip(1).map(|word| crate::probe::shell_word(&word)).collect();
    let run = Run {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        folder: std::env::current_dir().unwrap_or_default(),
        title: "coverage",
        checklist: absolute(&args.shim),
        command: Command::Whole(format!("xdoctor {}", line.join(" "))),
        vars: std::collections::BTreeMap::new(),
        results: &results,
        raised: Vec::new(),
        exit_status: exit.status(ExitStyle::Plain),
    };
    let mut out = io::stdout().lock();
    out.write_all(render(&run)?.as_bytes())?;
    out.flush()
}

/// A diagnosis points at the line of the version script that is to blame, else at the shim: that is what gets mended.
fn outcome(args: &Args, subject: &Subject, blamed: &[Blame]) -> Outcome {
    let diagnosis = &subject.diagnosis;
    let blame = args.script.as_ref().zip(blamed.first()).filter(|_| is_of_exports(diagnosis.code));
    let (file, line): (PathBuf, usize) = match blame {
        Some((script, blame)) => (absolute(script), blame.line),
        None => (absolute(&args.shim), 1),
    };
    let others = if subject.others > 0 { format!(" and {} more", subject.others) } else { String::new() };
    Outcome {
        id: diagnosis.code.name().to_owned(),
        title: format!("{}{others}", subject.subject.display()),
        status: Status::from(diagnosis.severity()),
        severity: diagnosis.severity(),
        code: Some(diagnosis.code),
        expected: Some(diagnosis.expected.clone()),
        actual: Some(diagnosis.actual.clone()),
        evidence: blame.map(|(_, blame)| blame.what.clone()).into_iter().collect(),
        fix: fix(subject),
        location: Some(Location { file, line }),
        seconds: 0.0,
        reason: None,
        exhibits: Vec::new(),
    }
}
