//! One request and its answer, or the reason why there is none. Without retries and without interpretation.

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

use crate::body_file::{FormFile, Upload};
use crate::catalog::Method;
use crate::shared::Shared;

/// One HTTP request to the API, before authentication.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: Method,
    /// Absolute path, percent-encoded, without query: `/cloud/v1/networks/1/7`.
    pub path: String,
    /// Pairs in order, not encoded; a repeated key is a list.
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Option<Shared<Value>>,
    /// The file that is sent as the body, instead of `body`.
    pub body_file: Option<Box<Upload>>,
    /// The files in `body`, which is then sent as a form.
    pub form: Option<Box<[FormFile]>>,
}

impl Request {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (query, headers) = (Vec::new(), Vec::new());
        Self { method, path: path.into(), query, headers, body: None, body_file: None, form: None }
    }

    /// The files that are sent with it.
    pub fn uploads(&self) -> impl Iterator<Item = &Upload> {
        let in_form = self.form.iter().flatten().map(|file| &file.upload);
        self.body_file.as_deref().into_iter().chain(in_form)
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path)
    }

    #[must_use]
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }
}

/// A complete HTTP answer of any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn is_success(&self) -> bool {
        is_success(self.status)
    }

    /// The API's id of the request; a task that it started has the same (`observed.md` §7).
    pub fn request_id(&self) -> Option<&str> {
        self.header("request_id").or_else(|| self.header("x-request-id")).filter(|id| !id.is_empty())
    }
}

/// Whether the status means that the API did what was asked.
pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The request never reached the API: the connection was refused, or the name server did not answer.
    #[error("{0}")]
    NotSent(String),
    /// No connection can ever be made: unknown host, server without TLS, untrusted certificate.
    #[error("{0}")]
    NoConnection(String),
    /// The request was sent, and no usable answer came: reset, timeout, cut-off body. It may have been carried out.
    #[error("{cause}")]
    Unknown { cause: String, timed_out: bool },
    /// Only the head of the answer arrived.
    #[error("{cause}")]
    Broken { head: Answer, cause: String },
}

impl Lost {
    /// The answer was lost, but not by a timeout.
    pub fn unknown(cause: impl Into<String>) -> Self {
        Self::Unknown { cause: cause.into(), timed_out: false }
    }
}

/// A request in flight.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answer, Lost>> + Send + 'a>>;

/// Sends requests to the API: over HTTP, or to the simulator in memory.
pub trait Transport: Send + Sync {
    fn send(&self, request: Request) -> Sending<'_>;

    /// The base of request paths, for logs and curl lines; empty without a network. A transport around another one
    /// passes on that one's.
    fn base_url(&self) -> &str;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_request_is_in_one_of_two_headers() {
        let id = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Answer { status: 200, headers, body: Vec::new() }.request_id().map(str::to_owned)
        };
        assert_eq!(id(&[("request_id", "a"), ("x-request-id", "b")]).as_deref(), Some("a"));
        assert_eq!(id(&[("date", "d"), ("x-request-id", "b")]).as_deref(), Some("b"));
        assert_eq!((id(&[("x-request-id", "")]), id(&[])), (None, None));
    }

    #[test]
    fn success_is_a_status_from_200_to_299() {
        for (status, success) in [(199, false), (200, true), (204, true), (299, true), (300, false), (404, false)] {
            assert_eq!(is_success(status), success, "{status}");
        }
    }
}
