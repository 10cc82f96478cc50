//! `bindings`: this symbol of this client binds to that library.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::exhibit::{BindingEdge, Exhibit, Unit};
use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::loader::{Environment, Process};
use crate::lock::Subject;

use super::modelled::{environment, modelled};
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct BindingsCheck {
    path: PathBuf,
    symbols: Vec<String>,
    provider: PathBuf,
    environment: Environment,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The client: a program, or a library as its own root."),
    ("symbols", "The symbols whose references must bind there: one, or a list."),
    ("provider", "The library that they must bind to."),
    ("preload", "Libraries that LD_PRELOAD names, in order."),
    ("library_path", "The folders of LD_LIBRARY_PATH, in order."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the client", Fields::path);
    let symbols = fields.required("symbols", "a symbol, or a list of them", Fields::texts);
    let provider = fields.required("provider", "the library that they must bind to", Fields::path);
    let environment = environment(fields);
    Some(Arc::new(BindingsCheck { path: path?, symbols: symbols?, provider: provider?, environment }))
}

impl Kind for BindingsCheck {
    fn title(&self) -> String {
        format!("{} binds to {}", self.symbols.join(", "), self.provider.display())
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::Client(self.path.clone()), Subject::File(self.provider.clone())]
    }

    fn run(&self, _: &Context<'_>) -> Found {
        modelled(&self.path, &self.environment, |process| {
            let mut finding = Finding::default();
            for symbol in &self.symbols {
                self.look_at(symbol, process, &mut finding);
            }
            finding
        })
    }
}

impl BindingsCheck {
    /// The client's own reference, which is object 0's.
    fn look_at(&self, symbol: &str, process: &Process<'_, '_>, finding: &mut Finding) {
        let Some(client) = process.loaded().first() else { return };
        let name = |reference: u32| client.object.symbols().name(reference as usize);
        let own = process.bindings().iter().filter(|binding| binding.referrer == 0);
        let mut bound = own.filter(|binding| name(binding.reference) == Some(symbol.as_bytes())).peekable();
        if bound.peek().is_none() {
            let expected = format!("a reference to {symbol} in {}", self.path.display());
            finding.violates(Diagnosis::new(Code::SymbolMissing, expected, "it has none"));
        }
        for binding in bound {
            let provider = binding.provider.and_then(|(index, _)| process.loaded().get(index as usize));
            let to = provider.map(|loaded| loaded.path.as_path());
            bound_to(to, to.is_some_and(|path| same_file(path, &self.provider)), &self.path, finding);
            match to {
                Some(path) if same_file(path, &self.provider) => {
                    finding.saw(format!("{symbol} binds to {}", path.display()))
                }
                other => {
                    let actual =
                        other.map_or_else(|| "nothing defines it".to_owned(), |path| path.display().to_string());
                    let expected = format!("{symbol} bound to {}", self.provider.display());
                    let again = format!("xdoctor explain {symbol} {} says why", self.path.display());
                    finding.violates(Diagnosis::new(Code::Outranked, expected, actual).mended_by(again));
                }
            }
        }
    }
}

/// Counts a reference in the binding graph.
fn bound_to(to: Option<&Path>, intended: bool, from: &Path, finding: &mut Finding) {
    if finding.exhibits.is_empty() {
        finding.exhibits.push(Exhibit::Bindings(Vec::new()));
    }
    let Some(Exhibit::Bindings(edges)) = finding.exhibits.last_mut() else { return };
    match edges.iter_mut().find(|edge| edge.to.as_deref() == to) {
        Some(edge) => edge.count += 1,
        None => {
            let (from, to) = (from.to_owned(), to.map(Path::to_owned));
            edges.push(BindingEdge { from, to, count: 1, unit: Unit::References, intended });
        }
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}
