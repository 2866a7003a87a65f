//! Searches for one instance after another, until a round finds nothing new. `seek` searches for one instance, `read`
//! reads the API, `parts` is pure.

mod copies;
mod former;
mod parts;
mod read;
mod seek;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::trail::{self, Makers, Sent};
use super::{AUDIT_LOG, Recovered, RecoveryEvidence, Search, Unrecorded};
use crate::api::{Request, Task};
use crate::catalog::Operation;
use crate::engine::context::{RunContext, Settings};
use crate::engine::made::made;
use crate::engine::operation::{Parameters, operation_of};
use crate::engine::ownership::{Claimable, Ownership};
use crate::engine::pages::{Paging, pages};
use crate::engine::paths::{fill_path, read_path};
use crate::engine::placeholder::is_known_later;
use crate::engine::preview::{Action, Change, Preview, Reads};
use crate::engine::render::{CallParts, Surroundings, each_value, step_value};
use crate::engine::results::resource_id;
use crate::engine::stamps::{Spot, Stamped, instance_of, intent_of, is_findable, stamped};
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, IntendedUndo, Phase, RecordedCall, Status, StepResult, id_text};
use crate::plan::{OnConflict, Selection, Step, Undo};
use crate::template::value_of;
use copies::{Facts, objections};
use parts::{add, each_of, in_doubt_status, is_whole, known_part, known_steps, mentions};

