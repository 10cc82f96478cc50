//! **xdoctor**: does this shim really intercept this program, and is this the environment that I think it is?
//!
//! Data flows one way, and each stage borrows from the one above it and knows nothing of those below:
//!
//! ```text
//! elf ──► loader ──► interpose ──┐
//!                       probe ───┴──► ladder ──► check ──► report
//! ```
//!
//! - [`elf`]: one mapped file, read from its program headers: symbols, versions, dynamic section.
//! - [`loader`]: what ld.so would do: where it finds a file.
//! - [`interpose`]: shim × runtime × client: what an API function is for, and why a shim misses it.
//! - [`probe`]: a child process in isolation, with limits, and what it leaves as evidence.
//! - [`code`], [`diagnosis`]: the stable names of what can be wrong, and one such finding.
//! - [`scratch`]: a folder for a run's files.
//! - [`cli`]: one file per command: arguments, call, print.

pub mod bundle;
pub mod cli;
pub mod code;
pub mod diagnosis;
pub mod elf;
pub mod interpose;
pub mod loader;
pub mod probe;
pub mod scratch;
