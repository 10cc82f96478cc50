//! A function of the API, and how often it was called.

use serde::Serialize;

use crate::interpose::Role;

/// How often a function was called, by what counted.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The function.
    pub symbol: String,
    /// What it is for.
    pub role: Role,
    /// Calls that arrived in the shim; `None` where the shim does not count.
    pub shim: Option<u64>,
    /// Calls that arrived in the runtime, where the runtime counts; of an observed command, calls that the shim made there.
    pub runtime: Option<u64>,
    /// Calls of an observed command that went past the shim.
    pub past: Option<u64>,
}
