//! Why a reference is bound as it is: the walk through its scope, object by object, with each one's answer.

use memchr::memmem;

use super::Process;
use super::closure::{Index, Reason};
use super::lookup::{Answer, Query, Verdict, ask};
use super::references::TypeClass;
use super::relocate::{Binding, wanted};
use crate::elf::{NameHash, Version, demangle};

/// A reference, and what became of it.
#[derive(Clone, Debug)]
pub struct Walk<'p> {
    /// The binding that it ended in.
    pub binding: Binding,
    /// The version that the reference asks for.
    pub version: Option<Version<'p>>,
    /// It need not be bound.
    pub weak: bool,
    /// The objects that were asked, in order; the last one is the one that answered, if any did.
    pub asked: Vec<Asked>,
    /// The objects that have the name and were not asked: behind the one that answered, or outside the scope.
    pub not_asked: Vec<NotAsked>,
    /// What overrode the walk's result.
    pub instead: Option<Instead>,
    /// Where a call really goes that lands on the executable's own PLT entry first.
    pub lands_in: Option<Index>,
}

/// An object that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The object.
    pub object: Index,
    /// What each of its entries of that name said; none where it has no such name.
    pub entries: Vec<(u32, Verdict)>,
    /// What it answered.
    pub answer: Option<Answer>,
    /// It was passed over without being asked: the executable, for a copy of a variable into it.
    pub skipped: bool,
}

/// An object that has the name and was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAsked {
    /// The object.
    pub object: Index,
    /// Why.
    pub why: Unreached,
    /// Whether it would have answered.
    pub would_answer: bool,
}

/// Why an object was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// An object before it answered.
    Behind,
    /// It is not in the scope of the reference.
    OutOfScope,
}

/// Why a binding is not what the walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// A protected symbol keeps its own definition.
    Protected,
    /// A unique symbol was defined in the process before, by another object.
    Unique,
}

/// What an object without references to a symbol may still do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dlsym {
    /// The object: it imports dlsym or dlvsym, and holds the name as text.
    pub object: Index,
}

/// Why a preload that seems to define a symbol does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It defines the name, but only for itself: a version script or a visibility hides it.
    LocalOnly,
    /// It exports the name as C++ spells it: this one.
    Mangled(Vec<u8>),
}

