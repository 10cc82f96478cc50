//! Promise: what a file makes the reader allocate is bounded by a small multiple of the file, and reading symbols
//! allocates nothing at all. One test alone in its process, since it watches the process's allocator.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/fixture.rs"]
mod fixture;

use std::alloc::System;
use std::path::Path;

use cap::Cap;
use fixture::{Fixture, FixtureNeed};
use xdoctor::elf::{Image, NameHash};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// All that was allocated while something ran, freed or not: an upper bound of the peak.
fn allocated(run: impl FnOnce()) -> usize {
    let before = ALLOCATOR.total_allocated();
    run();
    ALLOCATOR.total_allocated() - before
}

fn read(bytes: &[u8]) {
    let Ok(image) = Image::parse(bytes) else { return };
    let Ok(symbols) = image.symbols() else { return };
    let table = image.hash_table().ok().flatten();
    for symbol in &symbols {
        let hash = NameHash::new(symbol.name);
        std::hint::black_box(table.as_ref().map(|table| table.candidates(&hash).count()));
    }
    std::hint::black_box(image.relocations().count() + image.notes().count());
}

#[test]
fn allocations_stay_below_a_small_multiple_of_the_file() {
    a_large_library_costs_no_more_than_a_small_one();
    version_tables_that_share_their_tails_do_not_multiply();
    no_broken_file_of_the_corpus_makes_it_allocate_more();
}

fn a_large_library_costs_no_more_than_a_small_one() {
    let cost = |size: usize| {
        let bytes = Fixture::of_size(size).write();
        allocated(|| read(&bytes))
    };
    let (small, large) = (cost(100), cost(100_000));
    assert!(small > 0, "the allocator is watched");
    assert_eq!(small, large, "bytes for 100 and for 100,000 symbols");
}

/// Every need's auxiliary chain starts at the same entry and claims 65,535 entries.
fn version_tables_that_share_their_tails_do_not_multiply() {
    let nodes = (0..100).map(|index| (format!("NODE_{index}"), false)).collect();
    let need = |index: usize| FixtureNeed { file: format!("lib{index}.so"), nodes: vec![("A".to_owned(), false)] };
    let mut needs: Vec<FixtureNeed> = (0..500).map(need).collect();
    needs.push(FixtureNeed { file: "last.so".to_owned(), nodes });
    let mut fixture = Fixture { needs, ..Fixture::of_size(4) };
    let mut bytes = fixture.write();
    let image = Image::parse(&bytes).unwrap();
    let start = image.segments().file_range(image.dynamic().get(0x6fff_fffe).unwrap()).unwrap().0;
    drop(image);
    // `object` writes each need (16 bytes) and its one node (16 bytes) in turn, the last with 100 nodes.
    let last = start + 500 * 32;
    for index in 0..500 {
        let at = start + index * 32;
        bytes[at + 2..at + 4].copy_from_slice(&u16::MAX.to_le_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&((last + 16 - at) as u32).to_le_bytes());
    }
    let image = Image::parse(&bytes).unwrap();
    let error = image.versions().unwrap_err().to_string();
    assert!(error.contains("chains that overlap"), "{error}");
    let cost = allocated(|| read(&bytes));
    assert!(cost < 16 * bytes.len(), "{cost} bytes for a file of {}", bytes.len());
}

fn no_broken_file_of_the_corpus_makes_it_allocate_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/elf");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for offset in 0..bytes.len() / 4 {
            let mut broken = bytes.clone();
            broken[4 * offset..4 * offset + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
            let cost = allocated(|| read(&broken));
            // A version index may be 32,767, whatever the file's size: one table of 40 bytes an entry, grown by doubling.
            let limit = 16 * bytes.len() + 4 * 40 * 0x8000;
            assert!(cost < limit, "{} with {offset} broken: {cost} bytes", path.display());
        }
    }
}
