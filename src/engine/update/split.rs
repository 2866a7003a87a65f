//! Divides a changed call: the calls that change the resource in place, and the changes that need a new resource.

mod rules;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::in_place::InPlace;
use super::others::others;
use super::patch::{FieldChange, RecordedAndSent};
use crate::catalog::schema::Schema;
use crate::catalog::update::{Act, Rule, UpdateCall, can_be_reset, key_field, must_be_sent_alone};
use crate::catalog::{ALLOW_NOTHING, BodySchema, Catalog, Operation, Partial};
use crate::diagnostic::Severity;
use crate::engine::operation::{self, Parameters};
use crate::engine::paths::{fill_path, own_value};
use crate::engine::placeholder::has_placeholder;
use crate::engine::project_region::is_project_or_region;
use crate::journal::{JsonText, Kinds, RecordedCall, StepResult, fields_of, fields_of_mut};
use rules::{rule_allows, shrinks};

/// The reason when the catalogue has no call that changes a field.
pub(super) const NO_CALL: &str = "`plan` knows no call that changes it";

/// The reason when a field is what the API knows the resource by.
const IDENTITY: &str = "it identifies the resource";

/// The reason when a list made several resources, or should.
const EACH_MAKES_ONE: &str =
    "each element of the list is a resource: a step for each, by `for_each`, is changed in place";

/// The resource of a recorded create, and the calls that change it.
pub struct UpdatedResource {
    create: Arc<Operation>,
    /// Path parameters: those of the create, and the resource's own.
    parameters: Parameters,
    /// Whether the last parameter is the resource's own.
    own: bool,
    pub(super) update_calls: Vec<UpdateCall>,
    /// Ids by kind of the resources that its create made.
    pub(super) made: Kinds,
}

/// The division of a change.
#[derive(Debug, Clone, Default)]
pub struct Split {
    /// In the order in which they are sent.
    pub calls: Vec<InPlace>,
    pub forced: Vec<Forced>,
}

/// A change that needs a new resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forced {
    /// `body/cidr`, `call`, `query/…`
    pub field: String,
    pub reason: String,
}

impl UpdatedResource {
    /// The resource of a recorded create; `None` when the catalogue does not know the call as a create, or the result
    /// lacks what the resource's paths need.
    pub fn of(catalog: &Catalog, create: &RecordedCall, result: &StepResult) -> Option<Self> {
        let (operation, mut parameters) = operation::operation_of(catalog, create)?;
        let resource = operation.creates.as_ref()?.resource.as_ref()?;
        let own = own_value(resource, result)?;
        let has_own = !resource.parameter.is_empty();
        if has_own {
            // A copy is created below the path of its original, whose id must not be used for the copy.
            parameters.retain(|(name, _)| *name != resource.parameter);
            parameters.push((resource.parameter.clone(), own));
        }
        let update_calls = catalog.update_calls_of(&operation);
        Some(Self { create: operation, parameters, own: has_own, update_calls, made: result.created.clone() })
    }

    /// A resource that another one created, in the same project and region. `own`: its own path parameter.
    pub(super) fn below(
        catalog: &Catalog,
        create: Arc<Operation>,
        of: &UpdatedResource,
        (name, id): (&str, String),
    ) -> Self {
        let place = of.parameters.iter().filter(|(name, _)| is_project_or_region(name));
        let mut parameters: Parameters = place.cloned().collect();
        parameters.push((name.to_owned(), id));
        let update_calls = catalog.update_calls_of(&create);
        Self { create, parameters, own: true, update_calls, made: Kinds::default() }
    }

    /// The value of its own path parameter; `None` when its paths name only its parents.
    pub(super) fn own(&self) -> Option<&str> {
        self.parameters.last().filter(|_| self.own).map(|(_, own)| own.as_str())
    }
}

