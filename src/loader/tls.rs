//! Room for thread-local variables at fixed places, of which dlopen can give little: "cannot allocate memory in static TLS
//! block" (glibc, `elf/dl-tls.c`, `_dl_determine_tlsoffset`, and `elf/dl-reloc.c`, `_dl_try_allocate_static_tls`).

use std::collections::HashSet;

use goblin::elf::program_header::PT_TLS;

use super::Object;
use super::closure::{Index, Loaded};
use super::relocate::Binding;
use crate::elf::{Class, Machine};

/// What glibc keeps free for libraries that come later, in bytes (`_dl_tls_static_surplus_init` with its defaults; up to
/// 2.31 `TLS_STATIC_SURPLUS`).
const SURPLUS: u64 = 1664;
/// `TLS_TCB_ALIGN` of x86-64.
const LEAST_ALIGN: u64 = 64;
/// `R_X86_64_TPOFF64`: the variable's place is fixed for the life of the process.
const TPOFF64: u32 = 18;
const DF_STATIC_TLS: u64 = 0x10;

/// The block of fixed places. Known for x86-64; elsewhere everything fits.
#[derive(Debug)]
pub(super) struct StaticTls {
    size: u64,
    used: u64,
    align: u64,
    placed: HashSet<Index>,
}

/// The thread-local block of one object.
struct Block {
    size: u64,
    align: u64,
    /// How far its first byte is from an aligned address.
    first: u64,
}

impl Block {
    fn of(object: &Object<'_>) -> Option<Block> {
        let header = object.image().segments().of_type(PT_TLS).next()?;
        let align = header.p_align.max(1);
        let first = header.p_vaddr & (align - 1);
        (header.p_memsz > 0 && align.is_power_of_two()).then_some(Block { size: header.p_memsz, align, first })
    }
}

impl StaticTls {
    /// The block that start-up makes: the objects' own, and some room. Gaps that alignment leaves are filled where a
    /// later block fits.
    pub fn at_start(loaded: &[Loaded<'_>]) -> StaticTls {
        let (mut used, mut align) = (0u64, LEAST_ALIGN);
        let (mut gap_start, mut gap_end) = (0u64, 0u64);
        let mut placed = HashSet::new();
        for (index, object) in loaded.iter().enumerate().filter(|(_, object)| !object.refused) {
            let Some(block) = Block::of(&object.object) else { continue };
            align = align.max(block.align);
            placed.insert(index);
            let first = block.first.wrapping_neg() & (block.align - 1);
            let end = |start: u64| {
                let end = start.saturating_add(block.size).saturating_sub(first);
                end.checked_next_multiple_of(block.align).unwrap_or(u64::MAX).saturating_add(first)
            };
            if gap_end - gap_start >= block.size && end(gap_start) <= gap_end {
                gap_start = end(gap_start);
                continue;
            }
            let after = end(used);
            if after > used.saturating_add(block.size).saturating_add(gap_end - gap_start) {
                (gap_start, gap_end) = (used, after - block.size);
            }
            used = after;
        }
        let size = used.saturating_add(SURPLUS).checked_next_multiple_of(align).unwrap_or(u64::MAX);
        StaticTls { size, used, align, placed }
    }

    /// Finds room for all that an object's relocations want at a fixed place, its own or another's; false where there
    /// is none.
    pub fn fits(&mut self, index: Index, loaded: &[Loaded<'_>], bindings: &[Binding]) -> bool {
        let object = &loaded[index].object;
        let image = object.image();
        let is_known = image.machine() == Machine::X86_64 && image.class() == Class::Elf64;
        if !is_known || image.flags() & DF_STATIC_TLS == 0 {
            return true;
        }
        let fixed = image.relocations().filter(|relocation| relocation.kind == TPOFF64);
        let owner = |symbol: u32| {
            let bound = bindings.iter().find(|bound| bound.referrer as usize == index && bound.reference == symbol);
            bound.map_or(Some(index), |bound| bound.provider.map(|(provider, _)| provider as usize))
        };
        let symbols: HashSet<u32> = fixed.map(|relocation| relocation.symbol).collect();
        let owners: HashSet<Index> = symbols.into_iter().filter_map(owner).collect();
        owners.into_iter().all(|owner| self.place(owner, &loaded[owner].object))
    }

    fn place(&mut self, index: Index, object: &Object<'_>) -> bool {
        let Some(block) = Block::of(object).filter(|_| !self.placed.contains(&index)) else { return true };
        let free = self.size - self.used;
        let Some(rest) = free.checked_sub(block.size.saturating_add(block.first)) else { return false };
        if block.align > self.align {
            return false;
        }
        self.used += free - rest / block.align * block.align - block.first;
        self.placed.insert(index);
        true
    }

    /// Forgets the objects from `first` on. Their room is not given back, as by glibc where others came behind them.
    pub fn forget(&mut self, first: Index) {
        self.placed.retain(|&index| index < first);
    }
}
