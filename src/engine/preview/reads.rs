//! The answers that a preview was given, so that their values need no placeholder.

use std::collections::HashMap;

use serde_json::Value;

use crate::catalog::{Catalog, Method};
use crate::engine::later::is_known_later;
use crate::engine::results;
use crate::journal::{RecordedCall, StepResult};

/// Answers by call; `None` for a read that failed, which is not asked for again.
#[derive(Debug, Default)]
pub struct Reads(HashMap<String, Option<(u16, Value)>>);

impl Reads {
    /// Stores the answer of a read; `None` when it failed.
    pub fn learn(&mut self, call: &RecordedCall, answer: Option<(u16, Value)>) {
        self.0.insert(words(call), answer);
    }

    /// The stored answer of a call. A call that was never read is added to `wanted`.
    pub fn asked(&self, call: &RecordedCall, wanted: &mut Vec<RecordedCall>) -> Option<(u16, &Value)> {
        match self.0.get(&words(call)) {
            Some(answer) => answer.as_ref().map(|(status, value)| (*status, value)),
            None => {
                let whole = !is_known_later(&words(call)) && !call.path.contains('{') && !call.lacks_a_secret();
                if whole && !wanted.contains(call) {
                    wanted.push(call.clone());
                }
                None
            }
        }
    }
}

fn words(call: &RecordedCall) -> String {
    serde_json::to_string(call).expect("a call can be written as JSON")
}

/// The GET of the resource that a recorded call made, or is about.
pub fn object_of(made: &RecordedCall, result: &StepResult) -> Option<RecordedCall> {
    let (operation, parameters) = results::operation_of(Catalog::embedded(), made)?;
    let path = results::resource_path(&operation, made, &parameters, result)?;
    Some(RecordedCall::new(Method::Get, path))
}
