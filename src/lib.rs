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
//! - [`ladder`]: the evidence ladder, climbed with the bundled client.
//! - [`measure`]: what a shim costs: runs in pairs, lanes at once, and how sure one can be of such figures.
//! - [`lock`]: the known-good state of what a checklist names, and what has become of it.
//! - [`check`]: checklist, plan, run, outcome.
//! - [`init`]: a first checklist, written from what is there.
//! - [`report`]: one file per format; a function of outcomes alone.
//! - [`merge`]: the reports of many machines, folded.
//! - [`code`], [`diagnosis`]: the stable names of what can be wrong, and one such finding.
//! - [`bundle`], [`sample`]: the embedded shim, runtime and client, and the environment made of them.
//! - [`scratch`]: a folder for a run's files.
//! - [`cli`]: one file per command: arguments, call, print.

// Files are hostile, so nothing that comes from outside may end in a panic. Tests may.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes)]

pub mod bundle;
pub mod check;
pub mod cli;
pub mod code;
pub mod diagnosis;
pub mod elf;
pub mod init;
pub mod interpose;
pub mod ladder;
pub mod loader;
pub mod lock;
pub mod measure;
pub mod merge;
pub mod probe;
pub mod report;
pub mod sample;
pub mod scratch;
