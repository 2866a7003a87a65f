use super::*;
use crate::id::StepId;

fn step(name: &str) -> InstanceId {
    InstanceId::new(StepId::new(name), None)
}

#[test]
fn a_claimed_task_cannot_be_claimed_by_another_step() {
    let ownership = Ownership::new(Arc::new(Vec::new));
    let volume = Claimable::resource("volumes", "7");
    assert!(ownership.claim(volume.clone(), &step("a")) && ownership.claim(volume.clone(), &step("a")));
    assert!(!ownership.claim(volume.clone(), &step("b")));
    ownership.release(&volume, &step("b"));
    assert!(!ownership.claim(volume.clone(), &step("b")), "only its owner can give it back");
    ownership.release(&volume, &step("a"));
    assert!(ownership.claim(volume, &step("b")));
}

#[test]
fn of_instances_with_one_resource_the_last_that_is_removed_takes_it_away() {
    let volume = Claimable::resource("volumes", VOLUME);
    let [a, b, c] = ["a", "b", "c"].map(step);
    for (holders, removed, expected) in [
        (vec![&a], vec![&a], vec![None]),
        (vec![&a, &b], vec![&a], vec![Some(&b)]),
        (vec![&a, &b], vec![&a, &b], vec![Some(&b), None]),
        (vec![&a, &b], vec![&b, &a], vec![Some(&a), None]),
        (vec![&a, &b, &c], vec![&b, &a, &c], vec![Some(&a), Some(&c), None]),
        // Again, as after a removal that stopped.
        (vec![&a, &b], vec![&a, &a], vec![Some(&b), Some(&b)]),
    ] {
        let ownership = Ownership::new(Arc::new(Vec::new));
        let holders: Vec<InstanceId> = holders.into_iter().cloned().collect();
        for (by, left_to) in removed.into_iter().zip(expected) {
            let router = Claimable::resource("routers", "r");
            let left = ownership.relinquish(&volume, std::iter::once(router.clone()), by, &holders);
            assert_eq!(left.as_ref(), left_to, "{holders:?} {by}");
            assert_eq!(ownership.has_relinquished(&router, by), left.is_some());
        }
        let other = Claimable::resource("volumes", "another");
        assert!(!ownership.has_relinquished(&other, &a));
    }
}

#[test]
fn a_name_is_an_id_in_one_project_and_region_only() {
    let recorded = |path: &str| RecordedResource {
        kind: Some("inference_instances".to_owned()),
        id: Some(serde_json::json!("web").into()),
        undo: Some(crate::journal::RecordedCall::new(Method::Delete, path)),
        ..RecordedResource::default()
    };
    let [here, there] = ["/cloud/v3/inference/1/deployments/web", "/cloud/v3/inference/2/deployments/web"];
    let held = Claimable::of(&recorded(here)).unwrap();
    let named = |path: Option<&str>| Claimable::resource_at("inference_instances", "web", path);
    assert!(held.is(&named(Some(here))) && held.is(&named(None)) && !held.is(&named(Some(there))));
    let id = "6f1d2c3b-0000-4000-8000-000000000001";
    assert_eq!(Claimable::resource_at("volumes", id, Some(here)), Claimable::resource("volumes", id));
}

#[test]
fn a_number_is_an_id_of_one_kind_only() {
    let ownership = Ownership::new(Arc::new(Vec::new));
    assert!(ownership.claim(Claimable::resource("projects", "7"), &step("a")));
    assert!(ownership.claim(Claimable::resource("registries", "7"), &step("b")));
    assert!(ownership.claim(Claimable::task("7"), &step("b")));
}
/// A record that owns a task, a volume by its id, and two deployments of one name in two projects.
fn other(task: &str, volume: &str) -> Status {
    let header = crate::journal::Header::new("other", "default");
    let mut status = Status::new(header, jiff::Timestamp::UNIX_EPOCH);
    let deployment = |path: Option<&str>, name: &str| RecordedResource {
        kind: Some("inference_instances".to_owned()),
        id: Some(serde_json::json!(name).into()),
        undo: path.map(|path| crate::journal::RecordedCall::new(Method::Delete, path)),
        ..RecordedResource::default()
    };
    let volume = RecordedResource { kind: Some("volumes".to_owned()), ..deployment(None, volume) };
    let made = vec![volume, deployment(Some(HERE), "web"), deployment(None, "db")];
    let known = crate::journal::InstanceStatus { made, ..Default::default() };
    status.instances.insert(step("a"), known.into());
    status.tasks.insert(task.to_owned());
    status
}

const HERE: &str = "/cloud/v3/inference/1/deployments/web";
const VOLUME: &str = "6f1d2c3b-0000-4000-8000-000000000001";

#[test]
fn a_resource_of_another_record_belongs_to_it() {
    let ownership = Ownership::new(Arc::new(|| vec![("production".to_owned(), other("t", VOLUME))]));
    let deployment = |name: &str, path: Option<&str>| Claimable::resource_at("inference_instances", name, path);
    for (claimed, owned) in [
        (Claimable::task("t"), true),
        (Claimable::task("u"), false),
        (Claimable::task("web"), false),
        (Claimable::resource("volumes", VOLUME), true),
        (Claimable::resource("snapshots", VOLUME), false),
        (Claimable::resource("volumes", "6f1d2c3b-0000-4000-8000-000000000002"), false),
        (deployment("web", Some(HERE)), true),
        (deployment("web", Some("/cloud/v3/inference/2/deployments/web")), false),
        (deployment("web", None), true),
        (deployment("api", None), false),
        // That record does not say where its deployment is: it may be any.
        (deployment("db", Some("/cloud/v3/inference/2/deployments/db")), true),
    ] {
        let name = owned.then(|| "production".to_owned());
        assert_eq!(ownership.other_record(&claimed), name, "{claimed:?}");
    }
}

#[test]
fn a_number_without_its_path_is_compared_as_it_is() {
    let ownership = Ownership::new(Arc::new(|| vec![("production".to_owned(), other("t", "7"))]));
    assert_eq!(ownership.other_record(&Claimable::resource("volumes", "7")).as_deref(), Some("production"));
    assert_eq!(ownership.other_record(&Claimable::resource("volumes", "77")), None);
}

#[tokio::test]
async fn other_records_are_read_again() {
    let tasks = Arc::new(Mutex::new(vec!["first"]));
    let shown = tasks.clone();
    let read = move || lock(&shown).iter().map(|task| ("other".to_owned(), other(task, VOLUME))).collect();
    let ownership = Ownership::new(Arc::new(read));
    let owns = |task: &str| ownership.other_record(&Claimable::task(task)).is_some();
    assert!(owns("first") && !owns("second"));
    lock(&tasks).push("second");
    assert!(!owns("second"), "nothing is read without being told to");
    ownership.read_other_records().await;
    assert!(owns("first") && owns("second"));
}

#[test]
fn a_task_is_itself_only() {
    let [task, resource] = [Claimable::task("7"), Claimable::resource("volumes", "7")];
    assert!(task.is(&Claimable::task("7")) && !task.is(&Claimable::task("8")));
    assert!(!task.is(&resource) && !resource.is(&task));
}
