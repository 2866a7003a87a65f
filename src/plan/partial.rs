//! What is known of a template before it runs: constants, declared inputs, and the kinds of things that steps make.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::doc::PlanDoc;
use super::model::{Input, InputType};
use crate::catalog::schema::{Type, Types};
use crate::catalog::{By, IdAt, Operation, Partial, Unknown};
use crate::template::{InputUse, NameUse, Part, Program, Reference, Shape, Template, Text};

/// What a plan says of its inputs and steps.
pub(super) struct Known<'d> {
    inputs: HashMap<&'d str, &'d Input>,
    operations: &'d HashMap<&'d str, Arc<Operation>>,
    with_for_each: HashMap<&'d str, bool>,
}

impl<'d> Known<'d> {
    pub(super) fn new(doc: &'d PlanDoc, operations: &'d HashMap<&'d str, Arc<Operation>>) -> Self {
        let inputs = doc.inputs.iter().map(|input| (input.name.as_str(), &input.input)).collect();
        let steps = doc.steps.iter().filter_map(|step| Some((step.id.as_ref()?.value.as_str(), step.is_for_each)));
        Self { inputs, operations, with_for_each: steps.collect() }
    }

    /// The value of a template as far as it is known.
    pub(super) fn partial(&self, template: &Template) -> Partial {
        match template.shape() {
            Shape::Constant(value) => Partial::from(value),
            Shape::Expression(program) => self.expression(program),
            Shape::Text(Text::Program(_)) => Partial::Text(vec![None]),
            Shape::Text(Text::Parts(parts)) => Partial::Text(
                parts
                    .iter()
                    .map(|part| match part {
                        Part::Literal(text) => Some(text.clone()),
                        Part::Expression(_) => None,
                    })
                    .collect(),
            ),
            Shape::List(items) => Partial::List(items.iter().map(|item| self.partial(item)).collect()),
            Shape::Mapping(entries) => {
                Partial::Map(entries.iter().map(|(key, value)| (key.text.clone(), self.partial(value))).collect())
            }
        }
    }

    /// Only a mention that stands alone is known: `{{ inputs.x }}`, not `{{ inputs.x + 1 }}`.
    fn expression(&self, program: &Program) -> Partial {
        let uses = program.uses();
        if !uses.alone {
            return Partial::unknown();
        }
        match (uses.inputs.first(), uses.steps.first(), uses.names.first()) {
            (Some(input), _, _) => self.input(input),
            (_, Some(reference), _) => self.reference(reference),
            (_, _, Some(name)) => named(name),
            _ => Partial::unknown(),
        }
    }

    fn input(&self, used: &InputUse) -> Partial {
        let Some(input) = self.inputs.get(used.name.as_str()).filter(|_| used.path.is_empty()) else {
            return Partial::unknown();
        };
        Partial::Unknown(Box::new(Unknown {
            types: match input.r#type {
                InputType::String => Types::of(&[Type::String]),
                InputType::Integer => Types::of(&[Type::Integer]),
                InputType::Number => Types::of(&[Type::Number]),
                InputType::Boolean => Types::of(&[Type::Boolean]),
                InputType::List => Types::of(&[Type::Array]),
                InputType::Map => Types::of(&[Type::Object]),
            },
            nullable: input.default.as_ref().is_some_and(Value::is_null),
            values: if input.secret { Vec::new() } else { input.r#enum.clone().unwrap_or_default() },
            minimum: input.minimum,
            maximum: input.maximum,
            pattern: input.pattern.clone(),
            // What is wrong with a value is told with the value: not for a secret.
            default: input.default.clone().filter(|default| !default.is_null() && !input.secret),
            reference: None,
        }))
    }

    fn reference(&self, used: &Reference) -> Partial {
        let Some(operation) = self.operations.get(used.step.as_str()) else { return Partial::unknown() };
        let path: Vec<&str> = used.path.iter().map(String::as_str).collect();
        let path = match (self.with_for_each.get(used.step.as_str()), path.as_slice()) {
            (Some(true), ["all" | "each", _, rest @ ..]) => rest,
            (Some(true), ["ids"]) => return typed(&[Type::Array]),
            (Some(true), _) => return Partial::unknown(),
            (_, path) => path,
        };
        result(operation, path)
    }
}

fn result(operation: &Operation, path: &[&str]) -> Partial {
    let made = operation.creates.as_ref();
    match path {
        ["id"] => match made {
            // Known by its name only: the id is the name.
            Some(creates) if matches!(creates.id_at, IdAt::Body(_)) => Partial::reference(&creates.kind, By::Name),
            Some(creates) => Partial::reference(&creates.kind, By::Id),
            None => Partial::unknown(),
        },
        ["name"] => made.map_or_else(Partial::unknown, |creates| Partial::reference(&creates.kind, By::Name)),
        ["created" | "touched", kind, _] => Partial::reference(*kind, By::Id),
        ["ids" | "tasks"] | ["created" | "touched", _] => typed(&[Type::Array]),
        ["task" | "outcome"] => typed(&[Type::String]),
        ["status"] => typed(&[Type::Integer]),
        ["created" | "touched"] => typed(&[Type::Object]),
        _ => Partial::unknown(),
    }
}

fn named(used: &NameUse) -> Partial {
    let path: Vec<&str> = used.path.iter().map(String::as_str).collect();
    match (used.name, path.as_slice()) {
        ("environment", []) | ("each", ["key"]) => typed(&[Type::String]),
        ("project_id" | "region_id", []) | ("each", ["index"]) => typed(&[Type::Integer]),
        _ => Partial::unknown(),
    }
}

fn typed(types: &[Type]) -> Partial {
    Partial::Unknown(Box::new(Unknown { types: Types::of(types), ..Unknown::default() }))
}
