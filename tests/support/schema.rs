//! JSON documents, held to the schemas that ship.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::Path;

use boon::{Compiler, Schemas};
use serde_json::Value;

/// What the validator has against a document by `checks/schema/<name>.json`, `format` included. Panics where the schema
/// is itself no valid one: the validator holds it to its metaschema first.
#[track_caller]
pub fn complaint(name: &str, document: &Value) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/schema").join(format!("{name}.json"));
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.enable_format_assertions();
    let schema = compiler.compile(path.to_str().unwrap(), &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    schemas.validate(document, schema).err().map(|error| format!("{error:#}"))
}

/// Asserts that a document follows `checks/schema/<name>.json`.
#[track_caller]
pub fn assert_valid(name: &str, document: &Value) {
    if let Some(complaint) = complaint(name, document) {
        panic!("{name}: {complaint}\n{document:#}");
    }
}
