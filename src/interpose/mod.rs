//! Shim × runtime × client: what an API function is for, what a library offers and asks for, and why a shim misses it.

pub mod api;
pub mod diff;
mod judge;
mod library;
pub mod map;
pub mod version_script;

pub use api::{Api, ApiError, Function, Role, UnknownRole};
pub use judge::{judge, satisfies, spelled, whole_api};
pub use library::{Export, Library, LibraryError, Reference};
