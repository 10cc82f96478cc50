//! The layers that a shim is built in: it may call the runtime from a library that came with it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::interpose::Library;

/// What the shim NEEDs among these objects, and what that NEEDs, as far as it offers no function that could be called in the
/// shim's or the runtime's stead.
pub(super) fn layers(
    shim: &Library,
    objects: &BTreeSet<&PathBuf>,
    could_be: &dyn Fn(&str) -> bool,
) -> BTreeSet<PathBuf> {
    let mut layers = BTreeSet::new();
    let mut needed = shim.needed.clone();
    while let Some(name) = needed.pop() {
        let is_it = |path: &&&PathBuf| path.file_name().is_some_and(|file| file == name.as_str());
        for path in objects.iter().filter(is_it).filter(|path| !layers.contains(**path)).collect::<Vec<_>>() {
            let Ok(library) = Library::read(path) else { continue };
            if !library.exports.keys().any(|export| could_be(export)) {
                layers.insert(PathBuf::clone(path));
                needed.extend(library.needed);
            }
        }
    }
    layers
}
