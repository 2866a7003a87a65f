//! The instance of the record that has the resource which another one asks for: with two owners, the removal of one would
//! delete the resource of the other.
//!
//! Pure.

use serde_json::Value;

use crate::catalog::Operation;
use crate::engine::record_flags::RecordFlags;
use crate::engine::{operation, results};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, RecordedCall, Status, StepResult};
use crate::plan::Plan;
use crate::shell::quoted;

/// Why a call is not sent that the API would carry out on the resource of a former step.
pub const WOULD_CHANGE: &str = "it would change an existing resource";

/// Another instance of the record that has the resource which the call would change or create: of the same kind and name
/// in the same collection, or at the same path where that identifies it (a record set).
pub fn holder(
    status: &Status,
    instance: &InstanceId,
    operation: Option<&Operation>,
    call: &RecordedCall,
) -> Option<InstanceId> {
    operation?.creates.as_ref()?;
    let asked = results::result_of_answer(operation, call, 0, Value::Null);
    if asked.name.is_none() && asked.id.is_none() {
        return None;
    }
    let by_key = |made: &StepResult| match &asked.name {
        Some(_) => made.name == asked.name,
        None => made.id == asked.id,
    };
    let has_it = |known: &InstanceStatus| {
        let made = known.result.as_ref().filter(|_| !known.made.is_empty());
        made.is_some_and(|made| made.kind == asked.kind && by_key(made))
            && known.agreed().is_some_and(|made_by| made_by.path == call.path)
    };
    let mut others = status.instances.iter().filter(|(other, _)| *other != instance);
    others.find(|(_, known)| has_it(known)).map(|(other, _)| other.clone())
}

/// The holder of what a call would change, where that is no longer in the plan, as after a rename: the call is refused.
pub fn former_holder(
    plan: &Plan,
    status: &Status,
    instance: &InstanceId,
    operation: Option<&Operation>,
    call: &RecordedCall,
) -> Option<InstanceId> {
    let held = operation::or_changes(operation).then(|| holder(status, instance, operation, call)).flatten();
    held.filter(|holder| holder.step == instance.step || !plan.steps.contains_key(&holder.step))
}

/// Why an instance does not get what another one has.
pub fn held_words(why: &str, holder: &InstanceId) -> String {
    format!("{why}; `{holder}` of this record has it")
}

/// How an instance takes over what another instance of the record has; where both are in the plan, that one has to use the
/// other's.
pub fn rename_help(plan: &Plan, flags: &RecordFlags, holder: &InstanceId, id: &InstanceId) -> String {
    if plan.steps.contains_key(&holder.step) && holder.step != id.step {
        return one_step_help(holder, id);
    }
    let names = [holder, id].map(ToString::to_string);
    let ([from, to], [before, after]) =
        (names.each_ref().map(|name| name.replace('\'', "''")), names.each_ref().map(|name| quoted(name)));
    format!(
        "rename it: `moved: [{{ from: '{from}', to: '{to}' }}]` in the plan, or `plan state mv{flags} {before} {after}`"
    )
}

/// What to do where two instances of the plan ask for one resource.
pub fn one_step_help(holder: &InstanceId, id: &InstanceId) -> String {
    format!("a resource has one step: let `{id}` use `steps.{}`, or take one of the two out", holder.step)
}
