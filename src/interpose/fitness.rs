//! Whether the shim itself is fit to be loaded: what it needs is there, and what it refers to resolves.

use std::path::Path;

use crate::code::{Code, Severity};
use crate::diagnosis::{Diagnosis, listed};
use crate::elf::{SymbolKind, escape};
use crate::loader::{Environment, NotFound, Platform, Process, Reason};

use super::answer::Parts;
use super::deploy::Deploy;
use super::judge::{exports_none, whole_api};
use super::library::Library;
use super::reachable;
use super::search_path::search_folders;

/// What is wrong with the shim, whoever the client is.
pub(super) fn of(parts: &Parts<'_, '_>) -> Vec<Diagnosis> {
    let mut diagnoses = Vec::new();
    // The runtime stands for what the client would bring along.
    let environment = Environment { preload: Some(parts.runtime.path.clone().into()), ..Environment::default() };
    let shim = std::path::absolute(&parts.shim.path).unwrap_or_else(|_| parts.shim.path.clone());
    let platform = Platform::of(parts.object.image());
    // A shim for another machine is never asked for what it needs.
    let loads = parts.objects.open(&parts.runtime.path).is_ok_and(|runtime| Platform::of(runtime.image()) == platform);
    if let Ok(process) = Process::start(parts.objects, &shim, &environment)
        && loads
    {
        diagnoses.extend(missing(&process));
        diagnoses.extend(missing_versions(&process));
        if diagnoses.is_empty() {
            // Else it is what is missing that would define them.
            diagnoses.extend(undefined(parts, &process));
        }
    }
    diagnoses.extend(dangling(&shim, parts.shim.rpath.as_deref(), parts.shim.runpath.as_deref()));
    diagnoses.extend(reachable::judge(parts, &shim, &parts.object));
    diagnoses.extend(hijacked(&parts.shim));
    diagnoses.extend(silent(parts));
    diagnoses.extend(data(parts));
    if !parts.shim.is_versioned() && parts.question.deploy == Deploy::Preload {
        let actual = format!("no version information in {}", parts.shim.name());
        diagnoses.push(Diagnosis::new(Code::UnversionedShim, "version nodes as the runtime has them", actual));
    }
    if parts.objects.open(&parts.runtime.path).is_ok_and(|runtime| runtime.image().is_symbolic()) {
        let actual =
            format!("{} is linked with -Bsymbolic: its inner calls reach no shim", parts.runtime.path.display());
        diagnoses.push(Diagnosis::new(Code::SymbolicBypass, "calls that can be interposed", actual));
    }
    diagnoses
}

/// What a file asks ld.so to search and is gone, in one. What it needs may be found all the same: a warning.
pub(super) fn dangling(path: &Path, rpath: Option<&str>, runpath: Option<&str>) -> Option<Diagnosis> {
    let folders = search_folders(path, rpath, runpath);
    let gone: Vec<String> = folders
        .iter()
        .filter(|folder| folder.dangling(path).is_some())
        .map(|folder| format!("{} {}", folder.tag, folder.written))
        .collect();
    let actual = format!("not there: {}", gone.join(", "));
    let diagnosis = Diagnosis::new(Code::RunpathDangling, "search paths that lead to folders", actual);
    (!gone.is_empty()).then(|| diagnosis.weighing(Severity::Warn))
}

/// A shim without any function of the API that its runtime has catches no call; with clients, they are told so each.
fn silent(parts: &Parts<'_, '_>) -> Option<Diagnosis> {
    let api = parts.question.api;
    let of_the_api = api.functions.iter().any(|function| parts.runtime.exports.contains_key(&function.symbol));
    let asked = parts.question.clients.is_empty() && of_the_api;
    asked.then(|| exports_none(&parts.shim, api, &whole_api(api)))?
}

/// ld.so binds a call to whatever has the name (elf/dl-lookup.c, ALLOWED_STT): where the shim has data, the call jumps into it.
fn data(parts: &Parts<'_, '_>) -> Option<Diagnosis> {
    let has = |library: &Library, name: &str, is_it: &dyn Fn(SymbolKind) -> bool| {
        library.exports.get(name).is_some_and(|exports| exports.iter().any(|export| is_it(export.kind)))
    };
    let is_data = |kind| matches!(kind, SymbolKind::Object | SymbolKind::Tls | SymbolKind::Common);
    let functions = parts.question.api.functions.iter().map(|function| function.symbol.as_str());
    let functions = functions
        .filter(|name| has(&parts.runtime, name, &SymbolKind::is_function))
        .filter(|name| has(&parts.shim, name, &is_data));
    let names: Vec<String> = functions.map(ToOwned::to_owned).collect();
    let actual = format!("data of that name in {}: a call would jump into it", parts.shim.name());
    let diagnosis = Diagnosis::new(Code::NotCovered, format!("functions: {}", listed(&names, 4)), actual);
    (!names.is_empty()).then(|| {
        diagnosis.weighing(Severity::Fail).mended_by("define it as a function, or leave it out of the version script")
    })
}