/// Divides the difference between the recorded create and the plan's call. `sent`: the plan's body with secrets;
/// `may_remove`: whether calls may remove an element with its contents.
pub fn split<'a>(
    catalog: &'a Catalog,
    resource: Option<&'a UpdatedResource>,
    before: &'a RecordedCall,
    after: &'a RecordedCall,
    sent: Option<&'a Value>,
    may_remove: bool,
) -> Split {
    let mut split = Split::default();
    if (before.method, &before.path) != (after.method, &after.path) {
        // With another method or path it is another create: nothing of the old resource is changed in place.
        split.force("call", "it decides which resource is created, and where");
        return split;
    }
    for (what, old, new) in [("query", &before.query, &after.query), ("headers", &before.headers, &after.headers)] {
        let changed = old.iter().chain(new).filter(|pair| !(old.contains(pair) && new.contains(pair)));
        let mut names: Vec<&String> = changed.map(|(name, _)| name).collect();
        names.dedup();
        names.iter().for_each(|name| split.force(format!("{what}/{name}"), "it has an effect only on a create"));
    }
    if before.body_file != after.body_file {
        split.force("body_file", NO_CALL);
    }
    let of = |call: &'a RecordedCall| call.body.as_deref().and_then(fields_of);
    let (Some(old), Some(new)) = (of(before), of(after)) else {
        if before.body != after.body {
            let is_list = before.body.as_deref().is_some_and(Value::is_array);
            split.force("body", if is_list { EACH_MAKES_ONE } else { NO_CALL });
        }
        return split;
    };
    let revealed = sent.and_then(fields_of).unwrap_or(new);
    let mut changed: Vec<&String> = old.keys().filter(|name| old.get(*name) != new.get(*name)).collect();
    changed.extend(new.keys().filter(|name| !old.contains_key(*name)));
    let Some(resource) = resource else {
        changed.iter().for_each(|name| split.force(format!("body/{name}"), NO_CALL));
        return split;
    };
    if let Some(key) = key_field(&resource.create)
        && changed.iter().any(|name| *name == key)
    {
        // With another name it is another resource: a call by the new name would meet that of another client.
        split.force(format!("body/{key}"), IDENTITY);
        return split;
    }
    let mut work = Splitting { catalog, resource, old, new, revealed, changed, now: before.clone(), split, may_remove };
    for update_call in &resource.update_calls {
        work.take_by(update_call);
    }
    for name in std::mem::take(&mut work.changed) {
        work.split.force(format!("body/{name}"), NO_CALL);
    }
    work.split
}

impl Split {
    /// Adds a difference that needs a new resource, and why.
    pub(super) fn force(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.forced.push(Forced { field: field.into(), reason: reason.into() });
    }
}

pub(super) struct Splitting<'a> {
    pub(super) catalog: &'a Catalog,
    /// The resource that is updated.
    pub(super) resource: &'a UpdatedResource,
    /// The create's body as it was.
    pub(super) old: &'a Map<String, Value>,
    /// The create's body as the plan has it, in recorded form.
    pub(super) new: &'a Map<String, Value>,
    /// The create's body as it is sent, with the secrets.
    pub(super) revealed: &'a Map<String, Value>,
    /// Differing fields without a call so far.
    changed: Vec<&'a String>,
    /// The create's call with which the resource agrees after the calls so far.
    pub(super) now: RecordedCall,
    pub(super) split: Split,
    /// Whether an element may be removed with its contents.
    pub(super) may_remove: bool,
}

/// The body of a call that changes fields of the same names.
#[derive(Default)]
struct Patch {
    recorded: Map<String, Value>,
    sent: Map<String, Value>,
    /// The fields that it changes.
    fields_sent: Vec<String>,
}

impl<'a> Splitting<'a> {
    /// The part of the differences that this call can make.
    fn take_by(&mut self, update_call: &UpdateCall) {
        let mine: Vec<&String> = self.changed.iter().copied().filter(|name| update_call.act.takes(name)).collect();
        if mine.is_empty() {
            return;
        }
        match &update_call.act {
            Act::Fields { fields, whole, inside } => {
                let (alone, together): (Vec<_>, Vec<_>) =
                    mine.into_iter().partition(|name| must_be_sent_alone(&update_call.operation, name));
                if !together.is_empty() {
                    self.patch(update_call, &together, fields, *whole, *inside);
                }
                alone.into_iter().for_each(|name| self.patch(update_call, &[name], fields, false, *inside));
            }
            Act::Inner { field } => self.inner(update_call, field),
            Act::Set { field, sent_as, with, rule } => self.set(update_call, field, sent_as, *with, *rule),
            Act::Detach { field, sent_as } => {
                if let Some(old) = self.old.get(*field).filter(|old| !old.is_null()) {
                    let body = sent_as.map(|name| json!({ name: old }));
                    let left = self.new.get(*field).filter(|new| new.is_null()).cloned();
                    self.step(update_call, field, body.clone(), body, left);
                }
                if self.new.get(*field).is_none_or(Value::is_null) {
                    self.done(field);
                }
            }
            Act::Attach { field, sent_as } => {
                if let (Some(new), Some(revealed)) =
                    (self.new.get(*field).filter(|new| !new.is_null()), self.revealed.get(*field))
                {
                    let body = |value: &Value| Some(json!({ *sent_as: value }));
                    self.step(update_call, field, body(new), body(revealed), Some(new.clone()));
                }
                self.done(field);
            }
            Act::DetachEach { field, key } => self.each(update_call, field, key, false),
            Act::AttachEach { field, key } => self.each(update_call, field, key, true),
            Act::Remove { field } => self.list(update_call, field, false),
            Act::Add { field } => self.list(update_call, field, true),
            Act::MakeElement { field, key } => self.make_elements(update_call, field, key),
            Act::Element { field, key, parameter } => self.elements(update_call, field, key, parameter),
            Act::RemoveElement { field, key, parameter } => self.remove_elements(update_call, field, key, parameter),
            Act::AttachPart { field, part } | Act::DetachPart { field, part } => self.part(field, *part),
        }
    }

