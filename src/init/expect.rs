//! What a shim must export: asked of the API's table and of the version script, not of the shim.

use crate::interpose::{Api, Library};

/// What the `symbols` check of a shim asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Every function of the API, each in its node.
    WholeApi,
    /// These functions, each in its node.
    Functions(Vec<String>),
}

/// A shim that exports nearly all of the API, or nothing of it, is meant to export all; any other is meant to export what
/// it names, in the runtime's nodes.
pub(super) fn of(shim: &Library, api: &Api) -> Expected {
    let whole = api.exported().count();
    let named: Vec<_> = api.exported().filter(|function| shim.exports.contains_key(&function.symbol)).collect();
    if named.is_empty() || named.len() * 10 >= whole * 9 {
        return Expected::WholeApi;
    }
    // Without nodes it works as a preload, and cannot have a node of its own accord.
    let spelled = |function: &&crate::interpose::Function| match shim.is_versioned() {
        true => format!("{}@@{}", function.symbol, function.node),
        false => function.symbol.clone(),
    };
    Expected::Functions(named.iter().map(spelled).collect())
}
