//! Which secondary resources the create of an existing resource made, according to the lists of their kinds, whose
//! items name the task that made them.
//!
//! For resources that were not created by a recorded call, so that no task of theirs is on record.

use serde_json::Value;

use super::collection::{creator_task, items, list_call};
use super::context::RunContext;
use super::made::resource_of;
use super::operation::{self, Parameters};
use super::ownership::Claimable;
use crate::api::ReadError;
use crate::catalog::{Creates, IdAt, ListCall};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, StepResult, id_text};

/// Adds to the result for an existing resource the task that made it, and what that task made besides.
///
/// # Errors
///
/// When a list cannot be read.
pub async fn with_secondary(
    context: &RunContext,
    instance: &InstanceId,
    creates: &Creates,
    parameters: &Parameters,
    item: &Value,
    mut result: StepResult,
) -> Result<StepResult, ReadError> {
    let Some(task) = creator_task(item) else { return Ok(result) };
    result.tasks.push(task.clone());
    let kinds = kinds(creates);
    if kinds.is_empty() {
        return Ok(result);
    }
    let main = creates.resource.as_ref().and_then(|resource| resource.list.as_ref());
    let is_one_of_several = made_by(context, main, parameters, &task).await?.len() > 1;
    for kind in kinds {
        let list = resource_of(context.catalog, kind).and_then(|resource| resource.list);
        for id in made_by(context, list.as_ref(), parameters, &task).await? {
            let claimed = Claimable::resource(kind, &id_text(&id));
            // What one task made for several resources belongs to the one that shows it.
            let is_its = !is_one_of_several || mentions(item, &id);
            if is_its && context.other_owner(instance, &id, &claimed).is_none() {
                result.created.ids_of(kind).push(id.into());
            }
        }
    }
    Ok(result)
}

/// Adds to the result of a create, whose tasks do not name what they made, what the lists of its secondary kinds say they
/// made besides.
///
/// # Errors
///
/// When a list cannot be read.
pub async fn add_secondary(
    context: &RunContext,
    instance: &InstanceId,
    creates: &Creates,
    parameters: &Parameters,
    tasks: &[String],
    result: &mut StepResult,
) -> Result<(), ReadError> {
    for kind in kinds(creates) {
        let list = resource_of(context.catalog, kind).and_then(|resource| resource.list);
        for task in tasks {
            for id in made_by(context, list.as_ref(), parameters, task).await? {
                let claimed = Claimable::resource(kind, &id_text(&id));
                let is_known = result.created.get(kind).is_some_and(|ids| ids.iter().any(|known| **known == id));
                if !is_known && context.other_owner(instance, &id, &claimed).is_none() {
                    result.created.ids_of(kind).push(id.into());
                }
            }
        }
    }
    Ok(())
}

/// The secondary kinds that the create makes and that can exist without the main resource.
pub fn kinds(creates: &Creates) -> Vec<&String> {
    creates.lasting_kinds().into_iter().filter(|kind| creates.also.contains(kind)).collect()
}

/// The ids of a list's items that this task made.
async fn made_by(
    context: &RunContext,
    list: Option<&ListCall>,
    parameters: &Parameters,
    task: &str,
) -> Result<Vec<Value>, ReadError> {
    let list = list.filter(|list| list.creator_task);
    let Some((list, request)) = list.and_then(|list| Some((list, list_call(list, parameters)?))) else {
        return Ok(Vec::new());
    };
    let found = items(context, list, request).await?;
    let of_task = found.iter().filter(|item| creator_task(item).as_deref() == Some(task));
    Ok(of_task.filter_map(|item| item.get(&list.id_field).cloned()).collect())
}

fn mentions(item: &Value, id: &Value) -> bool {
    match item {
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        value => value == id,
    }
}

