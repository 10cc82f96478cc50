//! References bound to definitions (glibc, `elf/dl-reloc.c` and `elf/dl-lookup.c`, `_dl_lookup_symbol_x`).

use std::collections::HashMap;

use super::Glibc;
use super::closure::{Index, Loaded};
use super::lookup::{Answer, Match, Query, ask};
use super::references::{Reference, TypeClass};
use super::versions::{Flaw, VersionError};
use crate::elf::{Bloom, HashTable, Version};

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
    pub fn relocate(&mut self, referrer: Index, scope: &Scope<'_>) {
        let loaded = self.loaded;
        let object = &loaded[referrer].object;
        let versions = object.symbols().versions();
        let questions: Vec<(&Reference<'_>, Query<'_>)> = object
            .references()
            .iter()
            .flat_map(|reference| reference.classes.iter().map(move |class| (reference, class)))
            .map(|(reference, class)| {
                let version = wanted(versions.get(reference.versym));
                (reference, Query { name: reference.name, version, class, newest: false })
            })
            .collect();
        let found = walk_all(loaded, &questions, scope, self.glibc);
        let mut first = self.bindings.len();
        for ((reference, query), found) in questions.iter().zip(found) {
            let bound = found.and_then(|found| self.settle(referrer, reference, query, found, scope));
            let provider = bound.map(|(object, symbol)| (object as u32, symbol));
            if self.bindings.get(first).is_some_and(|binding| binding.reference != reference.symbol) {
                first = self.bindings.len();
            }
            let known = self.bindings[first..].iter().any(|binding| binding.provider == provider);
            if !known || query.class == TypeClass::Copy {
                self.bindings.push(Binding {
                    referrer: referrer as u32,
                    reference: reference.symbol,
                    provider,
                    class: query.class,
                });
            }
        }
    }

    /// What becomes of an answer.
    fn settle(
        &mut self,
        referrer: Index,
        reference: &Reference<'_>,
        query: &Query<'_>,
        found: (Index, Answer),
        scope: &Scope<'_>,
    ) -> Option<(Index, u32)> {
        let found = self.accept(referrer, reference, query, found);
        // A protected symbol keeps its own definition, unless another object's was found and is found again by a look-up
        // as for a function.
        if !reference.protected || found.0 == referrer {
            return Some(found);
        }
        if query.class == TypeClass::Plt {
            return Some((referrer, reference.symbol));
        }
        let again = Query { class: TypeClass::Plt, ..*query };
        let again =
            walk(self.loaded, &again, scope, self.glibc).map(|answer| self.accept(referrer, reference, &again, answer));
        match again {
            Some((again, _)) if again != referrer => Some((referrer, reference.symbol)),
            _ => Some(found),
        }
    }

    /// The definition behind an answer: of a unique symbol, the one that the process has already.
    fn accept(
        &mut self,
        referrer: Index,
        reference: &Reference<'_>,
        query: &Query<'_>,
        (index, answer): (Index, Answer),
    ) -> (Index, u32) {
        if answer.how == Match::Unversioned {
            self.check_assertion(referrer, index, query);
        }
        if !answer.unique {
            return (index, answer.symbol);
        }
        let is_copy = query.class == TypeClass::Copy;
        match self.uniques.get(query.name.name) {
            Some(_) if is_copy => (index, answer.symbol),
            Some(&known) => known,
            None => {
                let entry = if is_copy { (referrer, reference.symbol) } else { (index, answer.symbol) };
                self.uniques.insert(query.name.name.to_owned(), entry);
                (index, answer.symbol)
            }
        }
    }

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

/// The objects of a scope, with what tells fast that one does not answer: most never do.
#[derive(Debug, Default)]
pub(super) struct Scope<'f> {
    members: Vec<(Index, Option<Bloom<'f>>)>,
}

impl<'f> Scope<'f> {
    pub fn new(members: impl IntoIterator<Item = Index>, loaded: &[Loaded<'f>]) -> Scope<'f> {
        let bloom = |index: Index| loaded[index].object.table().and_then(HashTable::bloom);
        Scope { members: members.into_iter().map(|index| (index, bloom(index))).collect() }
    }
}

/// The first object of a scope that answers, for many questions at once: object by object, so that each one's filter is
/// at hand while all that are still open are held against it.
fn walk_all(
    loaded: &[Loaded<'_>],
    questions: &[(&Reference<'_>, Query<'_>)],
    scope: &Scope<'_>,
    glibc: &Glibc,
) -> Vec<Option<(Index, Answer)>> {
    let mut found = vec![None; questions.len()];
    let hashed = questions.iter().enumerate().map(|(place, (_, query))| (query.name.gnu, place as u32));
    let mut open: Vec<(u32, u32)> = hashed.collect();
    for (index, bloom) in &scope.members {
        let object = &loaded[*index].object;
        open.retain(|&(hash, place)| {
            if bloom.is_some_and(|bloom| !bloom.may_hold(hash)) {
                return true;
            }
            let query = &questions[place as usize].1;
            if query.class == TypeClass::Copy && *index == 0 {
                return true;
            }
            let answer = ask(object, query, glibc, |_, _| ());
            found[place as usize] = answer.map(|answer| (*index, answer));
            answer.is_none()
        });
        if open.is_empty() {
            break;
        }
    }
    found
}

/// The first object of a scope that answers.
pub(super) fn walk(
    loaded: &[Loaded<'_>],
    query: &Query<'_>,
    scope: &Scope<'_>,
    glibc: &Glibc,
) -> Option<(Index, Answer)> {
    let may_answer = |bloom: &Option<Bloom<'_>>| bloom.is_none_or(|bloom| bloom.may_hold(query.name.gnu));
    let members = scope.members.iter().filter(|(_, bloom)| may_answer(bloom)).map(|(index, _)| *index);
    let asked = members.filter(|&index| !(query.class == TypeClass::Copy && index == 0));
    asked.into_iter().find_map(|index| Some((index, ask(&loaded[index].object, query, glibc, |_, _| ())?)))
}
