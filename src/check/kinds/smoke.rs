//! `smoke`: the evidence ladder, climbed with the bundled matmul; a finding for each rung.

use std::path::PathBuf;
use std::sync::Arc;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::interpose::Deploy;
use crate::ladder::{Answer, Setup, Step, climb};
use crate::probe::Limits;

use super::{Context, Found, Kind};

#[derive(Debug)]
struct SmokeCheck {
    shim: PathBuf,
    runtime: PathBuf,
    deploy: Deploy,
    env: Vec<(String, String)>,
    limits: Limits,
}

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let shim = fields.required("shim", "the shim", Fields::path);
    let runtime = fields.required("runtime", "the runtime that it is to forward to", Fields::path);
    let deploys = [("preload", Deploy::Preload), ("replace", Deploy::Replace)];
    let deploy = fields.choice("deploy", &deploys).unwrap_or_default();
    let env = fields.pairs("env").unwrap_or_default();
    let limits = Limits::default();
    let limits = Limits { time: fields.duration("timeout").unwrap_or(limits.time), ..limits };
    Some(Arc::new(SmokeCheck { shim: shim?, runtime: runtime?, deploy, env, limits }))
}

impl Kind for SmokeCheck {
    fn title(&self) -> String {
        format!("{} intercepts a HIP matmul", self.shim.display())
    }

    fn parts(&self) -> &'static [&'static str] {
        &["present", "loads", "binds", "called", "forwards", "correct", "survives"]
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let setup = Setup {
            deploy: self.deploy.into(),
            env: self.env.clone(),
            limits: self.limits,
            log: context.log.clone(),
            require_gpu: context.require_gpu,
            ..Setup::new(&self.shim, &self.runtime, context.scratch)
        };
        match climb(&setup) {
            Ok(climb) => {
                Found { findings: climb.steps.iter().map(finding).collect(), interception: Some(climb.interception()) }
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
            finding.open = Some(Open::Skipped { reason: reason.clone(), code: Some(*code) });
        }
    }
    finding
}
