//! What the loader model says of the same processes, held against what was seen of them.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::ladder::prediction::Difference;
use crate::ladder::same_file::same_file;
use crate::loader::{Environment, Files, Index, Module, Objects, Process, Tree, TypeClass};
use crate::probe::{Image, Via};

use super::evidence::Evidence;
use super::model::{Bound, Model};

/// Models every program that was seen to hold a client, and compares.
pub(super) fn of(evidence: &Evidence<'_>, environment: &Environment) -> Model {
    let images = images(evidence);
    let mut prediction = Model::default();
    for (program, image) in &images {
        match bindings(evidence, image, program, environment, false) {
            Ok((bound, at_start)) => {
                prediction.bound.extend(bound);
                prediction.at_start.extend(at_start);
            }
            Err(why) => prediction.said.unpredicted.push(why),
        }
    }
    // RTLD_DEEPBIND is only ever asked for as the cause of a binding that was not foreseen.
    if !compare(evidence, &mut prediction) {
        let deeply =
            images.iter().filter_map(|(program, image)| bindings(evidence, image, program, environment, true).ok());
        prediction.bound_deeply = deeply.flat_map(|(bound, _)| bound).collect();
    }
    prediction
}

/// Every program that was seen to hold a client, once, with the first image of it.
fn images<'e>(evidence: &'e Evidence<'_>) -> Vec<(&'e Path, &'e Image)> {
    let mut programs = BTreeSet::new();
    let clients: BTreeSet<&Path> = evidence.clients.iter().map(|client| client.path.as_path()).collect();
    let started = evidence.shimmed.observation.images.iter().filter(|image| !image.forked);
    let holding = started.filter(|image| image.objects.iter().any(|object| clients.contains(object.path.as_path())));
    let named = holding.filter_map(|image| Some((image.program()?, image)));
    named.filter(|(program, _)| programs.insert(program.to_owned())).collect()
}

/// Where the model binds every client's references in this image: its program at start, then what it opened, in its order.
/// Whoever opened it says neither RTLD_GLOBAL nor what for, as far as anybody could see.
fn bindings(
    evidence: &Evidence<'_>,
    image: &Image,
    program: &Path,
    environment: &Environment,
    deepbind: bool,
) -> Result<(Bound, Vec<PathBuf>), String> {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let mut process = Process::start(&objects, program, environment).map_err(|why| why.to_string())?;
    let at_start = process.loaded().iter().map(|loaded| loaded.path.clone()).collect();
    for object in image.objects.iter().filter(|object| object.namespace == 0 && object.path.is_file()) {
        let id = objects.open(&object.path).map(|object| object.id());
        let known = process.loaded().iter().any(|loaded| id.as_ref().is_ok_and(|id| loaded.object.id() == *id));
        if !known {
            // What the model refuses and the run opened shows in the comparison.
            let _ = process.open(&Module { name: object.path.clone().into(), global: false, deepbind });
        }
    }
    let table = Table::of(&process, evidence);
    let mut bound = Bound::new();
    for client in &evidence.clients {
        let Some(referrer) = process.loaded().iter().position(|loaded| same_file(&loaded.path, &client.path)) else {
            continue;
        };
        for reference in &client.references {
            let provider = table.provider(&process, referrer, reference.symbol.as_bytes());
            let path = provider.and_then(|provider| process.loaded().get(provider)).map(|loaded| loaded.path.clone());
            bound.insert((client.path.clone(), reference.symbol.clone()), path);
        }
    }
    Ok((bound, at_start))
}

/// The bindings of the API's names, read off the model once.
struct Table<'n>(HashMap<(Index, &'n [u8]), Vec<Definition>>);

/// How a reference was asked for, and the object and symbol that answer it.
type Definition = (TypeClass, (Index, u32));

impl<'n> Table<'n> {
    fn of(process: &Process<'_, '_>, evidence: &'n Evidence<'_>) -> Table<'n> {
        let names: HashMap<&[u8], &'n [u8]> = evidence
            .clients
            .iter()
            .flat_map(|client| &client.references)
            .map(|reference| (reference.symbol.as_bytes(), reference.symbol.as_bytes()))
            .collect();
        let mut table: HashMap<(Index, &'n [u8]), Vec<Definition>> = HashMap::new();
        for binding in process.bindings() {
            let referrer = binding.referrer as Index;
            let symbols = process.loaded().get(referrer).map(|loaded| loaded.object.symbols());
            let name = symbols.and_then(|symbols| symbols.name(binding.reference as usize));
            if let Some(name) = name.and_then(|name| names.get(name))
                && let Some((provider, definition)) = binding.provider
            {
                table.entry((referrer, name)).or_default().push((binding.class, (provider as Index, definition)));
            }
        }
        Table(table)
    }

    /// Where a call through the reference ends. One that is bound to an undefined entry of the program (a canonical PLT
    /// entry) goes on to where the program's own PLT is bound.
    fn provider(&self, process: &Process<'_, '_>, referrer: Index, name: &'n [u8]) -> Option<Index> {
        let (_, (provider, definition)) = *self.0.get(&(referrer, name))?.first()?;
        let symbols = process.loaded().get(provider)?.object.symbols();
        if symbols.get(definition as usize).is_some_and(|symbol| symbol.defined) {
            return Some(provider);
        }
        let mut onward = self.0.get(&(provider, name))?.iter();
        onward.find(|(class, _)| *class == TypeClass::Plt).map(|(_, (provider, _))| *provider)
    }
}

/// Whether all that was seen of the clients had been foreseen.
fn compare(evidence: &Evidence<'_>, prediction: &mut Model) -> bool {
    let mut foreseen = true;
    let seen = evidence.rows.iter().map(|(row, _)| row).filter(|row| row.via == Via::Plt && row.reason.is_none());
    for row in seen {
        let Some(predicted) = prediction.provider(&row.caller, &row.symbol).map(|path| path.map(Path::to_owned)) else {
            foreseen &= !evidence.clients.iter().any(|client| client.path == row.caller);
            continue;
        };
        prediction.said.compared += 1;
        let agrees = match (&predicted, &row.provider) {
            (Some(predicted), Some(observed)) => same_file(predicted, observed),
            (predicted, observed) => predicted.is_none() && observed.is_none(),
        };
        if !agrees {
            let difference = Difference {
                referrer: row.caller.clone(),
                symbol: row.symbol.clone(),
                predicted,
                observed: row.provider.clone(),
            };
            prediction.said.differences.push(difference);
        }
    }
    foreseen && prediction.said.differences.is_empty()
}
