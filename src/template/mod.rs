//! Templates: minijinja, strict, deterministic and bounded.
//!
//! A [`Template`] is a value of the plan file (scalar, list or mapping) in which some strings contain `{{ expressions
//! }}`. A string that is exactly one expression keeps the expression's type; any other string is text. Single braces
//! are unchanged. Secrets never enter the engine: they are represented by markers (see [`crate::secret`]).
//!
//! `compile` turns nodes of the plan file into programs, once; `lexicon` limits and divides text before any recursive
//! code sees it; `walk` finds the references of a program (`found`, then `uses`) in its syntax tree, with its `variables`, and
//! the operands that have to be text (`joints`); `engine` is the environment with our functions; `scope` and `evaluate` run
//! a program; `interpret` determines what is known of its value (`outline`) before all its references are. Nothing here knows the steps of a plan.

mod address;
mod chain;
mod compile;
mod constant;
mod engine;
mod evaluate;
mod found;
mod functions;
mod interpret;
mod joints;
mod lexicon;
mod list_from;
mod missing;
mod names;
mod nodes;
mod outline;
mod program;
mod scope;
#[cfg(test)]
mod tests;
mod text;
mod uses;
mod variables;
mod walk;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::id::StepId;
use crate::pointer;
use crate::secret::Secrets;
use crate::source::Span;
use crate::yaml::{Key, List};

pub use constant::Constant;
pub use functions::{read_below, why_unreadable};
pub use interpret::NEVER_KNOWN;
pub use lexicon::is_template;
pub use list_from::ListFrom;
pub use names::{FILTERS, FUNCTIONS, NAMES, TESTS};
pub use outline::{KnownNames, Mention, Outline, ValueType};
pub use program::Program;
pub use scope::{no_instances, skipped_step, value_of};
pub use uses::{FileUse, InputUse, NameUse, PartUse, Reference, Spoiled, Unknown, UnknownKind, Uses};

/// The values that a template can refer to.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub environment: &'a str,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// Inputs by name; secret ones as secret markers.
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    /// Results of the steps that this template's step depends on, and of no others. Skipped steps are included as
    /// [`skipped_step`].
    pub steps: &'a BTreeMap<StepId, minijinja::Value>,
    /// `records`: outputs of other plans, by name; `None` when the plan reads none.
    pub records: Option<&'a minijinja::Value>,
    /// `each`: the element of the step's `for_each`, where it has one.
    pub each: Option<&'a Each>,
    /// `item`, `key` and `index`, in `each` of a [`ListFrom`].
    pub item: Option<&'a Each>,
    /// `self`, in `undo`, `on_change: update` and `ready`: the step's own results.
    pub this: Option<&'a minijinja::Value>,
    /// `resource`, in `ready`: the resource as it was read.
    pub resource: Option<&'a Value>,
    /// The folder in which `file(...)` reads: that of the plan file.
    pub folder: &'a std::path::Path,
    /// The secrets behind the markers. Needed by functions on text (`b64encode`, `sha256`, `tojson`), which conceal
    /// their results.
    pub secrets: Option<&'a Secrets>,
}

impl<'a> Scope<'a> {
    /// Before a run: environment and inputs, and no more.
    pub fn of_inputs(
        environment: &'a str,
        inputs: &'a BTreeMap<String, minijinja::Value>,
        folder: &'a std::path::Path,
        secrets: &'a Secrets,
    ) -> Self {
        static NO_STEPS: BTreeMap<StepId, minijinja::Value> = BTreeMap::new();
        Self {
            environment,
            project_id: None,
            region_id: None,
            inputs,
            steps: &NO_STEPS,
            records: None,
            each: None,
            item: None,
            this: None,
            resource: None,
            folder,
            secrets: Some(secrets),
        }
    }
}

/// One element of a `for_each`, or of a [`ListFrom`].
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// The mapping's key, or the list's index as text.
    pub key: String,
    pub value: Value,
    pub index: usize,
}

/// A template that could not be evaluated: place and reason, without any values.
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
    kind: ExpressionKind,
}

#[derive(Debug, Clone)]
enum ExpressionKind {
    Constant(bool),
    Program(Program),
}

/// A value of the plan file in which some strings hold templates.
#[derive(Debug, Clone)]
pub struct Template {
    pub span: Span,
    shape: Shape,
}

/// The structure of a [`Template`].
#[derive(Debug, Clone)]
pub enum Shape {
    /// A scalar without templates.
    Constant(Constant),
    /// A string that is one expression, with a result of any type.
    Expression(Program),
    /// A string that contains expressions or statements, with text as the result.
    Text(Text),
    List(List<Template>),
    Mapping(List<(Key, Template)>),
    For(Box<ListFrom>),
}

