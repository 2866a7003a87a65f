//! The tasks of the simulated cloud (NEW, RUNNING, FINISHED or ERROR), and their lists. The changes of a finished
//! task are data here; `state` applies them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::answer::{Refusal, task_time};
use super::store::{ProjectRegion, Uid};
use crate::hash::HashMap;
use crate::order::sort_by_key;

/// Every key of `created_resources`, in the API's order.
const LISTED_KEYS: [&str; 36] = [
    "instances",
    "volumes",
    "floatingips",
    "networks",
    "subnets",
    "routers",
    "snapshots",
    "loadbalancers",
    "listeners",
    "pools",
    "healthmonitors",
    "members",
    "secrets",
    "ports",
    "images",
    "security_groups",
    "security_group_rules",
    "ddos_profiles",
    "postgresql_clusters",
    "k8s_clusters",
    "k8s_pools",
    "laas_topic",
    "l7polices",
    "l7rules",
    "servergroups",
    "faas_namespaces",
    "faas_functions",
    "caas_containers",
    "registry_registries",
    "registry_users",
    "projects",
    "clusters",
    "ai_clusters",
    "file_shares",
    "inference_instances",
    "api_keys",
];

/// Keys that were added later: in the recordings older answers have none of them, newer ones all. Clients must accept
/// both, so that here tasks of newer kinds have them and others do not.
const NEW_KEYS: [&str; 3] = ["security_groups", "security_group_rules", "clusters"];

/// The page length of task lists without `limit`.
const PAGE: usize = 10;

/// A change of the store when a task is complete.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Merge(Uid, Map<String, Value>),
    Remove(Uid),
    Link(Uid, Uid),
    Unlink(Uid, Uid),
    /// A change some time after the task: FINISHED does not always mean ready (`observed.md` §6).
    Later(Duration, Box<Change>),
}

/// How a task ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    Finished,
    /// ERROR with this text; with `leaves`, what it was creating stays in an error state.
    Error {
        text: String,
        leaves: bool,
    },
}

/// A task: what it shows, and the changes that it applies at its end.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) task_type: String,
    pub(super) project_region: ProjectRegion,
    pub(super) data: Value,
    pub(super) request_id: String,
    pub(super) created: Timestamp,
    /// From then on it shows the resources that it touches, although it still runs.
    pub(super) shown_from: Timestamp,
    /// Its `data` from then on, where that changes.
    pub(super) data_then: Option<Value>,
    pub(super) ends: Timestamp,
    pub(super) ending: Ending,
    pub(super) done: bool,
    pub(super) acknowledged: Option<Timestamp>,
    /// The resources it touches: key of `created_resources` and id, the main one first.
    pub(super) lists: Vec<(&'static str, Value)>,
    pub(super) made: Vec<Uid>,
    pub(super) locks: Vec<Uid>,
    pub(super) changes: Vec<Change>,
}

