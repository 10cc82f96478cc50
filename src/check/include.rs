//! `include`: the steps of another checklist, in the place of a step.

use std::path::{Path, PathBuf};

use super::fields::Fields;
use super::locate;
use super::shape::Shape;
use super::source::Source;
use super::when::{self, Condition};
use super::yaml::Place;

/// One include, as it stands in a checklist.
pub struct Include {
    /// The file, or the name of a bundled checklist.
    pub target: Option<(String, Place)>,
    /// The values that it gives the other checklist's variables.
    pub given: Vec<(String, String)>,
    /// What the ids of the other checklist's checks get in front.
    pub prefix: String,
    /// What must hold for any of them to be run.
    pub when: Vec<Condition>,
}

/// Reads an include's fields.
pub(super) fn read(fields: &Fields<'_>) -> Include {
    let target = fields.required("include", "a file, or the name of a bundled checklist", Fields::text);
    let place = fields.shaped("include", || Shape::Text).map_or(fields.place(), |node| node.place);
    let given = fields.pairs("vars").unwrap_or_default();
    let prefix = fields.text("as").map(|name| format!("{name}.")).unwrap_or_default();
    if prefix == "." {
        fields.reader().complain(fields.place(), "expected a name for `as`, found an empty text");
    }
    Include { target: target.map(|target| (target, place)), given, prefix, when: when::read(fields) }
}

/// The files that led to the one being read, itself at the end.
#[derive(Clone, Debug)]
pub struct Chain(Vec<PathBuf>);

/// A chain of includes is never longer, and no checklist is made of more files.
const DEEPEST: usize = 16;
const MOST: usize = 256;

impl Chain {
    /// A chain that starts with the checklist that was asked for.
    pub fn of(file: &Path) -> Chain {
        Chain(vec![file.to_owned()])
    }

    /// The checklist that an include means, and the chain that ends with it; or what is wrong, in words. `files` counts
    /// those read so far.
    pub fn follow(&self, target: &str, from: &Source, files: &mut usize) -> Result<(Source, Chain), String> {
        let source = locate::included(target, from).map_err(|error| error.to_string())?;
        let mut chain = self.clone();
        chain.0.push(source.name.clone());
        if self.0.contains(&source.name) {
            let names: Vec<String> = chain.0.iter().map(|file| file.display().to_string()).collect();
            return Err(format!("`include` goes round in a circle: {}", names.join(" includes ")));
        }
        *files += 1;
        if self.0.len() > DEEPEST || *files > MOST {
            return Err(format!("too many includes; expected at most {DEEPEST} inside each other, and {MOST} in all"));
        }
        Ok((source, chain))
    }
}
