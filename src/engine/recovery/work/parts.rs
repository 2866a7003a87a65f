//! Pure helpers of the search: calls known in part, merging of statuses, stamps in texts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::placeholder::is_known_later;
use crate::engine::preview::{Action, Change};
use crate::engine::render::{RenderContext, elements};
use crate::engine::stamps::{instance_of, intent_of};
use crate::id::{InstanceId, StepId};
use crate::journal::{Few, InstanceStatus, IntendedUndo, JsonText, Phase, RecordedCall};
use crate::order::ordered_set;
use crate::plan::{Step, Undo};
use crate::random::random_id;
use crate::template::Each;

/// A time before any resource of ours: the resource of a call in doubt can be of any age after it.
const BEFORE_ALL: i64 = 946_684_800;

/// Steps whose instances all have recorded results.
pub(super) fn known_steps(changes: &[Change]) -> BTreeSet<StepId> {
    let is_known = |change: &&Change| matches!(change.action, Action::Keep | Action::Change { .. } | Action::Skip);
    let open = ordered_set(changes.iter().filter(|change| !is_known(change)).map(|change| &change.instance.step));
    let all = changes.iter().map(|change| &change.instance.step);
    ordered_set(all.filter(|step| !open.contains(step)).cloned())
}

/// The element of `for_each` that an instance stands for.
pub(super) fn each_of(step: &Step, instance: &InstanceId, surroundings: &RenderContext<'_>) -> Option<Each> {
    let all = elements(step.for_each.as_ref()?, &surroundings.scope()).ok()?;
    all.into_iter().find(|each| Some(each.key.as_str()) == instance.key.as_deref())
}

/// Whether all of the call is known.
pub(super) fn is_whole(call: &RecordedCall) -> bool {
    let pairs = call.query.iter().chain(&call.headers).map(|(_, value)| value.as_str());
    let body = call.body.as_ref().map(JsonText::text).unwrap_or_default();
    !std::iter::once(call.path.as_str()).chain(pairs).chain([body]).any(is_known_later)
}

/// The call without the values that are not known.
pub(super) fn known_part(call: RecordedCall) -> RecordedCall {
    fn known(value: &Value) -> Option<Value> {
        match value {
            Value::Object(fields) => {
                Some(fields.iter().filter_map(|(name, field)| Some((name.clone(), known(field)?))).collect())
            }
            Value::Array(items) => Some(items.iter().filter_map(known).collect()),
            Value::String(text) if is_known_later(text) => None,
            other => Some(other.clone()),
        }
    }
    let pairs = |pairs: Few<(String, String)>| pairs.into_iter().filter(|(_, text)| !is_known_later(text)).collect();
    RecordedCall {
        query: pairs(call.query),
        headers: pairs(call.headers),
        body: call.body.as_deref().and_then(known).map(JsonText::from),
        ..call
    }
}

/// Adds a further resource of an instance: the younger one is its result.
pub(super) fn merge(status: &mut Option<InstanceStatus>, next: InstanceStatus) {
    match status {
        None => *status = Some(next),
        Some(known) => add(known, next),
    }
}

/// Replaces the status of an instance, and keeps the resources of the former one.
pub(super) fn add(known: &mut InstanceStatus, mut next: InstanceStatus) {
    next.made.splice(..0, known.made.drain(..));
    next.inherit(std::mem::take(known));
    *known = next;
}

/// The status of a create that may have been carried out, so that no run sends it before a person has decided.
pub(super) fn in_doubt_status(instance: &InstanceId, call: RecordedCall, step: Option<&Step>) -> InstanceStatus {
    let mut intent = intent_of(instance, call, random_id());
    intent.stamped = false;
    if let Some(step) = step {
        intent.after = step.after.to_vec();
        intent.secret = step.secret;
        intent.undo = if matches!(step.undo, Undo::Keep) { IntendedUndo::Keep } else { IntendedUndo::Default };
    }
    InstanceStatus {
        phase: Phase::InDoubt,
        attempts: 1,
        after: intent.after.clone(),
        intended_at: Timestamp::from_second(BEFORE_ALL).ok(),
        intent: Some(intent.into()),
        ..InstanceStatus::default()
    }
}

/// The instance whose stamp occurs in a task's `data`, in any of its forms (`observed.md` §9).
pub(super) fn stamp_in(data: &Value, prefix: &str) -> Option<InstanceId> {
    match data {
        Value::Object(fields) => fields.values().find_map(|field| stamp_in(field, prefix)),
        Value::Array(items) => items.iter().find_map(|item| stamp_in(item, prefix)),
        Value::String(text) => {
            let stamp = text.strip_prefix("plan=").unwrap_or(text);
            instance_of(stamp.strip_prefix(prefix)?)
        }
        _ => None,
    }
}

