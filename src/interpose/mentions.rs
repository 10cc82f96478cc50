//! Names of the API among a file's strings: what may be looked up by name.

use std::collections::BTreeSet;

use memchr::memmem;

use crate::elf::Image;

use super::api::Api;

/// How much of a name is searched for; what follows is compared.
const PREFIX: usize = 3;

/// The functions of the API that stand in the file as whole strings, outside its symbol names: in its data, or anywhere
/// where it has no section table that tells what is data.
pub fn mentions(bytes: &[u8], image: &Image<'_>, api: &Api) -> Vec<String> {
    // The names of its own symbols are no strings of its code.
    let table = image.strings().as_bytes();
    let names = (table.as_ptr() as usize)..(table.as_ptr() as usize).saturating_add(table.len());
    let prefixes: BTreeSet<Vec<u8>> = api.exported().map(|function| prefix(&function.symbol)).collect();
    let mut places: Vec<&[u8]> = image.sections().data().collect();
    if places.is_empty() {
        places.push(bytes);
    }
    let mut found = BTreeSet::new();
    for (place, prefix) in places.iter().flat_map(|place| prefixes.iter().map(move |prefix| (place, prefix))) {
        for at in memmem::find_iter(place, prefix) {
            let rest = place.get(at + 1..).unwrap_or_default();
            if names.contains(&(rest.as_ptr() as usize)) {
                continue;
            }
            let end = memchr::memchr(0, rest.get(..256).unwrap_or(rest)).unwrap_or(0);
            let name = rest.get(..end).and_then(|name| std::str::from_utf8(name).ok());
            if let Some(function) = name.and_then(|name| api.function(name)).filter(|function| function.exported) {
                found.insert(function.symbol.clone());
            }
        }
    }
    found.into_iter().collect()
}

/// A NUL and how the name begins: only there does a string begin.
fn prefix(symbol: &str) -> Vec<u8> {
    let mut prefix = vec![0];
    prefix.extend(symbol.bytes().take(PREFIX));
    prefix
}
