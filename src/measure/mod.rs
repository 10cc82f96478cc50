//! Measuring what a shim costs: runs in pairs, lanes at once, and what may be said of figures that scatter.

mod admission;
mod bound;
mod costs;
mod experiment;
mod lanes;
mod latencies;
mod limit;
mod overhead;
mod pairs;
mod reading;
mod statistics;

pub use admission::{Admission, in_vain};
pub use bound::{Bound, BoundError, Held, Sense, Target};
pub use costs::{CallCost, Cost, call_costs, read_costs};
pub use experiment::{Comparison, Experiment, LaneRun, Quantity, Setting, Spread, experiment};
pub use lanes::{Lane, LaneError, Session, Times, run_lanes};
pub use latencies::{Reader, ReaderError, Unit};
pub use limit::{Limit, LimitError, Standing};
pub use overhead::{Overhead, Plan, measure};
pub use pairs::{Broken, Pair, Pairs, Role, run_pairs};
pub use reading::{Metric, MetricError};
pub use statistics::{CONFIDENCE, Estimate, RESAMPLES, SEED, median, quantile};
