//! The plan: as written, checked, accepted, and its order.

mod model;

pub use model::{
    Call, CallTemplate, Input, InputType, InstanceId, OnChange, OnConflict, Output, Plan, Retry, Segment, Step, StepId,
    Undo, Wait,
};
