//! Shim × runtime × client: what an API function is for, what a library offers and asks for, and why a shim misses it.

mod abi;
mod answer;
pub mod api;
mod behind;
mod blame;
mod client;
mod coverage;
mod deploy;
mod derive;
pub mod diff;
mod fitness;
mod judge;
mod library;
pub mod map;
mod mentions;
mod process;
mod reachable;
mod replace;
mod search_path;
pub mod selection;
mod standing;
pub mod version_script;

pub use abi::{Abi, Definition, Name, Versioning};
pub use answer::{ClientCoverage, Coverage, CoverageError, Question, Subject, SymbolCoverage, is_critical};
pub use api::{Api, ApiError, Function, Role, UnknownRole};
pub use blame::{Blame, blame, blames};
pub use client::ClientError;
pub use coverage::coverage;
pub use deploy::Deploy;
pub use derive::derive;
pub use fitness::missing_versions;
pub use judge::{Miss, judge, miss, satisfies, spelled, whole_api};
pub use library::{Export, Library, LibraryError, Reference};
pub use search_path::{SearchFolder, search_folders};
pub use selection::{Selection, SelectionError};
