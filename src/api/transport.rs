//! One request, one answer, or a reason why there is none. No retries, no meaning.

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

use crate::body_file::Upload;
use crate::catalog::Method;

/// One HTTP request to the API, before authentication.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub method: Method,
    /// Absolute path, percent-encoded, without query: `/cloud/v1/networks/1/7`.
    pub path: String,
    /// Pairs in order, not encoded; a repeated key is a list.
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Option<Value>,
    /// The body, where that is a file: then there is no other.
    pub body_file: Option<Box<Upload>>,
}

impl Request {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: None, body_file: None }
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

/// A whole HTTP answer, whatever its status.
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

    /// The name the API gives to this request; a task that it started carries the same (`observed.md` §7).
    pub fn request_id(&self) -> Option<&str> {
        self.header("request_id").or_else(|| self.header("x-request-id")).filter(|id| !id.is_empty())
    }
}

/// The API says that it did what it was asked for.
pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Surely never reached the API: a refused connection, a name server that is away.
    #[error("{0}")]
    NotSent(String),
    /// Nor will it: a host that nobody knows, a server that speaks no TLS, a certificate that is not trusted.
    #[error("{0}")]
    NoConnection(String),
    /// Left, and no usable answer came: reset, timeout, cut-off body. It may have been carried out.
    #[error("{0}")]
    Unknown(String),
    /// The head of an answer came, its body did not.
    #[error("{cause}")]
    Broken { head: Answer, cause: String },
}

/// A request under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answer, Lost>> + Send + 'a>>;

/// Carries requests to the API: over HTTP, or to the simulator in memory.
pub trait Transport: Send + Sync {
    fn send(&self, request: Request) -> Sending<'_>;

    /// What stands before the path; empty where there is no network between.
    fn base_url(&self) -> &str {
        ""
    }
}
