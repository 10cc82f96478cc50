//! What the documents of `deps` and `bindings` have in common.

use serde::Serialize;

use super::super::output::error_line;
use super::{Modelled, found, found_by, requester, scope, shown};
use crate::elf::{Escaped, escape};
use crate::loader::{Loaded, Unmodelled};

/// An object of the process.
#[derive(Serialize)]
pub struct Library<'d> {
    path: &'d str,
    name: Option<Escaped<'d>>,
    soname: Option<Escaped<'d>>,
    found: &'static str,
    /// The object whose RPATH or RUNPATH led there.
    found_by: Option<String>,
    requested_by: Option<String>,
    scope: &'static str,
}

/// A name that no object was found for.
#[derive(Serialize)]
pub struct Missing<'d> {
    name: Escaped<'d>,
    requested_by: Option<String>,
}

/// A version node that is lacking.
#[derive(Serialize)]
pub struct VersionError<'d> {
    library: Option<&'d str>,
    needed_by: &'d str,
    node: Escaped<'d>,
    fatal: bool,
}

/// A module that dlopen refuses.
#[derive(Serialize)]
pub struct Refused {
    module: String,
    reason: &'static str,
}

/// The path of every object, as shown.
pub fn paths(modelled: &Modelled<'_, '_>) -> Vec<String> {
    modelled.process.loaded().iter().map(|loaded| shown(&loaded.path)).collect()
}

/// Every object.
pub fn libraries<'d>(modelled: &'d Modelled<'_, '_>, paths: &'d [String]) -> Vec<Library<'d>> {
    let loaded = modelled.process.loaded();
    let library = |(index, (object, path)): (usize, (&'d Loaded<'_>, &'d String))| Library {
        path,
        name: object.names.first().map(|name| escape(name)),
        soname: object.object.image().soname().map(escape),
        found: found(object),
        found_by: found_by(object, loaded),
        requested_by: requester(object.reason, loaded),
        scope: scope(modelled.process.seen(index)),
    };
    loaded.iter().zip(paths).enumerate().map(library).collect()
}

/// What is missing.
pub fn missing<'d>(modelled: &'d Modelled<'_, '_>) -> Vec<Missing<'d>> {
    let loaded = modelled.process.loaded();
    let all = modelled.process.missing().iter();
    all.map(|one| Missing { name: escape(&one.name), requested_by: requester(one.reason, loaded) }).collect()
}

/// What is wrong with versions.
pub fn version_errors<'d>(modelled: &'d Modelled<'_, '_>, paths: &'d [String]) -> Vec<VersionError<'d>> {
    let error = |error: &'d crate::loader::VersionError| VersionError {
        library: error.library.map(|index| paths[index].as_str()),
        needed_by: &paths[error.needed_by],
        node: escape(&error.node),
        fatal: error.flaw.is_fatal(),
    };
    modelled.process.version_errors().iter().map(error).collect()
}

/// The modules that dlopen refuses.
pub fn refused(modelled: &Modelled<'_, '_>) -> Vec<Refused> {
    let all = modelled.refused.iter();
    all.map(|(module, why)| Refused { module: module.name.display().to_string(), reason: why.word() }).collect()
}

/// The line of a target that cannot be modelled, in place of its document.
pub fn unmodelled(error: &Unmodelled) -> String {
    error_line(&error.to_string(), Some(shown(error.path())), None, None)
}