    /// Marks that calls were found for the differences in a field.
    pub(super) fn done(&mut self, field: &str) {
        self.changed.retain(|name| *name != field);
    }

    /// Changes fields of the same names by one call.
    fn patch(
        &mut self,
        update_call: &UpdateCall,
        mine: &[&String],
        fields: &[String],
        whole: bool,
        inside: Option<&'static str>,
    ) {
        let (Some(create), Some(update)) =
            (self.catalog.body_schema(&self.resource.create), self.catalog.body_schema(&update_call.operation))
        else {
            return;
        };
        let shape: &BodySchema = if inside.is_some() { &create } else { &update };
        mine.iter().for_each(|name| self.done(name));
        let mut patch = self.changes_of(update_call, mine, whole, &create, shape);
        let mut root = update.resolve(update.root());
        if let Some(inner) = inside.and_then(|inside| root.properties.get(inside)) {
            root = update.resolve(inner);
        }
        let chosen = variant(&update, root, self.new);
        let of_variant = chosen.into_iter().flat_map(|chosen| &chosen.required);
        let needed = root.required.iter().chain(&root.discriminator).chain(of_variant);
        let along: Vec<&String> = if whole { fields.iter().collect() } else { needed.collect() };
        self.send_along(&mut patch, &along, &root.required);
        let wrap = |body: &Map<String, Value>| match inside {
            Some(name) => json!({ name: body }),
            None => Value::Object(body.clone()),
        };
        // A field that is refused is left out, and the others are still changed.
        while let Some((at, reason)) =
            self.refusal(update_call, Some(&wrap(&patch.sent)), usize::from(inside.is_some()))
            && let Some(at) = at.and_then(|at| patch.fields_sent.iter().position(|name| *name == at))
        {
            let name = patch.fields_sent.remove(at);
            self.split.force(format!("body/{name}"), reason);
            patch.recorded.shift_remove(&name);
            patch.sent.shift_remove(&name);
        }
        let Patch { recorded, sent, fields_sent } = patch;
        if !fields_sent.is_empty() {
            let calls = self.split.calls.len();
            self.call(update_call, fields_sent, Some(wrap(&recorded)), Some(wrap(&sent)), &[]);
            if let Some(call) = self.split.calls.get_mut(calls) {
                call.lookups = others(&self.resource.create, call, self.old, self.new);
            }
        }
    }

    /// The changes of these fields; those that need a new resource are noted, and left out.
    fn changes_of(
        &mut self,
        update_call: &UpdateCall,
        mine: &[&String],
        whole: bool,
        create: &BodySchema,
        shape: &BodySchema,
    ) -> Patch {
        let mut patch = Patch::default();
        for name in mine {
            let change = FieldChange {
                name,
                before: self.old.get(*name),
                after: self.new.get(*name),
                sent: self.revealed.get(*name),
            };
            let value = match shrinks(&update_call.operation, &change) {
                Some(place) => Err((place, "the API only makes it larger".to_owned())),
                None if whole && change.after.is_none() => Ok(None),
                None if change.after.is_none() && self.left_with_its_variant(name, shape) => Ok(None),
                None => change.value(create, shape, can_be_reset(&update_call.operation, name)).map(Some),
            };
            match value {
                Ok(Some(RecordedAndSent { recorded, sent })) => {
                    patch.recorded.insert((*name).clone(), recorded);
                    patch.sent.insert((*name).clone(), sent);
                    patch.fields_sent.push((*name).clone());
                }
                Ok(None) => patch.fields_sent.push((*name).clone()),
                Err((below, reason)) => {
                    let below = if below.is_empty() { String::new() } else { format!("/{below}") };
                    self.split.force(format!("body/{name}{below}"), reason);
                }
            }
        }
        patch
    }

