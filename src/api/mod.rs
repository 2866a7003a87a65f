//! The API: requests, answers, and errors.
//!
//! [`Transport`] sends one request. [`Client`] sends the requests of a run, at one rate, and reads again what could not
//! be read. [`ApiError`] classifies refusals. Whether a write may be repeated is decided by the engine, never here.

mod client;
mod error;
mod fields;
mod http;
mod io;
mod limit;
mod lock;
mod missing;
mod quota;
mod read;
mod retry;
mod task;
#[cfg(test)]
mod testing;
pub mod trace;
mod traceparent;
mod transport;
mod upload;

pub use client::{Client, Shut};
pub use error::{ApiError, ErrorForm, Meaning, WITHHELD};
pub use http::{Http, HttpError};
pub use limit::Limit;
pub use lock::LockHolder;
pub use missing::is_about_resource;
pub use quota::is_about_quota;
pub use read::{ReadError, json_of, tried};
pub use retry::Policy;
pub use task::{TASKS, Task, TaskData, TaskState, timestamp};
pub use trace::RequestTrace;
pub use traceparent::{new_trace, same_id, trace_header};
pub use transport::{Answer, Lost, Request, Sending, Transport, is_success};
