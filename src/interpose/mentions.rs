//! Names of the API among a file's strings: what may be looked up by name.

use std::collections::BTreeSet;

use memchr::memmem;
use rayon::prelude::*;

use crate::elf::Image;

use super::api::Api;

/// How much of a name is searched for; what follows is compared.
const PREFIX: usize = 3;

/// The functions of the API that stand in the file as whole strings, outside its symbol names.
pub fn mentions(bytes: &[u8], image: &Image<'_>, api: &Api) -> Vec<String> {
    // The names of its own symbols are no strings of its code.
    let table = image.strings().as_bytes();
    let start = (table.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
    let names = start..start.saturating_add(table.len());
    let prefixes: BTreeSet<Vec<u8>> = api.exported().map(|function| prefix(&function.symbol)).collect();
    let search = |prefix: &Vec<u8>| {
        let mut found = BTreeSet::new();
        for at in memmem::find_iter(bytes, prefix) {
            let start = at + 1;
            if names.contains(&start) {
                continue;
            }
            let rest = bytes.get(start..).unwrap_or_default();
            let end = memchr::memchr(0, rest.get(..256).unwrap_or(rest)).unwrap_or(0);
            let name = rest.get(..end).and_then(|name| std::str::from_utf8(name).ok());
            if let Some(function) = name.and_then(|name| api.function(name)).filter(|function| function.exported) {
                found.insert(function.symbol.clone());
            }
        }
        found
    };
    // A library of a gigabyte is one file: its search is shared out too.
    let found: BTreeSet<String> = prefixes.par_iter().flat_map_iter(search).collect();
    found.into_iter().collect()
}

/// A NUL and how the name begins: only there does a string begin.
fn prefix(symbol: &str) -> Vec<u8> {
    let mut prefix = vec![0];
    prefix.extend(symbol.bytes().take(PREFIX));
    prefix
}
