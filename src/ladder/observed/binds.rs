//! Rung *binds*: the clients' references to the API are bound to the shim, as seen, and as the loader model had said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::code::{Code, Severity};
use crate::diagnosis::{Diagnosis, listed};
use crate::elf::{Image, Mapped};
use crate::interpose::{Library, Reference, is_critical, judge as judge_exports, miss, spelled};
use crate::ladder::rung::Answer;
use crate::ladder::setup::Deployment;
use crate::ladder::witness::Seen;
use crate::probe::Via;

use super::called;
use super::evidence::{Client, Evidence};

/// How one reference fares.
enum Fate {
    /// Bound to the shim.
    Covered,
    /// Bound elsewhere: there.
    Past(PathBuf),
    /// Not bound in this run, and would not reach the shim.
    Unbound,
    /// Nobody could see, or tell.
    Unknown,
}

pub(super) fn judge(evidence: &Evidence<'_>) -> Seen {
    let mut seen = Vec::new();
    if evidence.clients.is_empty() {
        return (without_references(evidence), seen);
    }
    let (mut past, mut missed, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for client in &evidence.clients {
        let fates: Vec<(&Reference, Fate)> =
            client.references.iter().map(|reference| (reference, fate(evidence, client, reference))).collect();
        seen.push(account(client, &fates));
        for (reference, fate) in fates {
            match fate {
                Fate::Covered => {}
                Fate::Past(provider) => past.push((client, reference, provider)),
                Fate::Unbound => missed.push(reference.clone()),
                Fate::Unknown => unknown.push(spelled(reference)),
            }
        }
    }
    predicted(evidence, &mut seen);
    let bypassing: Vec<Reference> = past.iter().map(|(_, reference, _)| (*reference).clone()).chain(missed).collect();
    let mut diagnoses = Vec::new();
    if !bypassing.is_empty() {
        // Beside those that it would satisfy: whether most are missed is a part of the verdict.
        let satisfied = evidence.clients.iter().flat_map(|client| &client.references);
        let satisfied = satisfied.filter(|reference| miss(&evidence.shim, reference).is_none()).cloned();
        let judged = unique(bypassing.into_iter().chain(satisfied));
        let of_exports = judge_exports(&evidence.shim, &evidence.api, &judged);
        diagnoses.extend(of_exports.into_iter().filter(|diagnosis| diagnosis.code != Code::UnversionedShim));
    }
    diagnoses.extend(taken(evidence, &past));
    diagnoses.sort_by_key(|diagnosis| std::cmp::Reverse(diagnosis.severity()));
    let mut diagnoses = diagnoses.into_iter();
    match diagnoses.next() {
        Some(first) => {
            seen.extend(diagnoses.map(|other| format!("also {}: {}", other.code, other.actual)));
            (Answer::Diagnosed(first), seen)
        }
        None if !unknown.is_empty() => {
            let reason = format!("nobody could see where these are bound: {}", listed(&unknown, 4));
            (Answer::Undetermined(reason), seen)
        }
        None => {
            let built_in = || built_in(evidence).map(Answer::Diagnosed);
            (differs(evidence).or_else(built_in).or_else(|| unversioned(evidence)).unwrap_or(Answer::Holds), seen)
        }
    }
}

/// No object refers to the API: what there is was looked up by name, or is not there.
fn without_references(evidence: &Evidence<'_>) -> Answer {
    let looked_up = evidence.client_rows().any(|(row, _)| row.via != Via::Plt);
    let called = evidence.native_calls().is_some_and(|calls| !calls.is_empty());
    if evidence.catches_lookups() {
        let shim = evidence.shim.path.display();
        let expected = "lookups by name answered by the loader";
        let actual = format!("{shim} exports dlsym and answers them itself, which nobody sees");
        Answer::Diagnosed(Diagnosis::new(Code::DlsymHijacked, expected, actual).weighing(Severity::Warn))
    } else if let Some(diagnosis) = built_in(evidence) {
        Answer::Diagnosed(diagnosis)
    } else if looked_up {
        Answer::Holds
    } else if called {
        Answer::Undetermined("the objects that referred to the API natively were not loaded".to_owned())
    } else {
        let reason = format!("nothing in the command refers to the {} API", evidence.setup.api.name);
        called::first_departed(evidence).unwrap_or(Answer::Undetermined(reason))
    }
}

/// An object with functions of the runtime inside, as its symbol table tells: what calls them crosses no dynamic symbol.
fn built_in(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let objects = evidence.shimmed.observation.objects();
    let objects: BTreeSet<&Path> = objects.map(|object| object.path.as_path()).collect();
    let runtimes = evidence.runtimes.iter().filter_map(|runtime| Library::read(runtime).ok());
    let offered: BTreeSet<String> = runtimes.flat_map(|runtime| runtime.exports.into_keys()).collect();
    let is_offered = |name: &str| evidence.setup.api.takes(name) && (offered.is_empty() || offered.contains(name));
    let own = objects.into_iter().filter(|path| evidence.is_client(path) && path.is_file());
    own.filter_map(|path| {
        let names = inside(path, &is_offered)?;
        // One that has a function and asks for it, too, only wraps it.
        let wraps = evidence.rows.iter().any(|(row, _)| row.caller == path && names.contains(&row.symbol));
        let actual = format!("{} has them inside: {}", path.display(), listed(&names, 4));
        let found = !names.is_empty() && !wraps;
        found.then(|| Diagnosis::new(Code::StaticRuntime, "API functions reached by references", actual))
    })
    .next()
}

/// The functions of these names that the file defines and does not export.
fn inside(path: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
    let file = Mapped::open(path).ok()?;
    let symbols = Image::parse(file.bytes()).ok()?.static_symbols();
    let code = symbols.iter().filter(|symbol| symbol.defined && symbol.size > 0);
    let names = code.filter_map(|symbol| std::str::from_utf8(symbol.name).ok());
    let names: BTreeSet<&str> = names.filter(|name| is_wanted(name)).collect();
    if names.is_empty() {
        return None; // most are stripped: their exports need not be read
    }
    let exports = Library::read(path).ok()?.exports;
    Some(names.into_iter().filter(|name| !exports.contains_key(*name)).map(ToOwned::to_owned).collect())
}

fn fate(evidence: &Evidence<'_>, client: &Client, reference: &Reference) -> Fate {
    let rows = evidence.rows.iter().map(|(row, _)| row);
    let mut own = rows
        .filter(|row| row.caller == client.path && row.symbol == reference.symbol && row.via == Via::Plt)
        .filter(|row| row.reason.is_none())
        .peekable();
    if own.peek().is_some() {
        let provider = own.filter(|row| evidence.goes_past(row)).find_map(|row| row.provider.clone());
        return provider.filter(|provider| *provider != client.path).map_or(Fate::Covered, Fate::Past);
    }
    // Bound lazily, and not called in this run; or bound where the observer could not look.
    let predicted =
        evidence.prediction.as_ref().and_then(|prediction| prediction.provider(&client.path, &reference.symbol));
    match predicted {
        Some(Some(provider)) if crate::ladder::same_file::same_file(provider, &evidence.shim.path) => Fate::Covered,
        Some(_) if reference.weak => Fate::Covered,
        Some(_) => Fate::Unbound,
        None if miss(&evidence.shim, reference).is_some() => Fate::Unbound,
        None => Fate::Unknown,
    }
}

fn account(client: &Client, fates: &[(&Reference, Fate)]) -> String {
    let covered = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Covered)).count();
    let mut elsewhere: BTreeMap<&Path, usize> = BTreeMap::new();
    for (_, fate) in fates {
        if let Fate::Past(provider) = fate {
            *elsewhere.entry(provider).or_default() += 1;
        }
    }
    let elsewhere: String =
        elsewhere.iter().map(|(provider, count)| format!("; {count} to {}", provider.display())).collect();
    format!("{}: {covered} of {} references bind to the shim{elsewhere}", client.path.display(), fates.len())
}

