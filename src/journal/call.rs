//! A call as it is recorded.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::few::Few;
use super::json_text::JsonText;
use crate::body_file::BodyFile;
use crate::catalog::Method;
use crate::secret::stands_for_secret;

/// A rendered call with digests in place of secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    pub method: Method,
    pub path: String,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub query: Few<(String, String)>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub headers: Few<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<JsonText>,
    /// The file that is the body, instead of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_file: Option<Box<BodyFile>>,
}

impl RecordedCall {
    /// A call without query, headers and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Few::default(), headers: Few::default(), body: None, body_file: None }
    }

    /// Whether a digest, or the mark of a hidden text, stands in place of a secret, so that the call cannot be sent.
    pub fn lacks_a_secret(&self) -> bool {
        let decoded = percent_encoding::percent_decode_str(&self.path).decode_utf8_lossy();
        let pairs = self.query.iter().chain(&self.headers).map(|(_, value)| value.as_str());
        std::iter::once(decoded.as_ref()).chain(pairs).any(stands_for_secret)
            || self.body.as_ref().is_some_and(|body| stands_for_secret(body.text()))
    }
}

impl std::fmt::Display for RecordedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The fields of a create's body; of its only element, when it is a list. The elements of a longer list make one
/// resource each.
pub fn fields_of(body: &Value) -> Option<&Map<String, Value>> {
    match body {
        Value::Array(items) if items.len() == 1 => items[0].as_object(),
        body => body.as_object(),
    }
}

/// The fields of [`fields_of`], to be changed.
pub fn fields_of_mut(body: &mut Value) -> Option<&mut Map<String, Value>> {
    let is_list_of_one = body.as_array().is_some_and(|items| items.len() == 1);
    let body = if is_list_of_one { body.get_mut(0)? } else { body };
    body.as_object_mut()
}
