//! `include`: the steps of another checklist, in the place of a step.

use std::path::{Path, PathBuf};

use super::fields::Fields;
use super::locate;
use super::matrix::{self, Combination};
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
    /// The name that the ids of the other checklist's checks get in front.
    pub name: Option<String>,
    /// What must hold for any of them to be run.
    pub when: Vec<Condition>,
}

/// Reads an include's fields.
pub(super) fn read(fields: &Fields<'_>) -> Include {
    let target = fields.required("include", "a file, or the name of a bundled checklist", Fields::text);
    let place = fields.shaped("include", || Shape::Text).map_or(fields.place(), |node| node.place);
    let given = fields.pairs("vars").unwrap_or_default();
    let name = fields.text("as");
    let complain = |message: &str| fields.reader().complain(fields.place(), message);
    if name.as_deref() == Some("") {
        complain("expected a name for `as`, found an empty text");
    }
    matrix::belongs_to(fields);
    if fields.has("matrix") && name.is_none() {
        complain("an include with a `matrix` lacks `as`; expected a name, which with the values goes before its ids");
    }
    Include { target: target.map(|target| (target, place)), given, name, when: when::read(fields) }
}

/// What the ids of a file's checks get in front.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    /// Of the ids themselves: `old.` or, of one combination of a matrix, `old[a,x].`.
    pub own: String,
    /// Of the names that mean the checks of several combinations.
    pub families: Vec<String>,
}

impl Prefix {
    /// The one within an include of that name, for one combination of its matrix.
    pub fn within(&self, name: Option<&str>, combination: &Combination) -> Prefix {
        let Some(name) = name else { return self.clone() };
        let one = |prefix: &String| format!("{prefix}{}.", combination.name(name, &Combination::default()));
        let all = |prefix: &String| format!("{prefix}{name}.");
        let outer = self.families.iter().map(all);
        let families = std::iter::once(all(&self.own)).filter(|_| !combination.is_empty()).chain(outer).collect();
        Prefix { own: one(&self.own), families }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_include_in_an_include_has_families_of_each() {
        let of = |value: &str| Combination(vec![("x".to_owned(), value.to_owned())]);
        let outer = Prefix::default().within(Some("a"), &of("1"));
        assert_eq!((outer.own.as_str(), outer.families.as_slice()), ("a[1].", ["a.".to_owned()].as_slice()));
        let inner = outer.within(Some("b"), &of("2"));
        assert_eq!(inner.own, "a[1].b[2].");
        assert_eq!(inner.families, ["a[1].b.", "a.b."]);
        assert_eq!(outer.within(None, &Combination::default()).own, "a[1].");
        assert_eq!(outer.within(Some("c"), &Combination::default()).families, ["a.c."]);
    }
}