/// The kinds of resources that may outlive the ones of an instance and are not on record, because nothing says which
/// task made them.
pub fn unknown_kinds_of(context: &RunContext, known: &InstanceStatus) -> Vec<String> {
    let matched = known.agreed().and_then(|call| operation::operation_of(context.catalog, call));
    let creates = matched.as_ref().and_then(|(operation, _)| operation.creates.as_ref());
    let Some(creates) = creates.filter(|creates| matches!(creates.id_at, IdAt::Task(_))) else { return Vec::new() };
    let result = known.result.iter().any(|result| !result.tasks.is_empty());
    let is_told = result || known.made.iter().any(|made| !made.tasks.is_empty() || !made.secondary.is_empty());
    let is_removed = known.made.iter().any(|made| made.undo.is_some());
    if is_told || !is_removed { Vec::new() } else { kinds(creates).into_iter().cloned().collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Method};
    use crate::engine::tests::apart::{listed, with_answers};
    use crate::journal::{RecordedCall, RecordedResource};

    #[test]
    fn kinds_that_can_exist_without_the_main_resource_are_looked_for() {
        let kinds = |path: &str| -> Vec<String> {
            let (create, _) = Catalog::embedded().matching(Method::Post, &format!("{path}/1/7")).unwrap();
            super::kinds(create.creates.as_ref().unwrap()).into_iter().cloned().collect()
        };
        assert_eq!(kinds("/cloud/v2/instances"), ["floatingips", "volumes"]);
        assert_eq!(kinds("/cloud/v1/networks"), ["routers"]);
        assert_eq!(kinds("/cloud/v1/loadbalancers"), ["floatingips"]);
        // The snapshots of a volume are made by calls of their own.
        assert_eq!(kinds("/cloud/v1/volumes"), Vec::<String>::new());
    }

    #[test]
    fn a_resource_shows_what_belongs_to_it_at_any_depth() {
        let machine = json!({ "id": "vm", "volumes": [{ "id": "boot" }], "number": 7 });
        for (id, is_shown) in [(json!("boot"), true), (json!(7), true), (json!("data"), false), (json!("id"), false)] {
            assert_eq!(mentions(&machine, &id), is_shown, "{id}");
        }
    }

    #[test]
    fn what_the_task_of_a_machine_made_besides_belongs_to_it_unless_the_task_made_several() {
        let (create, _) = Catalog::embedded().matching(Method::Post, "/cloud/v2/instances/1/7").unwrap();
        let creates = create.creates.as_ref().unwrap();
        let place = [("project_id", "1"), ("region_id", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let place: Parameters = place.to_vec();
        let of_task = |id: &str, task: &str| json!({ "id": id, "creator_task_id": task });
        let machine = json!({ "id": "m1", "creator_task_id": "t1", "volumes": [{ "id": "v1" }] });
        let instance = InstanceId::new(crate::id::StepId::new("web"), None);
        let volumes = listed(&[of_task("v1", "t1"), of_task("v2", "t1"), of_task("v3", "t9")]);
        let addresses = listed(&[of_task("f1", "t1"), json!({ "id": "f2", "creator_task_id": "" })]);
        let machines = |ids: &[&str]| listed(&ids.iter().map(|id| of_task(id, "t1")).collect::<Vec<_>>());
        let of_several = (403, json!({}));
        for (item, machines, volumes, expected) in [
            (&machine, machines(&["m1"]), &volumes, Some(json!({ "floatingips": ["f1"], "volumes": ["v1", "v2"] }))),
            (&machine, machines(&["m1", "m2"]), &volumes, Some(json!({ "volumes": ["v1"] }))),
            (&machine, machines(&["m1"]), &of_several, None),
            (&json!({ "id": "m1" }), machines(&["m1"]), &volumes, Some(json!({}))),
        ] {
            let table = [
                ("/cloud/v1/instances/1/7", machines),
                ("/cloud/v1/volumes/1/7", volumes.clone()),
                ("/cloud/v1/floatingips/1/7", addresses.clone()),
            ];
            let result = with_answers(table, async |context| {
                with_secondary(context, &instance, creates, &place, item, StepResult::default()).await
            });
            let tasks = result.as_ref().map(|result| result.tasks.len()).unwrap_or_default();
            assert_eq!(result.ok().map(|result| without_nothing(json!(result.created))), expected, "{item}");
            assert_eq!(tasks, usize::from(expected.is_some() && item.get("creator_task_id").is_some()));
        }
    }

    /// The kinds with ids.
    fn without_nothing(kinds: Value) -> Value {
        let Value::Object(kinds) = kinds else { panic!("{kinds}") };
        kinds.into_iter().filter(|(_, ids)| ids.as_array().is_some_and(|ids| !ids.is_empty())).collect()
    }

    #[test]
    fn secondary_kinds_of_a_machine_are_unknown_when_no_task_of_it_is_on_record() {
        let call = |path: &str| RecordedCall { body: Some(json!({}).into()), ..RecordedCall::new(Method::Post, path) };
        let undo = RecordedCall::new(Method::Delete, "/cloud/v1/instances/1/7/m1");
        let made = RecordedResource { undo: Some(undo), ..RecordedResource::default() };
        let kept = RecordedResource::default();
        let tasks = RecordedResource { tasks: ["t1".to_owned()].into_iter().collect(), ..made.clone() };
        let besides = RecordedResource { secondary: vec![kept.clone()].into(), ..made.clone() };
        let result = StepResult { tasks: ["t1".to_owned()].into_iter().collect(), ..StepResult::default() };
        let of = |path: &str, made: &RecordedResource, result: Option<&StepResult>| InstanceStatus {
            agrees: Some(call(path).into()),
            made: vec![made.clone()],
            result: result.cloned(),
            ..InstanceStatus::default()
        };
        let (machine, network) = ("/cloud/v2/instances/1/7", "/cloud/v1/ssh_keys/1");
        let told = with_answers([], async |context| {
            [
                unknown_kinds_of(context, &of(machine, &made, None)),
                unknown_kinds_of(context, &of(machine, &made, Some(&StepResult::default()))),
                unknown_kinds_of(context, &of(machine, &made, Some(&result))),
                unknown_kinds_of(context, &of(machine, &tasks, None)),
                unknown_kinds_of(context, &of(machine, &besides, None)),
                unknown_kinds_of(context, &of(machine, &kept, None)),
                unknown_kinds_of(context, &of(network, &made, None)),
                unknown_kinds_of(context, &InstanceStatus { made: vec![made.clone()], ..InstanceStatus::default() }),
            ]
        });
        let kinds = ["floatingips", "volumes"].map(str::to_owned).to_vec();
        let none = Vec::new();
        assert_eq!(told, [&kinds, &kinds, &none, &none, &none, &none, &none, &none].map(Clone::clone));
    }
}
