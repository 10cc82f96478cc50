//! What an ELF file is made of, as far as a lock remembers it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::elf::{ElfError, Image, Mapped, Symbols, escape};
use crate::interpose::{Abi, Api};

use super::definition;
use super::hash::sha256_of_lines;
use super::state::{Crowd, Elf, Many};
use crate::elf::hex;

/// Names in one node beyond which only their number and hash are remembered. The API of a GPU runtime has hundreds;
/// a framework's library can export a million that nobody asks for by version.
const MANY: usize = 5_000;

impl Elf {
    /// What the file is made of; `None` where it is no ELF file, or one that cannot be read.
    pub(super) fn read(path: &Path) -> Option<Elf> {
        Elf::facts(path).ok()
    }

    fn facts(path: &Path) -> Result<Elf, ElfError> {
        let file = Mapped::open(path)?;
        let image = Image::parse(file.bytes())?;
        let symbols = image.symbols()?;
        let text = |bytes: &[u8]| escape(bytes).to_string();
        let mut elf = Elf {
            build_id: image.build_id().map(hex),
            rpath: image.rpath().map(text),
            runpath: image.runpath().map(text),
            abi: definition::normalised(Abi::of(&image, &symbols).into_owned()),
            references: references(&symbols),
            many: BTreeMap::new(),
        };
        elf.forget_crowds();
        Ok(elf)
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
    fn forget_crowds(&mut self) {
        for (crowd, names) in self.crowds() {
            if names.len() > MANY {
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
