//! References bound to definitions (glibc, `elf/dl-reloc.c` and `elf/dl-lookup.c`, `_dl_lookup_symbol_x`).

use std::collections::HashMap;

use super::Glibc;
use super::closure::{Index, Loaded};
use super::lookup::{Answer, Match, Query, ask};
use super::references::{Reference, TypeClass};
use super::versions::{Flaw, VersionError};
use crate::elf::{NameHash, Version, Visibility};

/// What a reference is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The object that holds the reference.
    pub referrer: u32,
    /// The reference: an index of the referrer's symbol table.
    pub reference: u32,
    /// The object that defines it, and the definition there; `None` where nothing does.
    pub provider: Option<(u32, u32)>,
    /// How it is asked for.
    pub class: TypeClass,
}

/// The definitions of which a process has only one, whoever asks: by name.
pub(super) type Uniques = HashMap<Vec<u8>, (Index, u32)>;

/// Binds the references of objects.
pub(super) struct Relocator<'p, 'f> {
    pub loaded: &'p [Loaded<'f>],
    pub glibc: &'p Glibc,
    pub uniques: &'p mut Uniques,
    pub bindings: &'p mut Vec<Binding>,
    pub version_errors: &'p mut Vec<VersionError>,
}

impl Relocator<'_, '_> {
    /// Binds all references of an object in its scope. A symbol that is asked for in several ways is bound once for
    /// each provider.
    pub fn relocate(&mut self, referrer: Index, scope: &[Index]) {
        let object = &self.loaded[referrer].object;
        for reference in object.references() {
            let first = self.bindings.len();
            for class in reference.classes.iter() {
                let bound = self.bind(referrer, reference, class, scope);
                let provider = bound.map(|(object, symbol)| (object as u32, symbol));
                let known = self.bindings[first..].iter().any(|binding| binding.provider == provider);
                if !known || class == TypeClass::Copy {
                    self.bindings.push(Binding {
                        referrer: referrer as u32,
                        reference: reference.symbol,
                        provider,
                        class,
                    });
                }
            }
        }
    }

    fn bind(
        &mut self,
        referrer: Index,
        reference: &Reference,
        class: TypeClass,
        scope: &[Index],
    ) -> Option<(Index, u32)> {
        let symbols = self.loaded[referrer].object.symbols();
        let raw = symbols.raw(reference.symbol as usize)?;
        let name = NameHash::new(symbols.name(reference.symbol as usize)?);
        let version = wanted(symbols.versions().get(symbols.versym(reference.symbol as usize)));
        let query = Query { name, version, class, newest: false };
        let found = self.look_up(referrer, reference, &query, scope)?;
        // A protected symbol keeps its own definition, unless another object's was found and is found again by a look-up
        // as for a function.
        let is_protected = Visibility::from(raw.st_visibility()) == Visibility::Protected;
        if !is_protected || found.0 == referrer {
            return Some(found);
        }
        if class == TypeClass::Plt {
            return Some((referrer, reference.symbol));
        }
        match self.look_up(referrer, reference, &Query { class: TypeClass::Plt, ..query }, scope) {
            Some((again, _)) if again != referrer => Some((referrer, reference.symbol)),
            _ => Some(found),
        }
    }

    fn look_up(
        &mut self,
        referrer: Index,
        reference: &Reference,
        query: &Query<'_>,
        scope: &[Index],
    ) -> Option<(Index, u32)> {
        let (index, answer) = walk(self.loaded, query, scope, self.glibc)?;
        if answer.how == Match::Unversioned {
            self.check_assertion(referrer, index, query);
        }
        if !answer.unique {
            return Some((index, answer.symbol));
        }
        let is_copy = query.class == TypeClass::Copy;
        match self.uniques.get(query.name.name) {
            Some(_) if is_copy => Some((index, answer.symbol)),
            Some(&known) => Some(known),
            None => {
                let entry = if is_copy { (referrer, reference.symbol) } else { (index, answer.symbol) };
                self.uniques.insert(query.name.name.to_owned(), entry);
                Some((index, answer.symbol))
            }
        }
    }
}

impl Relocator<'_, '_> {
    /// An object without a version table answered: it must not be the one that the version is needed of.
    fn check_assertion(&mut self, needed_by: Index, library: Index, query: &Query<'_>) {
        let Some(version) = query.version.filter(|_| !self.glibc.since(41)) else { return };
        let is_named = |name: &[u8]| self.loaded[library].names.iter().any(|known| known == name);
        if version.file.is_some_and(is_named) {
            let node = version.name.to_owned();
            let error = VersionError { library: Some(library), needed_by, node, flaw: Flaw::Asserts };
            if !self.version_errors.contains(&error) {
                self.version_errors.push(error);
            }
        }
    }
}

/// A version entry without a hash is none.
pub(super) fn wanted(version: Option<Version<'_>>) -> Option<Version<'_>> {
    version.filter(|version| version.hash != 0)
}

/// The first object of a scope that answers.
pub(super) fn walk(
    loaded: &[Loaded<'_>],
    query: &Query<'_>,
    scope: &[Index],
    glibc: &Glibc,
) -> Option<(Index, Answer)> {
    let asked = scope.iter().filter(|&&index| !(query.class == TypeClass::Copy && index == 0));
    asked.copied().find_map(|index| Some((index, ask(&loaded[index].object, query, glibc, |_, _| ())?)))
}
