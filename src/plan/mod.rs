//! The plan: as written, checked, accepted, and its order.
//!
//! `doc` (with `step_doc`, `input_doc`, `call`) parses the file; `check` (with `mentions`) compares its parts and
//! accepts it; `operations` checks calls against the catalogue, and `values` with what is known of their templates
//! (`partial`; `weight` leaves out what would take too long); `model` is the accepted plan that other modules use;
//! `graph` is the order, `inputs` resolves the values of inputs, `draw` makes diagrams. Nothing here waits, sends
//! requests or writes.

mod always;
mod as_text;
mod assumed;
mod call;
mod call_doc;
mod cases;
mod check;
#[cfg(test)]
mod decided_tests;
mod doc;
pub mod draw;
pub mod duration;
mod environment_doc;
mod existing;
mod fields;
mod file_doc;
mod find;
pub mod graph;
mod ignored;
mod include;
mod input_doc;
pub mod inputs;
#[cfg(test)]
mod limits_tests;
mod mentions;
mod model;
mod not_here;
mod of_another;
mod of_step;
mod on_change;
mod operations;
mod partial;
#[cfg(test)]
mod partly_known_tests;
mod programs;
mod record_doc;
mod request;
mod scalars;
mod secret_addresses;
mod selection;
mod stamp_tags;
mod step_doc;
mod step_results;
mod step_secrets;
#[cfg(test)]
mod suggestion_tests;
mod template_scope;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod through_templates;
mod values;
#[cfg(test)]
mod values_tests;
mod weight;
mod withheld;
mod written_secrets;

pub use assumed::Assumed;
pub use check::{Checked, check, check_assuming, check_before_values, check_in, check_with, load, no_text};
pub use environment_doc::{EnvironmentFile, without_text};
pub use graph::{Graph, ReadyQueue};
pub use mentions::asks_for_resource;
pub use model::{
    Adopt, AdoptBy, Call, CallTemplate, FileTemplate, Input, InputType, Moved, OnChange, OnConflict, Output, Plan,
    Ready, RecordOf, RecordUse, Retry, Segment, Step, Steps, Undo, Wait,
};
pub use partial::{Given, NextCheck};
pub use scalars::is_identifier;
pub use selection::Selection;
pub use step_doc::may_set_header;
pub use values::check_values;
