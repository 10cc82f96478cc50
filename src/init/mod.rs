//! A first checklist, written from what is there: [`Finds`] looks, [`checklist`] writes.
//!
//! What a check expects comes from the API's table, from the version script in the sources and from what libraries ask
//! of each other, never from how the shim happens to be: a broken one must fail the checklist that is written for it.

mod expect;
mod finds;
mod libraries;
mod yaml;

pub use finds::{Build, Finds, Framework, Repository};
pub use libraries::{Elf, Role};
pub use yaml::{Written, checklist};
