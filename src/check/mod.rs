//! Checklists: read, select, run, and what came of them.
//!
//! A checklist is YAML: variables, steps, and checks, each of a kind that lives in a file of its own under `kinds/`.

mod attempt;
mod bundled;
mod checklist;
mod combine;
mod complaint;
mod conclude;
mod declarations;
mod digest;
mod document;
mod entry;
mod exhibit;
mod fields;
mod finding;
mod helpers;
mod include;
mod kinds;
mod locate;
mod matrix;
mod memory;
mod node;
mod outcome;
mod run;
mod schedule;
mod schema;
mod select;
mod shape;
mod source;
mod variables;
mod verdict;
mod when;
mod yaml;

pub use attempt::Attempts;
pub use bundled::CHECKLISTS;
pub use checklist::{Check, Checklist, Step};
pub use complaint::{BadChecklist, Complaint};
pub use exhibit::{BindingEdge, CoverageRow, Exhibit, Unit};
pub use fields::parse_duration;
pub use finding::{Finding, Open};
pub use helpers::Helpers;
pub use kinds::{Context, Found, Kind};
pub use locate::{FILE_NAME, LocateError, Located, found, named};
pub use memory::{lock_name, plan, remember};
pub use node::{NODE, of_the_node};
pub use outcome::{Location, Outcome, Status, StepOutcome, Summary};
pub use run::{Event, Options, Results, run, run_told};
pub use schema::schema;
pub use select::{BadSelection, Selection};
pub use source::Source;
pub use variables::Variables;
pub use verdict::raised_verdict;
pub use when::Condition;
pub use yaml::{Place, Problem};
