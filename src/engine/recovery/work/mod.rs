//! Searches for one instance after another, until a round finds nothing new. `seek` searches for one instance, `read`
//! reads the API, `parts` is pure.

mod copies;
mod former;
mod not_in_plan;
mod parts;
mod read;
mod renamed;
mod render;
mod seek;
mod stamps;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::trail::{self, Makers, Sent};
use super::{AUDIT_LOG, Recovered, RecoveryEvidence, RecoveryInput, Unrecorded, is_left_in_doubt};
use crate::api::{Request, Task};
use crate::catalog::Operation;
use crate::engine::context::RunContext;
use crate::engine::made::made;
use crate::engine::operation::{Parameters, operation_of};
use crate::engine::ownership::{Claimable, Ownership};
use crate::engine::pages::{Paging, pages};
use crate::engine::preview::{Action, Change, Preview, Reads};
use crate::engine::render::{CallParts, step_value};
use crate::engine::stamps::{ProjectRegionIds, Stamped, instance_of, intent_of};
use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, IntendedUndo, Phase, RecordedCall, Status, StepResult, id_text};
use crate::order::{ordered_set, sort_by_key};
use crate::plan::{OnConflict, Selection, Step, Undo};
use crate::template::value_of;
use parts::{add, each_of, in_doubt_status, known_steps};

/// The state of a recovery: what was found so far.
pub struct Work<'a> {
    search: &'a RecoveryInput<'a>,
    project_regions: Vec<ProjectRegionIds>,
    status: Status,
    found: Vec<(InstanceId, RecoveryEvidence)>,
    /// Recovered instances that are matched with the plan's call.
    bound: HashSet<InstanceId>,
    /// Instances already searched for; with whether all of their call was known.
    sought: HashSet<(InstanceId, bool)>,
    /// The resources of instances, read when other steps refer to them.
    resources: HashMap<InstanceId, Value>,
    /// By instance: the resources that have the right name and no other evidence.
    alike: BTreeMap<InstanceId, (RecordedCall, Vec<String>)>,
    /// The writes of this environment that the audit log has.
    sent: Vec<Sent>,
    makers: Makers,
    elsewhere: Ownership,
    /// Resources with a stamp of the environment that are not attributed to an instance yet.
    stamped: Vec<Stamped>,
    /// Instances that one of these may belong to.
    awaited: HashSet<InstanceId>,
    /// Instances of which each resource with their stamp may be a copy, with the ids.
    doubted: BTreeMap<InstanceId, Vec<String>>,
    /// Resources with a stamp that no instance has as its own.
    unrecorded: Vec<Unrecorded>,
    /// Resources of other clients that have the name of an instance: its id, that of the resource, and whose it is.
    of_others: Vec<(InstanceId, String, String)>,
    /// Tasks with a stamp in their `data`, by instance; read when first needed.
    tasks: Option<Vec<(InstanceId, Task)>>,
    /// The number of lists read so far.
    lists: usize,
    /// Paths that could not be read, and why.
    unread: Vec<(String, String)>,
}

/// A create of the plan, rendered.
struct PlannedCreate<'c> {
    instance: &'c InstanceId,
    step: &'c Step,
    operation: &'c Operation,
    call: RecordedCall,
    /// Whether all of the call is known.
    is_complete: bool,
    parameters: Parameters,
}

impl<'a> Work<'a> {
    pub fn new(search: &'a RecoveryInput<'a>) -> Self {
        Self {
            search,
            project_regions: super::project_regions_of(search.plan, search.settings, search.secrets, search.inputs),
            status: search.status.clone(),
            found: Vec::new(),
            bound: HashSet::default(),
            sought: HashSet::default(),
            resources: HashMap::default(),
            alike: BTreeMap::new(),
            sent: Vec::new(),
            makers: Makers::default(),
            elsewhere: Ownership::new(search.other_records.clone()),
            stamped: Vec::new(),
            awaited: HashSet::default(),
            doubted: BTreeMap::new(),
            unrecorded: Vec::new(),
            of_others: Vec::new(),
            tasks: None,
            lists: 0,
            unread: Vec::new(),
        }
    }

