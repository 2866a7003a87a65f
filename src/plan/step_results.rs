//! What is known of the results of a step before it runs.

use std::sync::{Arc, OnceLock};

use crate::catalog::schema::{Type, Types};
use crate::catalog::{Attribute, IdAt, Listed, Operation, Partial, Unknown};
use crate::template::{Expression, Template};

/// What is known of a step, for references to it.
pub(super) struct KnownStep<'s> {
    pub operation: Option<Arc<Operation>>,
    pub is_for_each: bool,
    pub for_each: Option<&'s Template>,
    pub when: Option<&'s Expression>,
    /// The keys of its instances, once they were asked for.
    pub keys: OnceLock<Option<Vec<String>>>,
    /// The item type of `find`, when it is known.
    pub found: Option<Box<Listed>>,
}

impl KnownStep<'_> {
    /// What is known of a result, by its path: `["all", "*", "id"]`.
    pub(super) fn result(&self, path: &[&str]) -> Partial {
        let path = match (self.is_for_each, path) {
            (true, ["all" | "each", _, rest @ ..]) => rest,
            (true, ["ids"]) => return typed(&[Type::Array]),
            (true, []) => return typed(&[Type::Object]),
            (true, _) => return Partial::unknown(),
            (false, path) => path,
        };
        match (&self.found, path) {
            (Some(found), ["id"]) => return Partial::reference(&found.kind, Attribute::Id),
            (Some(found), ["name"]) => return Partial::reference(&found.kind, Attribute::Name),
            _ => {}
        }
        match &self.operation {
            Some(operation) => result(operation, path),
            None => Partial::unknown(),
        }
    }
}

/// What is known of a result of one instance.
pub(super) fn result(operation: &Operation, path: &[&str]) -> Partial {
    let made = operation.creates.as_ref();
    match path {
        [] => typed(&[Type::Object]),
        ["id"] => match made {
            // The id of a resource identified by its name is the name; a number is none.
            Some(creates) if matches!(creates.id_at, IdAt::Body(_)) && !creates.integer_id => {
                Partial::reference(&creates.kind, Attribute::Name)
            }
            Some(creates) => Partial::reference(&creates.kind, Attribute::Id),
            None => Partial::unknown(),
        },
        ["name"] => made.map_or_else(Partial::unknown, |creates| Partial::reference(&creates.kind, Attribute::Name)),
        ["created" | "touched", kind, _] => Partial::reference(*kind, Attribute::Id),
        ["ids" | "tasks"] | ["created" | "touched", _] => typed(&[Type::Array]),
        ["task"] => other(&[Type::String], "the task"),
        ["outcome"] => other(&[Type::String], "the outcome"),
        ["status"] => other(&[Type::Integer], "the status of the answer"),
        ["response"] => other(&[], "the whole answer"),
        ["resource"] => other(&[Type::Object], "the whole object"),
        ["created" | "touched"] => typed(&[Type::Object]),
        _ => Partial::unknown(),
    }
}

fn other(types: &[Type], result: &'static str) -> Partial {
    Partial::Unknown(Box::new(Unknown { types: Types::of(types), result: Some(result), ..Unknown::default() }))
}

/// A value of one of these types.
pub(super) fn typed(types: &[Type]) -> Partial {
    Partial::Unknown(Box::new(Unknown { types: Types::of(types), ..Unknown::default() }))
}
