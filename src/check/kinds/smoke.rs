//! `smoke`: the evidence ladder, climbed with a command or with the bundled matmul; a finding for each rung.

use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::interpose::Selection;
use crate::ladder::{Answer, ClimbError, Compare, Deployment, Setup, Step, climb};
use crate::lock::Subject;
use crate::probe::Limits;

use super::{Context, Found, Kind};

#[derive(Debug)]
struct SmokeCheck {
    shim: PathBuf,
    runtime: Option<PathBuf>,
    run: Vec<String>,
    deploy: Deployment,
    api: Selection,
    env: Vec<(String, String)>,
    limits: Limits,
    compare: Compare,
    expect_line: Vec<Regex>,
    trace_line: Vec<(String, Regex)>,
    native: bool,
    skip_exit: Option<i32>,
    skip_if_missing: bool,
}

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let shim = fields.required("shim", "the shim", Fields::path);
    let run = fields.texts("run");
    let runtime = match &run {
        Some(_) => fields.path("runtime"),
        None => Some(fields.required(
            "runtime",
            "the runtime that it is to forward to, or a command in `run`",
            Fields::path,
        )?),
    };
    let deploys = [("preload", Deployment::Preload), ("replace", Deployment::Replace), ("itself", Deployment::Itself)];
    let limits = Limits::default();
    let check = SmokeCheck {
        shim: shim?,
        runtime,
        deploy: fields.choice("deploy", &deploys).unwrap_or_default(),
        api: read(fields, "api", Selection::parse).unwrap_or_else(Selection::hip),
        env: fields.pairs("env").unwrap_or_default(),
        limits: Limits {
            time: fields.duration("timeout").unwrap_or(limits.time),
            memory: fields.size("memory"),
            processes: fields.integer("processes").unwrap_or(limits.processes),
            ..limits
        },
        compare: read(fields, "compare", str::parse).unwrap_or_default(),
        expect_line: fields.patterns("expect_line").unwrap_or_default(),
        trace_line: named_patterns(fields, "trace_line"),
        native: fields.flag("native").unwrap_or(true),
        skip_exit: fields.integer("skip_exit"),
        skip_if_missing: fields.flag("skip_if_missing").unwrap_or(false),
        run: run.unwrap_or_default(),
    };
    Some(Arc::new(check))
}

/// A text that is read further; what is wrong with it is complained of.
fn read<T, E: std::fmt::Display>(
    fields: &Fields<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    match parse(&fields.text(name)?) {
        Ok(value) => Some(value),
        Err(error) => {
            let place = fields.node(name).map_or_else(|| fields.place(), |node| node.place);
            fields.reader().complain(place, format!("`{name}`: {error}"));
            None
        }
    }
}

fn named_patterns(fields: &Fields<'_>, name: &'static str) -> Vec<(String, Regex)> {
    let compiled = |(key, text): (String, String)| match Regex::new(&text) {
        Ok(pattern) => Some((key, pattern)),
        Err(error) => {
            let place = fields.node(name).map_or_else(|| fields.place(), |node| node.place);
            fields.reader().complain(place, format!("`{name}.{key}` is no regular expression: {error}"));
            None
        }
    };
    fields.pairs(name).unwrap_or_default().into_iter().filter_map(compiled).collect()
}

impl Kind for SmokeCheck {
    fn title(&self) -> String {
        match self.run.is_empty() {
            true => format!("{} intercepts a HIP matmul", self.shim.display()),
            false => format!("{} intercepts `{}`", self.shim.display(), self.run.join(" ")),
        }
    }

    fn parts(&self) -> &'static [&'static str] {
        &["present", "loads", "binds", "called", "forwards", "correct", "survives"]
    }

    fn subjects(&self) -> Vec<Subject> {
        let program = self.run.first().filter(|word| word.contains('/')).map(|word| Subject::Client(word.into()));
        let runtime = self.runtime.clone().map(Subject::Runtime);
        [Subject::Shim(self.shim.clone())].into_iter().chain(runtime).chain(program).collect()
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let setup = Setup {
            runtime: self.runtime.clone(),
            deploy: self.deploy,
            api: self.api.clone(),
            env: self.env.clone(),
            limits: self.limits,
            log: context.log.clone(),
            native: self.native,
            require_gpu: context.require_gpu,
            compare: self.compare.clone(),
            expected_lines: self.expect_line.clone(),
            trace_lines: self.trace_line.clone(),
            skip_exit: self.skip_exit,
            ..Setup::of_command(&self.shim, &self.run, context.scratch)
        };
        match climb(&setup) {
            Ok(climb) => {
                Found { findings: climb.steps.iter().map(finding).collect(), interception: Some(climb.interception()) }
            }
            Err(ClimbError::Start(error)) if error.is_missing() && self.skip_if_missing => {
                Finding::skipped(error.to_string()).into()
            }
            Err(error) => Finding::undetermined(error.to_string()).into(),
        }
    }
}

fn finding(step: &Step) -> Finding {
    let mut finding = Finding {
        part: Some(step.rung.name()),
        title: Some(format!("{}: {}", step.rung, step.rung.claim())),
        evidence: step.evidence.clone(),
        ..Finding::default()
    };
    match &step.answer {
        Answer::Holds => {}
        Answer::Diagnosed(diagnosis) => finding.violates(diagnosis.clone()),
        Answer::Undetermined(reason) => {
            finding.open = Some(Open::Undetermined { reason: reason.clone(), code: None, fix: None });
        }
        Answer::Unobserved(code, reason) => {
            finding.open = Some(Open::Undetermined { reason: reason.clone(), code: Some(*code), fix: None });
        }
        Answer::Skipped(code, reason) => {
            finding.open = Some(Open::Skipped { reason: reason.clone(), code: *code });
        }
    }
    finding
}
