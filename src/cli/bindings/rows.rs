//! The bindings that are asked for, with what is shown of each.

use std::os::unix::ffi::OsStrExt;

use globset::GlobMatcher;

use super::Select;
use crate::elf::{Binding as SymbolBinding, SymbolKind, escape};
use crate::loader::{Binding, Index, Loaded, Process, TypeClass};

/// The bindings of a process that are selected.
pub struct Rows<'p, 'o, 'f> {
    process: &'p Process<'o, 'f>,
    symbol: Option<&'p GlobMatcher>,
    /// For each object, whether its references and bindings to it are selected.
    referrers: Vec<bool>,
    providers: Vec<bool>,
    any_provider: bool,
}

/// One binding.
#[derive(Clone, Copy)]
pub struct Row<'f> {
    pub referrer: Index,
    pub provider: Option<Index>,
    pub symbol: &'f [u8],
    pub version: Option<&'f [u8]>,
    pub provider_version: Option<&'f [u8]>,
    pub kind: &'static str,
    pub weak: bool,
}

/// How many bindings there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub bindings: usize,
    pub undefined: usize,
    pub weak_undefined: usize,
}

impl<'p, 'o, 'f> Rows<'p, 'o, 'f> {
    pub fn new(process: &'p Process<'o, 'f>, select: &'p Select) -> Rows<'p, 'o, 'f> {
        let each = |glob: &Option<GlobMatcher>| process.loaded().iter().map(|loaded| matches(glob, loaded)).collect();
        Rows {
            process,
            symbol: select.symbol.as_ref(),
            referrers: each(&select.referrer),
            providers: each(&select.provider),
            any_provider: select.provider.is_none(),
        }
    }

    /// Each selected binding.
    pub fn iter(&self) -> impl Iterator<Item = Row<'f>> {
        self.process.bindings().iter().filter(|binding| self.wants_objects(binding)).filter_map(|binding| {
            let row = self.row(binding)?;
            self.symbol.is_none_or(|glob| glob.is_match(&*escape(row.symbol).to_text())).then_some(row)
        })
    }

    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        if self.symbol.is_none() {
            for binding in self.process.bindings().iter().filter(|binding| self.wants_objects(binding)) {
                counts.add(binding.provider.is_some(), || self.process.is_weak(binding));
            }
        } else {
            self.iter().for_each(|row| counts.add(row.provider.is_some(), || row.weak));
        }
        counts
    }

    fn wants_objects(&self, binding: &Binding) -> bool {
        let provider = binding.provider.map_or(self.any_provider, |(index, _)| self.providers[index as usize]);
        provider && self.referrers[binding.referrer as usize]
    }

    fn row(&self, binding: &Binding) -> Option<Row<'f>> {
        let loaded = self.process.loaded();
        let symbols = loaded[binding.referrer as usize].object.symbols();
        let reference = symbols.get(binding.reference as usize)?;
        let definition = binding.provider.and_then(|(index, at)| {
            let symbols = loaded[index as usize].object.symbols();
            let kind = SymbolKind::from(symbols.raw(at as usize)?.st_type());
            Some((kind, symbols.versions().get(symbols.versym(at as usize))))
        });
        Some(Row {
            referrer: binding.referrer as usize,
            provider: binding.provider.map(|(index, _)| index as usize),
            symbol: reference.name,
            version: reference.version.map(|version| version.name),
            provider_version: definition.and_then(|(_, version)| version).map(|version| version.name),
            kind: kind(binding.class, definition.map_or(reference.kind, |(kind, _)| kind)),
            weak: reference.binding == SymbolBinding::Weak,
        })
    }
}

impl Counts {
    fn add(&mut self, bound: bool, weak: impl FnOnce() -> bool) {
        if bound {
            self.bindings += 1;
        } else if weak() {
            self.weak_undefined += 1;
        } else {
            self.undefined += 1;
        }
    }
}

fn matches(glob: &Option<GlobMatcher>, loaded: &Loaded<'_>) -> bool {
    let Some(glob) = glob else { return true };
    let name = loaded.path.file_name().map(|name| escape(name.as_bytes()).to_string());
    glob.is_match(escape(loaded.path.as_os_str().as_bytes()).to_string())
        || name.is_some_and(|name| glob.is_match(name))
}

fn kind(class: TypeClass, kind: SymbolKind) -> &'static str {
    match (class, kind) {
        (TypeClass::Copy, _) => "copy",
        (_, SymbolKind::Ifunc) => "ifunc",
        (_, SymbolKind::Tls) => "tls",
        (_, SymbolKind::Function) | (TypeClass::Plt, _) => "function",
        _ => "data",
    }
}