impl Task {
    /// A recorded task was never NEW (`observed.md` §5).
    fn state(&self) -> &'static str {
        match &self.ending {
            _ if !self.done => "RUNNING",
            Ending::Finished => "FINISHED",
            Ending::Error { .. } => "ERROR",
        }
    }

    /// As `GET /cloud/v1/tasks/{task_id}` shows it.
    pub(super) fn view(&self, now: Timestamp) -> Value {
        let error = match &self.ending {
            Ending::Error { text, .. } if self.done => Value::from(text.as_str()),
            _ => Value::Null,
        };
        json!({
            "id": self.id,
            "task_type": self.task_type,
            "state": self.state(),
            "detailed_state": null,
            "created_on": task_time(self.created),
            "updated_on": task_time(if self.done { self.ends } else { self.created }),
            "finished_on": self.done.then(|| task_time(self.ends)),
            "acknowledged_at": self.acknowledged.map(task_time),
            "acknowledged_by": self.acknowledged.map(|_| USER),
            "created_resources": self.created_resources(now),
            "data": self.data(now),
            "error": error,
            "request_id": self.request_id,
            "project_id": (self.project_region.project > 0).then_some(self.project_region.project),
            "region_id": (self.project_region.region > 0).then_some(self.project_region.region),
            "client_id": CLIENT,
            "user_id": USER,
            "user_client_id": CLIENT,
            "job_id": null,
            "lifecycle_policy_id": null,
            "schedule_id": null,
        })
    }

    fn data(&self, now: Timestamp) -> &Value {
        let is_known = now >= self.shown_from && self.ending == Ending::Finished;
        self.data_then.as_ref().filter(|_| is_known).unwrap_or(&self.data)
    }

    /// The resources it touched (`observed.md` §1): null before they are known, for tasks without any, and for failed
    /// tasks; an empty object at first for a pool's.
    fn created_resources(&self, now: Timestamp) -> Value {
        let failed = self.done && self.ending != Ending::Finished;
        if self.lists.is_empty() || failed {
            return Value::Null;
        }
        if !self.done && now < self.shown_from {
            return if self.task_type == "create_lbpool" { json!({}) } else { Value::Null };
        }
        let ids = |key| self.lists.iter().filter(|(made, _)| *made == key).map(|(_, id)| id.clone()).collect();
        let with_new_keys = self.lists.iter().any(|(key, _)| NEW_KEYS.contains(key));
        let keys = LISTED_KEYS.iter().filter(|key| with_new_keys || !NEW_KEYS.contains(key));
        keys.map(|key| ((*key).to_owned(), Value::Array(ids(*key)))).collect::<Map<_, _>>().into()
    }
}

/// The share of a task's duration after which it shows the resources it touches; for most types the whole.
pub(super) fn share_until_shown(task_type: &str) -> f64 {
    match task_type {
        "create_vm" => 0.75,
        "create_subnet" => 0.5,
        "patch_lbpool" => 0.65,
        "download_image" => 0.8,
        _ => 1.0,
    }
}

/// The account of every task and audit log entry.
pub(super) const CLIENT: u64 = 1;
pub(super) const USER: u64 = 1;

/// All tasks of the simulated cloud.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// In the order of their start.
    all: Vec<Task>,
    by_id: HashMap<String, usize>,
    /// The end of each unfinished task.
    due: BTreeSet<(Timestamp, usize)>,
}

impl Tasks {
    pub(super) fn add(&mut self, task: Task) {
        let index = self.all.len();
        self.due.insert((task.ends, index));
        self.by_id.insert(task.id.clone(), index);
        self.all.push(task);
    }

    pub(super) fn get(&self, id: &str) -> Option<&Task> {
        self.by_id.get(id).map(|index| &self.all[*index])
    }

    pub(super) fn all(&self) -> &[Task] {
        &self.all
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = &Task> {
        self.due.iter().map(|(_, index)| &self.all[*index])
    }

    /// When the next task ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.due.first().map(|(ends, _)| *ends)
    }

    /// Completes the task that is due first, if it is due by `now`, and gives it.
    pub(super) fn end_next(&mut self, now: Timestamp) -> Option<Task> {
        let (ends, index) = *self.due.first()?;
        if ends > now {
            return None;
        }
        self.due.pop_first();
        self.all[index].done = true;
        let task = &mut self.all[index];
        // The changes are applied once.
        let changes = std::mem::take(&mut task.changes);
        Some(Task { changes, ..task.clone() })
    }

    /// Marks a task as acknowledged; `None` when there is none with this id.
    pub(super) fn acknowledge(&mut self, id: &str, now: Timestamp) -> Option<&Task> {
        let task = &mut self.all[*self.by_id.get(id)?];
        if task.done {
            task.acknowledged.get_or_insert(now);
        }
        Some(task)
    }

    /// Marks every finished task as acknowledged, of one project or region where given.
    pub(super) fn acknowledge_all(&mut self, project: Option<u64>, region: Option<u64>, now: Timestamp) {
        for task in self.all.iter_mut().filter(|task| task.done) {
            if project.is_none_or(|id| id == task.project_region.project)
                && region.is_none_or(|id| id == task.project_region.region)
            {
                task.acknowledged.get_or_insert(now);
            }
        }
    }

