//! Finds what a create left behind although one of its tasks ended in ERROR: the main resource, or only secondary
//! ones.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::collection::{items, list_call};
use super::context::RunContext;
use super::evidence::tags::{STAMP_ATTEMPT, tag};
use super::made::resource_of;
use super::operation::Parameters;
use super::ownership::Claimable;
use super::paths;
use super::search::{AttemptSearch, LeftBehind};
use super::unseen::unlisted_for;
use crate::catalog::{ListCall, Operation};
use crate::journal::{Intent, StepResult, Unanswered, id_text};

/// The pause between two searches: lists may be late.
const PAUSE: Duration = Duration::from_secs(2);

/// What exists after a failed create, and whether the search can have missed anything.
pub struct Leftover {
    pub result: StepResult,
    /// The lists name the maker of each item, or nothing in them can be its work, so that what was not found does not
    /// exist.
    pub certain: bool,
    /// Resources that the create or another client may have made, in words.
    pub candidates: Vec<String>,
}

/// Adds, to the resources that the tasks of a failed create list, those that name one of these tasks as their maker, or
/// are otherwise its work. As long as the main one is not found, it is looked for until lists show what was made at the
/// `end` of these tasks, a time of the server; once when that is not given.
pub async fn leftover(
    context: &RunContext,
    attempt: &Unanswered,
    operation: &Operation,
    parameters: &Parameters,
    result: StepResult,
    end: Option<Timestamp>,
) -> Option<Leftover> {
    let (now, most) = (context.client.known_server_time(context.now()), context.settings.resolve_time);
    let left = end.map(|end| unlisted_for(end, now, most)).unwrap_or_default();
    let until = context.clock().elapsed() + left;
    loop {
        let found = look(context, attempt, operation, parameters, result.clone()).await?;
        let left = until.saturating_sub(context.clock().elapsed());
        if found.result.id.is_some() || left.is_zero() {
            return Some(found);
        }
        if context.stopped.or_leave(context.clock().sleep(left.min(PAUSE))).await.is_err() {
            return Some(Leftover { certain: false, ..found });
        }
    }
}

async fn look(
    context: &RunContext,
    attempt: &Unanswered,
    operation: &Operation,
    parameters: &Parameters,
    mut result: StepResult,
) -> Option<Leftover> {
    let creates = operation.creates.as_ref()?;
    let intent = &attempt.intent;
    let (mut certain, mut candidates) = (true, Vec::new());
    for kind in std::iter::once(&creates.kind).chain(creates.lasting_kinds()) {
        // Several operations create resources of one kind (virtual machines and bare metal): for the main kind, the
        // lists of this operation are used.
        let resource = match *kind == creates.kind {
            true => creates.resource.clone(),
            false => resource_of(context.catalog, kind),
        };
        let list = resource.and_then(|resource| resource.list);
        let found = match search(context, intent, list.as_ref(), parameters, &result.tasks).await {
            Some(found) => found,
            None if *kind != creates.kind || result.id.is_some() => continue,
            None => match AttemptSearch::new(context, attempt, &[]).left_behind().await {
                Ok(LeftBehind::Resource(id)) => vec![id],
                Ok(LeftBehind::Nothing) => continue,
                Ok(LeftBehind::Undecided(may_be)) => {
                    (certain, candidates) = (false, may_be);
                    continue;
                }
                Err(_) => {
                    certain = false;
                    continue;
                }
            },
        };
        let ids = result.created.ids_of(kind);
        let is_owned = |kind: &String, id: &Value| {
            let own = (*kind == creates.kind).then(|| paths::own_path(operation, parameters, &id_text(id))).flatten();
            let claimed = Claimable::resource_at(kind, &id_text(id), own.as_deref());
            context.other_owner(&intent.instance, id, &claimed).is_some()
        };
        for id in found {
            if !ids.iter().any(|known| id_text(known) == id_text(&id)) && !is_owned(kind, &id) {
                ids.push(id.into());
            }
        }
        let ids = ids.clone();
        if *kind == creates.kind && result.id.is_none() {
            result.set_ids(ids);
        }
    }
    Some(Leftover { result, certain, candidates })
}

