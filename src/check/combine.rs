//! What a check claims: one kind, or `any_of`, `all_of` and `not` over nested checks.
//!
//! Nothing that was not asked, or could not be told, ever counts as holding, nor does its opposite.

use std::sync::Arc;

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::ladder::Interception;
use crate::lock::Subject;

use super::fields::{Fields, Reader};
use super::finding::{Finding, Open};
use super::kinds::{self, Context, Found, Kind};
use super::shape::Shape;
use super::yaml::Node;

/// How nested checks make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// One of them holds.
    AnyOf,
    /// Each of them holds.
    AllOf,
    /// It does not hold.
    Not,
}

const HOWS: [(&str, How); 3] = [("any_of", How::AnyOf), ("all_of", How::AllOf), ("not", How::Not)];

#[derive(Debug)]
struct Combined {
    how: How,
    nested: Vec<Nested>,
}

#[derive(Debug)]
struct Nested {
    title: String,
    kind: Arc<dyn Kind>,
}

/// Reads what a check claims, and complains of every field that belongs neither to that nor to what was read before. With
/// it comes the name of its kind, or of the combinator.
pub(super) fn claim(mut fields: Fields<'_>) -> Option<(&'static str, Arc<dyn Kind>)> {
    let given: Vec<(&str, How)> = HOWS.into_iter().filter(|(name, _)| fields.has(name)).collect();
    let (claim, kind) = match given.as_slice() {
        [] => {
            let (name, parse) = kinds::of(&mut fields)?;
            (name, parse(&fields))
        }
        [(name, how)] if !fields.has("kind") => {
            fields.call(format!("a check with `{name}`"));
            (how.name(), combined(&fields, *how))
        }
        several => {
            let kind = fields.has("kind").then_some("kind");
            let found: Vec<&str> = kind.into_iter().chain(several.iter().map(|(name, _)| *name)).collect();
            let message = format!("expected one of kind, any_of, all_of, not; found {}", found.join(", "));
            fields.reader().complain(fields.place(), message);
            return None;
        }
    };
    fields.finish();
    Some((claim, kind?))
}

/// The nested checks of one combinator.
pub(super) fn combined(fields: &Fields<'_>, how: How) -> Option<Arc<dyn Kind>> {
    let name = how.name();
    let nodes = match how {
        How::Not => std::slice::from_ref(fields.shaped(name, || Shape::Mapping("nested"))?),
        How::AnyOf | How::AllOf => fields.list(name, "nested")?,
    };
    if nodes.is_empty() {
        fields.reader().complain(fields.place(), format!("expected at least one check for `{name}`, found none"));
    }
    let nested: Vec<Option<Nested>> = nodes.iter().map(|node| nested(fields.reader(), node)).collect();
    let nested = nested.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Arc::new(Combined { how, nested }))
}

fn nested(reader: &Reader<'_>, node: &Node) -> Option<Nested> {
    let fields = Fields::new(reader, node, "a nested check")?;
    let title = nested_head(&fields);
    let (_, kind) = claim(fields)?;
    Some(Nested { title: title.unwrap_or_else(|| kind.title()), kind })
}

/// What a nested check may have besides what its kind asks for: a title. It has no id, and stands or falls with the
/// check around it.
pub(super) fn nested_head(fields: &Fields<'_>) -> Option<String> {
    fields.text("title")
}

impl How {
    /// Every way to combine checks.
    pub fn all() -> impl Iterator<Item = How> {
        HOWS.into_iter().map(|(_, how)| how)
    }

    /// The field that asks for it.
    pub fn name(self) -> &'static str {
        match self {
            How::AnyOf => "any_of",
            How::AllOf => "all_of",
            How::Not => "not",
        }
    }
}

impl Kind for Combined {
    fn title(&self) -> String {
        let titles: Vec<&str> = self.nested.iter().map(|nested| nested.title.as_str()).collect();
        match self.how {
            How::Not => format!("not: {}", titles.join("; ")),
            How::AnyOf => format!("one of: {}", titles.join("; ")),
            How::AllOf => format!("all of: {}", titles.join("; ")),
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        // What must not hold need not be there.
        let remembered = self.nested.iter().filter(|_| self.how != How::Not);
        remembered.flat_map(|nested| nested.kind.subjects()).collect()
    }

    fn is_of_the_node(&self) -> bool {
        self.nested.iter().all(|nested| nested.kind.is_of_the_node())
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let told: Vec<Told> = self.nested.iter().enumerate().map(|(at, nested)| nested.run(at + 1, context)).collect();
        let mut found = Found::from(match self.how {
            How::AnyOf => any_of(&told),
            How::AllOf => all_of(&told),
            How::Not => not(&told),
        });
        if let Some(finding) = found.findings.first_mut() {
            finding.evidence = told.iter().map(Told::line).collect();
        }
        if self.how == How::AllOf {
            found.interception = told.into_iter().find_map(|told| told.interception);
        }
        found
    }
}

/// What one nested check found, all of its findings together.
struct Told {
    number: usize,
    title: String,
    answer: Answer,
    finding: Finding,
    interception: Option<Interception>,
}

/// Whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Holds,
    Fails(Severity),
    Undetermined,
    Skipped,
}

impl Nested {
    fn run(&self, number: usize, context: &Context<'_>) -> Told {
        let log = context.log.as_ref().map(|stem| {
            let mut stem = stem.as_os_str().to_owned();
            stem.push(format!(".{number}"));
            stem.into()
        });
        let found = self.kind.run(&Context { log, ..context.clone() });
        let finding = together(found.findings);
        let answer = Answer::of(&finding);
        Told { number, title: self.title.clone(), answer, finding, interception: found.interception }
    }
}

