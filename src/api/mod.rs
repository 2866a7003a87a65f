//! The cloud, as far as a run can see it: requests, answers, and what may go wrong between them.

mod transport;

pub use transport::{Answer, Lost, Request, Sending, Transport};