    /// The total, and one page, of the tasks that match a query, without those started after `until`.
    pub(super) fn list(
        &self,
        query: &[(String, String)],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(usize, Vec<Value>), Refusal> {
        let wanted = Wanted::parse(query)?;
        let listed = self.all.iter().filter(|task| task.created <= until);
        let mut matching: Vec<_> = listed.filter(|task| wanted.matches(task)).collect();
        sort_by_key(&mut matching, |task| task.created);
        Ok((matching.len(), wanted.page(matching).map(|task| task.view(now)).collect()))
    }

    /// The total, and one page, of the unfinished tasks of one project and region that match a query, without those
    /// started after `until`.
    pub(super) fn active(
        &self,
        project_region: ProjectRegion,
        query: &[(String, String)],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(usize, Vec<Value>), Refusal> {
        let wanted = Wanted::parse(query)?;
        let listed = self.pending().filter(|task| task.created <= until);
        let mut matching: Vec<_> =
            listed.filter(|task| task.project_region == project_region && wanted.matches(task)).collect();
        sort_by_key(&mut matching, |task| task.created);
        Ok((matching.len(), wanted.page(matching).map(|task| task.view(now)).collect()))
    }
}

/// The filters of a task list.
#[derive(Debug, Default)]
struct Wanted {
    projects: Vec<u64>,
    regions: Vec<u64>,
    states: Vec<String>,
    task_type: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    acknowledged: Option<bool>,
    ascending: bool,
    limit: usize,
    offset: usize,
}

impl Wanted {
    fn parse(query: &[(String, String)]) -> Result<Self, Refusal> {
        let mut wanted = Wanted { limit: PAGE, ..Wanted::default() };
        for (name, value) in query {
            match name.as_str() {
                "project_id" => wanted.projects.push(number(name, value)?),
                "region_id" => wanted.regions.push(number(name, value)?),
                "state" => match value.as_str() {
                    "NEW" | "RUNNING" | "FINISHED" | "ERROR" => wanted.states.push(value.clone()),
                    _ => return Err(Refusal::invalid_field(name, "must be one of NEW, RUNNING, FINISHED, ERROR")),
                },
                "task_type" => wanted.task_type = Some(value.clone()),
                "from_timestamp" => wanted.from = Some(time(name, value)?),
                "to_timestamp" => wanted.to = Some(time(name, value)?),
                "is_acknowledged" => {
                    wanted.acknowledged =
                        Some(value.parse().map_err(|_| Refusal::invalid_field(name, "must be true or false"))?);
                }
                "order_by" | "sorting" => wanted.ascending = ascending(name, value)?,
                "limit" => wanted.limit = limit(value)?,
                "offset" => {
                    wanted.offset = number(name, value)?.try_into().unwrap_or(usize::MAX);
                }
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn matches(&self, task: &Task) -> bool {
        (self.projects.is_empty() || self.projects.contains(&task.project_region.project))
            && (self.regions.is_empty() || self.regions.contains(&task.project_region.region))
            && (self.states.is_empty() || self.states.iter().any(|state| state == task.state()))
            && self.task_type.as_ref().is_none_or(|task_type| *task_type == task.task_type)
            && self.from.is_none_or(|from| task.created >= from)
            && self.to.is_none_or(|to| task.created <= to)
            && self.acknowledged.is_none_or(|seen| task.acknowledged.is_some() == seen)
    }

    /// `tasks` are in order of creation.
    fn page<'t>(&self, mut tasks: Vec<&'t Task>) -> impl Iterator<Item = &'t Task> {
        if !self.ascending {
            tasks.reverse();
        }
        tasks.into_iter().skip(self.offset).take(self.limit)
    }
}

/// A whole number in a query, or the refusal of another value.
pub(super) fn number(name: &str, value: &str) -> Result<u64, Refusal> {
    value.parse().map_err(|_| Refusal::invalid_field(name, "must be a whole number of at least 0"))
}

/// `limit`: 1 to 1000.
pub(super) fn limit(value: &str) -> Result<usize, Refusal> {
    match value.parse() {
        Ok(limit @ 1..=1000) => Ok(limit),
        _ => Err(Refusal::invalid_field("limit", "must be a whole number from 1 to 1000")),
    }
}

/// The direction of an order: whether it is `asc`; the refusal of a word other than `asc` and `desc`.
pub(super) fn ascending(name: &str, value: &str) -> Result<bool, Refusal> {
    match value {
        "asc" => Ok(true),
        "desc" => Ok(false),
        _ => Err(Refusal::invalid_field(name, "must be asc or desc")),
    }
}

/// A time with a zone; without one it is UTC.
pub(super) fn time(name: &str, value: &str) -> Result<Timestamp, Refusal> {
    let without_zone =
        || value.parse::<DateTime>().ok().and_then(|time| TimeZone::UTC.to_ambiguous_zoned(time).compatible().ok());
    value
        .parse()
        .ok()
        .or_else(|| without_zone().map(|time| time.timestamp()))
        .ok_or_else(|| Refusal::invalid_field(name, "must be a date and time such as 2026-05-23T05:07:31Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn task(id: &str, created: i64, ends: i64, region: u64) -> Task {
        Task {
            id: id.into(),
            task_type: "create_network".into(),
            project_region: ProjectRegion { project: 1, region },
            data: json!({}),
            request_id: "r".into(),
            created: at(created),
            shown_from: at(ends),
            data_then: None,
            ends: at(ends),
            ending: Ending::Finished,
            done: false,
            acknowledged: None,
            lists: vec![("networks", "n".into())],
            made: Vec::new(),
            locks: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn ids(tasks: &Tasks, query: &[(&str, &str)], now: i64) -> Vec<String> {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (_, page) = tasks.list(&query, at(now), at(now)).unwrap();
        page.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_task_goes_through_its_states_and_lists_its_resources_at_the_end() {
        let mut tasks = Tasks::default();
        tasks.add(task("a", 0, 10, 7));
        let first = tasks.get("a").unwrap().view(at(0));
        assert_eq!((&first["state"], &first["created_resources"]), (&json!("RUNNING"), &Value::Null));
        assert_eq!(first["updated_on"], first["created_on"]);
        assert!(tasks.end_next(at(9)).is_none());
        assert!(tasks.end_next(at(10)).is_some());
        let view = tasks.get("a").unwrap().view(at(10));
        assert_eq!((&view["state"], &view["created_resources"]["networks"]), (&json!("FINISHED"), &json!(["n"])));
        assert_eq!(view["created_resources"]["subnets"], json!([]));
    }

    #[test]
    fn lists_filter_order_and_page() {
        let mut tasks = Tasks::default();
        for number in 0..12 {
            tasks.add(task(&number.to_string(), number, 100, if number % 2 == 0 { 7 } else { 8 }));
        }
        assert_eq!(ids(&tasks, &[], 50).len(), 10);
        assert_eq!(ids(&tasks, &[], 50)[0], "11");
        assert_eq!(ids(&tasks, &[("order_by", "asc"), ("limit", "2"), ("offset", "1")], 50), ["1", "2"]);
        let from = at(10).to_string();
        assert_eq!(ids(&tasks, &[("from_timestamp", &from), ("order_by", "asc")], 50), ["10", "11"]);
        assert_eq!(ids(&tasks, &[("region_id", "7"), ("limit", "1000")], 50).len(), 6);
        assert!(ids(&tasks, &[("state", "NEW"), ("state", "FINISHED")], 50).is_empty());
        assert!(tasks.list(&[("limit".into(), "0".into())], at(0), at(0)).is_err());
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        assert_eq!(time("t", "2026-05-23T05:07:31").unwrap(), time("t", "2026-05-23T05:07:31Z").unwrap());
        assert!(time("t", "yesterday").is_err());
    }
}
