//! The functions that addresses lie in, by the symbols of their files.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use goblin::elf::program_header::PT_LOAD;

use crate::elf::{Image, Mapped, SymbolKind, demangle};

use super::{Frame, ThreadStack};

/// Turns each frame's offset in the file into the address that the file gives it, and names the function there. What
/// cannot be read (no file, no longer there, not ELF) stays without a name.
pub(in crate::probe) fn fill(stacks: &mut [ThreadStack]) {
    let mut objects: BTreeMap<PathBuf, Vec<&mut Frame>> = BTreeMap::new();
    for frame in stacks.iter_mut().flat_map(|stack| &mut stack.frames) {
        objects.entry(frame.object.clone()).or_default().push(frame);
    }
    for (object, mut frames) in objects {
        name_all(&object, &mut frames);
    }
}

/// `None` where the file cannot be read.
fn name_all(object: &Path, frames: &mut [&mut Frame]) -> Option<()> {
    let file = Mapped::open(object).ok()?;
    let image = Image::parse(file.bytes()).ok()?;
    for frame in &mut *frames {
        let load = image
            .segments()
            .of_type(PT_LOAD)
            .find(|load| frame.offset.checked_sub(load.p_offset).is_some_and(|skip| skip < load.p_filesz));
        frame.offset = load.map_or(frame.offset, |load| (frame.offset - load.p_offset).wrapping_add(load.p_vaddr));
    }
    let mut wanted: Vec<u64> = frames.iter().map(|frame| frame.offset).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut found = Found { wanted, names: BTreeMap::new() };
    let dynamic = image.symbols().ok();
    for symbol in dynamic.iter().flatten().filter(|symbol| symbol.defined) {
        if matches!(symbol.kind, SymbolKind::Function | SymbolKind::Ifunc | SymbolKind::NoType) {
            found.offer(symbol.name, symbol.value, symbol.size);
        }
    }
    let statics = image.static_symbols();
    for symbol in statics.iter().filter(|symbol| symbol.defined) {
        found.offer(symbol.name, symbol.value, symbol.size);
    }
    for frame in frames {
        frame.function = found.names.get(&frame.offset).map(|name| demangle(name).to_string());
    }
    Some(())
}

/// The best name so far for each address.
struct Found<'a> {
    wanted: Vec<u64>,
    names: BTreeMap<u64, &'a [u8]>,
}

impl<'a> Found<'a> {
    fn offer(&mut self, name: &'a [u8], value: u64, size: u64) {
        let from = self.wanted.partition_point(|&address| address < value);
        let covered = self.wanted[from..].iter().take_while(|&&address| address - value < size);
        for &address in covered {
            let known = self.names.entry(address).or_insert(name);
            if rank(name) < rank(known) {
                *known = name;
            }
        }
    }
}

/// Of the names of one place the one that people use: `pthread_mutex_lock` before `___pthread_mutex_lock`.
fn rank(name: &[u8]) -> (bool, usize, Reverse<usize>, &[u8]) {
    let underscores = name.iter().take_while(|&&byte| byte == b'_').count();
    let mangled = name.starts_with(b"_Z") || name.starts_with(b"_R");
    (name.is_empty(), if mangled { 0 } else { underscores }, Reverse(name.len()), name)
}
