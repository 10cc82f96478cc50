//! `coverage`: from the files alone, the shim is fit to stand before its runtime, and gets every call that its clients make.

use std::path::PathBuf;
use std::sync::Arc;

use crate::check::exhibit::{BindingEdge, CoverageRow, Exhibit, Unit};
use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::interpose::{Api, Coverage, CoverageError, Deploy, Question, coverage};
use crate::loader::Module;
use crate::lock::Subject;

use super::refused::refused;
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct CoverageCheck {
    shim: PathBuf,
    runtime: PathBuf,
    clients: Vec<PathBuf>,
    modules: Vec<Module>,
    deploy: Deploy,
    skip_if_missing: bool,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("shim", "The shim."),
    ("runtime", "The runtime behind it."),
    (
        "clients",
        "Programs, libraries, or folders of them, whose calls it must get; without any, the shim's own fitness is judged.",
    ),
    ("modules", "Libraries that the clients open with dlopen: LIB, LIB:global or LIB:deepbind."),
    ("deploy", "How the shim gets in front: preload where nothing is said, or replace."),
    ("skip_if_missing", "Whether the check is skipped where a client or the runtime is not there."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let shim = fields.required("shim", "the shim", Fields::path);
    let runtime = fields.required("runtime", "the runtime behind it", Fields::path);
    let clients = fields.paths("clients").unwrap_or_default();
    let module = |name: String| Module::parse(name.as_ref());
    let modules = fields.texts("modules").unwrap_or_default().into_iter().map(module).collect();
    let deploys = [("preload", Deploy::Preload), ("replace", Deploy::Replace)];
    let deploy = fields.choice("deploy", &deploys).unwrap_or_default();
    let skip_if_missing = fields.flag("skip_if_missing").unwrap_or(false);
    Some(Arc::new(CoverageCheck { shim: shim?, runtime: runtime?, clients, modules, deploy, skip_if_missing }))
}

impl Kind for CoverageCheck {
    fn title(&self) -> String {
        let shim = self.shim.display();
        match self.clients.is_empty() {
            true => format!("{shim} is fit to stand before {}", self.runtime.display()),
            false => format!("{shim} gets every call that its clients make"),
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        let clients = self.clients.iter().cloned().map(Subject::Client);
        clients.chain([Subject::Shim(self.shim.clone()), Subject::Runtime(self.runtime.clone())]).collect()
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let needed = self.clients.iter().chain([&self.runtime]);
        if let Some(missing) = needed.clone().find(|path| !path.exists()).filter(|_| self.skip_if_missing) {
            return Finding::skipped(format!("{} is not there", missing.display())).into();
        }
        if let Some(finding) = refused(self.clients.iter().chain([&self.shim, &self.runtime]).map(PathBuf::as_path)) {
            return finding.into();
        }
        let question = Question {
            shim: &self.shim,
            runtime: &self.runtime,
            deploy: self.deploy,
            api: Api::hip(),
            clients: &self.clients,
            modules: &self.modules,
            progress: &|_, _| (),
        };
        match context.helpers.share(|| coverage(&question)) {
            Ok(answer) => self.judge(&answer).into(),
            Err(error) => {
                let code = match &error {
                    CoverageError::Library(error) => error.code(),
                    _ => Some(Code::LibraryMissing),
                };
                let expected = "a shim, a runtime and clients that can be read";
                let diagnosis = code.map(|code| Diagnosis::new(code, expected, error.to_string()));
                diagnosis.map_or_else(|| Finding::undetermined(error.to_string()), Finding::violation).into()
            }
        }
    }
}

impl CoverageCheck {
    fn judge(&self, answer: &Coverage) -> Finding {
        if answer.clients.is_empty() && answer.diagnoses.is_empty() && !self.clients.is_empty() {
            let clients: Vec<String> = self.clients.iter().map(|path| path.display().to_string()).collect();
            return Finding::undetermined(format!("nothing in {} refers to the API", clients.join(", ")));
        }
        let mut finding = Finding::default();
        for client in &answer.clients {
            let missed = client.bypassing().count();
            let needed = client.symbols.len();
            finding.saw(format!("{} of {needed} references covered: {}", needed - missed, client.client.display()));
        }
        finding.exhibits = self.exhibits(answer);
        if self.clients.is_empty() && answer.diagnoses.is_empty() {
            finding.saw("what it needs is found, and every reference of its own resolves");
        } else {
            finding.saw(answer.sentence());
        }
        for subject in &answer.diagnoses {
            let mut diagnosis = subject.diagnosis.clone();
            diagnosis.actual = format!("{} ({})", diagnosis.actual, subject.subject.display());
            finding.violates(diagnosis);
        }
        finding
    }

    fn exhibits(&self, answer: &Coverage) -> Vec<Exhibit> {
        let (mut rows, mut edges) = (Vec::new(), Vec::new());
        for client in &answer.clients {
            let past = client.bypassing().count();
            for (to, count, intended) in [(&self.shim, client.symbols.len() - past, true), (&self.runtime, past, false)]
            {
                if count > 0 {
                    let (from, to, count) = (client.client.clone(), Some(to.clone()), count as u64);
                    edges.push(BindingEdge { from, to, count, unit: Unit::References, intended });
                }
            }
            rows.push(CoverageRow { client: client.client.clone(), roles: client.roles() });
        }
        vec![Exhibit::Coverage(rows), Exhibit::Bindings(edges)]
    }
}
