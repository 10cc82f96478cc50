//! What an object asks of others: its symbolic relocations, one entry for each symbol.

use crate::elf::{Binding, Class, Image, Machine, NameHash, Symbols, Visibility};

/// How a relocation asks for its symbol (`elf_machine_type_class` in glibc's `sysdeps/<machine>/dl-machine.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeClass {
    /// A PLT entry, or anything thread-local: an undefined entry does not answer.
    Plt,
    /// A copy of a library's variable into the executable: the executable does not answer.
    Copy,
    /// All others: an undefined entry that has a value answers too.
    Other,
}

/// The classes in which one symbol is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeClasses(u8);

impl TypeClasses {
    fn insert(&mut self, class: TypeClass) {
        self.0 |= 1 << class as u8;
    }

    /// Each class, once.
    pub fn iter(self) -> impl Iterator<Item = TypeClass> {
        let all = [TypeClass::Plt, TypeClass::Copy, TypeClass::Other];
        all.into_iter().filter(move |&class| self.contains(class))
    }

    /// Whether that class is among them.
    pub fn contains(self, class: TypeClass) -> bool {
        self.0 & (1 << class as u8) != 0
    }
}

/// A symbol that an object's relocations name, and that is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'f> {
    /// Its name, hashed.
    pub name: NameHash<'f>,
    /// Its index in the object's dynamic symbol table.
    pub symbol: u32,
    /// Its version's index, and the hidden bit.
    pub versym: u16,
    /// How it is asked for.
    pub classes: TypeClasses,
    /// Its object's own definition is kept, where it has one.
    pub protected: bool,
}

/// The references of an object in the order of its symbol table. A symbol that is local, hidden or internal is not
/// looked up and so is no reference (glibc, `elf/dl-reloc.c`, `RESOLVE_MAP`).
pub(super) fn references<'f>(image: &Image<'f>, symbols: &Symbols<'f>) -> Box<[Reference<'f>]> {
    let mut classes = vec![TypeClasses::default(); symbols.len()];
    let (machine, elf_class) = (image.machine(), image.class());
    for relocation in image.relocations().filter(|relocation| relocation.symbol != 0) {
        if let Some(entry) = classes.get_mut(relocation.symbol as usize)
            && let Some(class) = type_class(machine, elf_class, relocation.kind)
        {
            entry.insert(class);
        }
    }
    let asked = classes.iter().enumerate().filter(|(_, classes)| **classes != TypeClasses::default());
    asked.filter_map(|(index, &classes)| reference(symbols, index, classes)).collect()
}

fn reference<'f>(symbols: &Symbols<'f>, index: usize, classes: TypeClasses) -> Option<Reference<'f>> {
    let raw = symbols.raw(index)?;
    let visibility = Visibility::from(raw.st_visibility());
    let is_local = Binding::from(raw.st_bind()) == Binding::Local;
    if is_local || matches!(visibility, Visibility::Hidden | Visibility::Internal) {
        return None;
    }
    Some(Reference {
        name: NameHash::new(symbols.name(index)?),
        symbol: index as u32,
        versym: symbols.versym(index),
        classes,
        protected: visibility == Visibility::Protected,
    })
}

/// The class of a relocation type; `None` for types that name no symbol. Type 0 is `NONE` on every machine.
fn type_class(machine: Machine, class: Class, kind: u32) -> Option<TypeClass> {
    let (plt, copy, nameless): (&[u32], u32, &[u32]) = match (machine, class) {
        // DTPMOD64, DTPOFF64, TPOFF64, TLSDESC; RELATIVE, IRELATIVE, RELATIVE64.
        (Machine::X86_64, _) => (&[7, 16, 17, 18, 36], 5, &[8, 37, 38]),
        (Machine::I386, _) => (&[7, 14, 35, 36, 37, 41], 5, &[8, 42]),
        (Machine::Aarch64, _) => (&[1026, 1028, 1029, 1030, 1031], 1024, &[1027, 1032]),
        (Machine::Arm, _) => (&[13, 17, 18, 19, 22], 20, &[23, 160]),
        (Machine::Riscv, _) => (&[5, 6, 7, 8, 9, 10, 11], 4, &[3, 58]),
        (Machine::LoongArch, _) => (&[5, 6, 7, 8, 9, 10, 11, 13, 14], 4, &[3, 12]),
        (Machine::Ppc64, _) => (&[21, 68, 69, 70, 71, 72, 73, 78, 95, 96, 97, 98], 19, &[22, 248]),
        (Machine::S390, _) => (&[11, 54, 55, 56], 9, &[12, 61]),
        _ => (&[], u32::MAX, &[]),
    };
    match kind {
        0 => None,
        kind if nameless.contains(&kind) => None,
        kind if kind == copy => Some(TypeClass::Copy),
        kind if plt.contains(&kind) => Some(TypeClass::Plt),
        _ => Some(TypeClass::Other),
    }
}
