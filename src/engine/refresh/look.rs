//! Reads recorded resources to detect drift: one list for all of a kind, project and region, else one read each.
//! Changes nothing.
//!
//! A resource that a list does not show, shows as different, or shows incompletely, is read by itself before it is
//! reported. One that was made a moment ago and is not shown is looked for again, unless the audit log has its
//! deletion.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::compare::{Comparison, ReadResource};
use super::overlaid::{Calls, LaterCall, Made, Sets, compared};
use crate::api::{Client, Meaning, ReadError, Request};
use crate::catalog::update::{UpdateCall, resource_route, shown_at};
use crate::catalog::{CLOUD, Catalog, IdAt, Operation, root_of};
use crate::engine::collection::list_call;
use crate::engine::conceal::is_sensitive;
use crate::engine::evidence::audit::{self, AUDIT_LOG, LogAction};
use crate::engine::maker::other_maker;
use crate::engine::operation::{self, Parameters, parameter};
use crate::engine::pages::{Paging, pages};
use crate::engine::paths::{self, own_value};
use crate::engine::unseen::{UNSEEN, unseen_for};
use crate::id::InstanceId;
use crate::journal::{Drifted, InstanceStatus, Phase, Record, RecordedCall, Status, fields_of, id_text};
use crate::order::ordered_set;
use crate::secret::is_sensitive_name;

/// The state of one recorded resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub enum DriftState {
    /// It agrees with the record, as far as can be compared.
    Same,
    /// It does not exist any more.
    Gone,
    /// These fields were changed outside of `plan`.
    Changed { fields: Vec<Drifted> },
    /// It could not be read.
    CannotTell { why: String },
}

/// An instance and the state of its resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftCheck {
    pub instance: InstanceId,
    #[serde(flatten)]
    pub found: DriftState,
    /// The instance whose resource it is, where another one changed it after it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<InstanceId>,
}

/// The first pause before what was made a moment ago is looked for again; it doubles up to a maximum.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The means of a refresh: client, record, and the key of the record's digests.
pub struct Refresh<'a> {
    pub client: &'a Client,
    pub catalog: &'a Catalog,
    pub status: &'a Status,
    pub digest_key: &'a [u8],
    /// Reports that these instances were made a moment ago and are not shown, and for how long they are looked for.
    pub notice: &'a (dyn Fn(&[&InstanceId], Duration) + Sync),
}

/// A recorded resource and how it is read.
struct RecordedItem<'a> {
    instance: &'a InstanceId,
    known: &'a InstanceStatus,
    call: &'a RecordedCall,
    create: std::sync::Arc<Operation>,
    parameters: Parameters,
    /// The path that reads it; `None` when it appears only in a list.
    read: Option<String>,
    id: String,
}

/// Why a refresh has no result.
#[derive(Debug)]
pub enum NoAnswer {
    /// A read that should succeed was refused or failed.
    Read(ReadError),
    /// The project of resources that seem gone cannot be read: they may still exist.
    Project { id: String, error: ReadError },
}

/// The records for resources that are gone or changed. The secondary resources of one that is gone stay on record.
pub fn records(checks: &[DriftCheck], status: &Status) -> Vec<Record> {
    let outlived =
        |instance: &InstanceId| status.instances.get(instance).is_some_and(|known| known.outliving().next().is_some());
    let records = checks.iter().filter_map(|check| {
        let instance = check.instance.clone();
        match &check.found {
            DriftState::Gone if outlived(&instance) => Some(Record::MainGone { instance }),
            DriftState::Gone => Some(Record::Gone { instance }),
            DriftState::Changed { fields } => Some(Record::Drifted { instance, fields: fields.clone() }),
            DriftState::Same | DriftState::CannotTell { .. } => None,
        }
    });
    records.collect()
}

/// The differences between a resource and the record.
#[derive(Default)]
struct Drift {
    fields: Vec<Drifted>,
    /// The fields that other instances set after the resource was made.
    later: BTreeMap<InstanceId, Vec<Drifted>>,
    /// Some fields could not be compared.
    unsure: bool,
}

/// The state of a resource, and of what other instances made of it.
struct ReadState {
    state: DriftState,
    later: BTreeMap<InstanceId, Vec<Drifted>>,
}

impl From<DriftState> for ReadState {
    fn from(state: DriftState) -> Self {
        Self { state, later: BTreeMap::new() }
    }
}

