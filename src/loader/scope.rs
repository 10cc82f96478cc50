//! In which objects the references of an object are looked up, and in which order (glibc, `elf/dl-object.c`,
//! `_dl_new_object`, and `elf/dl-open.c`).

use std::collections::HashSet;
use std::ops::Range;

use super::closure::{Index, Loaded};

/// A list of objects to look in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// The search list of a root: the program's, or a module's.
    Of(usize),
    /// One object alone (`DT_SYMBOLIC`).
    Alone(Index),
}

impl List {
    /// The program's search list, to which `RTLD_GLOBAL` modules append theirs.
    pub const GLOBAL: List = List::Of(0);
}

/// Which part of a process sees an object's definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// All of it.
    Global,
    /// The module that it came with.
    Local,
    /// Nobody: it is mapped, but in no search list.
    Nobody,
    /// It came with a module that dlopen refuses.
    Refused,
}

/// The scopes of all objects of a process.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// The roots, the program first.
    roots: Vec<Index>,
    /// The search list of each root.
    lists: Vec<Vec<Index>>,
    /// For each object, the lists that are looked through one after the other.
    scopes: Vec<Vec<List>>,
}

impl Scopes {
    /// Adds the search list of a root; the program's comes first, and is the global scope.
    pub fn add_root(&mut self, root: Index, list: Vec<Index>) -> List {
        self.roots.push(root);
        self.lists.push(list);
        List::Of(self.lists.len() - 1)
    }

    /// Gives objects that were loaded together their scope: global, then the tree that they came with; with
    /// `RTLD_DEEPBIND` the other way round. `DT_SYMBOLIC` puts the object itself first, unless it is the program or
    /// `RTLD_DEEPBIND` was asked for.
    pub fn add_objects(&mut self, loaded: &[Loaded<'_>], new: Range<Index>, tree: List, deepbind: bool) {
        for index in new {
            let mut scope = match deepbind {
                _ if tree == List::GLOBAL => vec![tree],
                true => vec![tree, List::GLOBAL],
                false => vec![List::GLOBAL, tree],
            };
            if index != 0 && !deepbind && loaded[index].object.image().is_symbolic() {
                scope.insert(0, List::Alone(index));
            }
            self.scopes.push(scope);
        }
    }

    /// Appends a root's list to the global scope.
    pub fn make_global(&mut self, tree: List) {
        let new: Vec<Index> = self.members(&tree).iter().copied().filter(|index| !self.is_global(*index)).collect();
        if let Some(global) = self.lists.first_mut() {
            global.extend(new);
        }
    }

    /// The search list of a root; nothing for an object that was none.
    pub fn list_of(&self, root: Index) -> &[Index] {
        let place = self.roots.iter().position(|known| *known == root);
        place.map(|place| self.lists[place].as_slice()).unwrap_or_default()
    }

    /// How many objects have a scope.
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// The lists of an object's scope.
    pub fn lists_of(&self, index: Index) -> &[List] {
        &self.scopes[index]
    }

    /// The objects of an object's scope in order, each once: asking one again changes nothing.
    pub fn of(&self, index: Index) -> Vec<Index> {
        let (mut scope, mut listed) = (Vec::new(), HashSet::new());
        for list in &self.scopes[index] {
            scope.extend(self.members(list).iter().copied().filter(|&member| listed.insert(member)));
        }
        scope
    }

    /// Which part of the process sees an object.
    pub fn seen(&self, index: Index) -> Seen {
        match self.lists.iter().position(|list| list.contains(&index)) {
            Some(0) => Seen::Global,
            Some(_) => Seen::Local,
            None => Seen::Nobody,
        }
    }

    fn is_global(&self, index: Index) -> bool {
        self.lists.first().is_some_and(|list| list.contains(&index))
    }

    fn members<'s>(&'s self, list: &'s List) -> &'s [Index] {
        match list {
            List::Of(root) => &self.lists[*root],
            List::Alone(index) => std::slice::from_ref(index),
        }
    }
}