impl<'f> Process<'_, 'f> {
    /// The walk of every reference to a symbol; of those that ask for one node, where it is given.
    pub fn explain(&self, name: &[u8], node: Option<&[u8]>) -> Vec<Walk<'f>> {
        let hashed = NameHash::new(name);
        let asks = |binding: &&Binding| {
            let symbols = self.loaded()[binding.referrer as usize].object.symbols();
            symbols.name(binding.reference as usize) == Some(name)
        };
        let walks = self.bindings().iter().filter(asks).map(|binding| self.walk(binding, hashed));
        walks.filter(|walk| node.is_none_or(|node| walk.version.is_some_and(|version| version.name == node))).collect()
    }

    fn walk(&self, binding: &Binding, name: NameHash<'_>) -> Walk<'f> {
        let referrer = &self.loaded()[binding.referrer as usize].object;
        let versym = referrer.symbols().versym(binding.reference as usize);
        let version = wanted(referrer.symbols().versions().get(versym));
        let query = Query { name, version, class: binding.class, newest: false };
        let scope = self.scope(binding.referrer as usize);
        let mut asked: Vec<Asked> = Vec::new();
        for &object in scope {
            let step = self.ask(object, &query);
            let answered = step.answer.is_some();
            asked.push(step);
            if answered {
                break;
            }
        }
        let found = asked.last().filter(|last| last.answer.is_some()).map(|last| last.object);
        Walk {
            binding: *binding,
            version,
            weak: self.is_weak(binding),
            not_asked: self.not_asked(&query, scope, &asked),
            instead: self.instead(binding, found),
            lands_in: self.lands_in(binding),
            asked,
        }
    }

    fn ask(&self, object: Index, query: &Query<'_>) -> Asked {
        let mut entries = Vec::new();
        let skipped = query.class == TypeClass::Copy && object == 0;
        let seen = |index, verdict| entries.push((index, verdict));
        let answer = if skipped { None } else { ask(&self.loaded()[object].object, query, self.glibc(), seen) };
        Asked { object, entries, answer, skipped }
    }

    fn not_asked(&self, query: &Query<'_>, scope: &[Index], asked: &[Asked]) -> Vec<NotAsked> {
        let rest = (0..self.loaded().len()).filter(|index| !asked.iter().any(|step| step.object == *index));
        let has_it = rest.filter_map(|object| {
            let step = self.ask(object, query);
            let defines = step.entries.iter().any(|(_, verdict)| *verdict != Verdict::NoDefinition);
            let why = if scope.contains(&object) { Unreached::Behind } else { Unreached::OutOfScope };
            defines.then_some(NotAsked { object, why, would_answer: step.answer.is_some() })
        });
        has_it.collect()
    }

    fn instead(&self, binding: &Binding, found: Option<Index>) -> Option<Instead> {
        let (provider, _) = binding.provider?;
        match found {
            Some(found) if found != provider as Index => {
                let own = provider == binding.referrer;
                Some(if own { Instead::Protected } else { Instead::Unique })
            }
            _ => None,
        }
    }

    /// Where the second step of a binding goes: a library that binds to an executable's undefined entry with a value
    /// calls the executable's PLT, which goes where the executable's own reference is bound.
    pub fn lands_in(&self, binding: &Binding) -> Option<Index> {
        let (provider, symbol) = binding.provider.filter(|_| binding.class != TypeClass::Copy)?;
        let symbols = self.loaded()[provider as usize].object.symbols();
        if symbols.raw(symbol as usize)?.st_shndx != 0 {
            return None;
        }
        let own =
            |next: &&Binding| next.referrer == provider && next.reference == symbol && next.class == TypeClass::Plt;
        self.bindings().iter().find(own)?.provider.map(|(index, _)| index as Index)
    }

    /// The objects that may look a name up while they run: they hold it as text, import dlsym, and do not define it.
    pub fn may_look_up(&self, name: &[u8]) -> Vec<Dlsym> {
        let text = [b"\0", name, b"\0"].concat();
        let finder = memmem::Finder::new(&text);
        let candidates = (0..self.loaded().len()).filter(|&index| {
            let loaded = &self.loaded()[index];
            let is_program = !matches!(loaded.reason, Reason::Interpreter);
            is_program
                && self.imports_dlsym(index)
                && !loaded.object.symbols().iter().any(|symbol| symbol.defined && symbol.name == name)
                && finder.find(constants(loaded.object.bytes(), index, self)).is_some()
        });
        candidates.map(|object| Dlsym { object }).collect()
    }

    fn imports_dlsym(&self, index: Index) -> bool {
        let symbols = self.loaded()[index].object.symbols();
        let mut names = self.loaded()[index].object.references().iter();
        names.any(|reference| matches!(symbols.name(reference.symbol as usize), Some(b"dlsym" | b"dlvsym")))
    }

    /// Why an object that does not export a name may look as if it did.
    pub fn hint(&self, index: Index, name: &[u8]) -> Option<Hint> {
        let object = &self.loaded()[index].object;
        let mangled = object.symbols().iter().filter(|symbol| symbol.defined && symbol.name.starts_with(b"_Z"));
        let spelled = mangled.map(|symbol| symbol.name).find(|mangled| {
            let shown = demangle(mangled).to_string();
            shown.split('(').next().is_some_and(|function| function.as_bytes() == name)
        });
        if let Some(spelled) = spelled {
            return Some(Hint::Mangled(spelled.to_owned()));
        }
        let statics = object.image().static_symbols();
        statics.iter().any(|symbol| symbol.defined && symbol.local && symbol.name == name).then_some(Hint::LocalOnly)
    }
}

/// The file without its dynamic string table, where every imported name stands anyway.
fn constants<'b>(bytes: &'b [u8], index: Index, process: &Process<'_, '_>) -> &'b [u8] {
    let image = process.loaded()[index].object.image();
    let after = image.dynamic().get(goblin::elf::dynamic::DT_STRTAB).and_then(|at| image.segments().file_range(at));
    let end = after.map_or(0, |(offset, _)| offset.saturating_add(image.strings().len()));
    bytes.get(end..).unwrap_or_default()
}
