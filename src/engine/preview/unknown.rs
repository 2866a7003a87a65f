//! What a preview knows of earlier steps, and how a call is rendered when only a part of its values is known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Action;
use crate::engine::decide::ChangeKind;
use crate::engine::placeholder::{has_placeholder, is_known_later, known_after, known_after_reading};
use crate::engine::render::{CallParts, RenderContext, Rendered, each_value, identifier, step_value};
use crate::engine::repeated::Recording;
use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, Phase, RecordedCall, StepResult, id_text};
use crate::order::ordered_set;
use crate::plan::{Segment, Step, asks_for_resource};
use crate::template::{Each, Reference, Scope, Shape, Template, TemplateError, skipped_step, value_of};

/// Why a result of a step is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnknownBecause {
    /// It has to be read; it is assumed to be unchanged.
    Reading,
    /// The step's call will be sent, or its resource changed.
    Change,
}

/// What is known so far of earlier steps.
#[derive(Default)]
pub struct KnownValues {
    pub values: BTreeMap<StepId, minijinja::Value>,
    unknown: BTreeMap<StepId, UnknownBecause>,
    /// Steps with known results whose resource would have to be read.
    unread: BTreeSet<StepId>,
    /// Steps of which some instances have no known result.
    partly: BTreeSet<StepId>,
    /// By instance whose call will be sent: the fields of its result that are known from the call.
    ahead: HashMap<InstanceId, Map<String, Value>>,
    /// By step whose results are not known: the fields of them that are known.
    told: BTreeMap<StepId, BTreeSet<String>>,
    /// Instances that were made from a resource which does not exist any more.
    pub orphans: HashSet<InstanceId>,
    /// By instance that is removed because the resource that it was made from is replaced: the instance of that
    /// resource.
    pub replaced: HashMap<InstanceId, InstanceId>,
    /// Instances whose recorded calls the run makes anew or changes, and the calls that they agree with then, without
    /// the values that are known later.
    pub changed: Vec<(InstanceId, RecordedCall)>,
    /// Steps that a run would change something for, and steps after these: a read that comes after one of them may be
    /// answered differently then.
    pub unsettled: BTreeSet<StepId>,
    /// Steps for which a run would make a new resource, and reads after these: references to them then mean another
    /// resource.
    remade: BTreeSet<StepId>,
    /// The instances that adopt these ids.
    pub adopted: HashMap<String, InstanceId>,
    /// Reads with which more would be known.
    pub wanted: Vec<RecordedCall>,
    /// Whether the templates of the step that is looked at mention a resource.
    pub uses_resource: bool,
}

impl KnownValues {
    /// Marks the results of a step as not known.
    pub fn mark_unknown(&mut self, step: &StepId, why: UnknownBecause) {
        self.unknown.insert(step.clone(), why);
    }

    /// Notes what a call that will be sent says of its result.
    pub fn note_ahead(&mut self, instance: &InstanceId, result: &StepResult) {
        let ids: Vec<Value> = result.ids.iter().map(|id| Value::clone(id)).collect();
        let id = result.id.as_deref().cloned().map(|id| [("id", id), ("ids", Value::Array(ids))]);
        let name = result.name.clone().map(|name| ("name", Value::String(name)));
        let known = id.into_iter().flatten().chain(name).filter(|(_, value)| !has_placeholder(value));
        let known: Map<String, Value> = known.map(|(field, value)| (field.to_owned(), value)).collect();
        if !known.is_empty() {
            self.ahead.insert(instance.clone(), known);
        }
    }

    /// Notes that a new resource is made for a step.
    pub fn note_remade(&mut self, step: &StepId) {
        self.remade.insert(step.clone());
    }

    /// Notes the call that a recorded instance agrees with once the run has changed it.
    pub fn note_changed(&mut self, instance: &InstanceId, action: &Action, call: &RecordedCall) {
        let how = match action.change() {
            Action::Retry { .. } => Some(ChangeKind::Replace),
            Action::Change { how, .. } => Some(*how),
            _ => None,
        };
        if matches!(how, Some(ChangeKind::Replace | ChangeKind::Rerun | ChangeKind::Update)) {
            self.changed.push((instance.clone(), known_now(call.clone())));
        }
    }

