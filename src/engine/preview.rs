//! What a run would do, against the record: no request is made.
//!
//! A step whose results are not known yet makes those parts of other calls unknown that refer to it; they are shown as
//! *(known after `step`)* and count as changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::change::differences;
use super::render::{CallParts, Rendered, Surroundings, each_value, elements, is_read, step_value};
use super::shared::Settings;
use crate::journal::{InstanceStatus, Made, Phase, RecordedCall, Status};
use crate::plan::{Call, InstanceId, OnChange, Plan, Segment, Step, StepId};
use crate::secret::Secrets;
use crate::template::{Each, Reference, Scope, Shape, Template, TemplateError, skipped_step, value_of};

/// What would happen to one instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub instance: InstanceId,
    #[serde(flatten)]
    pub action: Action,
    /// The call, with secrets hidden and unknown parts named.
    pub call: Option<RecordedCall>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// The call is made.
    Call,
    /// A GET: made every time, changes nothing.
    Read,
    /// Nothing: the record agrees.
    Keep,
    /// An earlier run began it; this one brings it to its end.
    Continue { phase: String },
    /// Something of an earlier attempt is removed, and the call made again.
    Retry,
    /// The recorded call differs.
    Change { how: ChangeKind, fields: Vec<String> },
    /// `when` is false.
    Skip,
    /// Whether, or how often, it happens is known only later.
    Depends { on: Vec<StepId> },
    /// No longer in the plan. `pruned`: this run takes it down.
    Gone { pruned: bool, made: Vec<Made> },
    /// Its templates cannot be evaluated.
    Wrong { message: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// `on_change: error`: the run would stop here.
    Error,
    Replace,
    Rerun,
    Update,
    /// `on_change: ignore`: nothing is done.
    Ignore,
}

impl Change {
    /// A run would write something, or stop, because of it.
    pub fn is_pending(&self) -> bool {
        match &self.action {
            Action::Read | Action::Keep | Action::Skip => false,
            Action::Gone { pruned, .. } => *pruned,
            Action::Change { how, .. } => *how != ChangeKind::Ignore,
            Action::Call | Action::Continue { .. } | Action::Retry | Action::Depends { .. } | Action::Wrong { .. } => {
                true
            }
        }
    }
}

/// Everything a preview needs to know.
pub struct Preview<'a> {
    pub plan: &'a Plan,
    pub settings: &'a Settings,
    pub secrets: &'a Secrets,
    pub digest_key: &'a [u8],
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    /// `None`: nothing is on record.
    pub status: Option<&'a Status>,
    pub replace: &'a BTreeSet<StepId>,
    pub prune: bool,
}

/// What is known so far of the steps before.
#[derive(Default)]
struct Known {
    values: BTreeMap<StepId, minijinja::Value>,
    unknown: BTreeSet<StepId>,
    /// Known but for the object behind it, which would have to be read.
    unread: BTreeSet<StepId>,
}

impl Known {
    fn is_unknown(&self, reference: &Reference) -> bool {
        let path = &reference.path;
        // `all` and `each` lead on by computed keys, perhaps to the object.
        let may_read = path.first().is_none_or(|first| ["all", "each"].contains(&first.as_str()))
            || path.iter().any(|field| field == "resource");
        self.unknown.contains(&reference.step) || (may_read && self.unread.contains(&reference.step))
    }

    fn all_known(&self, step: &Step) -> bool {
        step.after.is_disjoint(&self.unknown) && step.after.is_disjoint(&self.unread)
    }
}