fn predicted(evidence: &Evidence<'_>, seen: &mut Vec<String>) {
    let Some(prediction) = &evidence.prediction else { return };
    let (compared, differing) = (prediction.said.compared, prediction.said.differences.len());
    match differing {
        0 if compared > 0 => seen.push(format!("the loader model had said so of all {compared} that were seen")),
        0 => {}
        _ => seen.push(format!("the loader model had said otherwise of {differing} of {compared} that were seen")),
    }
    seen.extend(prediction.said.unpredicted.iter().map(|why| format!("not predicted: {why}")));
}

fn unique(references: impl Iterator<Item = Reference>) -> Vec<Reference> {
    let mut known = BTreeSet::new();
    references.filter(|reference| known.insert(spelled(reference))).collect()
}

/// References that the shim's exports would satisfy, and that something else got: how it did.
fn taken(evidence: &Evidence<'_>, past: &[(&Client, &Reference, PathBuf)]) -> Option<Diagnosis> {
    let satisfied: Vec<_> = past.iter().filter(|(_, reference, _)| miss(&evidence.shim, reference).is_none()).collect();
    let (client, reference, provider) = *satisfied.first()?;
    let critical = satisfied.iter().any(|(_, reference, _)| is_critical(evidence.setup.api.role(&reference.symbol)));
    let (code, how) = cause(evidence, client, reference, provider);
    let names: Vec<String> = satisfied.iter().map(|(_, reference, _)| spelled(reference)).collect();
    let expected = format!("{} bound to the shim", listed(&names, 4));
    let actual = format!("{} binds to {}: {how}", client.path.display(), provider.display());
    let severity = if critical { Severity::Fail } else { Severity::Warn };
    let diagnosis = Diagnosis::new(code, expected, actual);
    let diagnosis = match is_elsewhere(evidence, client) {
        true => diagnosis.mended_by(
            "no preload reaches a namespace that dlmopen makes: put the shim in the runtime's place (--deploy replace)",
        ),
        false => diagnosis,
    };
    // A possibility only is a warning; here it was seen.
    Some(diagnosis.weighing(severity))
}