    /// Those of these steps that are not settled.
    pub fn unsettled_among<'s>(&self, steps: &'s [StepId]) -> impl Iterator<Item = &'s StepId> {
        steps.iter().filter(|step| self.unsettled.contains(*step))
    }

    /// Stores the results of a step's instances, without skipped ones.
    pub fn learn(&mut self, step: &Step, values: Vec<(InstanceId, Option<Value>)>, reads: bool) {
        if self.unknown.contains_key(&step.id) {
            return;
        }
        let some_unknown = values.iter().any(|(_, value)| value.is_none());
        if some_unknown && (reads || step.for_each.is_none()) {
            if let [(instance, _)] = &values[..]
                && let Some(known) = self.ahead.get(instance).filter(|_| !reads)
            {
                self.told.insert(step.id.clone(), known.keys().cloned().collect());
                self.values.insert(step.id.clone(), value_of(&self.placeholder(instance)));
            }
            // What is read after a new resource is not what was read before.
            let is_as_before = reads && !step.after.iter().any(|step| self.remade.contains(step));
            return match is_as_before {
                true => self.mark_unknown(&step.id, UnknownBecause::Reading),
                false => {
                    self.note_remade(&step.id);
                    self.mark_unknown(&step.id, UnknownBecause::Change);
                }
            };
        }
        let unread = values.iter().any(|(_, value)| value.as_ref().is_none_or(|value| value.get("resource").is_none()));
        let told = |(instance, value): (InstanceId, Option<Value>)| {
            let key = instance.key.as_deref().unwrap_or_default().to_owned();
            (key, value.unwrap_or_else(|| self.placeholder(&instance)))
        };
        let mut done: Vec<(String, Value)> = values.into_iter().map(told).collect();
        let value = match &step.for_each {
            Some(_) => each_value(&done),
            None => done.pop().map_or_else(skipped_step, |(_, value)| value_of(&value)),
        };
        if some_unknown {
            self.partly.insert(step.id.clone());
        }
        if step.resource_used && unread {
            self.unread.insert(step.id.clone());
        }
        self.values.insert(step.id.clone(), value);
    }

    fn why(&self, reference: &Reference) -> Option<UnknownBecause> {
        let Reference { step, path, .. } = reference;
        let unread = || {
            // An instance that is yet to be made cannot be read, and references to its resource change.
            let why = if self.partly.contains(step) { UnknownBecause::Change } else { UnknownBecause::Reading };
            (asks_for_resource(path, self.uses_resource) && self.unread.contains(step)).then_some(why)
        };
        let told = || self.told.get(step).zip(path.first()).is_some_and(|(told, field)| told.contains(&**field));
        self.unknown.get(step).copied().filter(|_| !told()).or_else(unread)
    }

    /// The value of an instance without a result, as templates see it: what its call says, and the rest known later.
    fn placeholder(&self, instance: &InstanceId) -> Value {
        let text = known_after(&format!("`{instance}`"));
        let mut value =
            json!({ "id": text, "ids": [text], "name": text, "task": text, "tasks": [text], "outcome": "succeeded" });
        if let (Some(known), Some(fields)) = (self.ahead.get(instance), value.as_object_mut()) {
            fields.extend(known.clone());
        }
        value
    }

    /// The steps among these references whose results are not known, and why.
    pub fn unknown_in<'r>(
        &self,
        references: impl Iterator<Item = &'r Reference>,
    ) -> Option<(UnknownBecause, Vec<StepId>)> {
        let found: Vec<(UnknownBecause, &StepId)> =
            references.filter_map(|reference| Some((self.why(reference)?, &reference.step))).collect();
        let why = found.iter().map(|(why, _)| *why).max()?;
        let steps = ordered_set(found.into_iter().map(|(_, step)| step));
        Some((why, steps.into_iter().cloned().collect()))
    }

    /// Renders a call of a step that comes after others; values that are not known become placeholders with the names
    /// of their steps.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] when a template over known values cannot be evaluated.
    pub fn render(
        &self,
        parts: &CallParts<'_>,
        after: &[StepId],
        surroundings: &RenderContext<'_>,
        own: Option<&minijinja::Value>,
    ) -> Result<RecordedCall, TemplateError> {
        let all_known = after.iter().all(|step| !self.unknown.contains_key(step) && !self.unread.contains(step));
        if all_known {
            match surroundings.render(parts, own) {
                Ok(Rendered { recorded, .. }) => return Ok(legible(recorded.into_owned())),
                // A value of an instance with no result may be more than text, so that the template fails on its
                // placeholder.
                Err(_) if after.iter().any(|step| self.partly.contains(step)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut scope = surroundings.scope();
        scope.this = own;
        let fill = |template: Option<&Template>| template.map(|template| self.fill(template, &scope)).transpose();
        let texts = |value: Option<Value>| -> Vec<(String, String)> {
            let fields = value.and_then(|value| value.as_object().cloned()).unwrap_or_default();
            fields.into_iter().map(|(name, value)| (name, id_text(&value))).collect()
        };
        let body = fill(parts.body)?;
        let form = surroundings.form(parts, body.as_ref())?;
        let body = form.map(|form| form.measured).or(body);
        let recording = Recording { secrets: surroundings.secrets, digest_key: surroundings.digest_key };
        let body = body.zip(parts.body);
        let body = body.map(|(body, template)| recording.body(template, &body).unwrap_or_else(|_| Value::Null.into()));
        Ok(RecordedCall {
            method: parts.call.method,
            path: self.path(parts, &scope)?,
            query: texts(fill(parts.query)?).into(),
            headers: texts(fill(parts.headers)?).into(),
            body,
            body_file: surroundings.body_file(parts, &scope)?.map(Box::new),
        })
    }

    /// Evaluates a template as far as possible.
    fn fill(&self, template: &Template, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        match template.shape() {
            Shape::List(items) => {
                items.iter().map(|item| self.fill(item, scope)).collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Shape::Mapping(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.text.to_string(), self.fill(value, scope)?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
            Shape::For(list) if self.unknown_in(list.list.references()).is_none() => {
                let elements = match self.fill(&list.list, scope)? {
                    // A placeholder, because of an instance without a result.
                    Value::String(later) => return Ok(Value::String(later)),
                    elements => Each::of(elements).map_err(|what| list.not_a_list(what))?,
                };
                let each = |item| self.fill(&list.each, &Scope { item: Some(item), ..*scope });
                elements.iter().map(each).collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            _ => match self.unknown_in(template.references()) {
                Some((why, steps)) => Ok(Value::String(later(why, &steps))),
                None => match template.evaluate(scope) {
                    Ok(value) => Ok(value),
                    Err(error) => {
                        let partly = template.references().map(|reference| &reference.step);
                        let partly = ordered_set(partly.filter(|step| self.partly.contains(*step)).cloned());
                        match partly.is_empty() {
                            true => Err(error),
                            false => Ok(Value::String(later(UnknownBecause::Change, &Vec::from_iter(partly)))),
                        }
                    }
                },
            },
        }
    }

    fn path(&self, parts: &CallParts<'_>, scope: &Scope<'_>) -> Result<String, TemplateError> {
        // Project and region are those that the step names, or else the default ones.
        let place = |template: Option<&Template>, default: Option<i64>, name: &str| match template {
            Some(template) => match self.unknown_in(template.references()) {
                Some((why, steps)) => Ok(later(why, &steps)),
                None => Ok(identifier(Some(template), scope, default)?.map_or_else(String::new, |id| id.to_string())),
            },
            None => Ok(default.map_or(format!("{{{name}}}"), |id| id.to_string())),
        };
        let mut path = String::new();
        for segment in &*parts.call.segments {
            path.push('/');
            path.push_str(&match segment {
                Segment::Literal(text) => text.to_string(),
                Segment::ProjectId => place(parts.project_id, scope.project_id, "project_id")?,
                Segment::RegionId => place(parts.region_id, scope.region_id, "region_id")?,
                Segment::Template(template) => id_text(&self.fill(template, scope)?),
            });
        }
        Ok(path)
    }
}

/// The value of a step that does not wait for the tasks of its call.
pub fn accepted(known: &InstanceStatus) -> Option<Value> {
    let Phase::Accepted { tasks, status, .. } = &known.phase else { return None };
    let result = StepResult { tasks: tasks.clone().into(), status: *status, ..StepResult::default() };
    Some(step_value(&result, None))
}

fn later(why: UnknownBecause, steps: &[StepId]) -> String {
    let names = steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    match why {
        UnknownBecause::Reading => known_after_reading(&names),
        UnknownBecause::Change => known_after(&names),
    }
}

/// The call without the values that are known only later.
fn known_now(mut call: RecordedCall) -> RecordedCall {
    fn clear(value: &mut Value) {
        match value {
            Value::String(text) if is_known_later(text) => *value = Value::Null,
            Value::Array(items) => items.iter_mut().for_each(clear),
            Value::Object(fields) => fields.values_mut().for_each(clear),
            _ => {}
        }
    }
    if is_known_later(&call.path) {
        call.path.clear();
    }
    call.query = call.query.iter().filter(|(_, value)| !is_known_later(value)).cloned().collect::<Vec<_>>().into();
    if let Some(body) = call.body.as_mut().filter(|body| has_placeholder(body)) {
        body.edit(clear);
    }
    call
}

/// The path of a call with placeholders: as they are, not percent-encoded.
pub fn legible(call: RecordedCall) -> RecordedCall {
    let path = percent_encoding::percent_decode_str(&call.path).decode_utf8_lossy().into_owned();
    if is_known_later(&path) { RecordedCall { path, ..call } } else { call }
}
