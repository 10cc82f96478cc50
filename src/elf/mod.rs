//! One mapped ELF file: header, dynamic section, symbols, versions, relocations, notes.
//!
//! Everything that the dynamic linker uses is read as it reads it: program headers first, then `PT_DYNAMIC`. A stripped
//! section table changes nothing. [`Image::parse`] looks at the header, the program headers and the dynamic section
//! only; each table is read when it is asked for, in place, without a copy.
//!
//! ```no_run
//! use xdoctor::elf::{Image, Mapped, escape};
//!
//! # fn main() -> Result<(), xdoctor::elf::ElfError> {
//! let file = Mapped::open("libshimhip.so")?;
//! let image = Image::parse(file.bytes())?;
//! for symbol in &image.symbols()? {
//!     println!("{}", escape(symbol.name));
//! }
//! # Ok(()) }
//! ```
//!
//! Files are taken to be hostile: no panic, no unbounded loop, no allocation beyond a small multiple of the file.
//! What cannot be read is an [`ElfError`] that says where; a single name that cannot be read is [`CORRUPT`].

mod demangle;
mod dynamic;
mod error;
mod escape;
mod foreign;
mod hash;
mod hex;
mod image;
mod mapped;
mod names;
mod notes;
mod reader;
mod relocations;
mod sections;
mod segments;
mod statics;
mod strings;
mod symbols;
mod versions;

pub use demangle::{Demangled, demangle};
pub use dynamic::Dynamic;
pub use error::ElfError;
pub(crate) use escape::is_plain;
pub use escape::{Escaped, escape};
pub use hash::{Bloom, Chain, HashTable, NameHash, gnu_hash, sysv_hash};
pub use hex::hex;
pub use image::Image;
pub use mapped::Mapped;
pub use names::{Binding, ByteOrder, Class, Kind, Machine, SymbolKind, Visibility};
pub use notes::Note;
pub use relocations::{Relocation, RelocationTable, Relocations};
pub use sections::Sections;
pub use segments::{Place, Segments};
pub use statics::{StaticSymbol, StaticSymbols};
pub use strings::{CORRUPT, Strings};
pub use symbols::{Iter, Symbol, Symbols};
pub use versions::{Definition, Need, NeededNode, Version, Versions};