fn cause(evidence: &Evidence<'_>, client: &Client, reference: &Reference, provider: &Path) -> (Code, &'static str) {
    let order = |path: &Path| {
        let images = evidence.shimmed.observation.images.iter();
        images.filter_map(|image| image.objects.iter().position(|object| object.path == path)).min()
    };
    let shim = evidence
        .shimmed
        .observation
        .images
        .iter()
        .filter_map(|image| image.objects.iter().position(|object| evidence.is_shim(&object.path)));
    let late = shim.min() > order(&client.path);
    let prediction = evidence.prediction.as_ref();
    let said = prediction.and_then(|prediction| prediction.provider(&client.path, &reference.symbol));
    if late && evidence.setup.deploy == Deployment::Itself {
        (Code::LoadedLate, "the shim came after this object, whose references were bound then")
    } else if is_elsewhere(evidence, client) {
        (Code::PredictionDiffers, "it was loaded into a namespace of its own (dlmopen), where no preload is")
    } else if said.flatten().is_some_and(|said| crate::ladder::same_file::same_file(said, provider)) {
        (Code::Outranked, "it is asked before the shim, as the loader model says, too")
    } else if prediction.is_some_and(|prediction| prediction.is_deep(&client.path, &reference.symbol, provider)) {
        (Code::DeepbindBypass, "as dlopen with RTLD_DEEPBIND has it, which asks the object's own libraries first")
    } else if prediction.is_none() {
        (Code::Outranked, "it is asked before the shim")
    } else {
        (Code::PredictionDiffers, "the loader model says otherwise, and nobody knows why")
    }
}

/// Whether the client was loaded into other namespaces than the program's only.
fn is_elsewhere(evidence: &Evidence<'_>, client: &Client) -> bool {
    let objects = evidence.shimmed.observation.objects();
    objects.filter(|object| object.path == client.path).all(|object| object.namespace != 0)
}

/// The shim got everything, and lacks the nodes that tell versions apart.
fn unversioned(evidence: &Evidence<'_>) -> Option<Answer> {
    let remarks = judge_exports(&evidence.shim, &evidence.api, &[]).into_iter();
    remarks.filter(|remark| remark.code == Code::UnversionedShim).map(Answer::Diagnosed).next()
}

/// The shim got all that was seen, and still the model was wrong.
fn differs(evidence: &Evidence<'_>) -> Option<Answer> {
    let first = evidence.prediction.as_ref()?.said.differences.first()?;
    let name = |path: &Option<PathBuf>| path.as_ref().map_or("nothing".to_owned(), |path| path.display().to_string());
    let expected = format!("{} of {} bound to {}", first.symbol, first.referrer.display(), name(&first.predicted));
    let diagnosis = Diagnosis::new(Code::PredictionDiffers, expected, format!("bound to {}", name(&first.observed)));
    Some(Answer::Diagnosed(diagnosis.weighing(Severity::Warn)))
}