pub(super) fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::String(text) => text == id,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;
    use crate::engine::placeholder::known_after;

    fn call() -> RecordedCall {
        let pairs = |name: &str| vec![(name.to_owned(), "1".to_owned()), ("also".to_owned(), "2".to_owned())].into();
        RecordedCall {
            query: pairs("query"),
            headers: pairs("header"),
            body: Some(json!({ "name": "web", "list": [1, "x"] }).into()),
            ..RecordedCall::new(Method::Post, "/cloud/v1/routers/1/7")
        }
    }

    #[test]
    fn one_unknown_value_makes_a_call_incomplete() {
        assert!(is_whole(&call()) && known_part(call()) == call());
        let later = known_after("`net`");
        let named = |text: &str| vec![("also".to_owned(), text.to_owned())].into();
        for (unknown, known) in [
            (RecordedCall { query: named(&later), ..call() }, RecordedCall { query: Few::default(), ..call() }),
            (RecordedCall { headers: named(&later), ..call() }, RecordedCall { headers: Few::default(), ..call() }),
            (
                RecordedCall { body: Some(json!({ "name": later, "list": [1, later] }).into()), ..call() },
                RecordedCall { body: Some(json!({ "list": [1] }).into()), ..call() },
            ),
        ] {
            assert!(!is_whole(&unknown), "{unknown:?}");
            assert_eq!(known_part(unknown), known);
        }
        assert!(!is_whole(&RecordedCall { path: format!("/cloud/v1/routers/1/{later}"), ..call() }));
    }

    #[test]
    fn a_further_resource_is_added_and_the_younger_is_the_result() {
        let of = |attempt: u32, id: &str| InstanceStatus {
            attempts: attempt,
            made: vec![crate::journal::RecordedResource { id: Some(json!(id).into()), ..Default::default() }],
            ..InstanceStatus::default()
        };
        let mut status = None;
        merge(&mut status, of(1, "a"));
        merge(&mut status, of(2, "b"));
        let status = status.unwrap();
        let ids: Vec<String> = status.made.iter().filter_map(|made| Some(made.id.as_ref()?.to_string())).collect();
        assert_eq!((status.attempts, ids), (2, vec![r#""a""#.to_owned(), r#""b""#.to_owned()]));
    }

    /// A resource that is found says nothing about the attempts that were never answered, nor about what a removal left.
    #[test]
    fn what_is_on_record_besides_a_resource_is_kept() {
        let known: InstanceStatus = serde_json::from_value(json!({
            "phase": "absent", "attempts": 3, "made": [], "after": [], "lost": ["l"], "forgotten": ["f"],
            "stays": [{ "kind": "volumes", "id": "s", "undo": null }],
            "earlier": [{ "at": "2026-01-01T00:00:00Z", "intent": {
                "instance": { "step": "web" }, "call": { "method": "POST", "path": "/cloud/v1/routers/1/7" },
                "attempt": 2, "nonce": "n", "stamped": false, "after": [], "undo": "default",
            } }],
        }))
        .unwrap();
        let mut after = known.clone();
        add(&mut after, InstanceStatus { phase: Phase::Succeeded, attempts: 1, ..InstanceStatus::default() });
        assert_eq!(after, InstanceStatus { phase: Phase::Succeeded, ..known });
    }

    #[test]
    fn a_stamp_is_found_at_any_depth_and_in_both_forms() {
        for (data, expected) in [
            (json!({ "tags": { "plan": "demo/default/web" } }), Some("web")),
            (json!({ "metadata": ["other", ["plan=demo/default/web[0]"]] }), Some("web[0]")),
            (json!({ "a": 1, "b": { "c": [null, "demo/default/net"] } }), Some("net")),
            (json!({ "plan": "demo/other/web" }), None),
            (json!("plan=demo/default/"), None),
            (json!(7), None),
        ] {
            let found = stamp_in(&data, "demo/default/").map(|instance| instance.to_string());
            assert_eq!(found.as_deref(), expected, "{data}");
        }
    }

    #[test]
    fn a_call_in_doubt_waits_for_a_person() {
        let instance = InstanceId::new(StepId::new("web"), None);
        let status = in_doubt_status(&instance, call(), None);
        let intent = status.intent.as_deref().unwrap();
        assert_eq!((status.phase, status.attempts, intent.stamped), (Phase::InDoubt, 1, false));
        assert_eq!((&*intent.call, &intent.undo, status.after.len()), (&call(), &IntendedUndo::Default, 0));
        assert_eq!(status.intended_at, Timestamp::from_second(BEFORE_ALL).ok());
        let text = "name: demo\nsteps:\n  - { id: net, call: POST /cloud/v1/networks/1/7, body: { name: net } }\n  - { id: web, \
                    call: POST /cloud/v1/routers/1/7, secret: true, undo: none, needs: [net], body: { name: web } }\n";
        let plan = crate::engine::tests::harness::Trial::plan("plan.yaml", text);
        let status = in_doubt_status(&instance, call(), Some(&plan.steps[&instance.step]));
        let intent = status.intent.as_deref().unwrap();
        assert_eq!((&intent.after, &status.after), (&vec![StepId::new("net")], &vec![StepId::new("net")]));
        assert_eq!((intent.secret, &intent.undo), (true, &IntendedUndo::Keep));
    }
}
