//! Finds the resources in the account that carry the stamp (tag) of one environment: `plan:
//! <plan>/<environment>/<step>[key]`.
//!
//! Needs no record: it reads one list per kind, project and region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use super::collection::result_of_item;
use super::conceal::without_sensitive;
use super::evidence::lists;
use super::evidence::tags::{STAMP, STAMP_ATTEMPT, tag};
use super::made::made;
use super::operation::operation_of;
use super::pages::{Paging, pages};
use super::paths::fill_path;
use super::project_region::ProjectRegion;
use crate::api::{Client, ReadError, Request};
use crate::catalog::{Catalog, ListCall, Method, Operation};
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, IntendedUndo, Intent, Mark, Phase, RecordedCall, Status};
use crate::plan::Step;

/// Lists that are read concurrently.
const AT_ONCE: usize = 8;

/// The ids of a project and a region that are both known.
pub type ProjectRegionIds = (i64, i64);

/// A resource that carries the stamp.
#[derive(Debug, Clone)]
pub struct Stamped {
    pub instance: InstanceId,
    /// The status that a record would have for it.
    pub status: InstanceStatus,
    /// When it was created, where its list shows that.
    pub created: Option<Timestamp>,
}

impl Stamped {
    /// The id of the resource.
    pub fn id(&self) -> Option<&Value> {
        self.status.result.as_ref()?.id.as_deref()
    }
}

/// The outcome of the search.
#[derive(Debug, Default)]
pub struct StampSearch {
    pub found: Vec<Stamped>,
    /// The number of lists that were read.
    pub lists: usize,
    /// The lists that could not be read, and why.
    pub unread: Vec<(String, ReadError)>,
}

/// Searches these projects and regions for everything with the environment's stamp that these operations can create.
pub async fn stamped(
    client: &Client,
    catalog: &Catalog,
    operations: impl IntoIterator<Item = Arc<Operation>>,
    project_regions: &[ProjectRegionIds],
    plan: &str,
    environment: &str,
) -> StampSearch {
    let mut lists = BTreeMap::new();
    for operation in operations {
        // Other products than the Cloud have one list of an account.
        let is_placed = listing(&operation).is_some_and(|list| list.path.contains('{'));
        for project_region in if is_placed { project_regions } else { &[(0, 0)] } {
            if let Some((path, _)) = list_of(&operation, *project_region) {
                lists.entry(path).or_insert((operation.clone(), *project_region));
            }
        }
    }
    let prefix = format!("{plan}/{environment}/");
    let looks = lists.into_iter().map(|(path, (operation, project_region))| {
        let prefix = &prefix;
        async move {
            let items = items_of(client, &operation, project_region).await;
            let found = items.map(|items| {
                let known = |item| known(catalog, &operation, project_region, prefix, item);
                items.iter().filter_map(known).collect::<Vec<_>>()
            });
            (path, found)
        }
    });
    let mut looked = StampSearch::default();
    let answers: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    for (path, found) in answers {
        match found {
            Ok(found) => {
                looked.lists += 1;
                looked.found.extend(found);
            }
            Err(error) => looked.unread.push((path, error)),
        }
    }
    looked
}

/// The creates of these steps whose resources can be found by their stamp.
pub fn stampable<'p>(steps: impl Iterator<Item = &'p Step>) -> Vec<Arc<Operation>> {
    let operations = steps.filter(|step| !step.unstamped).filter_map(|step| step.operation.clone());
    operations.filter(|operation| operation.creates.is_some() && is_findable(operation)).collect()
}

/// The creates on record that were sent with a stamp by which their resources can be found, and the projects and
/// regions of these calls.
pub fn stamped_on_record(catalog: &Catalog, status: &Status) -> (Vec<Arc<Operation>>, Vec<ProjectRegionIds>) {
    let (mut operations, mut project_regions) = (BTreeMap::new(), BTreeSet::new());
    let sent_with_stamp = |known: &&InstanceStatus| known.intent.as_ref().is_none_or(|intent| intent.stamped);
    let calls =
        status.instances.values().map(|known| &**known).filter(sent_with_stamp).filter_map(InstanceStatus::call);
    let matched = calls.filter(|call| call.method == Method::Post).filter_map(|call| operation_of(catalog, call));
    for (operation, parameters) in matched.filter(|(operation, _)| is_findable(operation)) {
        project_regions.extend(ProjectRegion::of(&parameters).both());
        operations.entry(operation.route.path.clone()).or_insert(operation);
    }
    (operations.into_values().collect(), project_regions.into_iter().collect())
}

