//! The answers that a preview was given, so that their values need no placeholder.

use serde_json::Value;

use crate::catalog::{Catalog, Method};
use crate::engine::operation;
use crate::engine::paths;
use crate::engine::placeholder::is_known_later;
use crate::hash::HashMap;
use crate::journal::{RecordedCall, StepResult};

/// The status of what does not exist.
const NOT_FOUND: u16 = 404;

/// Answers by call; `None` for a read that failed, which is not asked for again.
#[derive(Debug, Default)]
pub struct Reads(HashMap<String, Option<(u16, Value)>>);

impl Reads {
    /// Stores that what a read is about does not exist.
    pub fn learn_missing(&mut self, call: &RecordedCall) {
        self.learn(call, Some((NOT_FOUND, Value::Null)));
    }

    /// Whether what a read is about was found not to exist.
    pub fn is_missing(&self, call: &RecordedCall) -> bool {
        matches!(self.0.get(&words(call)), Some(Some((NOT_FOUND, _))))
    }

    /// Stores the answer of a read; `None` when it failed.
    pub fn learn(&mut self, call: &RecordedCall, answer: Option<(u16, Value)>) {
        self.0.insert(words(call), answer);
    }

    /// The stored answer of a call. A call that was never read is added to `wanted`.
    pub fn asked(&self, call: &RecordedCall, wanted: &mut Vec<RecordedCall>) -> Option<(u16, &Value)> {
        match self.0.get(&words(call)) {
            Some(answer) => {
                let found = answer.as_ref().filter(|(status, _)| *status != NOT_FOUND);
                found.map(|(status, value)| (*status, value))
            }
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
    let (operation, parameters) = operation::operation_of(Catalog::embedded(), made)?;
    let path = paths::resource_path(&operation, made, &parameters, result)?;
    Some(RecordedCall::new(Method::Get, path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::placeholder::known_after;

    #[test]
    fn a_whole_call_is_wanted_once_and_its_answer_is_found_again() {
        let get = |path: &str| RecordedCall::new(Method::Get, path);
        let [one, two, failed] = ["/a", "/b", "/c"].map(get);
        let later = known_after("`net`");
        let incomplete = [
            get(&format!("/a/{later}")),
            get("/a/{project_id}"),
            RecordedCall {
                body: Some(json!({ "key": "secret:00000000000000000000000000000000" }).into()),
                ..get("/a")
            },
        ];
        let (mut reads, mut wanted) = (Reads::default(), Vec::new());
        for call in [&one, &two, &one].into_iter().chain(&incomplete) {
            assert_eq!(reads.asked(call, &mut wanted), None);
        }
        assert_eq!(wanted, [one.clone(), two.clone()]);
        reads.learn(&one, Some((200, json!({ "id": 1 }))));
        reads.learn(&failed, None);
        wanted.clear();
        assert_eq!(reads.asked(&one, &mut wanted), Some((200, &json!({ "id": 1 }))));
        assert_eq!((reads.asked(&failed, &mut wanted), wanted.len()), (None, 0));
        reads.learn(&one, Some((200, json!({ "id": 2 }))));
        assert_eq!(reads.asked(&one, &mut wanted), Some((200, &json!({ "id": 2 }))));
    }

    #[test]
    fn the_object_of_a_call_is_what_it_made_or_is_about() {
        let result = StepResult { id: Some(json!("n1").into()), ..StepResult::default() };
        for (method, path, expected) in [
            (Method::Post, "/cloud/v1/networks/1/7", Some("/cloud/v1/networks/1/7/n1")),
            (Method::Patch, "/cloud/v1/networks/1/7/n2", Some("/cloud/v1/networks/1/7/n2")),
            (Method::Post, "/cloud/v1/nothing", None),
        ] {
            let object = object_of(&RecordedCall::new(method, path), &result);
            assert_eq!(object, expected.map(|path| RecordedCall::new(Method::Get, path)), "{path}");
        }
    }
}
