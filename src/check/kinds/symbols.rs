//! `symbols`: a library defines what it should, in the version nodes that it should, and nothing that it should not.

use std::cmp::Ordering;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use globset::GlobMatcher;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::interpose::version_script::{Assignment, VersionScript};
use crate::interpose::{Api, Export, Library, derive, judge, whole_api};
use crate::lock::Subject;

use super::refused::refused;
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct SymbolsCheck {
    path: PathBuf,
    defines: Vec<String>,
    lacks: Vec<GlobMatcher>,
    api: Option<&'static Api>,
    lacks_api: Option<&'static Api>,
    map: Option<PathBuf>,
    /// Whose functions it must have, each in the runtime's node.
    runtime: Option<PathBuf>,
    /// How many symbols it must define in each version node.
    nodes: Vec<(String, usize)>,
    serves: Vec<PathBuf>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The library."),
    ("defines", "Symbols that it must define, such as hipMalloc or hipMalloc@@hip_4.2: one, or a list."),
    ("lacks", "A glob, or a list: it must define no symbol like this."),
    ("api", "The API of which it must define every function, each in its node."),
    ("lacks_api", "The API of which it must define no function."),
    ("map", "The version script that it must be as."),
    ("runtime", "The runtime of which it must define every function, each in the runtime's node."),
    ("nodes", "NODE: NUMBER pairs: how many symbols it must define in that version node."),
    ("serves", "Libraries to which it must hide nothing that they ask it for."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the library", Fields::path);
    let apis = [("hip", Api::hip())];
    let check = SymbolsCheck {
        path: path.clone().unwrap_or_default(),
        defines: fields.texts("defines").unwrap_or_default(),
        lacks: fields.globs("lacks").unwrap_or_default(),
        api: fields.choice("api", &apis),
        lacks_api: fields.choice("lacks_api", &apis),
        map: fields.path("map"),
        runtime: fields.path("runtime"),
        nodes: nodes(fields),
        serves: fields.paths("serves").unwrap_or_default(),
    };
    let asks = !check.defines.is_empty() || !check.lacks.is_empty() || !check.serves.is_empty();
    let asks = asks || check.runtime.is_some() || fields.has("nodes");
    if !asks && check.api.is_none() && check.lacks_api.is_none() && check.map.is_none() {
        let message = "a check of kind `symbols` asks for nothing; expected one of api, defines, lacks, lacks_api, map, \
                       nodes, runtime, serves";
        fields.reader().complain(fields.place(), message);
    }
    path.map(|_| Arc::new(check) as Arc<dyn Kind>)
}

/// `NODE: NUMBER` pairs.
fn nodes(fields: &Fields<'_>) -> Vec<(String, usize)> {
    let place = fields.node("nodes").map_or(fields.place(), |node| node.place);
    let read = |(node, count): (String, String)| match count.parse() {
        Ok(count) => Some((node, count)),
        Err(_) => {
            let message = format!("expected a whole number of symbols for `{node}` in `nodes`, found `{count}`");
            fields.reader().complain(place, message);
            None
        }
    };
    fields.pairs("nodes").unwrap_or_default().into_iter().filter_map(read).collect()
}

impl Kind for SymbolsCheck {
    fn title(&self) -> String {
        format!("{} defines what it should", self.path.display())
    }

    fn subjects(&self) -> Vec<Subject> {
        let runtime = self.runtime.iter().cloned().map(Subject::Runtime);
        [&self.path].into_iter().chain(&self.map).cloned().map(Subject::File).chain(runtime).collect()
    }

    fn run(&self, _: &Context<'_>) -> Found {
        if let Some(finding) =
            refused([&self.path].into_iter().chain(&self.runtime).chain(&self.serves).map(PathBuf::as_path))
        {
            return finding.into();
        }
        if !self.path.exists() {
            let expected = self.path.display().to_string();
            return Finding::violation(Diagnosis::new(Code::LibraryMissing, expected, "no such file")).into();
        }
        let library = match Library::read(&self.path) {
            Ok(library) => library,
            Err(error) => {
                return Finding::violation(Diagnosis::new(Code::WrongType, "an ELF library", error.to_string())).into();
            }
        };
        let mut finding = Finding::default();
        self.look_for_wanted(&library, &mut finding);
        self.look_for_unwanted(&library, &mut finding);
        self.compare_with_api(&library, &mut finding);
        self.compare_with_runtime(&library, &mut finding);
        self.count_nodes(&library, &mut finding);
        self.compare_with_map(&library, &mut finding);
        self.look_for_hidden(&mut finding);
        finding.into()
    }
}

impl SymbolsCheck {
    fn look_for_wanted(&self, library: &Library, finding: &mut Finding) {
        for wanted in &self.defines {
            let Definition { symbol, version, default } = Definition::parse(wanted);
            let exports = library.exports.get(symbol).map(Vec::as_slice).unwrap_or_default();
            let fits = |export: &Export| match version {
                None => true,
                Some(version) => export.version.as_deref() == Some(version) && (!default || export.default),
            };
            if exports.iter().any(fits) {
                finding.saw(format!("{wanted} is there"));
            } else if exports.is_empty() {
                let actual = format!("no `{symbol}` among the {} exports", library.exports.len());
                finding.violates(Diagnosis::new(Code::SymbolMissing, wanted, actual));
            } else {
                finding.violates(Diagnosis::new(Code::VersionMismatch, wanted, spelled(symbol, exports)));
            }
        }
    }

    fn look_for_unwanted(&self, library: &Library, finding: &mut Finding) {
        let is_api = |name: &str| self.lacks_api.is_some_and(|api| api.function(name).is_some());
        let unwanted = |name: &str| is_api(name) || self.lacks.iter().any(|glob| glob.is_match(name));
        let found: Vec<&str> = library.exports.keys().map(String::as_str).filter(|name| unwanted(name)).collect();
        if let Some(api) = self.lacks_api
            && found.is_empty()
        {
            finding.saw(format!("{} exports, none of the {} API", library.exports.len(), api.name));
        }
        if !found.is_empty() {
            let expected = format!("none of these among the exports of {}", library.name());
            finding.violates(Diagnosis::new(Code::SymbolUnexpected, expected, listed(&found)));
        }
    }

    fn compare_with_api(&self, library: &Library, finding: &mut Finding) {
        let Some(api) = self.api else { return };
        let wanted = whole_api(api);
        let diagnoses = judge(library, api, &wanted);
        if diagnoses.is_empty() {
            finding.saw(format!("all {} functions of the {} API, each in its node", wanted.len(), api.name));
        }
        for diagnosis in diagnoses {
            finding.violates(diagnosis);
        }
    }

    fn compare_with_runtime(&self, library: &Library, finding: &mut Finding) {
        let Some(path) = &self.runtime else { return };
        let runtime = match Library::read(path) {
            Ok(runtime) => runtime,
            Err(error) => {
                let expected = format!("a runtime at {}", path.display());
                let code = error.code().unwrap_or(Code::LibraryMissing);
                return finding.violates(Diagnosis::new(code, expected, error.source.to_string()));
            }
        };
        let api = derive(&runtime);
        let wanted = whole_api(&api);
        let diagnoses = judge(library, &api, &wanted);
        if diagnoses.is_empty() {
            finding.saw(format!("all {} functions of {}, each in its node", wanted.len(), path.display()));
        }
        for diagnosis in diagnoses {
            finding.violates(diagnosis);
        }
    }

    fn count_nodes(&self, library: &Library, finding: &mut Finding) {
        for (node, wanted) in &self.nodes {
            let exports = library.exports.values().flatten();
            let count = exports.filter(|export| export.version.as_deref() == Some(node)).count();
            let code = match count.cmp(wanted) {
                Ordering::Equal => {
                    finding.saw(format!("{count} symbols in {node}"));
                    continue;
                }
                Ordering::Less if !library.nodes.contains_key(node) => Code::VersionMismatch,
                Ordering::Less => Code::SymbolMissing,
                Ordering::Greater => Code::SymbolUnexpected,
            };
            let expected = format!("{wanted} symbols in {node}");
            finding.violates(Diagnosis::new(code, expected, format!("{count} in {}", library.name())));
        }
    }

    fn compare_with_map(&self, library: &Library, finding: &mut Finding) {
        let Some(map) = &self.map else { return };
        let script = fs::read_to_string(map).map_err(|error| error.to_string());
        let script = script.and_then(|text| VersionScript::parse(&text).map_err(|error| error.to_string()));
        let script = match script {
            Ok(script) => script,
            Err(error) => {
                let expected = format!("a version script at {}", map.display());
                return finding.violates(Diagnosis::new(Code::FileMissing, expected, error));
            }
        };
        let placed = |symbol: &str, export: &Export| match script.assign(symbol) {
            Assignment::Exported(node, _) => node.name == export.version,
            Assignment::Hidden(..) | Assignment::Unmatched => export.version.is_none(),
        };
        let names: Vec<(&str, &str)> =
            script.exported_names().filter_map(|(node, name)| Some((node?, name.text.as_str()))).collect();
        let exports = |symbol: &str| library.exports.get(symbol).map(Vec::as_slice).unwrap_or_default();
        let wrong: Vec<String> = names
            .iter()
            .filter(|(node, symbol)| !exports(symbol).iter().any(|e| e.version.as_deref() == Some(*node)))
            .map(|(node, symbol)| format!("{symbol}@@{node} (found {})", spelled(symbol, exports(symbol))))
            .collect();
        let all =
            library.exports.iter().flat_map(|(symbol, exports)| exports.iter().map(move |export| (symbol, export)));
        let extra: Vec<String> = all
            .filter(|(symbol, export)| export.version.is_some() && !placed(symbol, export))
            .map(|(symbol, export)| spelled(symbol, std::slice::from_ref(export)))
            .collect();
        if names.is_empty() {
            let reason = format!("{} spells out no name that could be compared", map.display());
            finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
        } else if wrong.is_empty() && extra.is_empty() {
            finding.saw(format!("equal to {}: {} names in {} nodes", map.display(), names.len(), script.nodes.len()));
        }
        if !wrong.is_empty() {
            let expected = format!("every name of {} in its node", map.display());
            finding.violates(Diagnosis::new(Code::VersionMismatch, expected, format!("not so: {}", listed(&wrong))));
        }
        if !extra.is_empty() {
            let expected = format!("no versioned name that {} lacks", map.display());
            finding.violates(Diagnosis::new(Code::SymbolUnexpected, expected, listed(&extra)));
        }
    }

    fn look_for_hidden(&self, finding: &mut Finding) {
        for client in &self.serves {
            let hidden = Library::read(client).and_then(|client| client.hidden_in(&self.path));
            match hidden {
                Ok(None) => {
                    let reason = format!("{} is stripped: what it hides cannot be seen", self.path.display());
                    finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
                }
                Ok(Some(hidden)) if hidden.is_empty() => {
                    finding.saw(format!("nothing that {} asks for is hidden here", client.display()));
                }
                Ok(Some(hidden)) => {
                    let expected = format!("what {} asks for, exported", client.display());
                    let actual =
                        format!("defined in {} as local symbols only: {}", self.path.display(), listed(&hidden));
                    let fix = "a version script with `local: *` was applied to it; link it without that script, or list these names under `global:`";
                    finding.violates(Diagnosis::new(Code::UndefinedSymbol, expected, actual).mended_by(fix));
                }
                Err(error) => {
                    finding.violates(Diagnosis::new(Code::LibraryMissing, "a library to serve", error.to_string()))
                }
            }
        }
    }
}

/// `hipMalloc`, `hipMalloc@hip_4.2` or `hipMalloc@@hip_4.2`.
struct Definition<'a> {
    symbol: &'a str,
    version: Option<&'a str>,
    default: bool,
}

impl<'a> Definition<'a> {
    fn parse(text: &'a str) -> Definition<'a> {
        match text.split_once('@') {
            None => Definition { symbol: text, version: None, default: false },
            Some((symbol, version)) => {
                let default = version.starts_with('@');
                Definition { symbol, version: Some(version.trim_start_matches('@')), default }
            }
        }
    }
}

fn spelled(symbol: &str, exports: &[Export]) -> String {
    let one = |export: &Export| match &export.version {
        Some(version) => format!("{symbol}{}{version}", if export.default { "@@" } else { "@" }),
        None => format!("{symbol} without version"),
    };
    if exports.is_empty() { "nothing".into() } else { exports.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn listed(names: &[impl AsRef<str>]) -> String {
    crate::diagnosis::listed(names, 5)
}
