//! Libraries that are opened after start-up (glibc, `elf/dl-open.c`, `dl_open_worker`).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::closure::{Index, Reason};
use super::scope::List;
use super::tls::StaticTls;
use super::{Process, order, versions};
use crate::elf::Binding;

const DF_1_NOOPEN: u64 = 0x40;

/// A library to be opened by dlopen with `RTLD_NOW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// As dlopen is called: a path, or a name to search for.
    pub name: OsString,
    /// `RTLD_GLOBAL`: what comes later can bind to it.
    pub global: bool,
    /// `RTLD_DEEPBIND`: its own tree first.
    pub deepbind: bool,
}

impl Module {
    /// `LIB`, `LIB:global`, `LIB:deepbind`, or both words, as `LIB:global+deepbind`.
    pub fn parse(text: &OsStr) -> Module {
        let bytes = text.as_bytes();
        let parts = memchr::memrchr(b':', bytes).map(|at| (&bytes[..at], &bytes[at + 1..]));
        let words = |words: &[u8]| {
            words.split(|&byte| byte == b'+').all(|word| matches!(word, b"global" | b"deepbind" | b"local"))
        };
        let (name, flags) = parts.filter(|(_, flags)| words(flags)).unwrap_or((bytes, b""));
        let asks = |flag: &[u8]| flags.split(|&byte| byte == b'+').any(|word| word == flag);
        let name = OsString::from_vec(name.to_owned());
        Module { name, global: asks(b"global"), deepbind: asks(b"deepbind") }
    }
}

/// Why dlopen refuses a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It, or something that it needs, is missing: see [`Process::missing`].
    Missing,
    /// It says of itself that it must not be opened (`DF_1_NOOPEN`).
    NoOpen,
    /// A version that it needs is not there: see [`Process::version_errors`].
    Version,
    /// There is no room left for thread-local variables at fixed places.
    StaticTls,
    /// A strong reference resolves nowhere: see [`Process::bindings`].
    Undefined,
}

impl Refusal {
    /// It as one word.
    pub fn word(self) -> &'static str {
        match self {
            Refusal::Missing => "missing",
            Refusal::NoOpen => "no-open",
            Refusal::Version => "version",
            Refusal::StaticTls => "static-tls",
            Refusal::Undefined => "undefined",
        }
    }
}

impl Process<'_, '_> {
    /// Opens a module as the program would. A refused one stays in the model to be looked at, but nothing finds it.
    ///
    /// # Errors
    /// Where dlopen fails.
    pub fn open(&mut self, module: &Module) -> Result<Index, Refusal> {
        let before = (self.closure.loaded.len(), self.closure.missing.len(), self.bindings().len());
        let opened = self.open_tree(module, before.0, before.1, before.2);
        if opened.is_err() {
            self.closure.refuse(before.0);
            self.forget_uniques(before.0);
            self.static_tls.iter_mut().for_each(|tls| tls.forget(before.0));
            let loaded = self.closure.loaded.len();
            // What was not got as far as relocation needs a scope all the same.
            let without = self.scopes.len()..loaded;
            self.scopes.add_objects(&self.closure.loaded, without, List::GLOBAL, false);
        }
        opened
    }

    fn open_tree(&mut self, module: &Module, first: Index, missing: usize, bindings: usize) -> Result<Index, Refusal> {
        let root = self.closure.map(module.name.as_bytes(), 0, Reason::Module).ok_or(Refusal::Missing)?;
        if root >= first && self.closure.loaded[root].object.image().flags_1() & DF_1_NOOPEN != 0 {
            return Err(Refusal::NoOpen);
        }
        let list = self.closure.search_list(root, &[]);
        if self.closure.missing.len() > missing {
            return Err(Refusal::Missing);
        }
        let new = first..self.closure.loaded.len();
        let flaws = new.clone().flat_map(|index| versions::check(&self.closure, index));
        // Only start-up warns.
        let flaws: Vec<_> = flaws.filter(|error| error.flaw.is_fatal()).collect();
        if !flaws.is_empty() {
            self.version_errors.extend(flaws);
            return Err(Refusal::Version);
        }
        let order = order::initialisation(root, &list, &self.closure.loaded);
        let tree = self.scopes.add_root(root, list);
        self.scopes.add_objects(&self.closure.loaded, new, tree, module.deepbind);
        self.relocate(&order);
        let bound = self.bindings.get(bindings..).unwrap_or_default();
        let tls = self.static_tls.get_or_insert_with(|| StaticTls::at_start(&self.closure.loaded[..first]));
        let loaded = &self.closure.loaded;
        if !order.iter().rev().filter(|&&index| index >= first).all(|&index| tls.fits(index, loaded, bound)) {
            return Err(Refusal::StaticTls);
        }
        if self.bindings()[bindings..].iter().any(|binding| self.is_unresolved(binding)) {
            return Err(Refusal::Undefined);
        }
        if root >= first {
            self.closure.loaded[root].order = Some(order);
        }
        if module.global {
            self.scopes.make_global(tree);
        }
        Ok(root)
    }

    /// Whether a reference that must be bound is not.
    pub fn is_unresolved(&self, binding: &super::Binding) -> bool {
        binding.provider.is_none() && !self.is_weak(binding)
    }

    /// Whether a reference may stay unbound.
    pub fn is_weak(&self, binding: &super::Binding) -> bool {
        let symbols = self.closure.loaded[binding.referrer as usize].object.symbols();
        let raw = symbols.raw(binding.reference as usize);
        raw.is_some_and(|raw| Binding::from(raw.st_bind()) == Binding::Weak)
    }
}
