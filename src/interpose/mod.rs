//! A shim in front of a runtime: what it must export, and in which version nodes.

pub mod api;
pub mod version_script;
