//! What a shim's exports make of a client's references: covered, or missed and why.

use crate::code::{Code, Severity};
use crate::diagnosis::{self, Diagnosis};

use super::api::{Api, Role};
use super::library::{Export, Library, Reference};

/// Whether a definition satisfies a reference, by the rules of glibc's elf/dl-lookup.c (check_match).
///
/// `versioned` tells whether the definer has version information at all.
pub fn satisfies(export: &Export, versioned: bool, reference: &Reference) -> bool {
    match (&reference.version, &export.version) {
        _ if !versioned => true,
        (Some(wanted), Some(found)) => wanted == found,
        (_, None) => !export.hidden,
        (None, Some(_)) => !export.hidden,
    }
}

/// How a shim misses a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It exports the name, in no node that the reference takes: as it is spelled there.
    WrongNode(String),
    /// It exports a C++ function of that name only: its mangled name.
    Mangled(String),
    /// It does not export it.
    Absent,
}

/// How the shim misses a reference; `None` where its exports satisfy it.
pub fn miss(shim: &Library, reference: &Reference) -> Option<Miss> {
    match shim.exports.get(&reference.symbol) {
        Some(exports) if exports.iter().any(|export| satisfies(export, shim.is_versioned(), reference)) => None,
        Some(exports) => Some(Miss::WrongNode(versions(&reference.symbol, exports))),
        None => match mangled(shim, reference) {
            Some(name) => Some(Miss::Mangled(name.to_owned())),
            None => Some(Miss::Absent),
        },
    }
}

