//! The versions that are checked before anything is bound (glibc, `elf/dl-version.c`, `_dl_check_map_versions`).

use super::Object;
use super::closure::{Closure, Index};

/// What is wrong with an object's needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionError {
    /// The object that lacks the node; `None` for a flaw of the needing object itself.
    pub library: Option<Index>,
    /// The object that needs it.
    pub needed_by: Index,
    /// The node.
    pub node: Vec<u8>,
    /// What is wrong.
    pub flaw: Flaw,
}

/// How a needed node is lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The library has no version definitions at all: a warning at start-up, nothing in dlopen.
    NoVersionInformation,
    /// The library has no such node, and the need is weak: a warning.
    WeakNodeMissing,
    /// The library has no such node: the program does not start.
    NodeMissing,
    /// The library has no version information of any kind, and a reference to this node was looked up in it: up to 2.40
    /// the loader takes that for a bug, and stops (`elf/dl-lookup.c`, `check_match`).
    Asserts,
    /// Packed relative relocations without the node that says so: the program does not start.
    RelrWithoutNode,
}

impl Flaw {
    /// Whether the program does not start, or dlopen fails.
    pub fn is_fatal(self) -> bool {
        matches!(self, Flaw::NodeMissing | Flaw::Asserts | Flaw::RelrWithoutNode)
    }
}

const RELR_NODE: &[u8] = b"GLIBC_ABI_DT_RELR";

/// Checks what one object needs. A library that is missing altogether is not looked into.
pub(super) fn check(closure: &Closure<'_, '_>, index: Index) -> Vec<VersionError> {
    let object = &closure.loaded[index].object;
    let mut errors = Vec::new();
    for need in object.symbols().versions().needs() {
        let Some(library) = closure.named(need.file) else { continue };
        for node in &need.nodes {
            if let Some(flaw) = lacks(&closure.loaded[library].object, node.name, node.hash, node.weak) {
                errors.push(VersionError {
                    library: Some(library),
                    needed_by: index,
                    node: node.name.to_owned(),
                    flaw,
                });
            }
        }
    }
    if closure.search.glibc().since(36) && relr_without_node(object) {
        let flaw = Flaw::RelrWithoutNode;
        errors.push(VersionError { library: None, needed_by: index, node: RELR_NODE.to_owned(), flaw });
    }
    errors
}

/// Base definitions count here, although no symbol is found in them by that name.
fn lacks(library: &Object<'_>, name: &[u8], hash: u32, weak: bool) -> Option<Flaw> {
    let definitions = library.symbols().versions().definitions();
    match definitions {
        [] => Some(Flaw::NoVersionInformation),
        _ if definitions.iter().any(|node| node.hash == hash && node.name == name) => None,
        _ if weak => Some(Flaw::WeakNodeMissing),
        _ => Some(Flaw::NodeMissing),
    }
}

fn relr_without_node(object: &Object<'_>) -> bool {
    let needs = object.symbols().versions().needs();
    object.image().has_relr()
        && !needs.is_empty()
        && object.image().needed().any(|name| name.starts_with(b"libc.so."))
        && !needs.iter().flat_map(|need| &need.nodes).any(|node| node.name == RELR_NODE)
}
