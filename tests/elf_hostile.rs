//! Promise: no file makes the reader panic, loop, or allocate beyond a small multiple of the file.
//!
//! `XDOCTOR_FUZZ_SECONDS` says how long the random mutations last (2 by default), `XDOCTOR_FUZZ_SEED` where they start.
//! A file that breaks the promise is left in the temporary folder and belongs into `tests/corpus/elf` once it is mended.
//! `XDOCTOR_WRITE_CORPUS=1` writes the corpus anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/libraries.rs"]
mod libraries;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fixture::{Fixture, FixtureNeed, FixtureNode};
use object::elf;
use rayon::prelude::*;
use xdoctor::elf::{ByteOrder, Image, Mapped, NameHash, demangle, escape};
use xdoctor::interpose::Abi;
use xdoctor::interpose::diff::diff;
use xdoctor::interpose::map::Map;

/// Longer than any file of the corpus takes, by far, in a debug build on a busy machine.
const LIMIT: Duration = Duration::from_secs(5);

/// Reads all that there is to read in a file, and returns how many things it saw.
fn exercise(bytes: &[u8]) -> usize {
    let Ok(image) = Image::parse(bytes) else { return 0 };
    let mut seen = image.machine_name().len() + image.kind().to_string().len() + image.needed().count();
    seen += [image.soname(), image.rpath(), image.runpath(), image.interpreter(), image.build_id(), image.package()]
        .into_iter()
        .flatten()
        .map(|text| escape(text).to_string().len())
        .sum::<usize>();
    seen += image.filters().chain(image.auxiliaries()).count() + usize::from(image.has_relr() || image.is_symbolic());
    seen += image.notes().count() + image.abi_tag().map_or(0, |_| 1) + image.x86_isa_needed().map_or(0, |_| 1);
    seen += image.relocations().filter(|relocation| relocation.symbol > 0).count();
    seen += image.static_symbols().iter().filter(|symbol| symbol.local).count();
    let Ok(symbols) = image.symbols() else { return seen };
    let table = image.hash_table().ok().flatten();
    let sections = image.sections();
    for (index, symbol) in symbols.iter().enumerate() {
        seen += usize::from(symbol.default) + symbol.section_name(sections).map_or(0, <[u8]>::len);
        seen += usize::from(symbol.letter(image.segments()) == 'T') + usize::from(symbols.is_api(index));
        if index < 64 {
            let hash = NameHash::new(symbol.name);
            seen += table.as_ref().map_or(0, |table| table.candidates(&hash).count());
        }
        if index < 2 {
            seen += demangle(symbol.name).to_string().len();
        }
    }
    let map = Map::new(&symbols, Some(&symbols));
    seen += map.script().to_string().len();
    let abi = Abi::of(&image, &symbols);
    seen + diff(&abi, &abi).len()
}

/// Reads a file that may break the promise; leaves it behind if it does.
fn try_out(bytes: &[u8], origin: impl std::fmt::Display) {
    let start = Instant::now();
    let result = std::panic::catch_unwind(|| exercise(bytes));
    let slow = start.elapsed() > LIMIT;
    if result.is_err() || slow {
        let left = std::env::temp_dir().join(format!("xdoctor-hostile-{:08x}.so", xdoctor::elf::gnu_hash(bytes)));
        std::fs::write(&left, bytes).unwrap();
        panic!(
            "{origin}: {} ({:?}); the file is {}",
            if slow { "too slow" } else { "panicked" },
            start.elapsed(),
            left.display()
        );
    }
}

