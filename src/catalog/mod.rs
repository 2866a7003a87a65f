//! The operations of the Cloud API, as facts.

mod operation;
mod pace;

pub use operation::{
    AlsoBy, BodyUse, Creates, DeleteCall, Effect, IdAt, ListCall, Method, Operation, Parameter, Resource, Route,
    ValueAt,
};
pub use pace::{Pace, pace_of};