/// Whether the resources that an operation creates can be found by their stamp: by tags, or by a text in which it was left.
pub fn is_findable(operation: &Operation) -> bool {
    let is_tagged = |list: &ListCall| operation.takes_tags && (list.tags || list.by_tag);
    listing(operation).is_some_and(|list| is_tagged(list) || list.remark_field.is_some())
}

fn listing(operation: &Operation) -> Option<&ListCall> {
    operation.creates.as_ref()?.resource.as_ref()?.list.as_ref()
}

fn parameters((project, region): ProjectRegionIds) -> Vec<(String, String)> {
    vec![("project_id".to_owned(), project.to_string()), ("region_id".to_owned(), region.to_string())]
}

/// The list of the operation's kind, when it needs no parameters but project and region.
fn list_of(operation: &Operation, project_region: ProjectRegionIds) -> Option<(String, &ListCall)> {
    let list = listing(operation).filter(|_| is_findable(operation))?;
    Some((fill_path(&list.path, &parameters(project_region), "", "")?, list))
}

async fn items_of(
    client: &Client,
    operation: &Operation,
    project_region: ProjectRegionIds,
) -> Result<Vec<Value>, ReadError> {
    let Some((path, list)) = list_of(operation, project_region) else { return Ok(Vec::new()) };
    let mut request = Request::get(&path);
    if list.by_tag {
        request = request.query("tag_key", STAMP);
    }
    match pages(client, &request, &list.items_at, Paging::of(list)).await {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        read => read,
    }
}

/// The recovered status of a listed item, when it carries the stamp.
fn known(
    catalog: &Catalog,
    operation: &Operation,
    project_region: ProjectRegionIds,
    prefix: &str,
    item: &Value,
) -> Option<Stamped> {
    let list = listing(operation)?;
    let instance = instance_of(tag(item, Some(list), STAMP)?.strip_prefix(prefix)?)?;
    let item = &without_sensitive(item);
    let call = RecordedCall::new(Method::Post, fill_path(&operation.route.path, &parameters(project_region), "", "")?);
    let mut result = result_of_item(Some(operation), &call, item);
    result.tasks.extend(item.get("creator_task_id").and_then(Value::as_str).map(str::to_owned));
    let made = made(catalog, &call, &result, &IntendedUndo::Default);
    let intent = intent_of(&instance, call, tag(item, Some(list), STAMP_ATTEMPT).unwrap_or_default());
    let failed = item.get("status").and_then(Value::as_str) == Some("ERROR");
    let status = InstanceStatus {
        // A machine whose creation failed exists, but is not a result.
        phase: if failed { Phase::Failed } else { Phase::Succeeded },
        attempts: 1,
        intent: Some(intent.into()),
        result: Some(result),
        made: vec![made],
        ..InstanceStatus::default()
    };
    Some(Stamped { instance, status, created: lists::made(item) })
}

/// The intent of a call whose record is lost.
pub(super) fn intent_of(instance: &InstanceId, call: RecordedCall, nonce: String) -> Intent {
    Intent {
        instance: instance.clone(),
        call: call.into(),
        attempt: 1,
        nonce,
        stamped: true,
        after: Vec::new(),
        undo: IntendedUndo::Default,
        timeout_ms: None,
        secret: false,
        mark: Mark::none(),
        update: None,
    }
}

