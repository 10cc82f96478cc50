//! Promise: a library that `object` wrote is read as it was meant, of any class, byte order and machine, with and without
//! a section table; and `object`'s own reader agrees.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/fixture.rs"]
mod fixture;

use std::collections::BTreeSet;

use fixture::{Fixture, FixtureNeed, FixtureNode, FixtureSymbol};
use object::elf;
use object::read::elf::{FileHeader, Sym};
use proptest::prelude::*;
use xdoctor::elf::{ByteOrder, Class, Image, NameHash, SymbolKind};

/// Machines with class and byte order, as they are in use.
const MACHINES: [(u16, bool, bool, &str); 8] = [
    (elf::EM_X86_64.0, true, false, "x86-64"),
    (elf::EM_AARCH64.0, true, false, "aarch64"),
    (elf::EM_PPC64.0, true, false, "ppc64le"),
    (elf::EM_RISCV.0, true, false, "riscv64"),
    (elf::EM_S390.0, true, true, "s390x"),
    (elf::EM_386.0, false, false, "i386"),
    (elf::EM_ARM.0, false, false, "arm"),
    (elf::EM_PPC.0, false, true, "ppc"),
];

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_][a-zA-Z0-9_.]{0,30}"
}

fn nodes() -> impl Strategy<Value = Vec<FixtureNode>> {
    proptest::collection::btree_set(name(), 0..5).prop_map(|names| {
        let names: Vec<String> = names.into_iter().collect();
        let node = |index: usize| FixtureNode {
            name: names[index].clone(),
            parents: names[..index].iter().rev().take(2).cloned().collect(),
            weak: index % 3 == 2,
        };
        (0..names.len()).map(node).collect()
    })
}

fn needs() -> impl Strategy<Value = Vec<FixtureNeed>> {
    let node = (name(), any::<bool>());
    let need = (name(), proptest::collection::vec(node, 1..4)).prop_map(|(file, nodes)| FixtureNeed { file, nodes });
    proptest::collection::vec(need, 0..3)
}

fn symbols(indices: u16, defined_indices: u16) -> impl Strategy<Value = Vec<FixtureSymbol>> {
    let any_name = prop_oneof![
        9 => name().prop_map(String::into_bytes),
        1 => proptest::collection::vec(1u8..=255, 1..20),
    ];
    let symbol = (any_name, any::<(bool, bool, bool)>(), 0..=2u8, 0..=3u8, 0..0x1000u32, 0..100u32, any::<u16>())
        .prop_map(move |(name, (defined, weak, hidden), kind, visibility, value, size, pick)| FixtureSymbol {
            name,
            versym: match defined {
                true if defined_indices > 0 && pick % 5 > 0 => {
                    (2 + pick % defined_indices) | if hidden { 0x8000 } else { 0 }
                }
                false if indices > defined_indices && pick % 5 > 0 => {
                    2 + defined_indices + pick % (indices - defined_indices)
                }
                _ => 1,
            },
            defined,
            weak,
            kind,
            visibility,
            value: if defined { 0x1_0000 + u64::from(value) } else { 0 },
            size: u64::from(size),
        });
    proptest::collection::vec(symbol, 0..40)
}

