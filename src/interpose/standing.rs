//! How a shim stands to a library that some program will load: with the shim in front, the program before it and
//! nothing else between, the shim gets a reference exactly if its own definitions answer it.

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::elf::{NameHash, Visibility, escape};
use crate::loader::{Glibc, Platform, Query, TypeClass, ask};

use super::answer::{ClientCoverage, Coverage, Parts, SymbolCoverage, about};
use super::client::Client;
use super::deploy::Deploy;
use super::judge::{Miss, judge, miss};
use super::library::{Library, Reference};

/// Judges one library.
pub(super) fn judge_client(parts: &Parts<'_, '_>, client: &Client<'_>, answer: &mut Coverage) {
    let mut symbols = Vec::new();
    let fits = Platform::of(client.object.image()) == Platform::of(parts.object.image());
    for reference in &client.references {
        let covered = fits && is_answered(parts, client, reference);
        let otherwise = if fits { Code::Outranked } else { Code::PreloadIgnored };
        symbols.push(symbol(parts, reference, covered, otherwise));
    }
    if !fits {
        let expected = format!("a shim for {}", client.object.image().machine_name());
        let actual = format!("{} is for {}", parts.shim.path.display(), parts.object.image().machine_name());
        answer.diagnoses.push(about(&client.path, Diagnosis::new(Code::PreloadIgnored, expected, actual)));
    }
    conclude(parts, client, symbols, fits, answer);
}

/// Adds what is known of a client once it is known which of its references the shim gets.
pub(super) fn conclude(
    parts: &Parts<'_, '_>,
    client: &Client<'_>,
    symbols: Vec<SymbolCoverage>,
    judge_exports: bool,
    answer: &mut Coverage,
) {
    let mut diagnoses = Vec::new();
    if judge_exports && symbols.iter().any(|symbol| !symbol.covered) {
        let needed: Vec<Reference> = symbols.iter().map(|symbol| symbol.reference.clone()).collect();
        let of_exports = judge(&parts.shim, parts.question.api, &needed);
        diagnoses.extend(of_exports.into_iter().filter(|diagnosis| diagnosis.code != Code::UnversionedShim));
    }
    if parts.question.deploy == Deploy::Replace {
        diagnoses.extend(super::replace::judge(parts, client));
    }
    diagnoses.extend(super::behind::judge(parts, client));
    diagnoses.extend(super::reachable::judge(parts, &client.path, &client.object));
    diagnoses.extend(dangling(client));
    diagnoses.extend(around(client, &parts.shim));
    let subjects = diagnoses.into_iter().map(|diagnosis| about(&client.path, diagnosis));
    answer.diagnoses.extend(subjects);
    if !symbols.is_empty() {
        answer.clients.push(ClientCoverage { client: client.path.clone(), symbols });
    }
}

/// What a reference gets, and why not the shim: for what its exports tell, and `otherwise` where they would do.
pub(super) fn symbol(parts: &Parts<'_, '_>, reference: &Reference, covered: bool, otherwise: Code) -> SymbolCoverage {
    let role = parts.question.api.function(&reference.symbol).map_or(super::Role::Other, |function| function.role);
    let code = (!covered).then(|| match miss(&parts.shim, reference) {
        Some(Miss::WrongNode(_)) => Code::VersionMismatch,
        Some(Miss::Mangled(_)) => Code::MangledName,
        Some(Miss::Absent) => Code::NotCovered,
        None => otherwise,
    });
    SymbolCoverage { reference: reference.clone(), role, covered, code }
}

/// Asks the shim as ld.so would ask it (elf/dl-lookup.c, do_lookup_x). A client whose own definition cannot be
/// interposed asks nobody.
fn is_answered(parts: &Parts<'_, '_>, client: &Client<'_>, reference: &Reference) -> bool {
    let symbols = client.object.symbols();
    let found = symbols.iter().find(|symbol| !symbol.defined && symbol.name == reference.symbol.as_bytes());
    let Some(own) = found.filter(|symbol| !matches!(symbol.visibility, Visibility::Hidden | Visibility::Internal))
    else {
        return false;
    };
    let version = own.version.filter(|version| version.hash != 0);
    let query = Query { name: NameHash::new(own.name), version, class: TypeClass::Plt, newest: false };
    let glibc = Glibc::assumed(client.object.image().class(), client.object.image().machine());
    ask(&parts.object, &query, &glibc, |_, _| ()).is_some()
}

/// The folders that a client which refers to the API asks ld.so to search, and that are gone.
fn dangling(client: &Client<'_>) -> Option<Diagnosis> {
    let text = |list: Option<&[u8]>| list.map(|list| escape(list).to_text().into_owned());
    let image = client.object.image();
    super::fitness::dangling(&client.path, text(image.rpath()).as_deref(), text(image.runpath()).as_deref())
}

/// Where the client may go around the shim. One that exports dlsym itself may catch what is looked up by name.
fn around(client: &Client<'_>, shim: &Library) -> Vec<Diagnosis> {
    let mut diagnoses = Vec::new();
    let listed = |names: &[String]| crate::diagnosis::listed(names, 4);
    if !client.mentioned.is_empty() && client.asks_for_dlsym && !shim.exports.contains_key("dlsym") {
        let actual = format!("it asks for dlsym and holds as strings: {}", listed(&client.mentioned));
        let diagnosis = Diagnosis::new(Code::DlsymBypass, "API functions reached by references", actual);
        diagnoses.push(diagnosis.weighing(Severity::Warn));
    }
    if !client.mentioned.is_empty() && !client.asks_for_dlsym {
        let actual = format!(
            "it is stripped, refers to none of them, and holds as strings: {}: nobody can tell from the file whether \
             a runtime is inside",
            listed(&client.mentioned)
        );
        let diagnosis = Diagnosis::new(Code::StaticRuntime, "API functions reached by references", actual);
        let fix = "count what it calls: xdoctor smoke --shim SHIM -- COMMAND, or judge a build with its symbol table";
        diagnoses.push(diagnosis.weighing(Severity::Info).mended_by(fix));
    }
    if !client.built_in.is_empty() && client.references.is_empty() {
        let actual = format!("it has them inside: {}", listed(&client.built_in));
        diagnoses.push(Diagnosis::new(Code::StaticRuntime, "API functions reached by references", actual));
    }
    diagnoses
}
