//! What a preview has read, so that it need not say *known after reading*.

use std::collections::HashMap;

use serde_json::Value;

use super::later::is_known_later;
use crate::catalog::{Catalog, Method};
use crate::engine::results;
use crate::journal::{RecordedCall, StepResult};

/// Answers by call. A read that failed has none, and is not wanted again.
#[derive(Debug, Default)]
pub struct Reads(HashMap<String, Option<(u16, Value)>>);

impl Reads {
    /// Keeps what came of a read.
    pub fn learn(&mut self, call: &RecordedCall, answer: Option<(u16, Value)>) {
        self.0.insert(words(call), answer);
    }

    /// The answer of a call; one that was never made and could be is `wanted`.
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

/// The read of what a recorded call made, or is about.
pub fn object_of(made: &RecordedCall, result: &StepResult) -> Option<RecordedCall> {
    let (operation, parameters) = results::operation_of(Catalog::embedded(), made)?;
    let path = results::resource_path(&operation, made, &parameters, result)?;
    Some(RecordedCall {
        method: Method::Get,
        path,
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        body_file: None,
    })
}
