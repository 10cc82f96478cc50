//! The explanation for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::super::model::{found, shown};
use super::advice::advice;
use super::{Alike, Explanation, instead, taken, verdict};
use crate::elf::{Escaped, escape};
use crate::loader::{Asked, Index, TypeClass, Unreached};

#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    target: String,
    symbol: Escaped<'d>,
    version: Option<Escaped<'d>>,
    walks: Vec<Row<'d>>,
    may_look_up: Vec<String>,
    advice: Vec<String>,
}

#[derive(Serialize)]
struct Row<'d> {
    referrers: Vec<String>,
    version: Option<Escaped<'d>>,
    class: &'static str,
    weak: bool,
    provider: Option<String>,
    provider_version: Option<Escaped<'d>>,
    /// What overrode the walk.
    instead: Option<&'static str>,
    lands_in: Option<String>,
    asked: Vec<Step<'d>>,
    not_asked: Vec<Unasked>,
}

#[derive(Serialize)]
struct Step<'d> {
    object: String,
    found: &'static str,
    answer: &'static str,
    rule: Option<&'static str>,
    versions: Vec<Option<Escaped<'d>>>,
}

#[derive(Serialize)]
struct Unasked {
    object: String,
    why: &'static str,
    would_answer: bool,
}

pub fn write(out: &mut impl Write, explanation: &Explanation<'_, '_, '_>) -> io::Result<()> {
    let path = |index: Index| shown(&explanation.process().loaded()[index].path);
    let document = Document {
        schema: "xdoctor/explain/1",
        target: path(0),
        symbol: escape(explanation.name),
        version: explanation.node.map(escape),
        walks: explanation.walks.iter().map(|alike| row(explanation, alike)).collect(),
        may_look_up: explanation.may_look_up.iter().map(|dlsym| path(dlsym.object)).collect(),
        advice: advice(explanation),
    };
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn row<'d>(explanation: &Explanation<'_, '_, 'd>, alike: &Alike<'d>) -> Row<'d> {
    let process = explanation.process();
    let path = |index: Index| shown(&process.loaded()[index].path);
    let walk = &alike.walk;
    let definition = walk
        .binding
        .provider
        .and_then(|(index, symbol)| process.loaded()[index as usize].object.symbols().get(symbol as usize));
    let unasked = |other: &crate::loader::NotAsked| Unasked {
        object: path(other.object),
        why: match other.why {
            Unreached::Behind => "behind",
            Unreached::OutOfScope => "out-of-scope",
        },
        would_answer: other.would_answer,
    };
    Row {
        referrers: alike.referrers.iter().map(|&index| path(index)).collect(),
        version: walk.version.map(|version| escape(version.name)),
        class: match walk.binding.class {
            TypeClass::Plt => "plt",
            TypeClass::Copy => "copy",
            TypeClass::Other => "other",
        },
        weak: walk.weak,
        provider: walk.binding.provider.map(|(index, _)| path(index as usize)),
        provider_version: definition.and_then(|symbol| symbol.version).map(|version| escape(version.name)),
        instead: walk.instead.map(|why| instead(why).word),
        lands_in: walk.lands_in.map(path),
        asked: walk.asked.iter().map(|asked| step(explanation, asked)).collect(),
        not_asked: walk.not_asked.iter().map(unasked).collect(),
    }
}

fn step<'d>(explanation: &Explanation<'_, '_, 'd>, asked: &Asked) -> Step<'d> {
    let loaded = &explanation.process().loaded()[asked.object];
    let said = match (asked.answer, asked.entries.last()) {
        (Some(answer), _) => Some(taken(answer)),
        (None, Some(&(_, last))) => Some(verdict(last)),
        (None, None) => None,
    };
    let version = |&(index, _): &(u32, _)| {
        loaded
            .object
            .symbols()
            .get(index as usize)
            .and_then(|symbol| symbol.version)
            .map(|version| escape(version.name))
    };
    Step {
        object: shown(&loaded.path),
        found: found(loaded),
        answer: match &said {
            _ if asked.skipped => "skipped",
            None => "no-such-symbol",
            Some(said) => said.word,
        },
        rule: said.map(|said| said.rule),
        versions: asked.entries.iter().map(version).collect(),
    }
}
