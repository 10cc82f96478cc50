//! JSON documents, held to the schemas that ship.

use std::path::Path;

use boon::{Compiler, Schemas};
use serde_json::Value;

/// Asserts that a document follows `checks/schema/<name>.json`.
#[track_caller]
pub fn assert_valid(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/schema").join(format!("{name}.json"));
    let mut schemas = Schemas::new();
    let schema = Compiler::new().compile(path.to_str().unwrap(), &mut schemas).unwrap();
    if let Err(error) = schemas.validate(document, schema) {
        panic!("{name}: {error:#}");
    }
}
