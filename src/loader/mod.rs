//! What ld.so would do: which files it loads, in which order it looks where, and what every reference is bound to.
//!
//! The rules are those of glibc 2.34 to 2.42; where they differ, the loader that the program names decides. Nothing is
//! run and nothing is loaded: files are mapped and read.
//!
//! Some things only the running program knows, and the model does not guess them: which of its functions an IFUNC
//! chooses, a name that is computed for dlsym, a namespace of its own (dlmopen), and what an LD_AUDIT library rewrites.
//!
//! ```no_run
//! use std::path::Path;
//! use xdoctor::loader::{Environment, Files, Objects, Process, Tree};
//!
//! # fn main() -> Result<(), xdoctor::loader::Unmodelled> {
//! let files = Files::new();
//! let objects = Objects::new(&files, Tree::host());
//! let environment = Environment { preload: Some("./libshimhip.so".into()), ..Environment::default() };
//! let process = Process::start(&objects, Path::new("/usr/bin/python3"), &environment)?;
//! println!("{} objects, {} bindings", process.loaded().len(), process.bindings().len());
//! # Ok(()) }
//! ```

mod cache;
mod closure;
mod dlsym;
mod dst;
mod explain;
mod glibc;
mod hwcaps;
mod lookup;
mod module;
mod objects;
mod order;
mod process;
mod references;
mod relocate;
mod scope;
mod search;
mod secure;
mod tls;
mod tree;
mod versions;

pub use cache::Cache;
pub use closure::{Dependency, DependencyKind, Index, Loaded, Missing, Reason};
pub use dlsym::Handle;
pub use explain::{Asked, Dlsym, Hint, Instead, NotAsked, Unreached, Walk};
pub use glibc::Glibc;
pub use hwcaps::Hwcaps;
pub use lookup::{Answer, Match, Query, Verdict, ask};
pub use module::{Module, Refusal};
pub use objects::{FileId, Files, Object, Objects, Refused};
pub use process::{Environment, Process, Unmodelled};
pub use references::{Reference, TypeClass, TypeClasses};
pub use relocate::Binding;
pub use scope::Seen;
pub use search::{Located, NotFound, Platform, Where, locate};
pub use tree::Tree;
pub use versions::{Flaw, VersionError};
