//! Memory: the known-good state of what a checklist names, and what has become of it since.
//!
//! A [`Plan`] names the things that are remembered, [`survey()`] looks at them, [`State`] is what was seen, [`read`] and
//! [`write()`] keep it in a file, [`Comparison`] says what changed at the level that matters, and whether to rebuild.

mod compare;
mod definition;
mod file;
mod format;
mod hash;
mod host;
mod library;
mod plan;
mod repository;
mod state;
mod survey;
mod tree;

pub use compare::{Comparison, Drift, Rebuild};
pub use file::{FILE_NAME, Lock, LockError, read, write};
pub use format::Damage;
pub use hash::{Hashed, Hashes};
pub use plan::{Part, Plan, Planned, Subject, What};
pub use state::{Crowd, Dirty, Elf, Entry, FileState, Many, RepositoryState, State, Thing, TreeState};
pub use survey::{Survey, survey};
