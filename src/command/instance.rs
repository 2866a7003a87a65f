//! An instance and its resources, as they are shown.

use serde_json::{Value, json};

use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedResource, id_text};

/// What is shown of a resource.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ResourceColumns<'a> {
    pub kind: Option<&'a str>,
    pub id: Option<&'a Value>,
    pub name: Option<&'a str>,
}

impl<'a> From<&'a RecordedResource> for ResourceColumns<'a> {
    fn from(made: &'a RecordedResource) -> Self {
        Self { kind: made.kind.as_deref(), id: made.id.as_deref(), name: made.name.as_deref() }
    }
}

/// The resource of an instance: the one that later steps refer to, the last that it made, or that of its answer.
pub(super) fn shown(instance: &InstanceStatus) -> ResourceColumns<'_> {
    match (own(instance), &instance.result) {
        (Some(made), _) => made.into(),
        (None, Some(result)) => {
            ResourceColumns { kind: result.kind.as_deref(), id: result.id.as_deref(), name: result.name.as_deref() }
        }
        (None, None) => ResourceColumns::default(),
    }
}

/// Whether the main resource of a call is unknown or gone: at most secondary resources are left.
fn is_remainder(made: &RecordedResource) -> bool {
    made.id.is_none() && made.undo.is_none()
}

/// What an instance made, oldest first; of a create of which only secondary resources are left, these.
pub(super) fn recorded_resources(instance: &InstanceStatus) -> impl DoubleEndedIterator<Item = &RecordedResource> {
    instance.made.iter().flat_map(|made| match is_remainder(made) && !made.secondary.is_empty() {
        true => &made.secondary[..],
        false => std::slice::from_ref(made),
    })
}

fn own(instance: &InstanceStatus) -> Option<&RecordedResource> {
    let result = instance.result.as_ref().and_then(|result| result.id.as_ref());
    let made = || recorded_resources(instance).rev();
    made().find(|made| made.id.is_some() && made.id.as_ref() == result).or_else(|| made().next())
}

/// Its further resources that still exist.
pub(super) fn others(instance: &InstanceStatus) -> impl Iterator<Item = &RecordedResource> {
    let own = own(instance);
    recorded_resources(instance).filter(move |made| own.is_some_and(|own| !std::ptr::eq(own, *made)))
}

/// An instance as JSON.
pub(super) fn instance_json(id: &InstanceId, instance: &InstanceStatus) -> Value {
    let ResourceColumns { kind, id: resource, name } = shown(instance);
    let tasks = match &instance.phase {
        Phase::Accepted { tasks, .. } | Phase::RemovalAccepted { tasks } => tasks.clone(),
        _ => Vec::new(),
    };
    let one = |made: &RecordedResource| json!({ "kind": made.kind, "id": made.id, "name": made.name });
    let secondary = |made: &RecordedResource| -> Vec<Value> { made.secondary.iter().map(one).collect() };
    json!({
        "instance": id.to_string(),
        "step": id.step,
        "key": id.key,
        "phase": instance.phase.name(),
        "kind": kind,
        "id": resource.map(id_text),
        "name": name,
        "exists": instance.may_exist(),
        "beside": instance.made.iter().filter(|made| !is_remainder(made)).flat_map(secondary).collect::<Vec<_>>(),
        "as_well": others(instance).map(one).collect::<Vec<_>>(),
        "stays": instance.stays.iter().map(one).collect::<Vec<_>>(),
        "tasks": tasks,
        "call": instance.call().map(ToString::to_string),
        "attempts": instance.attempts,
        "intended": instance.intended_at,
        "finished": instance.finished_at,
        "duration_ms": instance.duration_ms,
        "error": instance.error,
    })
}
