//! `xdoctor schema`: the JSON Schema of a document that a command writes.

use std::io::{self, Write};

use anyhow::bail;
use clap::builder::PossibleValuesParser;

use super::output::Format;
use super::{Exit, Output};

/// The schemas that ship with xdoctor: each document's name, and the text of its schema. All but `checklist`, which people
/// write, are of what a command writes.
const SCHEMAS: &[(&str, &str)] = &[
    ("bindings", include_str!("../../checks/schema/bindings.json")),
    ("bundle", include_str!("../../checks/schema/bundle.json")),
    ("check", include_str!("../../checks/schema/check.json")),
    ("checklist", include_str!("../../checks/schema/checklist.json")),
    ("codes", include_str!("../../checks/schema/codes.json")),
    ("concurrent", include_str!("../../checks/schema/concurrent.json")),
    ("coverage", include_str!("../../checks/schema/coverage.json")),
    ("deps", include_str!("../../checks/schema/deps.json")),
    ("diff", include_str!("../../checks/schema/diff.json")),
    ("error", include_str!("../../checks/schema/error.json")),
    ("explain", include_str!("../../checks/schema/explain.json")),
    ("init", include_str!("../../checks/schema/init.json")),
    ("list", include_str!("../../checks/schema/list.json")),
    ("lock", include_str!("../../checks/schema/lock.json")),
    ("map", include_str!("../../checks/schema/map.json")),
    ("overhead", include_str!("../../checks/schema/overhead.json")),
    ("merge", include_str!("../../checks/schema/merge.json")),
    ("smoke", include_str!("../../checks/schema/smoke.json")),
    ("symbols", include_str!("../../checks/schema/symbols.json")),
    ("trace", include_str!("../../checks/schema/trace.json")),
];

/// Print the JSON Schema (draft 2020-12) of a checklist, or of what a command writes with --format json
///
/// A document names its schema in its first member: "xdoctor/check/1" is the first version of `check`. Where a command
/// ends with exit status 2, its document is `error`.
///
/// Examples:
///   xdoctor schema
///   xdoctor schema check > check.schema.json
///   xdoctor schema checklist > checklist.schema.json       for an editor
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The document; the names of all, a line each, where none is given
    #[arg(value_parser = PossibleValuesParser::new(SCHEMAS.iter().map(|(name, _)| *name)))]
    name: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Where stdout cannot be written, or the list is asked for as JSON.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    match &args.name {
        Some(name) => {
            let schema = SCHEMAS.iter().find(|(known, _)| known == name).map(|(_, schema)| *schema);
            out.write_all(schema.unwrap_or_default().as_bytes())?;
        }
        None if output.format == Format::Json => bail!("the list of schemas has no JSON form; name one of them"),
        None => {
            for (name, _) in SCHEMAS {
                writeln!(out, "{name}")?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Holds)
}
