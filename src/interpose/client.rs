//! What a client asks of the API, and where it may go around it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use walkdir::WalkDir;

use crate::elf::{Binding, StaticSymbol, escape};
use crate::loader::{Object, Objects};

use super::api::{Api, Function};
use super::library::Reference;
use super::mentions::mentions;

/// An object that refers to functions of the API, or holds them itself.
#[derive(Clone, Debug)]
pub struct Client<'f> {
    /// The file.
    pub path: PathBuf,
    /// As the loader sees it.
    pub object: Arc<Object<'f>>,
    /// Its references to functions of the API, in the order of its symbol table.
    pub references: Vec<Reference>,
    /// Functions of the API that it names in a string and has no reference to, where it also asks for dlsym (it may look
    /// them up by name), or is stripped and has no reference at all (it may have them inside).
    pub mentioned: Vec<String>,
    /// Whether it asks for dlsym.
    pub asks_for_dlsym: bool,
    /// Functions of the API that it has inside, seen by nobody else: a runtime linked in.
    pub built_in: Vec<String>,
}

impl<'f> Client<'f> {
    /// Looks at one object. `None` where it has nothing to do with the API.
    pub fn of(path: &Path, object: Arc<Object<'f>>, api: &Api) -> Option<Client<'f>> {
        let text = |bytes: &[u8]| escape(bytes).to_text().into_owned();
        let symbols = object.symbols();
        let mut references = Vec::new();
        let mut asks_for_dlsym = false;
        for symbol in symbols.iter().filter(|symbol| !symbol.defined) {
            asks_for_dlsym |= matches!(symbol.name, b"dlsym" | b"dlvsym");
            let Ok(name) = std::str::from_utf8(symbol.name) else { continue };
            if api.function(name).is_some() {
                let version = symbol.version.map(|version| text(version.name));
                references.push(Reference { symbol: name.to_owned(), version, weak: symbol.binding == Binding::Weak });
            }
        }
        // Looked at once: a framework's library has a million of them.
        let inside: Vec<StaticSymbol<'_>> = object.image().static_symbols();
        let of_api: Vec<(&StaticSymbol<'_>, &Function)> = inside
            .iter()
            .filter_map(|symbol| Some((symbol, api.function(std::str::from_utf8(symbol.name).ok()?)?)))
            .collect();
        let mut known: BTreeSet<&str> = references.iter().map(|reference| reference.symbol.as_str()).collect();
        known.extend(of_api.iter().map(|(_, function)| function.symbol.as_str()));
        let is_opaque = references.is_empty() && inside.is_empty();
        let mentioned =
            if asks_for_dlsym || is_opaque { mentions(object.bytes(), object.image(), api) } else { Vec::new() };
        let mentioned: Vec<String> = mentioned.into_iter().filter(|name| !known.contains(name.as_str())).collect();
        // Few names are messages; a runtime holds those of most of its functions.
        let mentioned = if asks_for_dlsym || mentioned.len() >= FEW { mentioned } else { Vec::new() };
        let built_in: Vec<String> = of_api
            .iter()
            .filter(|(symbol, function)| symbol.defined && symbol.local && symbol.size > 0 && function.exported)
            .map(|(_, function)| function.symbol.clone())
            .collect();
        let concerned = !references.is_empty() || !mentioned.is_empty() || !built_in.is_empty();
        concerned.then(|| Client {
            path: path.to_owned(),
            references,
            mentioned,
            asks_for_dlsym,
            built_in,
            object: Arc::clone(&object),
        })
    }
}

/// How many names a file without symbols holds before it is said to hold any.
const FEW: usize = 8;

/// A client that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file that is no ELF file, or cannot be read.
    #[error("{}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A folder that cannot be looked through.
    #[error("{}: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Is told how many of how many files of a folder have been looked at.
pub type Progress<'p> = &'p (dyn Fn(usize, usize) + Sync);

/// The clients at a path: the file itself, or every ELF file below a folder that has to do with the API, sorted by path.
///
/// # Errors
/// Where a file that was named cannot be read as ELF, or a folder not be looked through. Other files in a folder are
/// passed over.
pub fn clients<'f>(
    objects: &Objects<'f>,
    path: &Path,
    api: &Api,
    progress: Progress<'_>,
) -> Result<Vec<Client<'f>>, ClientError> {
    if !path.is_dir() {
        let object = objects
            .open(path)
            .map_err(|why| ClientError::Unreadable { path: path.to_owned(), why: why.to_string() })?;
        return Ok(Client::of(path, object, api).into_iter().collect());
    }
    let failed = |error: walkdir::Error| ClientError::Folder {
        path: error.path().unwrap_or(path).to_owned(),
        source: error.into_io_error().unwrap_or_else(|| io::Error::other("a loop of links")),
    };
    let mut files = Vec::new();
    for entry in WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(failed)?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    let all = files.len();
    let done = AtomicUsize::new(0);
    let look = |file: &PathBuf| {
        let client = is_elf(file).then(|| Client::of(file, objects.open(file).ok()?, api)).flatten();
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, all);
        client
    };
    Ok(files.par_iter().filter_map(look).collect())
}

/// Whether the first four bytes say so: most files of a wheel are no libraries, and not worth a mapping.
fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut magic));
    read.is_ok() && magic == *b"\x7fELF"
}
