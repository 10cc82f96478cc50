//! A program with the shim in front, modelled: every object in it that refers to the API is a client.

use std::ffi::OsString;
use std::path::Path;

use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::loader::{Binding, Environment, Index, Loaded, Process, Reason, TypeClass};

use super::answer::{Coverage, CoverageError, Parts, SymbolCoverage, about};
use super::client::Client;
use super::deploy::Deploy;
use super::fitness;
use super::judge::spelled;
use super::library::Reference;
use super::standing::{conclude, symbol};

/// Judges a program: how many of its objects refer to the API, and how many do not.
pub(super) fn judge(
    parts: &Parts<'_, '_>,
    program: &Path,
    answer: &mut Coverage,
) -> Result<(usize, usize), CoverageError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut process = match Process::start(parts.objects, &absolute(program), &environment(parts)) {
        Ok(process) if process.interpreter().is_some() => process,
        Ok(_) => {
            answer.diagnoses.push(about(program, impossible("it is linked statically: there is no ld.so in it")));
            return Ok((0, 1));
        }
        Err(why) => {
            answer.diagnoses.push(about(program, impossible(&why.to_string())));
            return Ok((0, 1));
        }
    };
    if process.is_secure() && parts.question.deploy == Deploy::Preload {
        answer.diagnoses.push(about(program, impossible("it runs with another user's rights (AT_SECURE)")));
    }
    let mut bound_deeply = Vec::new();
    for module in parts.question.modules {
        let before = process.loaded().len();
        let opened = process.open(module);
        if module.deepbind {
            bound_deeply.extend(before..process.loaded().len());
        }
        if let Err(refusal) = opened {
            let actual = format!("dlopen refuses {}: {refusal:?}", module.name.display());
            let diagnosis = Diagnosis::new(Code::CommandFailed, "a module that can be opened", actual);
            answer.diagnoses.push(about(program, diagnosis));
        }
    }
    if let Some(missing) = process.missing().iter().find(|missing| missing.reason == Reason::Preload) {
        let expected = format!("{} loaded in front", parts.shim.path.display());
        answer
            .diagnoses
            .push(about(program, Diagnosis::new(Code::PreloadIgnored, expected, fitness::why(&missing.why))));
    }
    let shim = process.loaded().iter().position(|loaded| loaded.object.id() == parts.object.id());
    let runtime = parts.objects.open(&parts.runtime.path).map(|runtime| runtime.id()).ok();
    let mut concerned = 0;
    for (index, loaded) in process.loaded().iter().enumerate() {
        let own = Some(index) == shim || Some(loaded.object.id()) == runtime;
        let client = Client::of(&loaded.path, loaded.object.clone(), parts.question.api).filter(|_| !own);
        let Some(client) = client else { continue };
        concerned += 1;
        let otherwise = match shim {
            None if parts.question.deploy == Deploy::Replace => Code::SonameMismatch,
            None => Code::PreloadIgnored,
            Some(_) if bound_deeply.contains(&index) => Code::DeepbindBypass,
            Some(_) => Code::Outranked,
        };
        let providers = client.references.iter().map(|reference| (reference, provider(&process, index, reference)));
        let providers: Vec<(&Reference, Option<Index>)> = providers.collect();
        let is_covered = |by: Option<Index>| by.is_some() && by == shim;
        let judged = providers.iter().map(|(reference, by)| symbol(parts, reference, is_covered(*by), otherwise));
        let symbols: Vec<SymbolCoverage> = judged.collect();
        if shim.is_some() {
            let winners = providers.iter().zip(&symbols).filter(|(_, symbol)| symbol.code == Some(otherwise));
            let winners = winners.filter_map(|((reference, by), _)| Some((*reference, process.loaded().get((*by)?)?)));
            answer
                .diagnoses
                .extend(wins(otherwise, &winners.collect::<Vec<_>>()).map(|wins| about(&client.path, wins)));
        }
        conclude(parts, &client, symbols, true, answer);
    }
    Ok((concerned, 1))
}

/// The runtime's folder is searched first, so that the runtime that was named is the one found.
fn environment(parts: &Parts<'_, '_>) -> Environment {
    let folder = |path: &Path| std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_owned()));
    let mut folders = Vec::new();
    if parts.question.deploy == Deploy::Replace {
        folders.extend(folder(&parts.shim.path));
    }
    folders.extend(folder(&parts.runtime.path));
    let preload = (parts.question.deploy == Deploy::Preload).then(|| {
        std::path::absolute(&parts.shim.path).map_or_else(|_| OsString::from(&parts.shim.path), OsString::from)
    });
    Environment { library_path: std::env::join_paths(folders).ok(), preload, ..Environment::default() }
}

/// The definitions that come before the shim's, and how they do.
fn wins(code: Code, winners: &[(&Reference, &Loaded<'_>)]) -> Option<Diagnosis> {
    let (first, by) = winners.first()?;
    let more = if winners.len() > 1 { format!(" and {} more", winners.len() - 1) } else { String::new() };
    let how = match code {
        Code::DeepbindBypass => "dlopen with RTLD_DEEPBIND asks the module's own libraries first",
        _ => "it is asked before the shim",
    };
    let actual = format!("{}{more} bound to {}: {how}", spelled(first), by.path.display());
    Some(Diagnosis::new(code, "references bound to the shim", actual))
}

fn impossible(why: &str) -> Diagnosis {
    Diagnosis::new(Code::PreloadImpossible, "a program that ld.so can preload into", why)
}

/// Where a call through this reference ends. Bound to an undefined entry of the program (a canonical PLT entry), it
/// goes on to where the program's own PLT is bound.
fn provider(process: &Process<'_, '_>, referrer: Index, reference: &Reference) -> Option<Index> {
    let found = bindings(process, referrer, reference.symbol.as_bytes()).find_map(|binding| binding.provider)?;
    let by = process.loaded().get(found.0 as usize)?;
    let defined = by.object.symbols().get(found.1 as usize).is_some_and(|symbol| symbol.defined);
    if defined {
        return Some(found.0 as usize);
    }
    let mut onward = bindings(process, found.0 as usize, reference.symbol.as_bytes());
    onward.find(|binding| binding.class == TypeClass::Plt).and_then(|binding| Some(binding.provider?.0 as usize))
}

fn bindings<'p>(process: &'p Process<'_, '_>, referrer: Index, name: &'p [u8]) -> impl Iterator<Item = &'p Binding> {
    let symbols = process.loaded().get(referrer).map(|loaded| loaded.object.symbols());
    process.bindings().iter().filter(move |binding| {
        binding.referrer as usize == referrer
            && symbols.is_some_and(|symbols| symbols.name(binding.reference as usize) == Some(name))
    })
}
