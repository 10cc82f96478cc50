//! Checklists without children: the cost is linear in the number of checks, and of matrices in the number of their
//! combinations, though each of one matrix needs each of another.

use std::hint::black_box;
use std::path::Path;

use divan::Bencher;
use divan::counter::ItemsCount;
use xdoctor::check::{Checklist, Options, Source, run};

#[path = "../tests/support/checklists.rs"]
mod checklists;

const SIZES: [usize; 4] = [200, 1_000, 10_000, 100_000];

fn main() {
    divan::main();
}

fn source(text: String) -> Source {
    Source { name: "large.yaml".into(), text, base: "/".into(), unasked: false }
}

fn options() -> Options {
    Options { jobs: 2, ..Options::new(Path::new("/")) }
}

/// Reads it: YAML, variables, fields, needs.
#[divan::bench(args = SIZES, sample_count = 10)]
fn read(bencher: Bencher<'_, '_>, size: usize) {
    let source = source(checklists::of_size(size));
    bencher.counter(ItemsCount::new(size)).bench(|| Checklist::parse(black_box(&source), &[]).is_ok());
}

/// Reads it and runs it.
#[divan::bench(args = SIZES, sample_count = 10)]
fn read_and_run(bencher: Bencher<'_, '_>, size: usize) {
    let source = source(checklists::of_size(size));
    bencher.counter(ItemsCount::new(size)).bench(|| {
        Checklist::parse(black_box(&source), &[]).map_or(0, |checklist| run(&checklist, &options()).summary.passed)
    });
}

/// As many checks, each of which needs all of as many others.
#[divan::bench(args = [10, 100, 1_000], sample_count = 10)]
fn matrices(bencher: Bencher<'_, '_>, size: usize) {
    let source = source(checklists::of_matrices(size));
    bencher.counter(ItemsCount::new(2 * size)).bench(|| {
        Checklist::parse(black_box(&source), &[]).map_or(0, |checklist| run(&checklist, &options()).summary.passed)
    });
}