/// Several findings of one check as one: it fails where one of them does, and is open where one of them is.
fn together(findings: Vec<Finding>) -> Finding {
    let mut all = Finding::default();
    for finding in findings {
        all.evidence.extend(finding.evidence);
        all.violations.extend(finding.violations);
        all.open = worse(all.open, finding.open);
    }
    all
}

fn worse(a: Option<Open>, b: Option<Open>) -> Option<Open> {
    match (&a, &b) {
        (Some(Open::Undetermined { .. }), _) | (_, None) => a,
        (Some(Open::Skipped { .. }), Some(Open::Skipped { .. })) => a,
        _ => b,
    }
}

impl Answer {
    /// As a report has it: a failure is one whatever is open, and what is open hides a warning.
    fn of(finding: &Finding) -> Answer {
        match (finding.violations.iter().map(Diagnosis::severity).max(), &finding.open) {
            (Some(Severity::Fail), _) => Answer::Fails(Severity::Fail),
            (_, Some(Open::Undetermined { .. })) => Answer::Undetermined,
            (_, Some(Open::Skipped { .. })) => Answer::Skipped,
            (Some(Severity::Warn), None) => Answer::Fails(Severity::Warn),
            (Some(Severity::Info) | None, None) => Answer::Holds,
        }
    }
}

impl Told {
    /// One line of evidence: what the nested check claims, and how it ended.
    fn line(&self) -> String {
        let Told { number, title, finding, .. } = self;
        let word = match self.answer {
            Answer::Holds => "holds",
            Answer::Fails(_) => "fails",
            Answer::Undetermined => "undetermined",
            Answer::Skipped => "skipped",
        };
        let said = match (self.answer, finding.violations.first()) {
            (Answer::Fails(_), Some(Diagnosis { code, expected, actual, .. })) => {
                format!(" [{code}]: expected {expected}, found {actual}")
            }
            (Answer::Undetermined | Answer::Skipped, _) => {
                self.reason().map(|why| format!(": {why}")).unwrap_or_default()
            }
            _ => finding.evidence.first().map(|seen| format!(": {seen}")).unwrap_or_default(),
        };
        format!("{number}. {title}: {word}{said}")
    }

    fn reason(&self) -> Option<&str> {
        match &self.finding.open {
            Some(Open::Undetermined { reason, .. } | Open::Skipped { reason, .. }) => Some(reason),
            None => None,
        }
    }
}

fn any_of(told: &[Told]) -> Finding {
    if told.iter().any(|told| told.answer == Answer::Holds) {
        return Finding::default();
    }
    if let Some(open) = told.iter().find(|told| told.answer == Answer::Undetermined) {
        return left_open(open, "none of them holds for certain");
    }
    let mildest = told.iter().filter_map(|told| match told.answer {
        Answer::Fails(severity) => Some(severity),
        _ => None,
    });
    let Some(mildest) = mildest.min() else {
        return told.first().map(|told| left_open(told, "none of them was asked")).unwrap_or_default();
    };
    let titles: Vec<&str> = told.iter().map(|told| told.title.as_str()).collect();
    let actual = format!("none of the {} holds", told.len());
    let mut diagnosis =
        Diagnosis::new(Code::NoneHolds, format!("one of: {}", titles.join("; ")), actual).weighing(mildest);
    let mends = told.iter().filter_map(|told| {
        let fix = told.finding.violations.first()?.fix.as_ref()?;
        Some(format!("{}. {fix}", told.number))
    });
    let mends: Vec<String> = mends.collect();
    if !mends.is_empty() {
        diagnosis = diagnosis.mended_by(mends.join("\n"));
    }
    Finding::violation(diagnosis)
}

/// What is wrong with each of them stays as it is, code and all.
fn all_of(told: &[Told]) -> Finding {
    let violations = told.iter().flat_map(|told| told.finding.violations.clone()).collect();
    let open = told.iter().fold(None, |open, told| worse(open, told.finding.open.clone()));
    Finding { violations, open, ..Finding::default() }
}

fn not(told: &[Told]) -> Finding {
    let Some(told) = told.first() else { return Finding::default() };
    match told.answer {
        Answer::Fails(_) => cut_short(told).unwrap_or_default(),
        Answer::Holds => {
            let actual = told.finding.evidence.first().cloned().unwrap_or_else(|| "it holds".to_owned());
            Finding::violation(Diagnosis::new(Code::HoldsUnexpectedly, format!("not: {}", told.title), actual))
        }
        Answer::Undetermined | Answer::Skipped => left_open(told, "what it is the opposite of has no answer"),
    }
}

/// What had to be stopped has not shown that it does not hold.
fn cut_short(told: &Told) -> Option<Finding> {
    let stopped = |violation: &&Diagnosis| matches!(violation.code, Code::TimeLimit | Code::OutputLimit);
    let Diagnosis { code, actual, fix, .. } = told.finding.violations.iter().find(stopped)?;
    let reason = format!("what it is the opposite of was stopped: {}. {actual}", told.number);
    let open = Open::Undetermined { reason, code: Some(*code), fix: fix.clone() };
    Some(Finding { open: Some(open), ..Finding::default() })
}

fn left_open(told: &Told, why: &str) -> Finding {
    let reason = |reason: &str| format!("{why}: {}. {reason}", told.number);
    let open = told.finding.open.clone().map(|open| match open {
        Open::Undetermined { reason: because, code, fix } => Open::Undetermined { reason: reason(&because), code, fix },
        Open::Skipped { reason: because, code } => Open::Skipped { reason: reason(&because), code },
    });
    Finding { open, ..Finding::default() }
}
