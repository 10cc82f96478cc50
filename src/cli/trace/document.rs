//! The JSON document of `xdoctor trace`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::table::Table;
use crate::probe::{Departure, Ended, Image, Met, Observation, Reason, Via};

/// `xdoctor/trace/1`; its members are the contract.
#[derive(Serialize)]
pub struct Document<'a> {
    schema: &'static str,
    command: &'a str,
    exit: Option<i32>,
    signal: Option<i32>,
    front: Option<&'a Path>,
    objects: Vec<Object<'a>>,
    calls: Vec<Call<'a>>,
    processes: Vec<Process<'a>>,
}

#[derive(Serialize)]
struct Object<'a> {
    path: &'a Path,
    namespace: i64,
}

#[derive(Serialize)]
struct Call<'a> {
    caller: &'a Path,
    symbol: &'a str,
    version: Option<&'a str>,
    provider: Option<&'a Path>,
    via: Via,
    count: Option<u64>,
    bypass: bool,
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: u32,
    parent: u32,
    program: Option<Cow<'a, Path>>,
    observed: bool,
    forked: Option<bool>,
    calls: Option<u64>,
    lost: Option<u64>,
}

impl<'a> Document<'a> {
    pub fn new(
        command: &'a str,
        ended: &Ended,
        observation: &'a Observation,
        unobserved: &[&'a Met],
        table: &'a Table,
    ) -> Document<'a> {
        let processes = observation.images.iter().map(observed);
        let unmet = observation.departed().into_iter().filter(|one| unobserved.iter().all(|met| met.pid != one.pid));
        Document {
            schema: "xdoctor/trace/1",
            command,
            exit: ended.exit(),
            signal: ended.signal(),
            front: table.front.as_deref(),
            objects: objects(observation),
            calls: calls(table),
            processes: processes
                .chain(unobserved.iter().map(|met| not_observed(met)))
                .chain(unmet.map(|departure| departed(departure, observation)))
                .collect(),
        }
    }
}

/// Each once, in the order in which they were first loaded; the kernel's own, which has no file, is left out.
fn objects(observation: &Observation) -> Vec<Object<'_>> {
    let mut seen = BTreeSet::new();
    let all = observation.objects();
    all.filter(|object| object.path.is_absolute() && seen.insert(*object))
        .map(|object| Object { path: &object.path, namespace: object.namespace })
        .collect()
}

fn calls(table: &Table) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    for (row, count) in &table.rows {
        calls.push(Call {
            caller: &row.caller,
            symbol: &row.symbol,
            version: row.version.as_deref(),
            provider: row.provider.as_deref(),
            via: row.via,
            count: *count,
            bypass: table.goes_past(row),
            reason: row.reason.map(Reason::sentence),
        });
    }
    calls
}

fn observed(image: &Image) -> Process<'_> {
    Process {
        pid: image.pid,
        parent: image.parent,
        program: image.program().map(Cow::Borrowed),
        observed: true,
        forked: Some(image.forked),
        calls: Some(image.calls.iter().map(|call| call.count).sum()),
        lost: Some(image.lost),
    }
}

fn departed<'a>(departure: &Departure, observation: &Observation) -> Process<'a> {
    let parent = departure.parent(&observation.images);
    let program = departure.file().map(Cow::Owned);
    Process { pid: departure.pid, parent, program, observed: false, forked: None, calls: None, lost: None }
}

fn not_observed(met: &Met) -> Process<'_> {
    let (pid, parent, program) = (met.pid, met.parent, Some(Cow::Borrowed(met.program.as_path())));
    Process { pid, parent, program, observed: false, forked: None, calls: None, lost: None }
}