impl Drift {
    /// Whether every field agrees, so that a read of the resource alone would show nothing more.
    fn is_all_there(&self) -> bool {
        self.fields.is_empty() && self.later.is_empty() && !self.unsure
    }

    fn found(self) -> ReadState {
        ReadState { state: changed(self.fields), later: self.later }
    }
}

fn changed(fields: Vec<Drifted>) -> DriftState {
    if fields.is_empty() { DriftState::Same } else { DriftState::Changed { fields } }
}

impl Refresh<'_> {
    /// Compares everything that is recorded as made with the API.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`], when a resource that is not shown may exist all the same.
    pub async fn look(&self) -> Result<Vec<DriftCheck>, NoAnswer> {
        let resources: Vec<RecordedItem<'_>> =
            self.status.instances.iter().filter_map(|(id, known)| self.recorded(id, known)).collect();
        let calls = Calls::of(self.catalog, self.status);
        let mut found = self.compare(&calls, &resources.iter().collect::<Vec<_>>()).await?;
        self.look_again(&calls, &resources, &mut found).await?;
        self.check_projects(&resources, &found).await?;
        let checks = resources.iter().zip(found).flat_map(|(resource, found)| {
            let of = Some(resource.instance.clone());
            let later = found.later.into_iter().map(move |(instance, fields)| DriftCheck {
                instance,
                found: changed(fields),
                of: of.clone(),
            });
            std::iter::once(DriftCheck { instance: resource.instance.clone(), found: found.state, of: None })
                .chain(later)
        });
        Ok(checks.collect())
    }

    /// Looks again for what seems gone: once, since a single "not found" may be wrong; and for what was made a moment ago,
    /// unless the audit log has its deletion, until it is shown or would be by now.
    async fn look_again(
        &self,
        calls: &Calls<'_>,
        resources: &[RecordedItem<'_>],
        found: &mut [ReadState],
    ) -> Result<(), NoAnswer> {
        let clock = self.client.clock();
        let (deadline, mut pause) = (clock.elapsed() + UNSEEN, PAUSE);
        loop {
            let is_first = pause == PAUSE;
            let (mut open, mut new) = (Vec::new(), Vec::new());
            let mut longest = Duration::ZERO;
            for at in (0..resources.len()).filter(|at| found[*at].state == DriftState::Gone) {
                let left = deadline.saturating_sub(clock.elapsed());
                let left = left.min(unseen_for(resources[at].known.finished_at, clock.now()));
                let again = if left.is_zero() { is_first } else { !self.is_deleted(&resources[at]).await };
                if again {
                    open.push(at);
                    longest = longest.max(left);
                    new.extend((!left.is_zero()).then_some(resources[at].instance));
                }
            }
            if open.is_empty() {
                return Ok(());
            }
            if is_first && !new.is_empty() {
                (self.notice)(&new, longest);
            }
            clock.sleep(if longest.is_zero() { PAUSE } else { pause.min(longest) }).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let again: Vec<&RecordedItem<'_>> = open.iter().map(|at| &resources[*at]).collect();
            for (at, now) in open.into_iter().zip(self.compare(calls, &again).await?) {
                found[at] = now;
            }
        }
    }

    /// Whether the audit log has the deletion of a resource. A log that cannot be read has none.
    async fn is_deleted(&self, resource: &RecordedItem<'_>) -> bool {
        if root_of(&resource.call.path) != CLOUD {
            return false;
        }
        let request = Request::get(AUDIT_LOG).query("resource_id", &resource.id);
        let request = request.query("action_type", LogAction::Delete.word());
        let entries = pages(self.client, &request, "/results", Paging::CLOUD).await;
        entries.is_ok_and(|entries| audit::is_deleted(&entries, &resource.id))
    }

    /// The state of each of these resources now.
    async fn compare(&self, calls: &Calls<'_>, resources: &[&RecordedItem<'_>]) -> Result<Vec<ReadState>, NoAnswer> {
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        let list_of = |resource: &RecordedItem<'_>| {
            let creates = resource.create.creates.as_ref()?;
            // A resource identified by its path has no such id in a list.
            let by_path = matches!(creates.id_at, IdAt::Path(_)) && resource.read.is_some();
            let list = creates.resource.as_ref()?.list.clone().filter(|_| !by_path)?;
            Some((list_call(&list, &resource.parameters)?, list))
        };
        for path in resources.iter().copied().filter_map(list_of).map(|(request, _)| request.path) {
            *groups.entry(path).or_default() += 1;
        }
        let mut lists: BTreeMap<String, Option<Vec<Value>>> = BTreeMap::new();
        let mut found = Vec::new();
        for resource in resources {
            let mut listed = None;
            if let Some((request, list)) =
                list_of(resource).filter(|(request, _)| groups[&request.path] > 1 || resource.read.is_none())
            {
                if !lists.contains_key(&request.path) {
                    let items = match pages(self.client, &request, &list.items_at, Paging::of(&list)).await {
                        Ok(elements) => Some(list.resources(elements)),
                        // The parent does not exist any more, and so neither do its items.
                        Err(error) if error.is_not_found() => Some(Vec::new()),
                        Err(error) => return Err(NoAnswer::Read(error)),
                    };
                    lists.insert(request.path.clone(), items);
                }
                let items = lists[&request.path].as_deref().unwrap_or_default();
                let is_it = |item: &&Value| item.get(&list.id_field).map(id_text).as_deref() == Some(&resource.id);
                listed = Some(items.iter().find(is_it).cloned());
            }
            found.push(self.found(calls, resource, listed).await?);
        }
        Ok(found)
    }

    /// How a recorded resource is read; `None` for a call that makes nothing, is not complete, or is not in the
    /// catalogue.
    fn recorded<'s>(&self, instance: &'s InstanceId, known: &'s InstanceStatus) -> Option<RecordedItem<'s>> {
        let (call, result) = (known.agreed()?, known.result.as_ref()?);
        if known.phase != Phase::Succeeded || known.made.is_empty() {
            return None;
        }
        let (create, parameters) = operation::operation_of(self.catalog, call)?;
        create.creates.as_ref()?.resource.as_ref()?;
        let read = paths::read_path(&create, &parameters, result);
        let id = result.id.as_deref().map(id_text)?;
        Some(RecordedItem { instance, known, call, create, parameters, read, id })
    }

    /// Determines the state of one resource. `listed`: the item of the list, where one was read.
    async fn found(
        &self,
        calls: &Calls<'_>,
        resource: &RecordedItem<'_>,
        listed: Option<Option<Value>>,
    ) -> Result<ReadState, NoAnswer> {
        let cannot_tell = |why: &str| Ok(DriftState::CannotTell { why: why.to_owned() }.into());
        match (listed, &resource.read) {
            (Some(Some(item)), None) => Ok(self.drift(calls, resource, &item).found()),
            (Some(Some(item)), Some(_)) if self.drift(calls, resource, &item).is_all_there() => {
                Ok(DriftState::Same.into())
            }
            (Some(None), None) => Ok(DriftState::Gone.into()),
            (_, Some(path)) => match self.client.read(Request::get(path.clone())).await {
                Ok(object) => {
                    let shown = shown_at(&resource.create);
                    match shown.map_or(Some(&object), |pointer| object.pointer(pointer)) {
                        // Another form than documented says nothing of what is inside it.
                        None if object.get("id").is_none() => {
                            cannot_tell("the answer has another form than documented")
                        }
                        None | Some(Value::Null) => Ok(DriftState::Gone.into()),
                        Some(object) => match self.other_maker(resource, object) {
                            Some(maker) => {
                                cannot_tell(&format!("task {maker} made it, and that of the step only listed it"))
                            }
                            None => Ok(self.drift(calls, resource, object).found()),
                        },
                    }
                }
                Err(error) if error.is_not_found() => Ok(DriftState::Gone.into()),
                Err(error @ ReadError::Failed { .. }) => Err(NoAnswer::Read(error)),
                Err(error) if error.meaning() == Some(Meaning::NotAllowed) => Err(NoAnswer::Read(error)),
                Err(error) => Ok(DriftState::CannotTell { why: error.to_string() }.into()),
            },
            (None, None) => cannot_tell("the API has no call that reads it"),
        }
    }

    /// The task that made a resource, when that is none of its step and the resource does not carry the environment's stamp:
    /// what another client made is not changed to what the plan says.
    fn other_maker(&self, resource: &RecordedItem<'_>, object: &Value) -> Option<String> {
        let list =
            resource.create.creates.as_ref()?.resource.as_ref()?.list.as_ref().filter(|list| list.creator_task)?;
        let owner = format!("{}/{}/", self.status.header.plan, self.status.header.environment);
        other_maker(resource.known, resource.known.main_made()?, object, Some(list), &owner)
    }

    /// The fields that the plan set, that can be changed in place, and that differ in the resource.
    fn drift(&self, calls: &Calls<'_>, resource: &RecordedItem<'_>, object: &Value) -> Drift {
        let secret = resource.known.intent.as_ref().is_some_and(|intent| intent.secret);
        let (Some(route), Some(body), false) =
            (resource_route(&resource.create), resource.call.body.as_deref().and_then(fields_of), secret)
        else {
            return Drift::default();
        };
        let update_calls = self.catalog.update_calls_of(&resource.create);
        let is_owned_by_another = |id: &Value| self.status.is_made_by_another(resource.instance, id);
        let shown =
            ReadResource { route, object, digest_key: self.digest_key, is_owned_by_another: &is_owned_by_another };
        let later = self.later(calls, resource, &update_calls);
        let takes = |name: &str| update_calls.iter().any(|update_call| update_call.act.takes(name));
        let added = update_calls
            .iter()
            .flat_map(|update_call| update_call.act.fields())
            .filter(|name| !body.contains_key(*name));
        let added =
            added.filter(|name| later.iter().any(|call| matches!(call.sets(name), Sets::To(_) | Sets::Adds(_))));
        let added = ordered_set(added);
        let names = body.keys().map(String::as_str).filter(|name| takes(name)).chain(added);
        let mut drift = Drift::default();
        for name in names {
            for (by, found) in compared(name, body.get(name), resource.known, &later, &shown) {
                match found {
                    // Secret values must not be recorded; a boolean is no secret, whatever its name.
                    Comparison::Differs(now)
                        if may_be_recorded(name, body.get(name)) && may_be_recorded(name, now.as_ref()) =>
                    {
                        match by {
                            None => drift.fields.push(Drifted { field: name.to_owned(), now }),
                            Some(call) => {
                                drift.later.entry(call.instance.clone()).or_default().extend(call.drifted(name, now))
                            }
                        }
                    }
                    Comparison::CannotTell => drift.unsure = true,
                    Comparison::Same | Comparison::Differs(_) => {}
                }
            }
        }
        drift
    }

    /// The calls of other instances that changed a resource after it was made.
    fn later<'c>(
        &self,
        calls: &Calls<'c>,
        recorded: &RecordedItem<'_>,
        update_calls: &[UpdateCall],
    ) -> Vec<LaterCall<'c>> {
        let described = recorded.create.creates.as_ref().and_then(|creates| creates.resource.as_ref());
        let own =
            described.zip(recorded.known.result.as_ref()).and_then(|(resource, result)| own_value(resource, result));
        let (Some(described), Some(own)) = (described, own) else { return Vec::new() };
        // A copy is created below the path of its original, whose id is not that of the copy.
        let mut parameters = recorded.parameters.clone();
        parameters.retain(|(name, _)| *name != described.parameter);
        let kind = recorded.create.creates.as_ref().map(|creates| creates.kind.as_str());
        calls.on(&Made {
            instance: recorded.instance,
            kind,
            id: &recorded.id,
            parameters: &parameters,
            own: (&described.parameter, &own),
            update_calls,
        })
    }

    /// Checks that the projects of resources that seem gone can be read: without access, every resource answers 404
    /// (`observed.md` §8). For what is in no project, such as a DNS zone, those of all others on record are checked:
    /// the key may be of another account.
    async fn check_projects(&self, resources: &[RecordedItem<'_>], found: &[ReadState]) -> Result<(), NoAnswer> {
        let gone = resources
            .iter()
            .zip(found)
            .filter(|(_, found)| found.state == DriftState::Gone)
            .map(|(resource, _)| resource);
        let gone: Vec<&RecordedItem<'_>> = gone.collect();
        let project = |resource: &RecordedItem<'_>| parameter(&resource.parameters, "project_id").map(str::to_owned);
        let projects: BTreeSet<String> = match gone.iter().any(|resource| project(resource).is_none()) {
            true => resources.iter().filter_map(project).collect(),
            false => gone.into_iter().filter_map(project).collect(),
        };
        for id in projects {
            let path = format!("/cloud/v1/projects/{}", paths::encode(&id));
            if let Err(error) = self.client.read(Request::get(path)).await {
                return Err(NoAnswer::Project { id, error });
            }
        }
        Ok(())
    }
}

fn may_be_recorded(name: &str, value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_boolean)
        || !(is_sensitive_name(name) || value.is_some_and(|value| is_sensitive("", name, value)))
}
