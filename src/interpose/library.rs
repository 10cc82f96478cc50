//! What a library or program offers and asks for: the facts that interposition is judged by.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::code::Code;
use crate::elf::{Binding, ElfError, Image, Mapped, SymbolKind, escape, hex};

/// The dynamic exports and references of one ELF file, read once.
#[derive(Clone, Debug)]
pub struct Library {
    /// The file.
    pub path: PathBuf,
    /// Its SONAME.
    pub soname: Option<String>,
    /// Its build id, in hexadecimal.
    pub build_id: Option<String>,
    /// The processor that it is for.
    pub machine: String,
    /// What it NEEDs.
    pub needed: Vec<String>,
    /// DT_RPATH, as it stands.
    pub rpath: Option<String>,
    /// DT_RUNPATH, as it stands.
    pub runpath: Option<String>,
    /// The version nodes that it defines, each with the node that it inherits first.
    pub nodes: BTreeMap<String, Option<String>>,
    /// What it defines for others, by name.
    pub exports: BTreeMap<String, Vec<Export>>,
    /// What it asks others for.
    pub references: Vec<Reference>,
}

/// One definition of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its version node; `None` in the base version or without version information.
    pub version: Option<String>,
    /// Whether it is the default version (`@@`).
    pub default: bool,
    /// Whether its version is hidden, so that only references that name the version see it.
    pub hidden: bool,
    /// Function, object, …
    pub kind: SymbolKind,
}

/// One undefined name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name.
    pub symbol: String,
    /// The version node asked for.
    pub version: Option<String>,
    /// Whether it may stay undefined.
    pub weak: bool,
}

/// A file whose exports cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct LibraryError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: ElfError,
}

impl LibraryError {
    /// What this is called; `None` where the file is there and may not be read, so that nobody knows.
    pub fn code(&self) -> Option<Code> {
        match &self.source {
            ElfError::Open { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
                    .then_some(Code::LibraryMissing)
            }
            _ => Some(Code::WrongType),
        }
    }
}

impl Library {
    /// Reads a file's dynamic section, symbols and versions.
    ///
    /// # Errors
    /// Where it cannot be read, or is no ELF file.
    pub fn read(path: &Path) -> Result<Library, LibraryError> {
        Library::facts(path).map_err(|source| LibraryError { path: path.to_owned(), source })
    }

    fn facts(path: &Path) -> Result<Library, ElfError> {
        let file = Mapped::open(path)?;
        let image = Image::parse(file.bytes())?;
        let text = |bytes: &[u8]| escape(bytes).to_text().into_owned();
        let mut nodes = BTreeMap::new();
        for node in image.versions()?.definitions().iter().filter(|node| !node.base) {
            nodes.insert(text(node.name), node.parents.first().map(|parent| text(parent)));
        }
        let mut exports: BTreeMap<String, Vec<Export>> = BTreeMap::new();
        let mut references = Vec::new();
        let symbols = image.symbols()?;
        let named = (1..symbols.len()).filter(|index| !symbols.is_node_marker(*index));
        for symbol in named.filter_map(|index| symbols.get(index)) {
            let version = symbol.version.map(|version| text(version.name));
            if !symbol.defined {
                let weak = symbol.binding == Binding::Weak;
                references.push(Reference { symbol: text(symbol.name), version, weak });
            } else if symbol.binding != Binding::Local {
                let export = Export { version, default: symbol.default, hidden: symbol.hidden, kind: symbol.kind };
                exports.entry(text(symbol.name)).or_default().push(export);
            }
        }
        Ok(Library {
            path: path.to_owned(),
            soname: image.soname().map(text),
            build_id: image.build_id().map(hex),
            machine: image.machine_name(),
            needed: image.needed().map(text).collect(),
            rpath: image.rpath().map(text),
            runpath: image.runpath().map(text),
            nodes,
            exports,
            references,
        })
    }

    /// The name that the dynamic linker knows it by: its SONAME, else its file name.
    pub fn name(&self) -> String {
        let file = || self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.soname.clone().unwrap_or_else(file)
    }

    /// Whether it has version nodes of its own.
    pub fn is_versioned(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The names that it asks for and that lie in its neighbour as local symbols only: what a version script's `local: *`
    /// hides. `None` where the neighbour is stripped, so that nobody can tell.
    ///
    /// # Errors
    /// Where the neighbour cannot be read.
    pub fn hidden_in(&self, neighbour: &Path) -> Result<Option<Vec<String>>, LibraryError> {
        let failed = |source| LibraryError { path: neighbour.to_owned(), source };
        let exports = Library::read(neighbour)?.exports;
        let wanted: BTreeSet<&str> = self.references.iter().map(|reference| reference.symbol.as_str()).collect();
        let file = Mapped::open(neighbour).map_err(failed)?;
        let image = Image::parse(file.bytes()).map_err(failed)?;
        let symbols = image.static_symbols();
        if symbols.is_empty() {
            return Ok(None);
        }
        let mut hidden: Vec<String> = symbols
            .iter()
            .filter(|symbol| symbol.local && symbol.defined)
            .map(|symbol| escape(symbol.name).to_text().into_owned())
            .filter(|name| wanted.contains(name.as_str()) && !exports.contains_key(name))
            .collect();
        hidden.sort();
        hidden.dedup();
        Ok(Some(hidden))
    }
}
