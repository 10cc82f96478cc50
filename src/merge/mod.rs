//! Many machines: the JSON reports of `xdoctor check`, folded so that equal machines stand together and the odd ones out
//! stand first.
//!
//! [`gather()`] reads reports from files and folders, [`Fleet::of`] folds them, [`hosts`] writes many host names as one.

mod fault;
mod fleet;
mod gather;
pub mod hosts;
mod report;

pub use fault::Fault;
pub use fleet::{Agreement, Answer, Difference, Fleet, Group, Seen, Variant};
pub use gather::{Gathered, Refused, Why, gather};
pub use report::{Check, Refusal, Report, Step, Summary};