fn library() -> impl Strategy<Value = Fixture> {
    (nodes(), needs()).prop_flat_map(|(nodes, needs)| {
        let defined = nodes.len() as u16;
        let all = defined + needs.iter().map(|need| need.nodes.len() as u16).sum::<u16>();
        (symbols(all, defined), 0..MACHINES.len(), 0..3u8, any::<bool>(), name()).prop_map(
            move |(symbols, machine, hashes, sections, soname)| {
                let (machine, is_64, big_endian, _) = MACHINES[machine];
                // `object` writes 4-byte entries, where 64-bit s390x has 8-byte ones.
                let wide = machine == elf::EM_S390.0;
                Fixture {
                    is_64,
                    big_endian,
                    machine,
                    gnu_hash: hashes != 1 || wide,
                    sysv_hash: hashes != 0 && !wide,
                    sections,
                    soname,
                    nodes: nodes.clone(),
                    needs: needs.clone(),
                    symbols,
                }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(mut fixture in library()) {
        let bytes = fixture.write();
        let image = Image::parse(&bytes).unwrap();
        let (_, is_64, big, machine) = *MACHINES.iter().find(|entry| entry.0 == fixture.machine).unwrap();
        prop_assert_eq!(image.class(), if is_64 { Class::Elf64 } else { Class::Elf32 });
        prop_assert_eq!(image.byte_order(), if big { ByteOrder::Big } else { ByteOrder::Little });
        prop_assert_eq!(image.machine_name(), machine);
        prop_assert_eq!(image.soname(), Some(fixture.soname.as_bytes()));
        let needed: Vec<&[u8]> = image.needed().collect();
        let wanted: Vec<&[u8]> = fixture.needs.iter().map(|need| need.file.as_bytes()).collect();
        prop_assert_eq!(needed, wanted);
        check_versions(&fixture, &image)?;
        check_symbols(&fixture, &image)?;
    }

    #[test]
    fn objects_reader_agrees(mut fixture in library()) {
        fixture.sections = true;
        let bytes = fixture.write();
        if fixture.is_64 {
            compare::<elf::FileHeader64<object::Endianness>>(&bytes)?;
        } else {
            compare::<elf::FileHeader32<object::Endianness>>(&bytes)?;
        }
    }
}

fn check_versions(fixture: &Fixture, image: &Image<'_>) -> Result<(), TestCaseError> {
    let versions = image.versions().unwrap();
    let defined: Vec<_> = versions.definitions().iter().filter(|definition| !definition.base).collect();
    prop_assert_eq!(defined.len(), fixture.nodes.len());
    for (definition, node) in defined.iter().zip(&fixture.nodes) {
        prop_assert_eq!(definition.name, node.name.as_bytes());
        prop_assert_eq!(definition.weak, node.weak);
        let parents: Vec<&[u8]> = node.parents.iter().map(String::as_bytes).collect();
        prop_assert_eq!(&definition.parents, &parents);
    }
    for (need, wanted) in versions.needs().iter().zip(&fixture.needs) {
        let nodes: Vec<(&[u8], bool)> = need.nodes.iter().map(|node| (node.name, node.weak)).collect();
        let expected: Vec<(&[u8], bool)> = wanted.nodes.iter().map(|(name, weak)| (name.as_bytes(), *weak)).collect();
        prop_assert_eq!(nodes, expected);
    }
    prop_assert_eq!(versions.needs().len(), fixture.needs.len());
    Ok(())
}

fn check_symbols(fixture: &Fixture, image: &Image<'_>) -> Result<(), TestCaseError> {
    let symbols = image.symbols().unwrap();
    // Where nothing is hashed and there is no section table, the count rests on the layout, which this one has as ld's.
    prop_assert_eq!(symbols.len(), fixture.symbols.len() + 1);
    let names: Vec<&[u8]> = fixture
        .nodes
        .iter()
        .map(|node| node.name.as_bytes())
        .chain(fixture.needs.iter().flat_map(|need| need.nodes.iter().map(|node| node.0.as_bytes())))
        .collect();
    let table = image.hash_table().unwrap().unwrap();
    for (index, wanted) in fixture.symbols.iter().enumerate() {
        let found = symbols.get(index + 1).unwrap();
        prop_assert_eq!(found.name, wanted.name.as_slice());
        prop_assert_eq!(found.defined, wanted.defined);
        prop_assert_eq!((found.value, found.size), (wanted.value, wanted.size));
        prop_assert_eq!(found.kind, SymbolKind::from(wanted.kind));
        let node = usize::from(wanted.versym & 0x7fff).checked_sub(2).map(|at| names[at]);
        prop_assert_eq!(found.version.map(|version| version.name), node);
        prop_assert_eq!(found.default, wanted.defined && node.is_some() && wanted.versym & 0x8000 == 0);
        if wanted.defined {
            let hash = NameHash::new(&wanted.name);
            prop_assert!(table.candidates(&hash).any(|candidate| candidate == index + 1));
        }
    }
    Ok(())
}

/// Names, versions and hidden marks as `object` finds them through the section table.
fn compare<H: FileHeader<Endian = object::Endianness>>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let header = H::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, bytes).unwrap();
    let theirs = sections.symbols(endian, bytes, elf::SHT_DYNSYM).unwrap();
    let versions = sections.versions(endian, bytes).unwrap();
    let mut expected = BTreeSet::new();
    for (index, symbol) in theirs.enumerate() {
        if index.0 == 0 {
            continue;
        }
        let name = theirs.symbol_name(endian, symbol).unwrap().to_vec();
        let (version, hidden) = match &versions {
            None => (None, false),
            Some(table) => {
                let versym = table.version_index(endian, index);
                (table.version(versym.index()).unwrap().map(|version| version.name().to_vec()), versym.is_hidden())
            }
        };
        expected.insert((index.0, name, version, hidden, symbol.st_value(endian).into()));
    }
    let image = Image::parse(bytes).unwrap();
    let symbols = image.symbols().unwrap();
    let ours = (1..symbols.len()).map(|index| {
        let symbol = symbols.get(index).unwrap();
        (index, symbol.name.to_vec(), symbol.version.map(|version| version.name.to_vec()), symbol.hidden, symbol.value)
    });
    prop_assert_eq!(ours.collect::<BTreeSet<(usize, Vec<u8>, Option<Vec<u8>>, bool, u64)>>(), expected);
    Ok(())
}