    /// Whether the field belonged to the variant that the same call leaves: with another `action`, a rule of a load
    /// balancer has no pool.
    fn left_with_its_variant(&self, name: &str, shape: &BodySchema) -> bool {
        let root = shape.resolve(shape.root());
        let Some(by) = root.discriminator.as_ref().filter(|by| self.old.get(*by) != self.new.get(*by)) else {
            return false;
        };
        let has = |variant: Option<&Schema>| variant.map(|variant| variant.properties.contains_key(name));
        by != name
            && has(variant(shape, root, self.old)) == Some(true)
            && has(variant(shape, root, self.new)) == Some(false)
    }

    /// Adds unchanged fields that the call sends along, and those that it requires and the plan does not have.
    fn send_along(&self, patch: &mut Patch, along: &[&String], required: &[String]) {
        for name in along.iter().copied() {
            if patch.recorded.contains_key(name) || patch.fields_sent.contains(name) {
                continue;
            }
            if let (Some(recorded), Some(sent)) = (self.new.get(name), self.revealed.get(name)) {
                patch.recorded.insert(name.clone(), recorded.clone());
                patch.sent.insert(name.clone(), sent.clone());
            }
        }
        for name in required.iter().filter(|name| !self.new.contains_key(*name)) {
            if let Some(id) = self.created_implicitly(name) {
                patch.recorded.insert(name.clone(), id.clone());
                patch.sent.insert(name.clone(), id);
            }
        }
    }

    /// The resource that the create made because the plan does not name one in this field.
    fn created_implicitly(&self, name: &str) -> Option<Value> {
        let mut secondary = self.resource.create.creates.iter().flat_map(|creates| &creates.secondary);
        let kind = &secondary.find(|side| side.unless == name)?.kind;
        Some(Value::clone(self.resource.made.get(kind)?.first()?))
    }

