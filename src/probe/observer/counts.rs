//! The counters of one process image, as the observer keeps them in a mapped file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The counters' file: a page, then blocks, one a thread, each of one 64-bit counter for every trampoline.
const PAGE: usize = 4096;
const COUNTERS: usize = 8192;
const MAGIC: &[u8] = b"XDOBSRV1";

/// What the counters' file says.
pub struct Counts {
    /// Bindings that could not be recorded.
    pub lost: u64,
    /// Departures that could not.
    pub departed: u64,
    /// Forked children that could not record anything.
    pub lost_children: u64,
    /// Each counter, summed over all threads.
    pub counts: Vec<u64>,
}

/// Reads it; `None` where it claims nothing.
pub fn read(path: &Path) -> io::Result<Option<Counts>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut head = vec![0; PAGE];
    if file.read_exact(&mut head).is_err() || !head.starts_with(MAGIC) {
        return Ok(None);
    }
    let number = |at: usize| head.get(at..at + 8).map_or(0, word);
    let (lost, departed, lost_children) = (number(8), number(16), number(24));
    let mut sums = vec![0u64; COUNTERS];
    let mut block = vec![0; COUNTERS * 8];
    while file.read_exact(&mut block).is_ok() {
        for (sum, counter) in sums.iter_mut().zip(block.chunks_exact(8)) {
            *sum = sum.wrapping_add(word(counter));
        }
    }
    Ok(Some(Counts { lost, departed, lost_children, counts: sums }))
}

/// x86-64 is little-endian, and nowhere else is there an observer.
fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