/// Small libraries of every class and byte order, with versions and each hash table.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let sample = |machine: elf::Machine, is_64: bool, big_endian: bool, sysv_hash: bool, gnu_hash: bool| {
        let mut fixture = Fixture::of_size(12);
        fixture =
            Fixture { is_64, big_endian, machine: machine.0, sysv_hash, gnu_hash, sections: sysv_hash, ..fixture };
        let nodes = vec![("GLIBC_2.2.5".to_owned(), false), ("GLIBC_2.34".to_owned(), true)];
        fixture.needs = vec![FixtureNeed { file: "libc.so.6".to_owned(), nodes }];
        fixture.symbols.iter_mut().step_by(5).for_each(|symbol| (symbol.defined, symbol.versym) = (false, 6));
        fixture.write()
    };
    vec![
        ("x86-64-gnu.so", sample(elf::EM_X86_64, true, false, false, true)),
        ("x86-64-sysv.so", sample(elf::EM_X86_64, true, false, true, false)),
        ("x86-64-both.so", sample(elf::EM_X86_64, true, false, true, true)),
        ("i386.so", sample(elf::EM_386, false, false, true, true)),
        ("ppc.so", sample(elf::EM_PPC, false, true, true, true)),
        ("s390x.so", sample(elf::EM_S390, true, true, false, true)),
    ]
}

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/elf");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn the_corpus_holds_the_samples_and_is_read_in_time() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/elf");
    if std::env::var_os("XDOCTOR_WRITE_CORPUS").is_some() {
        for (name, bytes) in samples().into_iter().chain(broken()) {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let files = corpus();
    for (name, bytes) in samples().into_iter().chain(broken()) {
        let kept = files.iter().find(|(path, _)| path.ends_with(name));
        assert!(kept.is_some_and(|(_, kept)| *kept == bytes), "{name} is missing or old: XDOCTOR_WRITE_CORPUS=1");
    }
    for (path, bytes) in &files {
        try_out(bytes, path.display());
    }
}

#[test]
fn every_sample_can_be_cut_off_anywhere() {
    for (name, bytes) in samples() {
        assert!(exercise(&bytes) > 100, "{name} is read while it is whole");
        (0..bytes.len()).into_par_iter().for_each(|end| try_out(&bytes[..end], format_args!("{name} cut at {end}")));
    }
}

#[test]
fn headers_dynamic_section_and_tables_of_every_sample_can_hold_anything() {
    samples().iter().for_each(|(name, bytes)| break_everywhere(name, bytes));
}

#[test]
fn headers_dynamic_section_and_tables_of_a_real_library_can_hold_anything() {
    let scratch = tempfile::tempdir().unwrap();
    let source = "int a(){return 0;} int b=1; __thread int t; int puts(const char*); int c(){return puts(\"\");}";
    let script = "V1 { global: a; b; local: *; }; V2 { global: c; t; } V1;";
    let real = std::fs::read(libraries::library(scratch.path(), "libreal.so", source, Some(script))).unwrap();
    assert!(exercise(&real) > 50);
    break_everywhere("libreal.so", &real);
}

/// Writes numbers at which arithmetic goes wrong into each field, as half words, words and double words.
fn break_everywhere(name: &str, bytes: &[u8]) {
    let big = Image::parse(bytes).unwrap().byte_order() == ByteOrder::Big;
    interesting(bytes).into_par_iter().for_each(|offset| {
        for width in [2, 4, 8].into_iter().filter(|width| offset % width == 0) {
            for value in edge_values(bytes.len(), offset) {
                let mut broken = bytes.to_vec();
                let Some(place) = broken.get_mut(offset..offset + width) else { continue };
                match big {
                    true => place.copy_from_slice(&value.to_be_bytes()[8 - width..]),
                    false => place.copy_from_slice(&value.to_le_bytes()[..width]),
                }
                try_out(&broken, format_args!("{name} with {value:#x} in {width} bytes at {offset:#x}"));
            }
        }
    });
}

/// Numbers at which arithmetic goes wrong.
fn edge_values(len: usize, offset: usize) -> [u64; 8] {
    [0, 1, 0x7fff_ffff, 0x8000_0000, u64::MAX, u64::from(u32::MAX) - 7, len as u64, offset as u64]
}

/// Offsets of the headers, the dynamic section, and 256 bytes of each table that it names.
fn interesting(bytes: &[u8]) -> Vec<usize> {
    let image = Image::parse(bytes).unwrap();
    let table = |tag: elf::DynamicTag| image.segments().file_range(image.dynamic().get(tag.0 as u64)?);
    let tags =
        [elf::DT_GNU_HASH, elf::DT_HASH, elf::DT_SYMTAB, elf::DT_VERSYM, elf::DT_VERDEF, elf::DT_VERNEED, elf::DT_RELA];
    let end = |start: usize| (start + 256).min(bytes.len());
    let mut ranges: Vec<std::ops::Range<usize>> =
        tags.into_iter().filter_map(table).map(|(start, _)| start..end(start)).collect();
    ranges.push(0..64 + 56 * usize::from(image.header().e_phnum));
    let dynamic = image.segments().of_type(elf::PT_DYNAMIC.0).next().unwrap();
    ranges.push(dynamic.p_offset as usize..(dynamic.p_offset + dynamic.p_filesz) as usize);
    let offsets: BTreeSet<usize> = ranges.into_iter().flatten().filter(|offset| offset % 2 == 0).collect();
    offsets.into_iter().collect()
}

#[test]
fn random_mutations_of_the_corpus_are_read_in_time() {
    let seconds = number("XDOCTOR_FUZZ_SECONDS").unwrap_or(2);
    let seed = number("XDOCTOR_FUZZ_SEED").unwrap_or(0x5eed);
    let corpus: Vec<Vec<u8>> = corpus().into_iter().map(|(_, bytes)| bytes).collect();
    let runs: usize = (0..rayon::current_num_threads() as u64)
        .into_par_iter()
        .map(|thread| {
            let mut random = Random(seed ^ (thread + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut runs = 0;
            // Counted from here: other tests may keep the pool's threads busy for a while.
            let end = Instant::now() + Duration::from_secs(seconds);
            while Instant::now() < end {
                let state = random.0;
                let bytes = mutate(&corpus, &mut random);
                try_out(&bytes, format_args!("mutation of random state {state:#x}"));
                runs += 1;
            }
            runs
        })
        .sum();
    eprintln!("{runs} mutations in {seconds} s, seed {seed:#x}");
    assert!(runs > 0);
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is not a number")))
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// One to eight changes of a file: a bit, a number, a stretch from elsewhere, a cut.
fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
            2..=4 => {
                let value = edge_values(bytes.len(), at)[random.below(8)].to_le_bytes();
                let aligned = at & !3;
                bytes.iter_mut().skip(aligned).zip(value).take(1 << random.below(4)).for_each(|(to, from)| *to = from);
            }
            5 => {
                let from = random.below(bytes.len());
                let len = random.below(64).min(bytes.len() - from);
                let copy = bytes[from..from + len].to_vec();
                bytes.iter_mut().skip(at).zip(copy).for_each(|(to, from)| *to = from);
            }
            6 => {
                let other = &corpus[random.below(corpus.len())];
                bytes.iter_mut().zip(other).skip(at).take(64).for_each(|(to, from)| *to = *from);
            }
            _ if random.below(4) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

/// Files that are broken on purpose, each in one way, for the corpus.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let break_at = |tag: elf::DynamicTag, skip: usize, value: u32| {
        let tables = Fixture::of_size(12);
        let node = |name: &str| FixtureNode { name: name.to_owned(), parents: Vec::new(), weak: false };
        let nodes = vec![("A".to_owned(), false), ("B".to_owned(), false)];
        let mut fixture = Fixture {
            nodes: [node("V1"), node("V2"), node("V3"), node("V4")].into(),
            needs: vec![FixtureNeed { file: "libc.so.6".to_owned(), nodes: nodes.clone() }; 2],
            sysv_hash: tag == elf::DT_HASH,
            gnu_hash: tag != elf::DT_HASH,
            ..tables
        };
        let mut bytes = fixture.write();
        let image = Image::parse(&bytes).unwrap();
        let at = image.segments().file_range(image.dynamic().get(tag.0 as u64).unwrap()).unwrap().0 + skip;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    vec![
        ("verdef-next-backwards.so", break_at(elf::DT_VERDEF, 16, 0u32.wrapping_sub(20))),
        ("verdef-next-inside.so", break_at(elf::DT_VERDEF, 16, 4)),
        ("verdef-aux-outside.so", break_at(elf::DT_VERDEF, 12, 0u32.wrapping_sub(8))),
        ("verneed-next-backwards.so", break_at(elf::DT_VERNEED, 12, 0u32.wrapping_sub(16))),
        ("vernaux-next-itself.so", break_at(elf::DT_VERNEED, 28, 1)),
        ("hash-chain-in-a-circle.so", circular_chain()),
        ("hash-count-too-large.so", break_at(elf::DT_HASH, 4, u32::MAX)),
        ("gnu-hash-buckets-too-many.so", break_at(elf::DT_GNU_HASH, 0, u32::MAX)),
        ("gnu-hash-first-too-large.so", break_at(elf::DT_GNU_HASH, 4, u32::MAX)),
        ("gnu-hash-no-bloom-words.so", break_at(elf::DT_GNU_HASH, 8, 0)),
    ]
}

/// A SysV table in which every chain entry points at itself.
fn circular_chain() -> Vec<u8> {
    let mut fixture = Fixture { sysv_hash: true, gnu_hash: false, ..Fixture::of_size(12) };
    let mut bytes = fixture.write();
    let image = Image::parse(&bytes).unwrap();
    let table = image.segments().file_range(image.dynamic().get(elf::DT_HASH.0 as u64).unwrap()).unwrap().0;
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (buckets, chains) = (word(table), word(table + 4));
    for symbol in 0..chains {
        let at = table + 8 + 4 * (buckets + symbol);
        bytes[at..at + 4].copy_from_slice(&(symbol as u32).to_le_bytes());
    }
    bytes
}

#[test]
fn a_hash_chain_in_a_circle_ends() {
    let bytes = circular_chain();
    let image = Image::parse(&bytes).unwrap();
    let symbols = image.symbols().unwrap();
    let table = image.hash_table().unwrap().unwrap();
    let candidates = table.candidates(&NameHash::new(symbols.name(1).unwrap())).count();
    assert!((1..=symbols.len()).contains(&candidates), "{candidates} candidates");
}

#[test]
fn an_offset_that_points_backwards_is_an_error_with_its_place() {
    for (name, bytes) in broken().into_iter().take(5) {
        let error = Image::parse(&bytes).unwrap().versions().unwrap_err().to_string();
        assert!(error.starts_with("malformed version") || error.starts_with("truncated: version"), "{name}: {error}");
        assert!(error.contains("at offset 0x"), "{name}: {error}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let scratch = tempfile::tempdir().unwrap();
    let fifo = scratch.path().join("fifo");
    libraries::run(std::process::Command::new("mkfifo").arg(&fifo));
    let empty = scratch.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let refused = |path: &Path| Mapped::open(path).unwrap_err().to_string();
    assert!(refused(&fifo).ends_with("expected a regular file, found a fifo"), "{}", refused(&fifo));
    assert!(refused(scratch.path()).ends_with("found a folder"));
    assert!(refused(Path::new("/dev/zero")).ends_with("found a device"));
    assert!(refused(&empty).ends_with("is not an ELF file: it is empty"));
    assert!(refused(Path::new("/no/such/file")).contains("No such file"));
}
