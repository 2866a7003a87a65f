//! How a step failed, and what is known of the effect of its call. Events and records have these errors.

use serde::{Deserialize, Serialize};

use crate::id::InstanceId;

/// A failure of a step, with what is known of its effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepError {
    pub effect: EffectKnown,
    pub class: ErrorClass,
    /// The failure in one line: `QuotaLimitExceed: ... (request_id ...)`.
    pub message: String,
    /// The call, where one was made.
    pub call: Option<String>,
    pub status: Option<u16>,
    pub request_id: Option<String>,
    pub task: Option<String>,
    /// `invalid_fields` of the API: JSON pointer into the body, and what is wrong there.
    pub invalid_fields: Vec<(String, String)>,
    /// `file:line:column` of the step or the field.
    pub place: Option<SourceLocation>,
    /// What to do next.
    pub help: Vec<String>,
    /// Instances whose resources an earlier run made, and that do not exist any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<InstanceId>,
}

impl StepError {
    /// Without a call, an answer and a place.
    pub fn new(effect: EffectKnown, class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            effect,
            class,
            message: message.into(),
            call: None,
            status: None,
            request_id: None,
            task: None,
            invalid_fields: Vec::new(),
            place: None,
            help: Vec::new(),
            gone: Vec::new(),
        }
    }
}

/// A place in a plan file; line and column begin at 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLocation {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

/// What is known of the effect of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKnown {
    /// The API did not carry it out.
    NotApplied,
    /// The API carried it out.
    Applied,
    Unknown,
}

/// The class of a failure, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// A template could not be evaluated.
    Template,
    NotAllowed,
    Quota,
    Rejected,
    /// A task ended in ERROR.
    Task,
    /// The API could not be reached.
    Unreachable,
    Unknown,
    /// The record could not be written.
    Record,
    Internal,
}

impl std::fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
