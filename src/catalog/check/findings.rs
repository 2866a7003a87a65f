//! What is found about a body: where, why, and what would be right.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::catalog::schema::Schema;
use crate::diagnostic::{Severity, code};

/// One segment of a path from the root of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PathSegment {
    Key(String),
    Index(usize),
}

impl fmt::Display for PathSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathSegment::Key(key) => f.write_str(key),
            PathSegment::Index(index) => write!(f, "{index}"),
        }
    }
}

/// A finding about a body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BodyFinding {
    /// Its path; empty for the whole body.
    pub at: Vec<PathSegment>,
    /// The finding is about the last key of `at`, not about its value.
    pub on_key: bool,
    /// A stable name in kebab-case.
    pub code: &'static str,
    pub severity: Severity,
    /// Lower case, no full stop, names in backticks.
    pub message: String,
    /// What would be right, one line each.
    pub help: Vec<String>,
    /// The name that it suggests in the place of this one.
    #[serde(skip)]
    pub(super) meant: Option<String>,
    /// YAML text that fixes the finding when it replaces the key or scalar.
    pub replacement: Option<String>,
    /// The schema for the quoted replacement of a number, whose spelling in the file is not known here.
    #[serde(skip)]
    pub(super) quoted: Option<Box<Schema>>,
}

/// The codes of all findings about bodies and parameters.
pub const CODES: [&str; 23] = [
    "body-not-taken",
    "deprecated-field",
    "duplicate-item",
    "egress-to-any",
    "empty-change",
    "host-bits-set",
    "icmp-with-ipv6",
    "id-for-name",
    "missing-body",
    code::MISSING_FIELD,
    "missing-parameter",
    "name-for-id",
    code::OUT_OF_RANGE,
    code::PLACEHOLDER,
    "subnet-without-network",
    code::UNKNOWN_FIELD,
    code::UNKNOWN_PARAMETER,
    "unsupported-body",
    code::VALUE_NOT_ALLOWED,
    "wrong-format",
    "wrong-kind",
    "wrong-length",
    code::WRONG_TYPE,
];

/// A finding about the whole body, without help.
pub(super) fn finding(severity: Severity, code: &'static str, message: impl Into<String>) -> BodyFinding {
    let (at, help) = (Vec::new(), Vec::new());
    let message = message.into();
    BodyFinding { at, on_key: false, code, severity, message, help, meant: None, replacement: None, quoted: None }
}

impl BodyFinding {
    pub(super) fn help(mut self, words: impl Into<String>) -> Self {
        self.help.push(words.into());
        self
    }

    pub(super) fn on_key(mut self) -> Self {
        self.on_key = true;
        self
    }

    pub(super) fn replace(mut self, text: Option<impl Into<String>>) -> Self {
        self.replacement = text.map(Into::into);
        self
    }

    pub(super) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Suggests another name.
    pub(super) fn meaning(mut self, name: &str) -> Self {
        self.meant = Some(name.to_owned());
        self.help(did_you_mean(name))
    }

    /// Adds a replacement with another spelling of the value.
    pub(super) fn write(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.help(write(&text)).replace(Some(text)),
            None => self,
        }
    }

    /// Removes the replacement.
    pub(crate) fn without_replacement(mut self) -> Self {
        if let Some(text) = self.replacement.take() {
            self.help.retain(|help| *help != write(&text));
        }
        self
    }

    /// The replacement as quoted text.
    pub(crate) fn in_quotes(mut self) -> Self {
        self.replacement = self.replacement.map(|text| Value::String(text).to_string());
        self
    }
}

/// The help that suggests another spelling.
fn write(text: &str) -> String {
    format!("write `{text}`")
}

/// The help that suggests another word.
pub(super) fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}