impl Preview<'_> {
    /// What a run would do, step by step in the order of the plan.
    pub fn changes(&self) -> Vec<Change> {
        let mut known = Known::default();
        let mut by_step: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
        for index in self.order() {
            let changes = self.step(&self.plan.steps[index], &mut known);
            by_step.insert(index, changes);
        }
        let mut changes: Vec<Change> = by_step.into_values().flatten().collect();
        changes.extend(self.gone(&changes));
        changes
    }

    /// The steps, each after those it refers to.
    fn order(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut waiting: Vec<usize> = self.plan.steps.values().map(|step| step.after.len()).collect();
        let mut ready: Vec<usize> = (0..waiting.len()).rev().filter(|index| waiting[*index] == 0).collect();
        let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); waiting.len()];
        for (index, step) in self.plan.steps.values().enumerate() {
            for earlier in step.after.iter().filter_map(|id| self.plan.steps.get_index_of(id)) {
                dependants[earlier].push(index);
            }
        }
        while let Some(index) = ready.pop() {
            order.push(index);
            for &dependant in &dependants[index] {
                waiting[dependant] -= 1;
                if waiting[dependant] == 0 {
                    ready.push(dependant);
                }
            }
        }
        order
    }

    fn surroundings<'s>(&'s self, known: &'s Known, each: Option<&'s Each>) -> Surroundings<'s> {
        Surroundings {
            settings: self.settings,
            secrets: self.secrets,
            digest_key: self.digest_key,
            folder: &self.plan.folder as &Path,
            inputs: self.inputs,
            steps: &known.values,
            each,
        }
    }

    fn step(&self, step: &Step, known: &mut Known) -> Vec<Change> {
        let plain = InstanceId::new(step.id.clone(), None);
        let each = match &step.for_each {
            None => vec![None],
            Some(template) => {
                let on = unknown_in(template, known);
                if !on.is_empty() {
                    known.unknown.insert(step.id.clone());
                    return vec![Change { instance: plain, action: Action::Depends { on }, call: None }];
                }
                match elements(template, &self.surroundings(known, None).scope()) {
                    Ok(elements) => elements.into_iter().map(Some).collect(),
                    Err(error) => return vec![self.wrong(plain, &error, known)],
                }
            }
        };
        let mut changes = Vec::new();
        let mut values = Vec::new();
        for each in each {
            let id = InstanceId::new(step.id.clone(), each.as_ref().map(|each| each.key.clone()));
            let (change, value) = self.instance(step, id, each.as_ref(), known);
            values.push((change.instance.key.clone().unwrap_or_default(), value));
            changes.push(change);
        }
        Self::learn(step, values, &changes, known);
        changes
    }

    fn learn(step: &Step, values: Vec<(String, Option<Value>)>, changes: &[Change], known: &mut Known) {
        let skipped = |index: usize| changes[index].action == Action::Skip;
        if values.iter().enumerate().any(|(index, (_, value))| value.is_none() && !skipped(index)) {
            known.unknown.insert(step.id.clone());
            return;
        }
        let mut done: Vec<(String, Value)> =
            values.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let value = match &step.for_each {
            Some(_) => each_value(&done),
            None => done.pop().map_or_else(skipped_step, |(_, value)| value_of(&value)),
        };
        if step.resource_used {
            known.unread.insert(step.id.clone());
        }
        known.values.insert(step.id.clone(), value);
    }

    fn recorded(&self, instance: &InstanceId) -> Option<&InstanceStatus> {
        self.status?.instances.get(instance)
    }

    /// One instance: what happens to it, and its value where that is known without a request.
    fn instance(&self, step: &Step, id: InstanceId, each: Option<&Each>, known: &mut Known) -> (Change, Option<Value>) {
        let surroundings = self.surroundings(known, each);
        if let Some(when) = &step.when {
            let on: Vec<StepId> = when
                .references()
                .filter(|reference| known.is_unknown(reference))
                .map(|reference| reference.step.clone())
                .collect();
            if !on.is_empty() {
                return (Change { instance: id, action: Action::Depends { on }, call: None }, None);
            }
            match when.is_true(&surroundings.scope()) {
                Ok(true) => {}
                Ok(false) => return (Change { instance: id, action: Action::Skip, call: None }, None),
                Err(error) => return (self.wrong(id, &error, known), None),
            }
        }
        let rendered = match self.render(step, known, each) {
            Ok(rendered) => rendered,
            Err(error) => return (self.wrong(id, &error, known), None),
        };
        let (action, known_value) = self.action(step, &id, &rendered);
        (Change { instance: id, action, call: Some(rendered) }, known_value)
    }

    fn action(&self, step: &Step, id: &InstanceId, call: &RecordedCall) -> (Action, Option<Value>) {
        if is_read(call.method) {
            return (Action::Read, None);
        }
        let Some(recorded) = self.recorded(id) else { return (Action::Call, None) };
        match &recorded.phase {
            Phase::Absent if recorded.made.is_empty() => (Action::Call, None),
            Phase::Absent | Phase::Failed | Phase::Removing | Phase::RemovalAccepted { .. } => (Action::Retry, None),
            phase @ (Phase::InDoubt | Phase::Accepted { .. }) => {
                (Action::Continue { phase: phase.name().to_owned() }, None)
            }
            Phase::Succeeded => {
                let value = recorded.result.as_ref().map(|result| step_value(result, None));
                let replace = self.replace.contains(&id.step);
                let fields = recorded.agrees.as_ref().map(|agrees| differences(agrees, call)).unwrap_or_default();
                if fields.is_empty() && !replace {
                    return (Action::Keep, value);
                }
                let creates = step.operation.as_ref().is_some_and(|operation| operation.creates.is_some());
                let how = match &step.on_change {
                    _ if replace => ChangeKind::Replace,
                    Some(OnChange::Replace) => ChangeKind::Replace,
                    Some(OnChange::Ignore) => ChangeKind::Ignore,
                    Some(OnChange::Update(_)) => ChangeKind::Update,
                    Some(OnChange::Rerun) => ChangeKind::Rerun,
                    None if !creates => ChangeKind::Rerun,
                    Some(OnChange::Error) | None => ChangeKind::Error,
                };
                let keeps = matches!(how, ChangeKind::Ignore | ChangeKind::Update | ChangeKind::Error);
                (Action::Change { how, fields }, value.filter(|_| keeps))
            }
        }
    }

    fn wrong(&self, instance: InstanceId, error: &TemplateError, known: &mut Known) -> Change {
        known.unknown.insert(instance.step.clone());
        let position = self.plan.source.position(error.span.start);
        let message = format!("{} (line {})", self.secrets.redact(&error.message), position.line);
        Change { instance, action: Action::Wrong { message }, call: None }
    }

    /// Instances on record that the plan no longer has.
    fn gone(&self, changes: &[Change]) -> Vec<Change> {
        let Some(status) = self.status else { return Vec::new() };
        let undecided: BTreeSet<&StepId> = changes
            .iter()
            .filter(|change| matches!(change.action, Action::Depends { .. } | Action::Wrong { .. }))
            .map(|change| &change.instance.step)
            .collect();
        let present: BTreeSet<&InstanceId> = changes.iter().map(|change| &change.instance).collect();
        status
            .existing()
            .filter(|(id, _)| !present.contains(id) && !undecided.contains(&id.step))
            .map(|(id, known)| Change {
                instance: id.clone(),
                action: Action::Gone { pruned: self.prune, made: known.made.clone() },
                call: known.agrees.clone(),
            })
            .collect()
    }

    /// The call with everything in it that is known; what is not, named.
    fn render(&self, step: &Step, known: &Known, each: Option<&Each>) -> Result<RecordedCall, TemplateError> {
        let surroundings = self.surroundings(known, each);
        let parts = CallParts::of_step(step);
        if known.all_known(step) {
            let Rendered { recorded, .. } = surroundings.render(&parts, None)?;
            return Ok(recorded);
        }
        let scope = surroundings.scope();
        let call = named_call(&step.call, known, &scope);
        let fill = |template: Option<&Template>| template.map(|template| fill(template, known, &scope)).transpose();
        let texts = |value: Option<Value>| -> Vec<(String, String)> {
            let fields = value.and_then(|value| value.as_object().cloned()).unwrap_or_default();
            fields.into_iter().map(|(name, value)| (name, super::results::id_text(&value))).collect()
        };
        let body = fill(parts.body)?;
        let body = body.map(|body| self.secrets.digest(&body, self.digest_key).unwrap_or(Value::Null));
        Ok(RecordedCall {
            method: step.call.method,
            path: call?,
            query: texts(fill(parts.query)?),
            headers: texts(fill(parts.headers)?),
            body,
        })
    }
}

