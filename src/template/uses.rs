//! The references of a program, as data; `walk` finds them.

use std::ops::Range;

use crate::id::StepId;
use crate::source::Span;

/// The references of a program, with places in the file.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    pub steps: Vec<Reference>,
    pub inputs: Vec<InputUse>,
    /// `each`, `self`, `resource`, `environment`, `project_id`, `region_id`.
    pub names: Vec<NameUse>,
    /// The constant arguments of `file(...)`.
    pub files: Vec<FileUse>,
    /// Unknown names, filters, tests and functions, and constructs that are not allowed.
    pub unknown: Vec<Unknown>,
    /// The whole program is one reference without any operation: `steps.net.id`.
    pub alone: bool,
    /// It calls `file(...)`, with a constant argument or not.
    pub(super) reads_files: bool,
    /// It reads files, or needs the secrets behind markers.
    pub(super) surroundings: bool,
    /// A variable whose repeated use would multiply the result beyond the limits.
    pub(super) too_heavy: Option<Range<usize>>,
}

impl Uses {
    /// Gives back the room for more.
    pub(super) fn shrink(&mut self) {
        self.steps.shrink_to_fit();
        self.inputs.shrink_to_fit();
        self.names.shrink_to_fit();
        self.files.shrink_to_fit();
        for used in &mut self.steps {
            used.path.shrink_to_fit();
            used.path_spans.shrink_to_fit();
        }
    }

    pub fn mentions(&self, name: &str) -> bool {
        self.names.iter().any(|used| used.name == name)
    }
}

/// A reference to results of a step: `steps.net.created.volumes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub step: StepId,
    pub step_span: Span,
    /// The path after the step, as far as it is constant: `["created", "volumes"]`.
    pub path: Vec<String>,
    pub path_spans: Vec<Span>,
    /// From `steps` to the last attribute.
    pub span: Span,
    /// Used with `default(...)` or `is defined`, so that it may be undefined.
    pub guarded: bool,
    /// An operation on it that is not possible with a secret.
    pub spoiled: Option<Spoiled>,
}

/// A reference to an input: `inputs.flavor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputUse {
    pub name: String,
    pub name_span: Span,
    pub path: Vec<String>,
    pub span: Span,
    pub guarded: bool,
    pub spoiled: Option<Spoiled>,
}

/// A reference to another name of the scope, with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    pub name: &'static str,
    pub path: Vec<String>,
    pub path_spans: Vec<Span>,
    pub span: Span,
    pub guarded: bool,
    pub spoiled: Option<Spoiled>,
}

/// A file that a program reads: `file('cloud-init.yaml')`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUse {
    pub name: String,
    pub span: Span,
}

/// An operation that a secret marker does not survive, as text: "the filter `length`".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoiled {
    pub by: String,
    pub span: Span,
}

/// A word that is unknown, or not allowed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub span: Span,
    pub kind: UnknownKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownKind {
    Name(String),
    Filter(String),
    Test(String),
    Function(String),
    /// `steps` or `inputs` without a name.
    Whole(&'static str),
    /// A name of the scope that is rebound.
    Rebound(String),
    /// A construct of minijinja that plans do not allow, as text.
    NotAllowed(&'static str),
}
