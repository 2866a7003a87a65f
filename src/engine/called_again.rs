//! What becomes of the recorded undo of an action that is called again: of a call that makes nothing, such as one that
//! attaches a volume, and that the plan has an `undo` for.
//!
//! Pure.

use serde_json::Value;

use super::operation::operation_of;
use crate::catalog::Catalog;
use crate::journal::{InstanceStatus, RecordedCall};

/// What a run does about the recorded undo before it makes the call again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Former {
    /// Nothing: there is none, or the undo of the new call is the same one.
    Same,
    /// It is carried out: the new call is about something else (another volume, another machine), and would leave what
    /// the former one did.
    TakenBack,
    /// It is taken off the record: the effect that it would undo is known to be gone, or has the undo of the new call.
    Moot,
}

/// What becomes of the undo on record. `call` and `undo`: the new ones; where the undo cannot be evaluated before the
/// call, the calls are compared. `orphan`: what the former call named does not exist any more.
pub fn former(
    catalog: &Catalog,
    known: &InstanceStatus,
    call: &RecordedCall,
    undo: Option<&RecordedCall>,
    orphan: bool,
) -> Former {
    let Some(agreed) = known.agreed() else { return Former::Same };
    let is_action = |call| operation_of(catalog, call).is_some_and(|(operation, _)| operation.creates.is_none());
    if !is_action(agreed) || !is_action(call) {
        return Former::Same;
    }
    let is_about_the_same = |before: &RecordedCall| match undo {
        Some(undo) => undo == before,
        None => agreed == call,
    };
    if known.made.iter().filter_map(|made| made.undo.as_ref()).all(is_about_the_same) {
        return Former::Same;
    }
    // What is called again as it was, stays.
    if orphan || is_not_there(known) || agreed == call { Former::Moot } else { Former::TakenBack }
}

/// Whether a refresh found that nothing is left of the effect of an action: it cannot be undone.
pub fn is_not_there(known: &InstanceStatus) -> bool {
    let body = known.agreed().and_then(|call| call.body.as_deref()).and_then(Value::as_object);
    let shares = |one: &Value, now: Option<&Value>| match (one, now) {
        (Value::Array(one), Some(Value::Array(now))) => one.iter().any(|item| now.contains(item)),
        _ => false,
    };
    let is_drifted = |(field, sent): (&String, &Value)| {
        known.drifted.iter().any(|drifted| drifted.field == *field && !shares(sent, drifted.now.as_ref()))
    };
    !known.drifted.is_empty() && body.is_none_or(|body| body.iter().all(is_drifted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;
    use crate::journal::{Drifted, Phase, RecordedResource};

    fn call(path: &str, body: Value) -> RecordedCall {
        RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) }
    }

    /// The attachment of a volume to a machine, or the detachment.
    fn of_volume(what: &str, volume: &str, machine: &str) -> RecordedCall {
        call(&format!("/cloud/v2/volumes/1/7/{volume}/{what}"), json!({ "instance_id": machine }))
    }

    fn attached(undo: Option<RecordedCall>) -> InstanceStatus {
        let made = undo.map(|undo| RecordedResource { undo: Some(undo), ..RecordedResource::default() });
        InstanceStatus {
            phase: Phase::Succeeded,
            agrees: Some(of_volume("attach", "v-1", "vm-1").into()),
            made: made.into_iter().collect(),
            ..InstanceStatus::default()
        }
    }

    #[test]
    fn what_drifted_as_a_whole_is_not_there() {
        let known = |drifted: &[&str], body: Value| {
            let drifted = drifted.iter().map(|field| Drifted { field: (*field).to_owned(), now: None });
            let agrees = call("/cloud/v2/volumes/1/7/v-1/attach", body);
            InstanceStatus { drifted: drifted.collect(), agrees: Some(agrees.into()), ..attached(None) }
        };
        for (drifted, body, expected) in [
            (&[][..], json!({ "instance_id": "vm-1" }), false),
            (&["instance_id"], json!({}), true),
            (&["instance_id"], json!({ "instance_id": "vm-2" }), true),
            (&["name"], json!({ "name": "theirs", "description": "ours" }), false),
        ] {
            assert_eq!(is_not_there(&known(drifted, body.clone())), expected, "{drifted:?} {body}");
        }
        for (now, expected) in [(json!(["v-2"]), false), (json!(["v-3"]), true), (json!([]), true)] {
            let mut known = known(&[], json!({ "volume_ids": ["v-1", "v-2"] }));
            known.drifted = vec![Drifted { field: "volume_ids".to_owned(), now: Some(now.clone()) }].into();
            assert_eq!(is_not_there(&known), expected, "{now}");
        }
    }

    #[test]
    fn an_action_about_something_else_takes_the_former_one_back() {
        let detach = |volume, machine| Some(of_volume("detach", volume, machine));
        let attach = |volume, machine| of_volume("attach", volume, machine);
        let create = call("/cloud/v1/volumes/1/7", json!({ "name": "data" }));
        let known = attached(detach("v-1", "vm-1"));
        let drifted = Drifted { field: "instance_id".to_owned(), now: None };
        let drifted = InstanceStatus { drifted: vec![drifted].into(), ..known.clone() };
        let made = InstanceStatus { agrees: Some(create.clone().into()), ..known.clone() };
        for (why, known, call, undo, orphan, expected) in [
            ("again", &known, attach("v-1", "vm-1"), detach("v-1", "vm-1"), false, Former::Same),
            (
                "again, detached by another client",
                &drifted,
                attach("v-1", "vm-1"),
                detach("v-1", "vm-1"),
                false,
                Former::Same,
            ),
            ("another machine", &known, attach("v-1", "vm-2"), detach("v-1", "vm-2"), false, Former::TakenBack),
            ("another volume", &known, attach("v-2", "vm-1"), detach("v-2", "vm-1"), false, Former::TakenBack),
            ("another undo alone", &known, attach("v-1", "vm-1"), detach("v-1", "vm-9"), false, Former::Moot),
            ("its machine is gone", &known, attach("v-1", "vm-2"), detach("v-1", "vm-2"), true, Former::Moot),
            ("detached by another client", &drifted, attach("v-2", "vm-1"), detach("v-2", "vm-1"), false, Former::Moot),
            ("no undo to evaluate", &known, attach("v-1", "vm-1"), None, false, Former::Same),
            ("no undo to evaluate, and another call", &known, attach("v-1", "vm-2"), None, false, Former::TakenBack),
            ("no undo on record", &attached(None), attach("v-1", "vm-2"), detach("v-1", "vm-2"), false, Former::Same),
            // What a create made is never removed for an action.
            ("it was a create", &made, attach("v-1", "vm-2"), detach("v-1", "vm-2"), false, Former::Same),
            ("it is a create", &known, create.clone(), None, false, Former::Same),
        ] {
            assert_eq!(former(Catalog::embedded(), known, &call, undo.as_ref(), orphan), expected, "{why}");
        }
    }
}
