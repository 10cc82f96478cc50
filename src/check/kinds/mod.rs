//! The kinds of check, one file each: which fields it reads, and what it does.

mod accounts;
mod bindings;
mod bounds;
mod build;
mod build_options;
mod cmake;
mod command;
mod copies;
mod coverage;
mod deps;
mod device;
mod drivers;
mod env;
mod git;
mod hash;
mod inputs;
mod kernel;
mod library;
mod loads;
mod machine;
mod modelled;
mod mount;
mod ninja;
mod package;
mod path;
mod process;
mod python;
mod refused;
mod remotes;
mod runtime;
mod smoke;
mod symbols;
mod tree;
mod versions;
mod work_tree;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fields::Fields;
use super::finding::Finding;
use super::helpers::Helpers;
use crate::ladder::Interception;
use crate::lock::{Hashes, Subject};

/// What a check is given to work with.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// A folder for this run; files in it may be run.
    pub scratch: &'a Path,
    /// The stem of the files that keep a child's output, where it is kept.
    pub log: Option<PathBuf>,
    /// A missing device is a failure and no reason to skip.
    pub require_gpu: bool,
    /// What was hashed in this run.
    pub hashes: Arc<Hashes>,
    /// Who does what a check shares out.
    pub helpers: Arc<Helpers>,
}

/// What a check found: one finding, or one for each part of it.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Never empty.
    pub findings: Vec<Finding>,
    /// What the evidence ladder showed, where this check climbed it.
    pub interception: Option<Interception>,
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Found {
        Found { findings: vec![finding], interception: None }
    }
}

/// One kind of check, with its parameters.
pub trait Kind: Debug + Send + Sync {
    /// What it claims, where the checklist gives no title.
    fn title(&self) -> String;

    /// The names of its findings, where it has several.
    fn parts(&self) -> &'static [&'static str] {
        &[]
    }

    /// The files, trees and repositories that it names, for a lock to remember.
    fn subjects(&self) -> Vec<Subject> {
        Vec::new()
    }

    /// Whether it looks at nothing but the machine it runs on, so that what it finds is no user's fault.
    fn is_of_the_node(&self) -> bool {
        false
    }

    /// Whether it runs its command several times and holds each of them to `timeout`, which then is no limit on the whole.
    fn limits_each_run(&self) -> bool {
        false
    }

    /// Does it.
    fn run(&self, context: &Context<'_>) -> Found;
}

/// Reads the parameters of one kind from a check's fields: all of them, whatever the others hold, since the checklist's
/// schema is made of what is asked for.
pub(super) type Parse = fn(&Fields<'_>) -> Option<Arc<dyn Kind>>;

/// What each field that a kind reads is for, in a line: hover text for editors, by way of the checklist's schema.
pub(super) type Texts = &'static [(&'static str, &'static str)];

/// Every kind, by its name.
pub(super) const KINDS: &[(&str, Parse, Texts)] = &[
    ("bindings", bindings::parse, bindings::FIELDS),
    ("build", build::parse, build::FIELDS),
    ("command", command::parse, command::FIELDS),
    ("copies", copies::parse, copies::FIELDS),
    ("coverage", coverage::parse, coverage::FIELDS),
    ("deps", deps::parse, deps::FIELDS),
    ("device", device::parse, device::FIELDS),
    ("env", env::parse, env::FIELDS),
    ("git", git::parse, git::FIELDS),
    ("hash", hash::parse, hash::FIELDS),
    ("kernel", kernel::parse, kernel::FIELDS),
    ("library", library::parse, library::FIELDS),
    ("loads", loads::parse, loads::FIELDS),
    ("mount", mount::parse, mount::FIELDS),
    ("package", package::parse, package::FIELDS),
    ("path", path::parse, path::FIELDS),
    ("process", process::parse, process::FIELDS),
    ("python", python::parse, python::FIELDS),
    ("smoke", smoke::parse, smoke::FIELDS),
    ("symbols", symbols::parse, symbols::FIELDS),
    ("tree", tree::parse, tree::FIELDS),
];

/// Reads `kind`: its name, and how the fields that belong to it are read.
pub(super) fn of(fields: &mut Fields<'_>) -> Option<(&'static str, Parse)> {
    let names: Vec<&str> = KINDS.iter().map(|(name, ..)| *name).collect();
    let wanted = format!("one of {}", names.join(", "));
    let (name, parse) = fields.required("kind", &wanted, |fields, field| fields.choice(field, &named()))?;
    fields.call(format!("a check of kind `{name}`"));
    Some((name, parse))
}

fn named() -> Vec<(&'static str, (&'static str, Parse))> {
    KINDS.iter().map(|(name, parse, _)| (*name, (*name, *parse))).collect()
}
