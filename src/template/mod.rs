//! Templates: minijinja, strict, deterministic and bounded.
//!
//! A [`Template`] is a value of the plan file (scalar, list or mapping) in which some strings hold `{{ expressions }}`.
//! A string that is exactly one expression keeps the expression's type; any other string is text. Single braces are never
//! touched. Secrets never enter the engine: they travel as markers (see [`crate::secret`]).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::plan::StepId;
use crate::source::Span;

/// What a template may see while it is evaluated.
pub struct Scope<'a> {
    pub environment: &'a str,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// Inputs by name; secret ones as markers.
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    /// Results of the steps this template was declared to depend on, and of no others.
    pub steps: &'a BTreeMap<StepId, minijinja::Value>,
    pub each: Option<&'a Each>,
    /// `self`, in `undo`, `on_change: update` and `ready`: the step's own results.
    pub this: Option<&'a minijinja::Value>,
    /// `resource`, in `ready`: the object read again.
    pub resource: Option<&'a Value>,
    pub folder: &'a std::path::Path,
}

/// One element of a `for_each`.
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// The mapping's key, or the list's index as text.
    pub key: String,
    pub value: Value,
    pub index: usize,
}

/// A template that could not be evaluated: in place, with the reason. Never holds the value of anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    pub span: Span,
    pub message: String,
    pub help: Option<String>,
}

/// One `{{ expression }}`, compiled, with its place.
#[derive(Debug, Clone)]
pub struct Expression {
    pub span: Span,
}

/// A value of the plan file in which some strings hold templates.
#[derive(Debug, Clone)]
pub struct Template {
    pub span: Span,
}