    /// Reads the audit log of every project: the attempts of the environment, and who made which resource.
    pub async fn read_audit_log(&mut self) {
        let projects = ordered_set(self.project_regions.iter().map(|(project, _)| *project));
        for project in projects {
            let request = Request::get(AUDIT_LOG).query("project_id", project).query("order_by", "asc");
            match pages(self.search.client, &request, "/results", Paging::CLOUD).await {
                Ok(entries) => {
                    let settings = self.search.settings;
                    self.sent.extend(trail::sent(&entries, &settings.plan, &settings.environment));
                    self.makers.read(&entries, &settings.plan, &settings.environment);
                }
                Err(error) => self.unread.push((AUDIT_LOG.to_owned(), error.to_string())),
            }
        }
    }

    /// Whether what was found belongs to an instance on record, under whatever name: as its own, or because that waits
    /// for the task that makes it, or is in doubt about the attempt that made it.
    fn is_on_record(&self, found: &InstanceStatus) -> bool {
        let owns = |claimable: Claimable| {
            self.status.resources().any(|(_, made)| Claimable::of(made).is_some_and(|held| held.is(&claimable)))
        };
        let tasks: Vec<&String> = found.result.iter().flat_map(|result| &result.tasks).collect();
        let nonce = found.intent.as_ref().map(|intent| intent.nonce.as_str()).filter(|nonce| !nonce.is_empty());
        let awaits = |known: &InstanceStatus| match &known.phase {
            Phase::Accepted { tasks: awaited, .. } => awaited.iter().any(|task| tasks.contains(&task)),
            _ => false,
        };
        let doubts = |known: &InstanceStatus| {
            let open = known.intent.as_ref().filter(|_| known.phase == Phase::InDoubt);
            let attempts = open.into_iter().map(|intent| intent.nonce.as_str());
            let earlier = known.earlier.iter().map(|attempt| attempt.intent.nonce.as_str());
            attempts.chain(earlier).any(|own| Some(own) == nonce)
        };
        found.made.iter().filter_map(Claimable::of).any(owns)
            || self.search.status.instances.values().any(|known| awaits(known) || doubts(known))
    }

