//! The evidence ladder: a shim is proven rung by rung, and the first rung that fails names the failure.

mod call;
mod children;
mod climb;
mod climbed;
mod compare;
mod computed;
mod counted;
mod enough;
mod error;
mod observed;
mod prediction;
mod rung;
mod same_file;
mod setup;
mod stage;
mod standstill;
mod verdict;
mod witness;

pub use call::Call;
pub use children::Children;
pub use climb::climb;
pub use climbed::Climb;
pub use compare::{Compare, UnknownCompare};
pub use enough::Enough;
pub use error::ClimbError;
pub use observed::NEVER_NATIVE;
pub use prediction::{Difference, Prediction};
pub use rung::{Answer, Rung, Step};
pub use setup::{Deployment, Setup};
pub use verdict::{Interception, Stop};