/// The ids of a list's items that one of the tasks made or that carry the tag of this attempt; `None` when the items do
/// not show it, or the list cannot be read.
async fn search(
    context: &RunContext,
    intent: &Intent,
    list: Option<&ListCall>,
    parameters: &Parameters,
    tasks: &[String],
) -> Option<Vec<Value>> {
    let list = list.filter(|list| list.creator_task || (list.tags && intent.stamped))?;
    let found = items(context, list, list_call(list, parameters)?).await.ok()?;
    let ours = |item: &&Value| {
        let maker = item.get("creator_task_id").and_then(Value::as_str);
        let stamped = intent.stamped && tag(item, Some(list), STAMP_ATTEMPT).as_deref() == Some(&intent.nonce);
        stamped || maker.is_some_and(|maker| tasks.iter().any(|task| task == maker))
    };
    Some(found.iter().filter(ours).filter_map(|item| item.get(&list.id_field).cloned()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Method};
    use crate::engine::evidence::testing::intent;
    use crate::engine::tests::apart::{Canned, listed, with_answers};
    use crate::journal::{Few, RecordedCall};

    /// What is found of a failed create: the created resources by kind, whether that is certain, and the candidates.
    fn found(path: &str, stamped: bool, result: StepResult, table: &[(&str, Canned)]) -> (Value, bool, Vec<String>) {
        let call =
            RecordedCall { body: Some(json!({ "name": "web" }).into()), ..RecordedCall::new(Method::Post, path) };
        let (operation, parameters) = Catalog::embedded().matching(Method::Post, path).unwrap();
        let intent = Intent { call: call.into(), stamped, ..intent(json!({})) };
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let attempt =
            Unanswered { intent: intent.into(), at, head: None, failed: Few::default(), missing: Few::default() };
        let left = with_answers(table.to_vec(), async |context| {
            leftover(context, &attempt, &operation, &parameters, result, None).await.unwrap()
        });
        let Value::Object(created) = json!(left.result.created) else { panic!("kinds") };
        let created: Value =
            created.into_iter().filter(|(_, ids)| ids.as_array().is_some_and(|ids| !ids.is_empty())).collect();
        let id = json!(left.result.id);
        (json!({ "id": id, "created": created }), left.certain, left.candidates)
    }

    fn of_task(task: &str) -> StepResult {
        StepResult { tasks: [task.to_owned()].into_iter().collect(), ..StepResult::default() }
    }

    #[test]
    fn what_names_a_task_of_the_call_or_has_its_tag_is_its_work() {
        let tagged = |id: &str, nonce: &str| json!({ "id": id, "tags": [{ "key": STAMP_ATTEMPT, "value": nonce }], "creator_task_id": "t9" });
        let items = [
            json!({ "id": "a", "creator_task_id": "t1" }),
            json!({ "id": "b", "creator_task_id": "t9" }),
            tagged("c", "0ddba11"),
            tagged("d", "another"),
        ];
        let table = [("/cloud/v1/volumes/1/7", listed(&items))];
        for (stamped, created) in [(true, json!(["a", "c"])), (false, json!(["a"]))] {
            let (found, certain, candidates) = found("/cloud/v1/volumes/1/7", stamped, of_task("t1"), &table);
            assert_eq!(found, json!({ "id": "a", "created": { "volumes": created } }));
            assert!(certain && candidates.is_empty());
        }
    }

    #[test]
    fn of_a_machine_also_what_was_made_for_it_is_looked_for() {
        let of_task1 = |id: &str| json!({ "id": id, "creator_task_id": "t1" });
        let table = |machines: &[Value]| {
            [
                ("/cloud/v1/instances/1/7", listed(machines)),
                ("/cloud/v1/volumes/1/7", listed(&[of_task1("v1"), of_task1("v2")])),
                ("/cloud/v1/floatingips/1/7", listed(&[])),
            ]
        };
        let machine = "/cloud/v2/instances/1/7";
        let (left, certain, _) = found(machine, false, of_task("t1"), &table(&[]));
        assert_eq!((left, certain), (json!({ "id": null, "created": { "volumes": ["v1", "v2"] } }), true));
        // What the task lists already is not listed twice.
        let mut told = of_task("t1");
        told.created.insert("volumes".to_owned(), vec![json!("v2").into()]);
        let (left, _, _) = found(machine, false, told, &table(&[of_task1("m1")]));
        assert_eq!(left, json!({ "id": "m1", "created": { "instances": ["m1"], "volumes": ["v2", "v1"] } }));
    }

    #[test]
    fn a_kind_whose_items_name_no_task_is_searched_for_only_without_an_id() {
        let path = "/cloud/v1/servergroups/1/7";
        let table = [(path, listed(&[json!({ "servergroup_id": "g2", "name": "web", "policy": "affinity" })]))];
        let (left, certain, candidates) = found(path, false, of_task("t1"), &table);
        assert_eq!(
            (left, certain, candidates),
            (json!({ "id": null, "created": {} }), false, vec!["placement group g2".to_owned()])
        );
        let known = StepResult { id: Some(json!("g1").into()), ..of_task("t1") };
        let (left, certain, candidates) = found(path, false, known, &table);
        assert_eq!((left, certain, candidates), (json!({ "id": "g1", "created": {} }), true, Vec::new()));
    }
}
