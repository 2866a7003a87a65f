//! Converts a curl command, as in the API's documentation, to a step of a plan.
//!
//! Only method, address, headers and body are used. A key is always left out.

mod parse;
mod shell;
mod step;

use serde_json::Value;

use crate::catalog::Method;
pub(super) use parse::parse;
pub(super) use step::to_step;

/// A request as a curl command describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub method: Method,
    /// As written: it may contain `{name}`, `$NAME` and `<name>`.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Option<Body>,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Json(Value),
    /// The path of a file.
    File(String),
    /// Names and texts; the text of a file is its path.
    Form(Vec<(String, String)>),
}

#[cfg(test)]
mod tests;