/// Steps of a template whose results are not known yet.
fn unknown_in(template: &Template, known: &Known) -> Vec<StepId> {
    let steps: BTreeSet<StepId> = template
        .references()
        .filter(|reference| known.is_unknown(reference))
        .map(|reference| reference.step.clone())
        .collect();
    steps.into_iter().collect()
}

fn later(steps: &[StepId]) -> String {
    let names = steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    format!("(known after {names})")
}

/// Evaluates what can be evaluated.
fn fill(template: &Template, known: &Known, scope: &Scope<'_>) -> Result<Value, TemplateError> {
    match template.shape() {
        Shape::List(items) => {
            items.iter().map(|item| fill(item, known, scope)).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Shape::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| Ok((key.text.clone(), fill(value, known, scope)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        _ => match unknown_in(template, known) {
            steps if steps.is_empty() => template.evaluate(scope),
            steps => Ok(Value::String(later(&steps))),
        },
    }
}

fn named_call(call: &Call, known: &Known, scope: &Scope<'_>) -> Result<String, TemplateError> {
    let mut path = String::new();
    for segment in &call.segments {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.push_str(text),
            Segment::ProjectId => {
                path.push_str(&scope.project_id.map_or("{project_id}".to_owned(), |id| id.to_string()))
            }
            Segment::RegionId => path.push_str(&scope.region_id.map_or("{region_id}".to_owned(), |id| id.to_string())),
            Segment::Template(template) => {
                path.push_str(&super::results::id_text(&fill(template, known, scope)?));
            }
        }
    }
    Ok(path)
}