/// Why each of `references` that the shim misses is missed; nothing where it covers them all.
pub fn judge(shim: &Library, api: &Api, references: &[Reference]) -> Vec<Diagnosis> {
    if let Some(nothing) = exports_none(shim, api, references) {
        return vec![nothing];
    }
    let (mut misplaced, mut renamed, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for reference in references {
        match miss(shim, reference) {
            None => {}
            Some(Miss::WrongNode(found)) => misplaced.push((reference, found)),
            Some(Miss::Mangled(name)) => renamed.push((reference, name)),
            Some(Miss::Absent) => missing.push(reference),
        }
    }
    let mut diagnoses = Vec::new();
    if !misplaced.is_empty() {
        diagnoses.push(wrong_node(shim, api, &misplaced, references.len()));
    }
    if !renamed.is_empty() {
        diagnoses.push(mangled_name(shim, &renamed));
    }
    if !missing.is_empty() {
        diagnoses.push(not_covered(shim, api, &missing));
    }
    if !shim.is_versioned() {
        let expected = "version nodes as the runtime has them";
        let actual = format!("no version information in {}", shim.name());
        diagnoses.push(Diagnosis::new(Code::UnversionedShim, expected, actual));
    }
    diagnoses.sort_by_key(|diagnosis| std::cmp::Reverse(diagnosis.severity()));
    diagnoses
}

/// What is wrong with a shim that exports none of the API, not even under C++ names of these references.
pub fn exports_none(shim: &Library, api: &Api, references: &[Reference]) -> Option<Diagnosis> {
    let renamed = || references.iter().any(|reference| mangled(shim, reference).is_some());
    let exports = api.functions.iter().any(|function| shim.exports.contains_key(&function.symbol)) || renamed();
    (!exports).then(|| exports_nothing(shim, api, references))
}

/// The references that a client would hold if it used every function of the API.
pub fn whole_api(api: &Api) -> Vec<Reference> {
    let reference = |function: &super::api::Function| Reference {
        symbol: function.symbol.clone(),
        version: Some(function.node.clone()),
        weak: false,
    };
    api.exported().map(reference).collect()
}

/// How a reference is written: `hipMalloc@hip_4.2`.
pub fn spelled(reference: &Reference) -> String {
    match &reference.version {
        Some(version) => format!("{}@{version}", reference.symbol),
        None => reference.symbol.clone(),
    }
}

fn versions(symbol: &str, exports: &[Export]) -> String {
    let one = |export: &Export| match (&export.version, export.default) {
        (Some(version), true) => format!("{symbol}@@{version}"),
        (Some(version), false) => format!("{symbol}@{version}"),
        (None, _) => symbol.to_owned(),
    };
    exports.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What puts these references' names into the nodes that they ask for: in lines that fit beside a name at 80 columns, with
/// the command whole in one of them.
fn script_line(references: &[&Reference]) -> String {
    const ROOM: usize = 62;
    let node = references.iter().find_map(|reference| reference.version.as_deref()).unwrap_or("NODE");
    let inside: Vec<&str> = references
        .iter()
        .filter(|reference| reference.version.as_deref() == Some(node))
        .map(|reference| reference.symbol.as_str())
        .collect();
    let mut line = format!("{node} {{ global:");
    let mut shown = 0;
    for name in &inside {
        if shown > 0 && line.chars().count() + name.len() + "  ; … };".chars().count() > ROOM {
            break;
        }
        line.push_str(&format!(" {name};"));
        shown += 1;
    }
    let more = if shown < inside.len() { " …" } else { "" };
    format!(
        "xdoctor map RUNTIME > shim.map\n\
         and link the shim with -Wl,--version-script=shim.map; it has\n\
         {line}{more} }};"
    )
}

fn exports_nothing(shim: &Library, api: &Api, references: &[Reference]) -> Diagnosis {
    let names: Vec<String> = references.iter().map(spelled).collect();
    let expected = format!("the {} API among the shim's exports: {}", api.name, diagnosis::listed(&names, 1));
    let actual = format!("{} exports {} symbols, none of them of the API", shim.path.display(), shim.exports.len());
    Diagnosis::new(Code::ExportsNothing, expected, actual)
        .mended_by(script_line(&references.iter().collect::<Vec<_>>()))
}

fn critical(api: &Api, reference: &Reference) -> bool {
    let role = api.function(&reference.symbol).map(|function| function.role);
    matches!(role, Some(Role::Allocate | Role::Free | Role::Copy | Role::Launch))
}

fn weight(api: &Api, references: &[&Reference]) -> Severity {
    if references.iter().any(|reference| critical(api, reference)) { Severity::Fail } else { Severity::Warn }
}

/// Names in a message; the rest is in the JSON.
fn listed(items: impl Iterator<Item = String>) -> String {
    crate::diagnosis::listed(&items.collect::<Vec<_>>(), 4)
}

/// Nearly all in the right node is another mistake than none: one line of the script, not the whole of it.
fn wrong_node(shim: &Library, api: &Api, misplaced: &[(&Reference, String)], all: usize) -> Diagnosis {
    let references: Vec<&Reference> = misplaced.iter().map(|(reference, _)| *reference).collect();
    let partial = misplaced.len() * 2 < all;
    let expected = listed(references.iter().map(|reference| spelled(reference)));
    let actual = format!("{} in {}", listed(misplaced.iter().map(|(_, found)| found.clone())), shim.name());
    let code = if partial { Code::VersionPartial } else { Code::VersionMismatch };
    let severity = if partial { weight(api, &references) } else { Severity::Fail };
    Diagnosis::new(code, expected, actual).weighing(severity).mended_by(script_line(&references))
}

fn not_covered(shim: &Library, api: &Api, missing: &[&Reference]) -> Diagnosis {
    // What matters most is read first.
    let mut missing = missing.to_vec();
    missing.sort_by_key(|reference| {
        let role = api.function(&reference.symbol).map(|function| function.role);
        (role != Some(Role::Launch), !critical(api, reference))
    });
    let missing = missing.as_slice();
    let expected = listed(missing.iter().map(|reference| {
        let role = api.function(&reference.symbol).map_or("other", |function| function.role.name());
        format!("{} ({role})", spelled(reference))
    }));
    let actual = format!("{} exports none of these {}", shim.name(), missing.len());
    Diagnosis::new(Code::NotCovered, expected, actual)
        .weighing(weight(api, missing))
        .mended_by(format!("define and export them in the shim, then\n{}", script_line(missing)))
}

/// The mangled C++ function of the shim whose plain name is the one that is missing.
fn mangled<'a>(shim: &'a Library, reference: &Reference) -> Option<&'a str> {
    let plain = format!("{}{}", reference.symbol.len(), reference.symbol);
    let candidates = shim.exports.keys().filter(|name| name.starts_with("_Z") && name.contains(&plain));
    candidates.map(String::as_str).find(|name| demangles_to(name, &reference.symbol))
}

fn demangles_to(mangled: &str, plain: &str) -> bool {
    let demangled = cpp_demangle::Symbol::new(mangled).ok().and_then(|symbol| symbol.demangle().ok());
    demangled.is_some_and(|text| text.split('(').next() == Some(plain))
}

fn mangled_name(shim: &Library, renamed: &[(&Reference, String)]) -> Diagnosis {
    let expected = listed(renamed.iter().map(|(reference, _)| spelled(reference)));
    let actual = listed(renamed.iter().map(|(_, name)| name.clone()));
    let fix = "declare them extern \"C\" in the shim's sources, and export the plain names in the runtime's nodes";
    Diagnosis::new(Code::MangledName, expected, format!("{} exports {actual}", shim.name())).mended_by(fix)
}
