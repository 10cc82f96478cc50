//! What an ELF file is made of, as far as a lock remembers it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rayon::prelude::*;

use crate::elf::{ElfError, Image, Mapped, Symbols, escape};
use crate::interpose::{Abi, Api};

use super::definition;
use super::hash::sha256_of_lines;
use super::state::{Crowd, Elf, Many};
use crate::elf::hex;

/// Names in one node beyond which only their number and hash are remembered. The API of a GPU runtime has hundreds;
/// a framework's library can export a million that nobody asks for by version.
const MANY: usize = 5_000;

/// ELF files of a folder beyond which none of them is remembered but by its hash.
const MOST_OF_A_FOLDER: usize = 48;
/// As [`MANY`], for the ELF files of a folder, which nobody named one by one.
const MANY_OF_A_FOLDER: usize = 500;
/// Names beyond which a folder's ELF files are not remembered but by their hash.
const MOST_NAMES_OF_A_FOLDER: usize = 20_000;

impl Elf {
    /// What the file is made of; `None` where it is no ELF file, or one that cannot be read.
    pub(super) fn read(path: &Path) -> Option<Elf> {
        let mut elf = Elf::facts(path).ok()?;
        elf.forget_crowds(MANY);
        Some(elf)
    }

    /// What the ELF files of a folder are made of, by their names; nothing where they are more than a lock that people read
    /// has room for.
    pub(super) fn read_all<'f>(files: impl Iterator<Item = (&'f str, &'f Path)>) -> BTreeMap<String, Elf> {
        let libraries: Vec<(&str, &Path)> = files.filter(|(_, path)| is_elf(path)).take(MOST_OF_A_FOLDER + 1).collect();
        if libraries.len() > MOST_OF_A_FOLDER {
            return BTreeMap::new();
        }
        let read = |(name, path): &(&str, &Path)| Some(((*name).to_owned(), Elf::facts(path).ok()?));
        let mut all: BTreeMap<String, Elf> = libraries.par_iter().filter_map(read).collect();
        all.values_mut().for_each(|elf| elf.forget_crowds(MANY_OF_A_FOLDER));
        if all.values().map(Elf::names).sum::<usize>() > MOST_NAMES_OF_A_FOLDER {
            return BTreeMap::new();
        }
        all
    }

    fn names(&self) -> usize {
        self.abi.exports.len() + self.references.len()
    }

    fn facts(path: &Path) -> Result<Elf, ElfError> {
        let file = Mapped::open(path)?;
        let image = Image::parse(file.bytes())?;
        let symbols = image.symbols()?;
        let text = |bytes: &[u8]| escape(bytes).to_string();
        Ok(Elf {
            build_id: image.build_id().map(hex),
            rpath: image.rpath().map(text),
            runpath: image.runpath().map(text),
            abi: definition::normalised(Abi::of(&image, &symbols).into_owned()),
            references: references(&symbols),
            many: BTreeMap::new(),
        })
    }

    /// The names that stand in each node.
    fn crowds(&self) -> BTreeMap<Crowd, Vec<String>> {
        let mut crowds: BTreeMap<Crowd, Vec<String>> = BTreeMap::new();
        for (name, definitions) in &self.abi.exports {
            for definition in definitions {
                let crowd = Crowd { wanted: false, node: definition.node.as_deref().map(str::to_owned) };
                crowds.entry(crowd).or_default().push(format!("{name} {}", definition::words(definition)));
            }
        }
        for (name, node) in &self.references {
            let crowd = Crowd { wanted: true, node: node.clone() };
            crowds.entry(crowd).or_default().push(name.clone());
        }
        crowds
    }

    /// Keeps the number and the hash of names that are too many, and those of the API, which coverage rests on.
    fn forget_crowds(&mut self, most: usize) {
        for (crowd, names) in self.crowds() {
            if names.len() > most {
                self.many.insert(crowd, Many { count: names.len(), sha256: sha256_of_lines(names) });
            }
        }
        let many: BTreeSet<Crowd> = self.many.keys().cloned().collect();
        self.forget(&many);
    }

    /// Leaves these names out, so that two files can be compared of which one has them only as a number.
    pub(super) fn forget(&mut self, crowds: &BTreeSet<Crowd>) {
        if crowds.is_empty() {
            return;
        }
        let forgotten = |wanted, node: Option<&str>| crowds.contains(&Crowd { wanted, node: node.map(str::to_owned) });
        for definitions in self.abi.exports.values_mut() {
            definitions.retain(|definition| !forgotten(false, definition.node.as_deref()));
        }
        self.abi.exports.retain(|_, definitions| !definitions.is_empty());
        self.references.retain(|(name, node)| Api::hip().function(name).is_some() || !forgotten(true, node.as_deref()));
    }
}

/// Whether a regular file begins as an ELF file does.
fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    let regular = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    regular && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

fn references(symbols: &Symbols<'_>) -> BTreeSet<(String, Option<String>)> {
    let text = |bytes: &[u8]| escape(bytes).to_string();
    let undefined = symbols.iter().filter(|symbol| !symbol.defined && !symbol.name.is_empty());
    undefined.map(|symbol| (text(symbol.name), symbol.version.map(|node| text(node.name)))).collect()
}

impl Elf {
    /// What it NEEDs, in order.
    pub(super) fn needed(&self) -> impl Iterator<Item = &str> {
        self.abi.needs.iter().filter(|(_, node)| node.is_none()).map(|(file, _)| file.as_ref())
    }
}
