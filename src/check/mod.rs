//! Checklists: read, select, run, and what came of them.
//!
//! A checklist is YAML: variables, steps, and checks, each of a kind that lives in a file of its own under `kinds/`.

mod bundled;
mod checklist;
mod fields;
mod finding;
mod kinds;
mod locate;
mod outcome;
mod run;
mod select;
mod variables;
mod verdict;
mod yaml;

pub use bundled::CHECKLISTS;
pub use checklist::{BadChecklist, Check, Checklist, Source, Step};
pub use fields::parse_duration;
pub use finding::{Finding, Open};
pub use kinds::{Context, Found, Kind};
pub use locate::{FILE_NAME, LocateError, Located, found, named};
pub use outcome::{Location, Outcome, Status, StepOutcome, Summary};
pub use run::{Options, Results, run};
pub use select::{BadSelection, Selection};
pub use variables::Variables;
pub use yaml::{Place, Problem};