/// A shim that exports dlsym answers lookups itself: what they give is no longer the loader's to tell.
fn hijacked(shim: &Library) -> Option<Diagnosis> {
    let own: Vec<&str> = ["dlsym", "dlvsym"].into_iter().filter(|name| shim.exports.contains_key(*name)).collect();
    let first = own.first()?;
    let actual = format!("{} exports {}: a lookup by name gives what it says", shim.name(), own.join(" and "));
    let fix = format!(
        "if it is meant, count calls instead: xdoctor smoke --shim {}\n\
         if not, leave {first} out of the version script: it has `local: *;`",
        shim.path.display()
    );
    let diagnosis = Diagnosis::new(Code::DlsymHijacked, "lookups by name answered by the loader", actual);
    Some(diagnosis.weighing(Severity::Warn).mended_by(fix))
}

fn missing(process: &Process<'_, '_>) -> Vec<Diagnosis> {
    let mut diagnoses = Vec::new();
    for missing in process.missing() {
        let name = escape(&missing.name).to_string();
        let by = match missing.reason {
            Reason::NeededBy(index) => process.loaded().get(index).map(|by| by.path.display().to_string()),
            _ => None,
        };
        let Some(by) = by else { continue };
        let fix = format!("install {name}, or link again with -Wl,-rpath naming the folder that has it");
        let diagnosis = Diagnosis::new(Code::MissingLibrary, format!("{name}, which {by} needs"), why(&missing.why));
        diagnoses.push(diagnosis.mended_by(fix));
    }
    diagnoses
}

/// Why ld.so finds nothing under a name.
pub(super) fn why(not_found: &NotFound) -> String {
    match not_found {
        NotFound::Nowhere { passed_over } => match passed_over.first() {
            Some(other) => format!("found nowhere; {} is of another class or machine", other.display()),
            None => "found nowhere".to_owned(),
        },
        NotFound::Bad { path, why } => format!("{}: {why}", path.display()),
        NotFound::Secure => "the program runs with another user's rights".to_owned(),
    }
}

/// The version nodes that an object needs and that keep ld.so from starting, each a diagnosis.
pub fn missing_versions(process: &Process<'_, '_>) -> Vec<Diagnosis> {
    let path = |index: usize| process.loaded().get(index).map(|by| by.path.display().to_string()).unwrap_or_default();
    let errors = process.version_errors().iter().filter(|error| error.flaw.is_fatal());
    errors
        .map(|error| {
            let expected = format!("version {}, which {} needs", escape(&error.node), path(error.needed_by));
            let actual =
                error.library.map_or_else(|| "no library has it".into(), |index| format!("{} lacks it", path(index)));
            Diagnosis::new(Code::MissingVersion, expected, actual)
        })
        .collect()
}

/// The shim's own references that resolve nowhere, with the neighbour that holds the name as a local symbol.
fn undefined(parts: &Parts<'_, '_>, process: &Process<'_, '_>) -> Vec<Diagnosis> {
    let unresolved =
        process.bindings().iter().filter(|binding| binding.referrer == 0 && process.is_unresolved(binding));
    let name = |reference: u32| parts.object.symbols().name(reference as usize).map(|name| escape(name).to_string());
    let mut names: Vec<String> = unresolved.filter_map(|binding| name(binding.reference)).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Vec::new();
    }
    let neighbour = process.loaded().iter().skip(1).find_map(|loaded| holds(parts, &loaded.path, &names));
    let (found, fix) = neighbour.unwrap_or_else(|| {
        (
            "no library that it needs defines them".to_owned(),
            "link the shim with the library that defines them".to_owned(),
        )
    });
    vec![
        Diagnosis::new(Code::UndefinedSymbol, format!("{}, which the shim refers to", listed(&names, 4)), found)
            .mended_by(fix),
    ]
}

fn holds(parts: &Parts<'_, '_>, neighbour: &Path, names: &[String]) -> Option<(String, String)> {
    let hidden = parts.shim.hidden_in(neighbour).ok()??;
    hidden.iter().find(|name| names.contains(name)).map(|name| {
        let found = format!(
            "{} holds {name} as a local symbol: a version script with `local: *` hides it",
            neighbour.display()
        );
        let fix = format!("link {} without that script, or list the names under `global:`", neighbour.display());
        (found, fix)
    })
}
