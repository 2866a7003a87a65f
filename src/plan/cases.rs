//! The values of inputs that decide conditions, where a few are possible: a step is checked with each of them.
//!
//! Without it, a value behind a condition would be checked where it is never used: `type: "{{ inputs.type }}"` of a
//! step with `when: inputs.type != 'none'`.

use std::collections::BTreeSet;

use minijinja::value::ValueKind;
use serde_json::Value;

use super::model::{Input, InputType};
use super::partial::{Inputs, Known, Skipped};
use crate::order::{ordered_map, ordered_set};
use crate::template::{Program, value_of};

/// One combination of values.
pub(super) struct Case {
    /// The inputs that are known in it.
    pub inputs: Inputs,
    /// The steps that do not run with them.
    pub skipped: Skipped,
    /// The combination, for people.
    pub described: String,
}

/// The most combinations for one step.
const MOST: usize = 32;
/// The most combinations for all steps of a long plan; each step has at least two.
const MOST_TOGETHER: usize = 20_000;

/// The most combinations for each step of a plan with this many steps.
pub(super) fn most_for_each(steps: usize) -> usize {
    (MOST_TOGETHER / steps.max(1)).clamp(2, MOST)
}

/// The combinations for a step with these programs, at most `most`; when there are more, each value of each input
/// alone.
pub(super) fn cases<'p>(known: &Known<'_>, programs: impl Iterator<Item = &'p Program>, most: usize) -> Vec<Case> {
    let programs: Vec<&Program> = programs.collect();
    if programs.is_empty() {
        return Vec::new();
    }
    let mut conditions = known.conditions(programs.iter().copied());
    let own = ordered_set(programs.into_iter().flat_map(inputs));
    let mut names = own.clone();
    names.extend(conditions.iter().filter_map(|(_, when)| when.program()).flat_map(inputs));
    let mut open = varying(known, &names);
    // The conditions of other steps are decided where that leaves room for the combinations of the step's own inputs.
    if many(&open) > most {
        open = varying(known, &own);
        conditions.clear();
        names = own;
    }
    if open.is_empty() {
        return Vec::new();
    }
    // Inputs that are not varied have their known values. Lists and mappings are the exception when a switch (boolean)
    // is varied: what a switch turns on is often given only together with it.
    let has_switch = open.iter().any(|(_, values)| values.iter().any(Value::is_boolean));
    let is_table = |value: &minijinja::Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Map);
    let fixed = |name: &str| known.fixed_value(name).filter(|value| !has_switch || !is_table(value));
    let given = names.iter().filter_map(|name| Some(((*name).to_owned(), fixed(name)?.clone())));
    let none = Case { inputs: ordered_map(given), skipped: Skipped::new(), described: String::new() };
    let varied = |cases: &[Case], (name, values): &(&str, Vec<Value>)| -> Vec<Case> {
        cases.iter().flat_map(|case| values.iter().map(move |value| case.with(name, value))).collect()
    };
    let mut cases: Vec<Case> = match many(&open) <= most {
        true => open.iter().fold(vec![none], |cases, input| varied(&cases, input)),
        false => open.iter().flat_map(|input| varied(std::slice::from_ref(&none), input)).take(most).collect(),
    };
    cases.iter_mut().for_each(|case| case.skipped = known.off(&conditions, &case.inputs));
    cases
}

/// Those of these inputs that may have one of few values.
fn varying<'n>(known: &Known<'_>, names: &BTreeSet<&'n str>) -> Vec<(&'n str, Vec<Value>)> {
    names.iter().filter_map(|name| Some((*name, known.open(name).and_then(values)?))).collect()
}

/// The number of combinations.
fn many(open: &[(&str, Vec<Value>)]) -> usize {
    open.iter().fold(1, |count, (_, values)| count.saturating_mul(values.len()))
}

impl Case {
    fn with(&self, name: &str, value: &Value) -> Case {
        let mut inputs = self.inputs.clone();
        inputs.insert(name.to_owned(), value_of(value));
        let and = if self.described.is_empty() { "" } else { " and " };
        let described = format!("{}{and}`inputs.{name}: {value}`", self.described);
        Case { inputs, skipped: Skipped::new(), described }
    }
}

fn inputs(program: &Program) -> impl Iterator<Item = &str> {
    program.uses().inputs.iter().map(|used| used.name.as_str())
}

/// The values that an input may have, where it has one and these are few.
fn values(input: &Input) -> Option<Vec<Value>> {
    if input.secret || !input.has_a_value() {
        return None;
    }
    match &input.r#enum {
        Some(values) => Some(values.iter().take(MOST).cloned().collect()),
        None => (input.r#type == InputType::Boolean).then(|| vec![Value::Bool(true), Value::Bool(false)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_long_plan_share_the_combinations() {
        let all = [0, 1, 600, 625, 1_000, 10_000, 100_000].map(most_for_each);
        assert_eq!(all, [32, 32, 32, 32, 20, 2, 2]);
    }
}
