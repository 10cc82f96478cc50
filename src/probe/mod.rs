//! A child process in isolation: what it may use, what it printed, how it ended, and what it left as evidence.

mod bindings;
mod child;
mod counters;
mod deadline;
mod ending;
mod exit;
mod family;
mod interrupt;
mod limits;
mod listener;
mod met;
mod meter;
mod observer;
mod output;
mod processes;
mod run;
mod size;
pub mod stacks;
mod stat;
mod usage;
mod words;

pub use bindings::{Binding, Observed};
pub use child::{Child, StartError, shell_word};
pub use counters::{Counters, CountersError};
pub use deadline::within;
pub use ending::{Ended, Ending};
pub use interrupt::{interrupted, watch_for_interrupts};
pub use limits::Limits;
pub use listener::{Listener, Stream};
pub use met::Met;
pub use observer::{Call, Departure, Image, Object, Observation, Observer, ObserverError, Reason, Row, Unseen, Via};
pub use output::Captured;
pub use size::parse_size;
pub use stacks::{Frame, ThreadStack, deadlocked_in_loader};
pub use usage::Usage;
pub use words::{LoaderWord, loader_words};