/// The state of a recovery: what was found so far.
pub struct Work<'a> {
    search: &'a Search<'a>,
    spots: Vec<Spot>,
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
    /// Instances of which each resource with their stamp may be a copy, with the ids.
    doubted: BTreeMap<InstanceId, Vec<String>>,
    /// Resources with a stamp that no instance has as its own.
    unrecorded: Vec<Unrecorded>,
    /// Resources of other clients that have the name of an instance: its id, theirs, and whose it is.
    theirs: Vec<(InstanceId, String, String)>,
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
    pub fn new(search: &'a Search<'a>) -> Self {
        Self {
            search,
            spots: super::spots_of(search.plan, search.settings, search.secrets, search.inputs),
            status: search.status.clone(),
            found: Vec::new(),
            bound: HashSet::new(),
            sought: HashSet::new(),
            resources: HashMap::new(),
            alike: BTreeMap::new(),
            sent: Vec::new(),
            makers: Makers::default(),
            elsewhere: Ownership::new(search.other_records.clone()),
            doubted: BTreeMap::new(),
            unrecorded: Vec::new(),
            theirs: Vec::new(),
            tasks: None,
            lists: 0,
            unread: Vec::new(),
        }
    }

    /// Recovers everything in lists that show tags, also of steps that the plan does not have any more.
    pub async fn by_stamps(&mut self) {
        let Search { client, catalog, settings, .. } = *self.search;
        let operations = catalog.operations().filter(|operation| operation.creates.is_some() && is_findable(operation));
        let looked = stamped(client, catalog, operations, &self.spots, &settings.plan, &settings.environment).await;
        self.lists += looked.lists;
        self.unread.extend(looked.unread.into_iter().map(|(path, error)| (path, error.to_string())));
        let mut found: IndexMap<InstanceId, Vec<Stamped>> = IndexMap::new();
        for stamped in looked.found.into_iter().filter(|stamped| !self.is_on_record(&stamped.status)) {
            found.entry(stamped.instance.clone()).or_default().push(stamped);
        }
        for (instance, stamped) in found {
            self.tell_apart(instance, stamped);
        }
    }

    /// Records the resources with the stamp of an instance that are ours, and notes the others.
    fn tell_apart(&mut self, instance: InstanceId, stamped: Vec<Stamped>) {
        let known = self.status.instances.get(&instance);
        let is_open = known.is_none_or(|known| known.phase == Phase::Absent && !known.may_exist());
        let is_undecided = known.is_some_and(|known| known.phase == Phase::InDoubt && known.made.is_empty());
        let accepted = self.accepted(&instance).filter(|_| is_open || is_undecided);
        let is_accepted = |stamped: &Stamped| accepted.is_some() && resource_id(&stamped.status).as_deref() == accepted;
        let is_decided = stamped.iter().any(is_accepted);
        let facts: Vec<Facts> = stamped.iter().map(|stamped| self.facts(&stamped.status)).collect();
        for (stamped, objection) in stamped.into_iter().zip(objections(&facts)) {
            let why = match () {
                () if is_decided && is_accepted(&stamped) => None,
                () if is_decided => Some("another one was accepted"),
                () if !is_open => objection.or(Some("it carries the stamp, and the record has another one")),
                () => objection,
            };
            match why {
                Some(why) => self.unrecorded.push(Unrecorded {
                    instance: instance.clone(),
                    resource: stamped.status.made.last().cloned().unwrap_or_default(),
                    why: why.to_owned(),
                }),
                None => self.take_stamped(
                    stamped,
                    if is_decided { RecoveryEvidence::Decision } else { RecoveryEvidence::Stamp },
                ),
            }
        }
        if is_open && !self.found.iter().any(|(found, _)| *found == instance) {
            let ids = self.unrecorded.iter().filter(|copy| copy.instance == instance);
            let ids = ids.filter_map(|copy| copy.resource.id.as_deref().map(id_text)).collect();
            self.doubted.insert(instance, ids);
        }
    }

    fn take_stamped(&mut self, stamped: Stamped, trace: RecoveryEvidence) {
        let is_found = self.found.iter().any(|(instance, _)| *instance == stamped.instance);
        match self.status.instances.get(&stamped.instance).filter(|_| is_found) {
            // Two resources of one instance: both are recorded, and the younger one is the result.
            Some(known) => {
                let mut both = InstanceStatus::clone(known);
                add(&mut both, stamped.status);
                self.status.put(stamped.instance, both);
            }
            None => self.put(stamped.instance, trace, stamped.status),
        }
    }

    /// What is known of a resource with a stamp.
    fn facts(&self, found: &InstanceStatus) -> Facts {
        let task = found.result.as_ref().and_then(|result| result.tasks.first().cloned());
        Facts {
            nonce: found.intent.as_ref().map(|intent| intent.nonce.clone()).unwrap_or_default(),
            maker: self.makers.of(resource_id(found).as_deref(), task.as_deref()),
            task,
        }
    }

    pub async fn read_audit_log(&mut self) {
        let projects: BTreeSet<i64> = self.spots.iter().map(|(project, _)| *project).collect();
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

    fn put(&mut self, instance: InstanceId, trace: RecoveryEvidence, status: InstanceStatus) {
        self.alike.remove(&instance);
        self.status.put(instance.clone(), status);
        self.found.push((instance, trace));
    }

    fn preview(&self) -> Vec<Change> {
        let Search { plan, settings, secrets, inputs, .. } = *self.search;
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
        let mut moved = false;
        let changes = self.preview();
        let known = known_steps(&changes);
        let open = self.open_calls(&changes);
        for change in changes {
            let (instance, action) = (change.instance, change.action);
            let is_bound = self.bound.contains(&instance);
            let is_found = !is_bound && self.found.iter().any(|(found, _)| *found == instance);
            let is_sought = action == Action::Call || self.accepted(&instance).is_some();
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
            } else if self.sought.insert((instance.clone(), is_complete)) {
                moved |= self.seek(&asked).await;
            }
        }
        moved || (partly && self.recover_unnamed(&known).await)
    }

    /// Recovers instances from the audit log that a preview cannot name, because their number is known only after a
    /// read.
    async fn recover_unnamed(&mut self, known: &BTreeSet<StepId>) -> bool {
        let mut moved = false;
        let sent = self.sent.iter().filter_map(|sent| instance_of(&sent.step));
        let unknown: BTreeSet<InstanceId> =
            sent.filter(|instance| !self.status.instances.contains_key(instance)).collect();
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

    /// A call of which only project and region are known.
    fn bare_call(&self, step: &Step) -> Option<RecordedCall> {
        let Settings { project_id, region_id, .. } = self.search.settings;
        let places = [("project_id", project_id), ("region_id", region_id)];
        let places: Parameters =
            places.into_iter().filter_map(|(name, id)| Some((name.to_owned(), (*id)?.to_string()))).collect();
        let path = fill_path(&step.operation.as_ref()?.route.path, &places, "", "")?;
        Some(RecordedCall::new(step.call.method, path))
    }

    /// The plan's call, and whether all of it is known. Values that a preview leaves open because it makes no request
    /// are read.
    async fn call(
        &mut self,
        step: &Step,
        instance: &InstanceId,
        call: Option<RecordedCall>,
        known: &BTreeSet<StepId>,
        partly: bool,
    ) -> Option<(RecordedCall, bool)> {
        let call = call?;
        if is_whole(&call) {
            return Some((call, true));
        }
        if let Some(call) = self.rendered(step, instance, known).await {
            return Some((call, true));
        }
        let known = known_part(call);
        (partly && !is_known_later(&known.path)).then_some((known, false))
    }

    /// Reads the resources behind the steps that a step refers to.
    async fn read_resources(&mut self, step: &Step) {
        let used = |id: &StepId| self.search.plan.steps.get(id).is_some_and(|step| step.resource_used);
        let used: Vec<InstanceId> = self
            .status
            .instances
            .keys()
            .filter(|instance| step.after.contains(&instance.step) && used(&instance.step))
            .filter(|instance| !self.resources.contains_key(*instance))
            .cloned()
            .collect();
        for instance in used {
            let known = &self.status.instances[&instance];
            let Some((intent, result)) = known.intent.as_ref().zip(known.result.as_ref()) else { continue };
            let Some((operation, parameters)) = operation_of(self.search.catalog, &intent.call) else { continue };
            let Some(path) = read_path(&operation, &parameters, result) else { continue };
            if let Some(resource) = self.read(path).await {
                self.resources.insert(instance, resource);
            }
        }
    }

    /// Renders the call, when everything that it depends on is known or can be read.
    async fn rendered(&mut self, step: &Step, instance: &InstanceId, known: &BTreeSet<StepId>) -> Option<RecordedCall> {
        if !step.after.iter().all(|step| known.contains(step)) {
            return None;
        }
        self.read_resources(step).await;
        let steps = self.values();
        let mut surroundings = self.surroundings(&steps);
        let each = each_of(step, instance, &surroundings);
        surroundings.each = each.as_ref();
        surroundings.render(&CallParts::of_step(step), None).ok().map(|rendered| rendered.recorded.into_owned())
    }

    /// Matches a resource found by its stamp with the plan's call; the rest of the recorded call comes from its task.
    async fn bind(&mut self, asked: &PlannedCreate<'_>) {
        let Some(known) = self.status.instances.get(asked.instance) else { return };
        let mut known = InstanceStatus::clone(known);
        let Some(mut result) = known.result.take() else { return };
        if let Some(task) = self.task_of(&result).await {
            let told = self.result_of_task(asked, &task);
            (result.created, result.touched) = (told.created, told.touched);
        }
        let nonce = known.intent.map(|intent| intent.nonce.clone()).unwrap_or_default();
        let bound = self.succeeded(asked, result, nonce);
        let others = known.made.len().saturating_sub(1);
        let made = known.made.into_iter().take(others).chain(bound.made).collect();
        self.status.put(asked.instance.clone(), InstanceStatus { made, phase: known.phase, ..bound });
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

    fn surroundings<'s>(&'s self, steps: &'s BTreeMap<StepId, minijinja::Value>) -> Surroundings<'s> {
        Surroundings {
            settings: self.search.settings,
            secrets: self.search.secrets,
            digest_key: self.status.header.key.as_bytes(),
            folder: &self.search.plan.folder,
            body_files: &self.search.plan.body_files,
            inputs: self.search.inputs,
            steps,
            each: None,
        }
    }

    /// `steps` for templates, from what is known.
    fn values(&self) -> BTreeMap<StepId, minijinja::Value> {
        let mut by_step: BTreeMap<StepId, Vec<(String, Value)>> = BTreeMap::new();
        for (instance, known) in &self.status.instances {
            if let Some(result) = &known.result {
                let key = instance.key.as_deref().unwrap_or_default().to_owned();
                by_step
                    .entry(instance.step.clone())
                    .or_default()
                    .push((key, step_value(result, self.resources.get(instance))));
            }
        }
        let is_each = |step: &StepId| self.search.plan.steps.get(step).is_some_and(|step| step.for_each.is_some());
        let value = |(step, values): (StepId, Vec<(String, Value)>)| {
            let value = if is_each(&step) { each_value(&values) } else { value_of(&values[0].1) };
            (step, value)
        };
        by_step.into_iter().map(value).collect()
    }

    /// Concludes: creates of which nothing was found are absent, those with only a matching name are in doubt.
    pub fn finish(mut self) -> Recovered {
        self.order_what_the_plan_lost();
        let mut in_doubt = Vec::new();
        for (instance, (call, mut ids)) in std::mem::take(&mut self.alike) {
            let step = self.search.plan.steps.get(&instance.step);
            ids.retain(|id| !self.status.owned().any(|(_, _, known)| id_text(known) == *id));
            // With `on_conflict: adopt` the run itself can adopt the resource.
            let adopts = step.is_some_and(|step| step.on_conflict == OnConflict::Adopt);
            if ids.is_empty() || (adopts && !self.doubted.contains_key(&instance)) {
                continue;
            }
            self.status.put(instance.clone(), in_doubt_status(&instance, call, step));
            in_doubt.push((instance, ids));
        }
        let renamed = self.seem_renamed();
        let doubted: BTreeSet<&StepId> = in_doubt.iter().map(|(instance, _)| &instance.step).collect();
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
        self.unread.sort_unstable();
        self.unread.dedup();
        self.theirs.sort_unstable();
        self.theirs.dedup();
        let Self { status, found, unrecorded, theirs, lists, unread, .. } = self;
        Recovered {
            status,
            found,
            in_doubt,
            unrecorded,
            theirs,
            refused,
            absent,
            renamed,
            not_looked_for,
            lists,
            unread,
        }
    }

    /// Reads what the creates of recovered instances made besides their resources, of steps that the plan does not have
    /// any more.
    pub async fn complete_what_the_plan_lost(&mut self) {
        for instance in self.unmatched() {
            let known = self.status.instances.get(&instance);
            let known = known.and_then(|known| Some((known.intent.as_ref()?.call.clone(), known.result.clone()?)));
            let Some((call, result)) = known else { continue };
            let Some((operation, _)) = operation_of(self.search.catalog, &call) else { continue };
            let Some(task) = self.task_of(&result).await else { continue };
            let told = self.result_of_recorded_task(&instance, &operation, &call, &task);
            if let Some(known) = self.status.instances.get_mut(&instance) {
                known.result = Some(StepResult { created: told.created, touched: told.touched, ..result });
            }
        }
    }

    /// Recovered instances that were not matched with a call of the plan.
    fn unmatched(&self) -> Vec<InstanceId> {
        let found = self.found.iter().map(|(instance, _)| instance);
        found.filter(|instance| !self.bound.contains(*instance)).cloned().collect()
    }

    /// Orders recovered instances that the plan does not have any more after older ones that they belong to.
    fn order_what_the_plan_lost(&mut self) {
        for instance in self.unmatched() {
            let planned = self.search.plan.steps.get(&instance.step).map(|step| step.after.to_vec());
            let after = planned.unwrap_or_else(|| self.older_relatives(&instance));
            let undo = self.search.plan.steps.get(&instance.step).map(|step| {
                let result = self.status.instances[&instance].result.clone().unwrap_or_default();
                self.undo(step, &instance, &result)
            });
            let Some(known) = self.status.instances.get_mut(&instance) else { continue };
            let known = &mut **known;
            known.after.clone_from(&after);
            if let (Some(intent), Some(result)) = (&mut known.intent, &known.result) {
                intent.after = after;
                intent.call.body = None;
                intent.call.body_file = None;
                intent.undo = undo.unwrap_or_default();
                if let Some(last) = known.made.last_mut() {
                    *last = made(self.search.catalog, &intent.call, result, &intent.undo);
                }
            }
        }
    }

    fn older_relatives(&self, instance: &InstanceId) -> Vec<StepId> {
        let seen = |instance: &InstanceId| -> Option<(&Value, &Value, String)> {
            let result = self.status.instances.get(instance)?.result.as_ref()?;
            let item = result.response.as_ref()?;
            Some((item, result.id.as_ref()?, item.get("created_at").map(id_text).unwrap_or_default()))
        };
        let Some((item, id, made_at)) = seen(instance) else { return Vec::new() };
        let is_older = |other: &InstanceId| {
            seen(other).is_some_and(|(their_item, their_id, their_time)| {
                let related = mentions(item, &id_text(their_id)) || mentions(their_item, &id_text(id));
                related && their_time < made_at
            })
        };
        let others = self.found.iter().map(|(other, _)| other).filter(|other| *other != instance);
        let steps: BTreeSet<StepId> = others.filter(|other| is_older(other)).map(|other| other.step.clone()).collect();
        steps.into_iter().collect()
    }
}
