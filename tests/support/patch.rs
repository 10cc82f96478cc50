//! Bytes of an ELF file changed in place, for what no linker writes.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]

use std::fs;
use std::path::Path;

use goblin::elf::dynamic::{DT_GNU_HASH, DT_SYMTAB};
use xdoctor::elf::Image;

const SYMBOL: usize = 24;

fn address_at(bytes: &[u8], tag: u64) -> usize {
    let image = Image::parse(bytes).unwrap();
    image.segments().file_range(image.dynamic().get(tag).unwrap()).unwrap().0
}

/// Where the dynamic symbol of a name stands in the file.
fn symbol_at(bytes: &[u8], name: &str) -> usize {
    let symbols = Image::parse(bytes).unwrap().symbols().unwrap();
    let index = (1..symbols.len()).find(|&index| symbols.name(index) == Some(name.as_bytes())).unwrap();
    address_at(bytes, DT_SYMTAB) + index * SYMBOL
}

/// Sets a dynamic symbol's `st_other`: 0 default, 1 internal, 2 hidden, 3 protected.
pub fn visibility(path: &Path, name: &str, st_other: u8) {
    let mut bytes = fs::read(path).unwrap();
    let at = symbol_at(&bytes, name) + 5;
    bytes[at] = st_other;
    fs::write(path, bytes).unwrap();
}

/// Sets a dynamic symbol's type, the lower half of `st_info`.
pub fn kind(path: &Path, name: &str, kind: u8) {
    let mut bytes = fs::read(path).unwrap();
    let at = symbol_at(&bytes, name) + 4;
    bytes[at] = bytes[at] & 0xf0 | kind;
    fs::write(path, bytes).unwrap();
}

/// Sets a dynamic symbol's value.
pub fn value(path: &Path, name: &str, value: u64) {
    let mut bytes = fs::read(path).unwrap();
    let at = symbol_at(&bytes, name) + 8;
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

/// Sets the number of buckets of the GNU hash table.
pub fn gnu_buckets(path: &Path, count: u32) {
    let mut bytes = fs::read(path).unwrap();
    let at = address_at(&bytes, DT_GNU_HASH);
    bytes[at..at + 4].copy_from_slice(&count.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

/// Changes the value of the first dynamic entry with that tag, or its tag.
pub fn dynamic(path: &Path, tag: u64, change: impl FnOnce(&mut u64, &mut u64)) {
    let mut bytes = fs::read(path).unwrap();
    let image = Image::parse(&bytes).unwrap();
    let header = image.segments().of_type(goblin::elf::program_header::PT_DYNAMIC).next().unwrap();
    let start = image.segments().file_range(header.p_vaddr).unwrap().0;
    let place = image.dynamic().entries().iter().position(|entry| entry.0 == tag).unwrap();
    let (mut new_tag, mut value) = image.dynamic().entries()[place];
    change(&mut new_tag, &mut value);
    let at = start + place * 16;
    bytes[at..at + 8].copy_from_slice(&new_tag.to_le_bytes());
    bytes[at + 8..at + 16].copy_from_slice(&value.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

/// Changes the file's bytes at an offset.
pub fn bytes(path: &Path, at: usize, new: &[u8]) {
    let mut all = fs::read(path).unwrap();
    all[at..at + new.len()].copy_from_slice(new);
    fs::write(path, all).unwrap();
}