    /// Changes what is inside a field by a call that takes it without the field.
    fn inner(&mut self, update_call: &UpdateCall, field: &str) {
        self.done(field);
        let inside = |body: &'a Map<String, Value>| body.get(field).and_then(Value::as_object);
        let (Some(new), Some(revealed)) = (inside(self.new), inside(self.revealed)) else {
            return self.split.force(format!("body/{field}"), NO_CALL);
        };
        let old = inside(self.old);
        if let Some(gone) = old.into_iter().flat_map(Map::keys).find(|name| !new.contains_key(*name)) {
            let reason = "the plan no longer sets it, and the API has no value for that";
            return self.split.force(format!("body/{field}/{gone}"), reason);
        }
        let Some(update) = self.catalog.body_schema(&update_call.operation) else { return };
        let required = &update.resolve(update.root()).required;
        let is_sent = |name: &String| required.contains(name) || old.and_then(|old| old.get(name)) != new.get(name);
        let sent = |body: &Map<String, Value>| {
            let fields = body.iter().filter(|(name, _)| is_sent(name));
            Some(Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect()))
        };
        self.call(update_call, vec![field.to_owned()], sent(new), sent(revealed), &[]);
    }

    /// Why the API would refuse a body, and the field at fault; `depth`: how far below the body the fields are.
    fn refusal(
        &self,
        update_call: &UpdateCall,
        sent: Option<&Value>,
        depth: usize,
    ) -> Option<(Option<String>, String)> {
        if sent.is_some_and(has_placeholder) {
            return None;
        }
        let findings =
            self.catalog.check_request(&update_call.operation, sent.map(Partial::from).as_ref(), ALLOW_NOTHING);
        let found = findings.into_iter().find(|finding| finding.severity == Severity::Error)?;
        let reason = format!("`{}` would not take it: {}", update_call.operation.route, found.message);
        Some((found.at.get(depth).map(ToString::to_string), reason))
    }

    fn set(&mut self, update_call: &UpdateCall, field: &str, sent_as: &str, with: Option<(&str, &str)>, rule: Rule) {
        self.done(field);
        let (Some(new), Some(revealed)) = (self.new.get(field), self.revealed.get(field)) else {
            return self
                .split
                .force(format!("body/{field}"), "the plan no longer sets it, and the API cannot reset it");
        };
        let allowed = has_placeholder(new) || self.old.get(field).is_none_or(|old| rule_allows(rule, old, new));
        if !allowed {
            let reason = match rule {
                Rule::LaterVersion => "the API only changes it to a later version",
                Rule::OnlyLarger | Rule::Any => "the API only makes it larger",
            };
            return self.split.force(format!("body/{field}"), reason);
        }
        let body = |value: &Value| {
            let mut body = Map::new();
            body.extend(with.map(|(name, word)| (name.to_owned(), Value::from(word))));
            body.insert(sent_as.to_owned(), value.clone());
            Some(Value::Object(body))
        };
        self.call(update_call, vec![field.to_owned()], body(new), body(revealed), &[]);
    }

    /// Adds a call that changes a field from its current value to `after`.
    pub(super) fn step(
        &mut self,
        update_call: &UpdateCall,
        field: &str,
        recorded: Option<Value>,
        sent: Option<Value>,
        after: Option<Value>,
    ) {
        self.call_after(update_call, field, (recorded, sent), after, &[]);
    }

    /// As [`Self::step`], with further path parameters. Later calls may change the same field again.
    pub(super) fn call_after(
        &mut self,
        update_call: &UpdateCall,
        field: &str,
        (recorded, sent): (Option<Value>, Option<Value>),
        after: Option<Value>,
        more: &[(String, String)],
    ) {
        let calls = self.split.calls.len();
        self.call(update_call, vec![field.to_owned()], recorded, sent, more);
        if let Some(call) = self.split.calls.get_mut(calls) {
            put(&mut call.agrees, field, after);
            self.now.clone_from(&call.agrees);
        }
    }

    /// Adds a call, unless the API would refuse it.
    fn call(
        &mut self,
        update_call: &UpdateCall,
        fields: Vec<String>,
        recorded: Option<Value>,
        sent: Option<Value>,
        more: &[(String, String)],
    ) {
        let first = format!("body/{}", fields.first().map_or("", String::as_str));
        let parameters: Parameters = self.resource.parameters.iter().chain(more).cloned().collect();
        let Some(path) = fill_path(&update_call.operation.route.path, &parameters, "", "") else {
            return self.split.force(first, NO_CALL);
        };
        if let Some((_, reason)) = self.refusal(update_call, sent.as_ref(), 0) {
            fields.iter().for_each(|field| self.split.force(format!("body/{field}"), reason.clone()));
            return;
        }
        let mut agrees = self.now.clone();
        fields.iter().for_each(|field| put(&mut agrees, field, self.new.get(field).cloned()));
        self.now.clone_from(&agrees);
        let method = update_call.operation.route.method;
        let recorded = RecordedCall { body: recorded.map(JsonText::from), ..RecordedCall::new(method, path) };
        let operation = update_call.operation.clone();
        let (lookups, removes) = (Vec::new(), None);
        self.split.calls.push(InPlace { operation, parameters, recorded, sent, fields, agrees, lookups, removes });
    }

    /// Adds a complete call, with the value of the field afterwards.
    pub(super) fn push(&mut self, mut call: InPlace, field: &str, after: Value) {
        put(&mut self.now, field, Some(after));
        call.agrees.clone_from(&self.now);
        self.split.calls.push(call);
    }
}

/// Sets a field of a call's body; removes it when there is no value.
pub(super) fn put(call: &mut RecordedCall, field: &str, value: Option<Value>) {
    let Some(body) = &mut call.body else { return };
    body.edit(|body| match (fields_of_mut(body), value) {
        (Some(body), Some(value)) => drop(body.insert(field.to_owned(), value)),
        (Some(body), None) => drop(body.shift_remove(field)),
        _ => {}
    });
}

/// The variant of a body that the value of its discriminating field selects.
fn variant<'s>(schema: &'s BodySchema, root: &'s Schema, body: &Map<String, Value>) -> Option<&'s Schema> {
    let selected = body.get(root.discriminator.as_ref()?)?;
    let variant = root.variants.iter().find(|variant| variant.when.contains(selected))?;
    Some(schema.resolve(&variant.schema))
}
