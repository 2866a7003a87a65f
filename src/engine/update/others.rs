//! What others have in a list that an update replaces as a whole: the rules and members that steps of their own made,
//! or other clients. The update removes what its own step had in the list and has no more, and sends the others along.

use serde_json::{Map, Value};

use super::in_place::{InPlace, Lookup, Others};
use super::patch::{elements, field_schemas};
use crate::catalog::schema::Schema;
use crate::catalog::update::{ReadForm, form_of, resource_route, shared_lists};
use crate::catalog::{BodySchema, Catalog, Operation};
use crate::engine::context::RunContext;
use crate::engine::paths::fill_path;
use crate::engine::refresh::{ReadResource, is_alike};
use crate::id::InstanceId;
use crate::journal::fields_of_mut;

/// The lists that a call replaces although others have elements in them. `old`, `new`: the create's body.
pub(super) fn others(
    create: &Operation,
    call: &InPlace,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Vec<Lookup> {
    let (Some(route), Some(body)) = (resource_route(create), &call.recorded.body) else { return Vec::new() };
    let replaced = shared_lists(route).filter(|(field, _)| body.get(field).is_some());
    let lookup = |(field, added): (&'static str, _)| {
        Some(Lookup::Others(Others {
            route: route.to_owned(),
            path: fill_path(route, &call.parameters, "", "")?,
            field,
            old: old.get(field).map(|list| elements(Some(list))),
            new: elements(new.get(field)),
            added,
        }))
    };
    replaced.filter_map(lookup).collect()
}

impl Others {
    /// The elements of the list that are not this step's, as the call takes them. `object`: the resource as it is.
    ///
    /// # Errors
    ///
    /// Why these cannot be sent along.
    pub(super) fn kept(
        &self,
        context: &RunContext,
        id: &InstanceId,
        update: &Operation,
        object: &Value,
    ) -> Result<Vec<Value>, String> {
        let pointer = match form_of(&self.route, self.field) {
            ReadForm::At(pointer) => pointer.to_owned(),
            _ => format!("/{}", self.field),
        };
        let unknown =
            || format!("the API does not show `{}`, and the call would remove what others have in it", self.field);
        let seen = object.pointer(&pointer).and_then(Value::as_array).ok_or_else(unknown)?;
        let body = Catalog::embedded().body_schema(update).ok_or_else(unknown)?;
        let element = element(&body, self.field).ok_or_else(unknown)?;
        let is_owned_by_another =
            |item: &Value| context.journal.with_status(|status| status.is_made_by_another(id, item));
        let shown = ReadResource {
            route: &self.route,
            object,
            digest_key: &context.digest_key,
            is_owned_by_another: &is_owned_by_another,
        };
        let kept = self.of_others(seen, &shown, element);
        kept.into_iter().map(|item| as_sent(item, element).ok_or_else(unknown)).collect()
    }

    /// The elements that are not this step's.
    fn of_others<'s>(&self, seen: &'s [Value], shown: &ReadResource<'_>, element: &Schema) -> Vec<&'s Value> {
        let is_anothers = |item: &Value| item.get("id").is_some_and(|id| (shown.is_owned_by_another)(id));
        let mut left: Vec<&Value> = seen.iter().filter(|item| !is_anothers(item)).collect();
        let old = self.old.as_deref().unwrap_or_default();
        // The same body, sent before, may have had its effect already.
        let begun = self.new.iter().filter(|item| !old.contains(item)).map(|item| (item, 0));
        for (own, most) in old.iter().map(|item| (item, usize::MAX)).chain(begun) {
            let fits =
                |at: &usize| is_alike(self.field, own, left[*at], shown) && more(own, left[*at], element) <= most;
            if let Some(at) = (0..left.len()).filter(fits).min_by_key(|at| more(own, left[*at], element)) {
                left.remove(at);
            }
        }
        if let (None, Some((name, word))) = (&self.old, self.added) {
            left.retain(|item| item.get(name).and_then(Value::as_str) != Some(word));
        }
        seen.iter().filter(|item| is_anothers(item) || left.iter().any(|left| std::ptr::eq(*left, *item))).collect()
    }

    /// Adds elements to the list that the call sends.
    pub(super) fn send_along(&self, call: &mut InPlace, kept: &[Value]) {
        let add = |body: &mut Value| {
            if let Some(list) =
                fields_of_mut(body).and_then(|body| body.get_mut(self.field)).filter(|_| !kept.is_empty())
            {
                let own = elements(Some(list));
                *list = own.into_iter().chain(kept.iter().cloned()).collect();
            }
        };
        call.recorded.body.iter_mut().for_each(|body| body.edit(add));
        call.sent.iter_mut().for_each(add);
    }
}

/// The schema of a list's elements.
fn element<'b>(body: &'b BodySchema, field: &str) -> Option<&'b Schema> {
    let list = field_schemas(body, field).into_iter().next()?;
    Some(body.resolve(body.resolve(list).items.as_deref()?))
}

/// The number of fields of an element that a read shows and the body does not set, without defaults.
fn more(own: &Value, seen: &Value, element: &Schema) -> usize {
    let is_more = |(name, schema): &(&String, &Schema)| {
        let shown = seen.get(*name).filter(|value| !value.is_null() && Some(*value) != schema.default.as_ref());
        shown.is_some() && own.get(*name).is_none_or(Value::is_null)
    };
    element.properties.iter().filter(is_more).count()
}

/// An element as a read shows it, in the form of the body; `None` when it lacks what the call needs.
fn as_sent(item: &Value, element: &Schema) -> Option<Value> {
    let has = |name: &String| item.get(name).filter(|value| !value.is_null());
    element.required.iter().all(|name| has(name).is_some()).then(|| {
        let fields = element.properties.keys().filter_map(|name| Some((name.clone(), has(name)?.clone())));
        Value::Object(fields.collect())
    })
}