    fn accepted(&self, instance: &InstanceId) -> Option<&'a str> {
        let name = instance.to_string();
        self.search.accepted.iter().find(|(accepted, _)| *accepted == name).map(|(_, id)| id.as_str())
    }

    /// Whether an earlier recovery left the instance in doubt, and the user confirms a resource of it now.
    fn awaits_decision(&self, instance: &InstanceId) -> bool {
        self.accepted(instance).is_some()
            && self.status.instances.get(instance).is_some_and(|known| is_left_in_doubt(known))
    }

    fn put(&mut self, instance: InstanceId, trace: RecoveryEvidence, status: InstanceStatus) {
        self.alike.remove(&instance);
        let mut known = self.known(&instance);
        // What a refused create met is found.
        let call = status.intent.as_ref().map(|intent| intent.call.clone());
        known.earlier.retain(|earlier| !earlier.may_stand_in_the_way() || call.as_ref() != Some(&earlier.intent.call));
        add(&mut known, status);
        self.status.put(instance.clone(), known);
        self.found.push((instance, trace));
    }

    /// What is on record of an instance.
    fn known(&self, instance: &InstanceId) -> InstanceStatus {
        self.status.instances.get(instance).cloned().unwrap_or_default().into_owned()
    }

    /// Puts a status on record, and keeps what is there.
    pub(super) fn record(&mut self, instance: InstanceId, status: InstanceStatus) {
        let mut known = self.known(&instance);
        add(&mut known, status);
        self.status.put(instance, known);
    }

    fn preview(&self) -> Vec<Change> {
        let RecoveryInput { plan, settings, secrets, inputs, .. } = *self.search;
        let preview = Preview {
            plan,
            catalog: self.search.catalog,
            settings,
            secrets,
            digest_key: self.status.header.key.as_bytes(),
            inputs,
            status: Some(&self.status),
            replace: &Selection::default(),
            target: &Selection::default(),
            reads: &Reads::default(),
            prune: false,
        };
        preview.changes().0
    }

    /// Searches for every create of the plan whose call is known; with `partly`, also those whose call is known in
    /// part. `false` when nothing was found.
    pub async fn round(&mut self, partly: bool) -> bool {
        let mut changes = self.preview();
        let mut moved = self.record_stamped(&changes, partly);
        if moved {
            changes = self.preview();
        }
        let known = known_steps(&changes);
        let open = self.open_calls(&changes);
        for change in changes {
            let (instance, action) = (change.instance, change.action);
            let is_bound = self.bound.contains(&instance);
            let is_found = !is_bound && self.found.iter().any(|(found, _)| *found == instance);
            let is_sought = action == Action::Call || self.awaits_decision(&instance);
            if is_bound || !(is_found || is_sought) {
                continue;
            }
            let Some(step) = self.search.plan.steps.get(&instance.step) else { continue };
            let Some((call, is_complete)) = self.call(step, &instance, change.call, &known, partly).await else {
                continue;
            };
            let Some((operation, parameters)) = operation_of(self.search.catalog, &call) else { continue };
            if operation.creates.is_none() {
                continue;
            }
            let asked =
                PlannedCreate { instance: &instance, step, operation: &operation, call, is_complete, parameters };
            if is_found {
                self.bind(&asked).await;
                moved |= self.bound.insert(instance.clone());
            } else if let Some(ids) = self.doubted.get(&instance) {
                self.alike.insert(instance.clone(), (asked.call, ids.clone()));
            } else if let Some(former) = self.former(&asked, &open) {
                self.rename(&former, &instance);
                self.bind(&asked).await;
                moved |= self.bound.insert(instance.clone());
            } else if !self.awaited.contains(&instance) && self.sought.insert((instance.clone(), is_complete)) {
                moved |= self.seek(&asked).await;
            }
        }
        moved || (partly && self.recover_unnamed(&known).await)
    }

    /// Recovers instances from the audit log that a preview cannot name, because their number is known only after a
    /// read.
    async fn recover_unnamed(&mut self, known: &BTreeSet<StepId>) -> bool {
        let mut moved = false;
        let sent = self.sent.iter().filter_map(|sent| instance_of(&sent.instance));
        let is_told = |instance: &InstanceId| {
            self.status.instances.contains_key(instance)
                || self.doubted.contains_key(instance)
                || self.awaited.contains(instance)
        };
        let unknown = ordered_set(sent.filter(|instance| !is_told(instance)));
        for instance in unknown {
            let Some(step) = self.search.plan.steps.get(&instance.step) else { continue };
            let rendered = self.rendered(step, &instance, known).await;
            let is_complete = rendered.is_some();
            let Some(call) = rendered.or_else(|| self.bare_call(step)) else { continue };
            let Some((operation, parameters)) = operation_of(self.search.catalog, &call) else { continue };
            let asked =
                PlannedCreate { instance: &instance, step, operation: &operation, call, is_complete, parameters };
            if operation.creates.is_some()
                && self.sought.insert((instance.clone(), is_complete))
                && let Some(status) = self.by_audit_log(&asked).await
            {
                self.bound.insert(instance.clone());
                self.put(instance, RecoveryEvidence::AuditLog, status);
                moved = true;
            }
        }
        moved
    }

    fn succeeded(&self, asked: &PlannedCreate<'_>, mut result: StepResult, nonce: String) -> InstanceStatus {
        if asked.step.secret {
            result.response = None;
        }
        let undo = self.undo(asked.step, asked.instance, &result);
        let made = made(self.search.catalog, &asked.call, &result, &undo);
        let after = asked.step.after.to_vec();
        let mut intent = intent_of(asked.instance, asked.call.clone(), nonce);
        (intent.after, intent.undo, intent.secret) = (after.clone(), undo, asked.step.secret);
        InstanceStatus {
            phase: Phase::Succeeded,
            attempts: 1,
            intent: Some(intent.into()),
            result: Some(result),
            // The next run compares what was read with the plan, which may have changed since.
            agrees: None,
            made: vec![made],
            after,
            ..InstanceStatus::default()
        }
    }

    /// The undo call for a step's result, as the plan gives it.
    fn undo(&self, step: &Step, instance: &InstanceId, result: &StepResult) -> IntendedUndo {
        let template = match &step.undo {
            Undo::Default => return IntendedUndo::Default,
            Undo::Keep => return IntendedUndo::Keep,
            Undo::Call(template) => template,
        };
        let steps = self.values();
        let mut surroundings = self.surroundings(&steps);
        let each = each_of(step, instance, &surroundings);
        surroundings.each = each.as_ref();
        let parts = CallParts { headers: None, ..CallParts::of_template(template, step) };
        match surroundings.render(&parts, Some(&value_of(&step_value(result, None)))) {
            Ok(rendered) if RunContext::request(&rendered.recorded) == rendered.request => {
                IntendedUndo::Call(rendered.recorded.into_owned().into())
            }
            _ => IntendedUndo::Default,
        }
    }

    /// Concludes: creates of which nothing was found are absent, those with only a matching name are in doubt.
    pub fn finish(mut self) -> Recovered {
        self.order_not_in_plan();
        let mut in_doubt = Vec::new();
        for (instance, (call, mut ids)) in std::mem::take(&mut self.alike) {
            let step = self.search.plan.steps.get(&instance.step);
            ids.retain(|id| !self.status.owned().any(|(_, _, known)| id_text(known) == *id));
            // With `on_conflict: adopt` the run itself can adopt the resource.
            let adopts = step.is_some_and(|step| step.on_conflict == OnConflict::Adopt);
            // What was confirmed for it is none of these: it stays in doubt.
            let is_undecided = self.awaits_decision(&instance);
            if ids.is_empty() || is_undecided || (adopts && !self.doubted.contains_key(&instance)) {
                continue;
            }
            self.record(instance.clone(), in_doubt_status(&instance, call, step));
            in_doubt.push((instance, ids));
        }
        let renamed = self.seem_renamed();
        // Also those that an earlier recovery left in doubt.
        let open = self.status.instances.iter().filter(|(_, known)| known.phase == Phase::InDoubt);
        let doubted = ordered_set(open.map(|(instance, _)| &instance.step));
        // What others depend on is decided first: they are found by it.
        let depends = |(instance, _): &(InstanceId, Vec<String>)| {
            let step = self.search.plan.steps.get(&instance.step);
            step.is_some_and(|step| step.after.iter().any(|step| doubted.contains(step)))
        };
        let (later, mut in_doubt): (Vec<_>, Vec<_>) = in_doubt.into_iter().partition(depends);
        in_doubt.extend(later);
        let (mut absent, mut not_looked_for) = (Vec::new(), Vec::new());
        for change in self.preview() {
            let Some(step) = self.search.plan.steps.get(&change.instance.step) else { continue };
            let creates = step.operation.as_ref().is_some_and(|operation| operation.creates.is_some());
            let is_some_found = self.found.iter().any(|(instance, _)| instance.step == step.id);
            let is_open = match change.action {
                Action::Call => true,
                Action::Depends { .. } => !is_some_found,
                _ => false,
            };
            if !creates || !is_open {
                continue;
            }
            let on: Vec<StepId> = step.after.iter().filter(|step| doubted.contains(step)).cloned().collect();
            match on.is_empty() {
                true => absent.push(change.instance),
                false => not_looked_for.push((change.instance, on)),
            }
        }
        let is_taken = |name: &str| {
            self.found
                .iter()
                .any(|(instance, trace)| *trace == RecoveryEvidence::Decision && instance.to_string() == name)
        };
        let refused = self.search.accepted.iter().filter(|(name, _)| !is_taken(name)).cloned().collect();
        sort_by_key(&mut self.unread, Clone::clone);
        self.unread.dedup();
        sort_by_key(&mut self.of_others, Clone::clone);
        self.of_others.dedup();
        let Self { status, found, unrecorded, of_others, lists, unread, .. } = self;
        Recovered {
            status,
            found,
            in_doubt,
            unrecorded,
            of_others,
            refused,
            absent,
            renamed,
            not_looked_for,
            lists,
            unread,
        }
    }
}
