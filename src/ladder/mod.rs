//! The evidence ladder: a shim is proven rung by rung, and the first rung that fails names the failure.

mod children;
mod climb;
mod compare;
mod computed;
mod counted;
mod observed;
mod rung;
mod same_file;
mod setup;
mod stage;
mod standstill;
mod verdict;
mod witness;

pub use children::Children;
pub use climb::{Call, Climb, ClimbError, climb};
pub use compare::{Compare, UnknownCompare};
pub use observed::{Difference, Prediction};
pub use rung::{Answer, Rung, Step};
pub use setup::{Deployment, Setup};
pub use verdict::{Interception, Stop};
