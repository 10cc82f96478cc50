//! What ld.so would do, as far as it is needed without running anything.

mod cache;
mod search;

pub use cache::Cache;
pub use search::{Found, Search, Where};
