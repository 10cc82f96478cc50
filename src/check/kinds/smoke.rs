//! `smoke`: the evidence ladder, climbed with a command or with the bundled matmul; a finding for each rung.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;

use crate::check::exhibit::{BindingEdge, CoverageRow, Exhibit, Unit};
use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::interpose::Selection;
use crate::ladder::{Answer, Climb, ClimbError, Compare, Deployment, Rung, Setup, Step, climb};
use crate::lock::Subject;
use crate::probe::Limits;

use super::{Context, Found, Kind, Texts};

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

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("shim", "The shim."),
    ("runtime", "The runtime that it is to forward to; what the command finds by itself where nothing is said."),
    ("run", "The command as a list of words; the bundled HIP matmul where there is none."),
    (
        "deploy",
        "How the shim gets in front: preload where nothing is said, replace, or itself (the command brings it in).",
    ),
    ("api", "The functions that are watched: hip, cuda, a table's file, or a pattern such as 'cl[A-Z]*'."),
    ("env", "NAME: VALUE pairs that are added to the environment of both runs."),
    ("compare", "What must be equal in the native and the shimmed run: stdout, exit or json:PATH."),
    ("expect_line", "A regular expression, or a list: each must match a line that the shimmed run writes."),
    ("trace_line", "NAME: REGEX pairs: lines of the shimmed run that are counted under that name."),
    ("native", "Whether the command is run without the shim first; true where nothing is said."),
    (
        "skip_exit",
        "The exit status by which it says that it cannot be run here; its last line on stdout is the reason.",
    ),
    ("skip_if_missing", "Whether the check is skipped where there is no such program."),
    ("memory", "How much memory each run may use, all its processes together, such as 8GiB."),
    ("processes", "How many processes each run may have at once; 1000 where nothing is said."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let shim = fields.required("shim", "the shim", Fields::path);
    let run = fields.texts("run");
    let runtime = fields.path("runtime");
    if run.is_none() && !fields.has("runtime") {
        let message = "a check of kind `smoke` lacks `runtime`; expected the runtime that it is to forward to, or a command in `run`";
        fields.reader().complain(fields.place(), message);
    }
    let deploys = [("preload", Deployment::Preload), ("replace", Deployment::Replace), ("itself", Deployment::Itself)];
    let limits = Limits::default();
    let check = SmokeCheck {
        shim: shim.clone().unwrap_or_default(),
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
    shim.map(|_| Arc::new(check) as Arc<dyn Kind>)
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
        let program = self.run.first().filter(|word| word.starts_with('/')).map(|word| Subject::Client(word.into()));
        let runtime = self.runtime.clone().map(Subject::Runtime);
        [Subject::Shim(self.shim.clone())].into_iter().chain(runtime).chain(program).collect()
    }

    fn limits_each_run(&self) -> bool {
        true
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
                let mut findings: Vec<Finding> = climb.steps.iter().map(finding).collect();
                let called = climb.steps.iter().position(|step| step.rung == Rung::Called);
                if let Some(finding) = called.and_then(|at| findings.get_mut(at)) {
                    finding.exhibits.extend(self.counted(&climb));
                }
                Found { findings, interception: Some(climb.interception()) }
            }
            Err(ClimbError::Start(error)) if error.is_missing() && self.skip_if_missing => {
                Finding::skipped(error.to_string()).into()
            }
            Err(error) => Finding::undetermined(error.to_string()).into(),
        }
    }
}

impl SmokeCheck {
    /// What was counted on both sides, where both sides count.
    fn counted(&self, climb: &Climb) -> Vec<Exhibit> {
        let client = PathBuf::from(self.run.first().map_or("hip-matmul", String::as_str));
        let mut row = CoverageRow { client: client.clone(), roles: BTreeMap::new() };
        let (mut shim, mut forwarded, mut past) = (0, 0, 0);
        for call in &climb.calls {
            let (Some(in_shim), Some(in_runtime)) = (call.shim, call.runtime) else { return Vec::new() };
            // An observer tells what went past the shim; else it is what the runtime got and the shim did not.
            let beside = call.past.unwrap_or(in_runtime.saturating_sub(in_shim));
            let (needed, covered) = row.roles.entry(call.role).or_insert((0, 0));
            *needed += 1;
            *covered += usize::from(in_shim > 0 && beside == 0);
            shim += in_shim;
            forwarded += in_shim.min(in_runtime);
            past += beside;
        }
        let runtime = self.runtime.clone().unwrap_or_else(|| "the runtime".into());
        let edge = |from: &PathBuf, to: &PathBuf, count, intended| BindingEdge {
            from: from.clone(),
            to: Some(to.clone()),
            count,
            unit: Unit::Calls,
            intended,
        };
        let edges = [
            edge(&client, &self.shim, shim, true),
            edge(&self.shim, &runtime, forwarded, true),
            edge(&client, &runtime, past, false),
        ];
        let edges = edges.into_iter().filter(|edge| edge.count > 0).collect();
        vec![Exhibit::Coverage(vec![row]), Exhibit::Bindings(edges)]
    }
}

fn finding(step: &Step) -> Finding {
    let mut finding = Finding {
        part: Some(step.rung.name()),
        title: Some(format!("{}: {}", step.rung, step.rung.claim())),
        evidence: step.evidence.clone(),
        exhibits: vec![Exhibit::Rung(step.rung)],
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