/// Text with expressions.
#[derive(Debug, Clone)]
pub enum Text {
    /// Literal text and expressions, alternating.
    Parts(Box<[Part]>),
    /// Text with `{% statements %}`.
    Program(Program),
}

#[derive(Debug, Clone)]
pub enum Part {
    Literal(Box<str>),
    Expression(Program),
}

impl Template {
    /// A value without templates.
    pub fn constant(span: Span, value: Value) -> Self {
        Self { span, shape: Shape::Constant(value.into()) }
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether no part of it is a template.
    pub fn is_constant(&self) -> bool {
        match &self.shape {
            Shape::Constant(_) => true,
            Shape::Expression(_) | Shape::Text(_) | Shape::For(_) => false,
            Shape::List(items) => items.iter().all(Template::is_constant),
            Shape::Mapping(entries) => entries.iter().all(|(_, template)| template.is_constant()),
        }
    }

    /// The value, when no part of it is a template.
    pub fn as_constant(&self) -> Option<Value> {
        match &self.shape {
            Shape::Constant(value) => Some(value.to_value()),
            Shape::Expression(_) | Shape::Text(_) | Shape::For(_) => None,
            Shape::List(items) => items.iter().map(Template::as_constant).collect(),
            Shape::Mapping(entries) => {
                let entries: Option<serde_json::Map<_, _>> =
                    entries.iter().map(|(key, value)| Some((key.text.to_string(), value.as_constant()?))).collect();
                entries.map(Value::Object)
            }
        }
    }

    /// The part at a JSON pointer (`/volumes/0/size`), as far as the pointer leads into lists and mappings.
    pub fn at(&self, pointer: &str) -> &Template {
        let mut here = self;
        for token in pointer.split('/').skip(1) {
            let name = pointer::name_of(token);
            let next = match &here.shape {
                Shape::Mapping(entries) => entries.iter().find(|(key, _)| key.text == *name).map(|(_, value)| value),
                Shape::List(items) => name.parse().ok().and_then(|index: usize| items.get(index)),
                Shape::For(list) => name.parse::<usize>().ok().map(|_| &list.each),
                _ => None,
            };
            match next {
                Some(next) => here = next,
                None => break,
            }
        }
        here
    }

    /// All programs in it, in file order.
    pub fn programs(&self) -> Vec<&Program> {
        self.programs_in_lists().into_iter().map(|(program, _)| program).collect()
    }

    /// All programs, in file order, each with the lists built with `for` that contain it, the innermost last.
    pub fn programs_in_lists(&self) -> Vec<(&Program, Vec<&ListFrom>)> {
        let mut programs = Vec::new();
        self.collect(&mut Vec::new(), &mut programs);
        programs
    }

    fn collect<'t>(&'t self, lists: &mut Vec<&'t ListFrom>, programs: &mut Vec<(&'t Program, Vec<&'t ListFrom>)>) {
        match &self.shape {
            Shape::Constant(_) => {}
            Shape::Expression(program) | Shape::Text(Text::Program(program)) => programs.push((program, lists.clone())),
            Shape::Text(Text::Parts(parts)) => programs.extend(parts.iter().filter_map(|part| match part {
                Part::Literal(_) => None,
                Part::Expression(program) => Some((program, lists.clone())),
            })),
            Shape::List(items) => items.iter().for_each(|item| item.collect(lists, programs)),
            Shape::Mapping(entries) => entries.iter().for_each(|(_, value)| value.collect(lists, programs)),
            Shape::For(list) => {
                list.list.collect(lists, programs);
                lists.push(list);
                list.each.collect(lists, programs);
                lists.pop();
            }
        }
    }

    /// All references to results of steps.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.programs().into_iter().flat_map(|program| program.uses().steps.iter())
    }

    /// All references to inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &InputUse> {
        self.programs().into_iter().flat_map(|program| program.uses().inputs.iter())
    }

    /// Whether it refers to a name of the scope (`each`, `self`, `resource`, ...).
    pub fn mentions(&self, name: &str) -> bool {
        self.programs().into_iter().any(|program| program.uses().mentions(name))
    }
}

impl Expression {
    /// The program; `None` when it is constant.
    pub fn program(&self) -> Option<&Program> {
        match &self.kind {
            ExpressionKind::Constant(_) => None,
            ExpressionKind::Program(program) => Some(program),
        }
    }

    /// All references to results of steps.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.program().into_iter().flat_map(|program| program.uses().steps.iter())
    }

    /// All references to inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &InputUse> {
        self.program().into_iter().flat_map(|program| program.uses().inputs.iter())
    }

    /// Whether it refers to a name of the scope (`each`, `self`, `resource`, ...).
    pub fn mentions(&self, name: &str) -> bool {
        self.program().is_some_and(|program| program.uses().mentions(name))
    }
}
