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
