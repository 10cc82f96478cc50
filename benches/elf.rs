//! Reading ELF: the cost is linear in the number of symbols, from a thousand to a million.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use xdoctor::elf::{Image, NameHash};

#[path = "../tests/support/fixture.rs"]
#[allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a benchmark may panic")]
mod fixture;

use fixture::Fixture;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn main() {
    divan::main();
}

/// Header, program headers and dynamic section: what every use pays, however large the file.
#[divan::bench(args = SIZES)]
fn parse(bencher: Bencher<'_, '_>, size: usize) {
    let bytes = Fixture::of_size(size).write();
    bencher.bench(|| Image::parse(black_box(&bytes)).is_ok());
}

/// Every symbol with its name and version.
#[divan::bench(args = SIZES)]
fn symbols(bencher: Bencher<'_, '_>, size: usize) {
    let bytes = Fixture::of_size(size).write();
    bencher.counter(ItemsCount::new(size)).bench(|| {
        let Ok(symbols) = Image::parse(black_box(&bytes)).and_then(|image| image.symbols()) else { return 0 };
        symbols.iter().map(|symbol| symbol.name.len() + symbol.version.map_or(0, |version| version.name.len())).sum()
    });
}

/// A thousand names, looked up by their hash: the same cost in a large table as in a small one, but for the caches.
#[divan::bench(args = SIZES)]
fn lookups(bencher: Bencher<'_, '_>, size: usize) {
    let bytes = Fixture::of_size(size).write();
    let Ok(image) = Image::parse(&bytes) else { return };
    let (Ok(symbols), Ok(Some(table))) = (image.symbols(), image.hash_table()) else { return };
    let names: Vec<&[u8]> = (1..symbols.len()).step_by(size / 1_000).filter_map(|index| symbols.name(index)).collect();
    bencher.counter(ItemsCount::new(names.len())).bench(|| {
        let find = |name: &&&[u8]| table.candidates(&NameHash::new(name)).any(|at| symbols.name(at) == Some(name));
        assert_eq!(names.iter().filter(find).count(), names.len());
    });
}
