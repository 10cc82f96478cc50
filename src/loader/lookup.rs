//! Whether an object answers a reference (glibc, `elf/dl-lookup.c`, `check_match` and `do_lookup_x`).

use goblin::elf::section_header::{SHN_ABS, SHN_UNDEF};

use super::references::TypeClass;
use super::{Glibc, Object};
use crate::elf::{Binding, NameHash, SymbolKind, Version, Visibility};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q> {
    /// The name, hashed.
    pub name: NameHash<'q>,
    /// The version node; `None` for a reference without.
    pub version: Option<Version<'q>>,
    /// How it is asked for.
    pub class: TypeClass,
    /// The newest version stands for an unversioned name, as in dlsym, rather than the oldest.
    pub newest: bool,
}

/// What an entry of an object's symbol table says to a query for its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It matches.
    Taken(Match),
    /// Not a definition: it has no value, or is undefined and asked for through the PLT.
    NoDefinition,
    /// A section, a file, or a kind that only a processor knows.
    NotASymbol(SymbolKind),
    /// A definition in another version node.
    OtherVersion,
    /// An unversioned query, and a definition in a node other than the oldest: it counts if it is the only one.
    OneOfSeveral,
    /// The same, but hidden: only a reference that asks for its node finds it.
    HiddenVersion,
    /// It matches, but is not seen outside its object.
    Invisible(Visibility),
    /// It matches, but is local.
    Local,
}

/// How a definition matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The very version that was asked for.
    Exact,
    /// The object has no version table: it answers any version.
    Unversioned,
    /// A definition in the base version, which stands in for any.
    Base,
    /// An unversioned query: the base or the oldest version.
    Oldest,
    /// An unversioned query: the only definition of that name.
    Only,
}

/// The definition that an object answers a query with: an index of its symbol table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The definition.
    pub symbol: u32,
    /// How it matched.
    pub how: Match,
    /// Whether there is one such symbol in the whole process.
    pub unique: bool,
}

/// Asks one object. `seen` is told of every entry of that name, which is what an explanation is made of.
#[inline]
pub fn ask(
    object: &Object<'_>,
    query: &Query<'_>,
    glibc: &Glibc,
    mut seen: impl FnMut(u32, Verdict),
) -> Option<Answer> {
    // Nearly every object has no such name.
    if !object.may_define(query.name.gnu) {
        return None;
    }
    let candidates = object.table()?.candidates(&query.name);
    let prefers_exact = glibc.since(42);
    let (mut first, mut only, mut versioned) = (None, None, 0);
    for index in candidates {
        if !object.symbols().is_named(index, query.name.name) {
            continue;
        }
        let verdict = judge(object, index, query);
        seen(index as u32, verdict);
        match verdict {
            Verdict::Taken(Match::Base) if prefers_exact => first = first.or(Some((index, Match::Base))),
            Verdict::Taken(how) => {
                first = Some((index, how));
                break;
            }
            Verdict::OneOfSeveral => {
                versioned += 1;
                only = only.or(Some((index, Match::Only)));
            }
            _ => {}
        }
    }
    let (index, how) = first.or(only.filter(|_| versioned == 1))?;
    let (verdict, unique) = visible(object, index, how);
    if verdict != Verdict::Taken(how) {
        seen(index as u32, verdict);
        return None;
    }
    Some(Answer { symbol: index as u32, how, unique })
}

/// Whether an entry of the right name is what is asked for.
fn judge(object: &Object<'_>, index: usize, query: &Query<'_>) -> Verdict {
    let symbols = object.symbols();
    let Some(raw) = symbols.raw(index) else { return Verdict::NoDefinition };
    let kind = SymbolKind::from(raw.st_type());
    let section = raw.st_shndx as u32;
    if raw.st_value == 0 && section != SHN_ABS && kind != SymbolKind::Tls {
        return Verdict::NoDefinition;
    }
    if section == SHN_UNDEF && query.class == TypeClass::Plt {
        return Verdict::NoDefinition;
    }
    if matches!(kind, SymbolKind::Section | SymbolKind::File | SymbolKind::Other(_)) {
        return Verdict::NotASymbol(kind);
    }
    let versym = symbols.versym(index);
    let hidden = versym & 0x8000 != 0;
    match query.version {
        _ if symbols.versions().is_empty() => Verdict::Taken(Match::Unversioned),
        Some(wanted) => {
            let own = symbols.versions().get(versym).filter(|own| own.hash != 0);
            match own {
                Some(own) if own.hash == wanted.hash && own.name == wanted.name => Verdict::Taken(Match::Exact),
                None if !wanted.hidden && !hidden => Verdict::Taken(Match::Base),
                _ => Verdict::OtherVersion,
            }
        }
        None if versym & 0x7fff < if query.newest { 2 } else { 3 } => Verdict::Taken(Match::Oldest),
        None if hidden => Verdict::HiddenVersion,
        None => Verdict::OneOfSeveral,
    }
}

/// Whether a match is seen outside its object, and whether it is unique in the process.
fn visible(object: &Object<'_>, index: usize, how: Match) -> (Verdict, bool) {
    let Some(raw) = object.symbols().raw(index) else { return (Verdict::NoDefinition, false) };
    let visibility = Visibility::from(raw.st_visibility());
    if matches!(visibility, Visibility::Hidden | Visibility::Internal) {
        return (Verdict::Invisible(visibility), false);
    }
    match Binding::from(raw.st_bind()) {
        Binding::Global | Binding::Weak => (Verdict::Taken(how), false),
        Binding::Unique => (Verdict::Taken(how), true),
        _ => (Verdict::Local, false),
    }
}
