//! The values of inputs that decide conditions, where a few are possible: a step is checked with each of them.
//!
//! Without it, a value behind a condition would be checked where it is never used: `type: "{{ inputs.type }}"` of a step
//! with `when: inputs.type != 'none'`.

use std::collections::BTreeSet;

use minijinja::value::ValueKind;
use serde_json::Value;

use super::model::{Input, InputType};
use super::partial::{Inputs, Known};
use crate::template::{Program, value_of};

/// One combination of values.
pub(super) struct Case {
    /// The inputs that are known in it.
    pub inputs: Inputs,
    /// The combination, for people.
    pub told: String,
}

/// The most combinations for one step.
const MOST: usize = 32;

/// The combinations for a step with these programs; when there are too many, each value of each input alone.
pub(super) fn cases<'p>(known: &Known<'_>, programs: impl Iterator<Item = &'p Program>) -> Vec<Case> {
    let names: BTreeSet<&str> = programs.flat_map(inputs).collect();
    let open = names.iter().filter_map(|name| Some((*name, known.open(name).and_then(values)?)));
    let open: Vec<(&str, Vec<Value>)> = open.collect();
    if open.is_empty() {
        return Vec::new();
    }
    // With another value of one input, others may be given as well: their defaults do not count. But for tables that are
    // looked into by a name: what a switch lets through is often filled in only with it.
    let has_switch = open.iter().any(|(_, values)| values.iter().any(Value::is_boolean));
    let is_table = |value: &minijinja::Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Map);
    let held = |name: &str| known.held(name).filter(|value| !has_switch || !is_table(value));
    let given = names.iter().filter_map(|name| Some(((*name).to_owned(), held(name)?.clone())));
    let none = Case { inputs: given.collect(), told: String::new() };
    let varied = |cases: &[Case], (name, values): &(&str, Vec<Value>)| -> Vec<Case> {
        cases.iter().flat_map(|case| values.iter().map(move |value| case.with(name, value))).collect()
    };
    let count = open.iter().fold(1_usize, |count, (_, values)| count.saturating_mul(values.len()));
    match count <= MOST {
        true => open.iter().fold(vec![none], |cases, input| varied(&cases, input)),
        false => open.iter().flat_map(|input| varied(std::slice::from_ref(&none), input)).take(MOST).collect(),
    }
}

impl Case {
    fn with(&self, name: &str, value: &Value) -> Case {
        let mut inputs = self.inputs.clone();
        inputs.insert(name.to_owned(), value_of(value));
        let and = if self.told.is_empty() { "" } else { " and " };
        Case { inputs, told: format!("{}{and}`inputs.{name}: {value}`", self.told) }
    }
}

fn inputs(program: &Program) -> impl Iterator<Item = &str> {
    program.uses().inputs.iter().map(|used| used.name.as_str())
}

/// The values that an input may have, where it has one and these are few.
fn values(input: &Input) -> Option<Vec<Value>> {
    let is_given = input.default.as_ref().map_or(input.required, |default| !default.is_null());
    if input.secret || !is_given {
        return None;
    }
    match &input.r#enum {
        Some(values) => Some(values.iter().take(MOST).cloned().collect()),
        None => (input.r#type == InputType::Boolean).then(|| vec![Value::Bool(true), Value::Bool(false)]),
    }
}