/// Parses an instance: `web` or `web[0]`.
pub(super) fn instance_of(text: &str) -> Option<InstanceId> {
    let (step, key) = match text.split_once('[') {
        Some((step, rest)) => (step, Some(rest.strip_suffix(']')?.to_owned())),
        None => (text, None),
    };
    (!step.is_empty()).then(|| InstanceId::new(StepId::new(step), key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::tags::remark;
    use crate::engine::tests::apart::{listed, with_answers};

    #[test]
    fn instances_are_read_from_stamps() {
        for (text, step, key) in
            [("web", "web", None), ("web[0]", "web", Some("0")), ("web[a[b]]", "web", Some("a[b]"))]
        {
            let instance = instance_of(text).unwrap();
            assert_eq!((instance.step.as_str(), instance.key.as_deref()), (step, key));
            assert_eq!(instance.to_string(), text);
        }
        assert!(instance_of("web[0").is_none() && instance_of("").is_none());
    }

    #[test]
    fn most_creates_that_take_tags_can_be_found_by_them() {
        let findable: Vec<String> = Catalog::embedded()
            .operations()
            .filter(|operation| is_findable(operation) && list_of(operation, (1, 7)).is_some())
            .map(|operation| operation.route.path.clone())
            .collect();
        for path in ["networks", "subnets", "volumes", "instances", "loadbalancers", "floatingips"] {
            assert!(findable.iter().any(|found| found.contains(path)), "{path} is not in {findable:?}");
        }
    }

    #[test]
    fn one_list_of_each_kind_and_place_is_read_and_those_that_cannot_be_are_reported() {
        let catalog = Catalog::embedded();
        let create = |path: &str| catalog.matching(Method::Post, path).unwrap().0;
        let tagged = |id: &str, stamp: &str, status: &str| {
            let tags = serde_json::json!([{ "key": STAMP, "value": stamp }, { "key": STAMP_ATTEMPT, "value": "n1" }]);
            serde_json::json!({ "id": id, "name": "web", "tags": tags, "status": status, "creator_task_id": "t1" })
        };
        let networks = [
            tagged("n1", "demo/default/net", "ACTIVE"),
            tagged("n2", "demo/default/bad[0]", "ERROR"),
            tagged("n3", "demo/other/net", "ACTIVE"),
        ];
        let table = [
            ("/cloud/v1/networks/1/7", listed(&networks)),
            ("/cloud/v1/volumes/1/7", (403, serde_json::json!({}))),
            ("/cloud/v1/subnets/1/7", (404, serde_json::json!({}))),
        ];
        let looked = with_answers(table, async |context| {
            let operations =
                ["networks", "volumes", "subnets", "networks"].map(|kind| create(&format!("/cloud/v1/{kind}/1/7")));
            let group = create("/cloud/v1/servergroups/1/7");
            stamped(&context.client, catalog, operations.into_iter().chain([group]), &[(1, 7)], "demo", "default").await
        });
        let unread: Vec<&str> = looked.unread.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!((looked.lists, unread), (2, vec!["/cloud/v1/volumes/1/7"]));
        let found = looked.found.iter().map(|found| {
            let known = &found.status;
            let (intent, result) = (known.intent.as_ref().unwrap(), known.result.as_ref().unwrap());
            (
                found.instance.to_string(),
                known.phase.clone(),
                known.attempts,
                intent.nonce.clone(),
                result.tasks.to_vec(),
                known.made.len(),
            )
        });
        let expected = [("net", Phase::Succeeded), ("bad[0]", Phase::Failed)]
            .map(|(name, phase)| (name.to_owned(), phase, 1, "n1".to_owned(), vec!["t1".to_owned()], 1));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        for (path, findable) in [
            ("/cloud/v1/networks/1/7", true),
            ("/cloud/v1/servergroups/1/7", false),
            ("/cloud/v1/ssh_keys/1", false),
            ("/cloud/v1/networks/1/7/n1/metadata", false),
            ("/streaming/streams", true),
            ("/iam/clients/1/tokens", true),
            ("/dns/v2/zones", false),
        ] {
            if let Some((operation, _)) = catalog.matching(Method::Post, path) {
                assert_eq!(is_findable(&operation), findable, "{path}");
            }
        }
    }

    /// Where the stamp is left in a text, one list of the account is read, whatever the projects and regions are.
    #[test]
    fn what_carries_its_stamp_in_a_text_is_found() {
        let catalog = Catalog::embedded();
        let streams = catalog.matching(Method::Post, "/streaming/streams").unwrap().0;
        let field = listing(&streams).and_then(|list| list.remark_field.clone()).unwrap();
        let mut ours = serde_json::json!({ "id": 7, "name": "live" });
        assert!(remark(Some(&mut ours), &format!("/{field}"), "demo/default/live", "n1"));
        let mut theirs = serde_json::json!({ "id": 8, "name": "live" });
        theirs[&field] = serde_json::json!("mine");
        let table = [("/streaming/streams", (200, serde_json::json!([ours, theirs])))];
        for places in [&[][..], &[(1, 7), (1, 8)]] {
            let looked = with_answers(table.clone(), async |context| {
                stamped(&context.client, catalog, [streams.clone()], places, "demo", "default").await
            });
            let found: Vec<String> = looked.found.iter().map(|found| found.instance.to_string()).collect();
            assert_eq!((looked.lists, found.as_slice()), (1, &["live".to_owned()][..]), "{places:?}");
        }
    }
}
