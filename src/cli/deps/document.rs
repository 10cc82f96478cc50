//! The closure for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::super::model::{Modelled, document as model, shown};
use crate::elf::escape;
use crate::loader::{Dependency as Edge, DependencyKind};

#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    target: &'d str,
    sysroot: Option<String>,
    interpreter: Option<String>,
    libraries: Vec<model::Library<'d>>,
    dependencies: Vec<Dependency>,
    missing: Vec<model::Missing<'d>>,
    version_errors: Vec<model::VersionError<'d>>,
    refused: Vec<model::Refused>,
}

#[derive(Serialize)]
struct Dependency {
    object: String,
    name: String,
    kind: &'static str,
    path: Option<String>,
}

pub fn write(out: &mut impl Write, modelled: &Modelled<'_, '_>) -> io::Result<()> {
    let paths = model::paths(modelled);
    let objects = modelled.process.loaded().iter().zip(&paths);
    let edges = objects.flat_map(|(object, path)| object.dependencies.iter().map(move |to| (path, to)));
    let dependency = |(path, to): (&'_ String, &'_ Edge)| Dependency {
        object: path.clone(),
        name: escape(&to.name).to_string(),
        kind: match to.kind {
            DependencyKind::Needed => "needed",
            DependencyKind::Filter => "filter",
            DependencyKind::Auxiliary => "auxiliary",
        },
        path: to.object.map(|index| paths[index].clone()),
    };
    let document = Document {
        schema: "xdoctor/deps/1",
        target: &paths[0],
        sysroot: modelled.process.tree().root().map(shown),
        interpreter: modelled.process.interpreter().map(shown),
        libraries: model::libraries(modelled, &paths),
        dependencies: edges.map(dependency).collect(),
        missing: model::missing(modelled),
        version_errors: model::version_errors(modelled, &paths),
        refused: model::refused(modelled),
    };
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n")
}
