//! The plan: as written, checked, accepted, and its order.
//!
//! `doc` (with `step_doc`, `input_doc`, `call`) reads what stands there; `check` (with `mentions`) holds the parts
//! against each other and accepts, `operations` (with `partial`) holds calls against the catalogue; `model` is what everybody else sees; `graph` is the order, `inputs` the values of
//! inputs, `draw` the picture. Nothing here waits, calls or writes.

mod call;
mod check;
mod doc;
pub mod draw;
pub mod duration;
mod fields;
pub mod graph;
mod input_doc;
pub mod inputs;
mod mentions;
mod model;
mod operations;
mod partial;
mod step_doc;
#[cfg(test)]
mod tests;

pub use check::{Checked, check, check_in, check_with, load};
pub use graph::{Graph, Turns};
pub use model::{
    Call, CallTemplate, Input, InputType, InstanceId, OnChange, OnConflict, Output, Plan, Retry, Segment, Step, StepId,
    Undo, Wait,
};
