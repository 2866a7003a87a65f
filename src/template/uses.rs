//! The references of a program, as data; `walk` finds them.

use std::ops::{Deref, Range};
use std::sync::LazyLock;

use crate::id::StepId;
use crate::source::Span;
use crate::word::Word;

/// The references of a program, with places in its source. A long plan has as many of them as words, so that each takes
/// no more room than it needs.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    pub steps: Box<[Reference]>,
    pub inputs: Box<[InputUse]>,
    /// The whole program is one reference without any operation: `steps.net.id`.
    pub alone: bool,
    /// It calls `file(...)`, with a constant argument or not.
    pub(super) reads_files: bool,
    /// It reads files, or needs the secrets behind markers.
    pub(super) surroundings: bool,
    /// `None` when there are no others.
    pub(super) others: Option<Box<Others>>,
}

/// References that few programs have; read through `Deref` of [`Uses`].
#[derive(Debug, Clone, Default)]
pub struct Others {
    /// `each`, `self`, `resource`, `environment`, `project_id`, `region_id`.
    pub names: Box<[NameUse]>,
    /// Parts of the results of steps that are used through a variable of a `for`, `set` or `with`, in addition to the
    /// reference that the variable was bound to.
    pub parts: Box<[PartUse]>,
    /// The constant arguments of `file(...)`.
    pub files: Box<[FileUse]>,
    /// Unknown names, filters, tests and functions, and constructs that are not allowed.
    pub unknown: Box<[Unknown]>,
    /// A variable whose repeated use would multiply the result beyond the limits.
    pub(super) too_heavy: Option<Box<Range<usize>>>,
}

impl Deref for Uses {
    type Target = Others;

    fn deref(&self) -> &Others {
        static NONE: LazyLock<Others> = LazyLock::new(Others::default);
        self.others.as_deref().unwrap_or_else(|| &NONE)
    }
}

impl Others {
    /// `None` when there are none.
    pub(super) fn unless_empty(self) -> Option<Box<Self>> {
        let Self { names, parts, files, unknown, too_heavy } = &self;
        let nothing =
            names.is_empty() && parts.is_empty() && files.is_empty() && unknown.is_empty() && too_heavy.is_none();
        (!nothing).then(|| Box::new(self))
    }
}

impl Uses {
    /// These uses, each at the place that `place` gives for it.
    pub(super) fn located(&self, place: &dyn Fn(Span) -> Span) -> Self {
        let mut uses = self.clone();
        let spoil = |spoiled: &mut Option<Box<Spoiled>>| {
            spoiled.iter_mut().for_each(|spoiled| spoiled.span = place(spoiled.span));
        };
        for used in &mut uses.steps {
            (used.span, used.step_span) = (place(used.span), place(used.step_span));
            used.path_spans.iter_mut().for_each(|span| *span = place(*span));
            spoil(&mut used.spoiled);
        }
        for used in &mut uses.inputs {
            (used.span, used.name_span) = (place(used.span), place(used.name_span));
            spoil(&mut used.spoiled);
        }
        if let Some(others) = &mut uses.others {
            for used in &mut others.names {
                used.span = place(used.span);
                used.path_spans.iter_mut().for_each(|span| *span = place(*span));
                spoil(&mut used.spoiled);
            }
            for used in &mut others.parts {
                used.span = place(used.span);
                spoil(&mut used.spoiled);
            }
            others.files.iter_mut().for_each(|used| used.span = place(used.span));
            others.unknown.iter_mut().for_each(|unknown| unknown.span = place(unknown.span));
        }
        uses
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
    pub path: Box<[Word]>,
    pub path_spans: Box<[Span]>,
    /// From `steps` to the last attribute.
    pub span: Span,
    /// Used with `default(...)` or `is defined`, so that it may be undefined.
    pub guarded: bool,
    /// An operation on it that is not possible with a secret.
    pub spoiled: Option<Box<Spoiled>>,
}

/// A reference to an input: `inputs.flavor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputUse {
    pub name: Word,
    pub name_span: Span,
    pub path: Box<[Word]>,
    pub span: Span,
    pub guarded: bool,
    pub spoiled: Option<Box<Spoiled>>,
}

/// A reference to another name of the scope, with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    pub name: &'static str,
    pub path: Box<[Word]>,
    pub path_spans: Box<[Span]>,
    pub span: Span,
    pub guarded: bool,
    pub spoiled: Option<Box<Spoiled>>,
}

/// A use of a part of a step's results through a variable: `key.private_key` after `set key = steps.key.response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartUse {
    pub step: StepId,
    /// The path after the step.
    pub path: Box<[Word]>,
    pub span: Span,
    pub guarded: bool,
    pub spoiled: Option<Box<Spoiled>>,
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
    /// A method of a value.
    Method(String),
    /// A construct of minijinja that plans do not allow, as text.
    NotAllowed(&'static str),
}
