//! What dlsym and dlvsym would return (glibc, `elf/dl-sym.c`).

use super::Process;
use super::closure::Index;
use super::lookup::Query;
use super::references::TypeClass;
use super::relocate::{Scope, walk};
use crate::elf::{NameHash, Version, sysv_hash};

/// Where dlsym looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handle {
    /// `RTLD_DEFAULT`: the scope of the caller.
    Default {
        /// The object that calls.
        caller: Index,
    },
    /// `RTLD_NEXT`: behind the caller, in the list of the root that brought it in.
    Next {
        /// The object that calls.
        caller: Index,
    },
    /// A handle from dlopen: that object and what it needs.
    Of(Index),
}

impl Process<'_, '_> {
    /// The object and the entry of its symbol table that dlsym finds, or dlvsym where a node is given.
    pub fn dlsym(&self, handle: Handle, name: &[u8], node: Option<&[u8]>) -> Option<(Index, u32)> {
        let exact = |node| Version { name: node, hash: sysv_hash(node), file: None, hidden: true };
        // RTLD_NEXT took the oldest version up to 2.35.
        let newest = node.is_none() && (self.glibc().since(36) || !matches!(handle, Handle::Next { .. }));
        let query = Query { name: NameHash::new(name), version: node.map(exact), class: TypeClass::Other, newest };
        let scope = match handle {
            Handle::Default { caller } => self.scopes.of(caller),
            Handle::Of(root) => self.scopes.list_of(root).to_vec(),
            Handle::Next { caller } => {
                let list = self.scopes.list_of(self.root_of(caller));
                let place = list.iter().position(|&index| index == caller)?;
                list.get(place + 1..)?.to_vec()
            }
        };
        walk(self.loaded(), &query, &Scope::new(scope, self.loaded()), self.glibc())
            .map(|(index, answer)| (index, answer.symbol))
    }

    /// The object at the top of the chain of those that brought an object in.
    fn root_of(&self, mut index: Index) -> Index {
        while let Some(above) = self.loaded()[index].loader {
            index = above;
        }
        index
    }
}
