//! What a program refers to, as data; `walk` finds it.

use std::ops::Range;

use crate::id::StepId;
use crate::source::Span;

/// What a program refers to, with places in the file.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    pub steps: Vec<Reference>,
    pub inputs: Vec<InputUse>,
    /// `each`, `self`, `resource`, `environment`, `project_id`, `region_id`.
    pub names: Vec<NameUse>,
    /// What `file(...)` reads, where that is written out.
    pub files: Vec<FileUse>,
    /// Names, filters, tests and functions that do not exist, and constructs that are not allowed.
    pub unknown: Vec<Unknown>,
    /// The whole program is one mention: `steps.net.id`, and nothing is done with it.
    pub alone: bool,
    /// Calls `file(...)`, written out or not.
    pub(super) reads_files: bool,
    /// Reads files, or looks behind markers.
    pub(super) surroundings: bool,
    /// A variable that multiplies others beyond measure.
    pub(super) too_heavy: Option<Range<usize>>,
}

impl Uses {
    pub fn mentions(&self, name: &str) -> bool {
        self.names.iter().any(|used| used.name == name)
    }
}

/// A mention of a step's results: `steps.net.created.volumes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub step: StepId,
    pub step_span: Span,
    /// The attributes that follow, as far as they are known without running: `["created", "volumes"]`.
    pub path: Vec<String>,
    pub path_spans: Vec<Span>,
    /// From `steps` to the last attribute.
    pub span: Span,
    /// Asked for with `default(...)` or `is defined`: it may be undefined.
    pub guarded: bool,
    /// What is done with it that a secret does not survive.
    pub spoiled: Option<Spoiled>,
}

/// A mention of an input: `inputs.flavor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputUse {
    pub name: String,
    pub name_span: Span,
    pub path: Vec<String>,
    pub span: Span,
    pub guarded: bool,
    pub spoiled: Option<Spoiled>,
}

/// A mention of another name of the scope, with the attributes that follow.
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

/// What is done with a value that its marker would not survive, in words: "the filter `length`".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoiled {
    pub by: String,
    pub span: Span,
}

/// A word that means nothing, or may not stand here.
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
    /// `steps` or `inputs` without a name after it.
    Whole(&'static str),
    /// A name of the scope that is bound anew.
    Rebound(String),
    /// Something minijinja knows and plans do not, in words.
    NotAllowed(&'static str),
}
