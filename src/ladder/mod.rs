//! The evidence ladder: a shim is proven rung by rung, and the first rung that fails names the failure.

mod climb;
mod evidence;
mod rung;
mod rungs;
mod setup;
mod verdict;

pub use climb::{Call, Climb, ClimbError, climb};
pub use rung::{Answer, Rung, Step};
pub use setup::Setup;
pub use verdict::{Interception, Stop};
