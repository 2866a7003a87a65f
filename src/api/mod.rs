//! The cloud, as far as a run can see it: requests, answers, and what may go wrong between them.
//!
//! [`Transport`] carries one request. [`Client`] sends for a whole run, at one rate. [`ApiError`] says what a refusal
//! means. Whether a write may be repeated is decided in the engine, never here.

mod client;
mod error;
mod fields;
mod http;
mod io;
mod limit;
mod lock;
mod quota;
mod retry;
mod task;
pub mod trace;
mod traceparent;
mod transport;
mod upload;

pub use client::{Client, ReadError, Shut, json_of, tried};
pub use error::{ApiError, Meaning, WITHHELD};
pub use http::{Http, HttpError};
pub use limit::Limit;
pub use lock::LockHolder;
pub use quota::tells_quota;
pub use retry::Policy;
pub use task::{Task, TaskData, TaskState, timestamp};
pub use trace::Trace;
pub use traceparent::{new_trace, same_id, trace_header};
pub use transport::{Answer, Lost, Request, Sending, Transport, is_success};
