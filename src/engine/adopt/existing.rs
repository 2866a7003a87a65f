//! The existing resource that a step adopts: which one it is, and whether it can be the result of the step. Run and
//! preview decide it alike.

use serde_json::Value;

use crate::api::Request;
use crate::catalog::update::shown_at;
use crate::catalog::{Catalog, ListCall, Operation, Resource};
use crate::engine::collection::{list_call, result_of_item};
use crate::engine::differences::differences;
use crate::engine::find::{NotOne, names_help, they_are};
use crate::engine::names::is_same_name;
use crate::engine::operation::Parameters;
use crate::engine::paths::fill_path;
use crate::engine::update::{UpdatedResource, split};
use crate::journal::{RecordedCall, StepResult, id_text};
use crate::plan::AdoptBy;
use crate::template::{Scope, TemplateError};

/// What identifies the resource to adopt.
pub enum AdoptKey {
    Id(String),
    Name(String),
}

impl AdoptKey {
    /// The text of the plan's `adopt`.
    ///
    /// # Errors
    ///
    /// When it cannot be evaluated, or is empty.
    pub fn of(by: &AdoptBy, scope: &Scope<'_>) -> Result<Self, TemplateError> {
        let (AdoptBy::Id(template) | AdoptBy::Name(template)) = by;
        let text = template.evaluate_text(scope)?;
        if text.trim().is_empty() {
            // A path that ends where an id should be is that of the whole list.
            let message = "the id or name of the resource to adopt is empty".to_owned();
            return Err(TemplateError { span: template.span, message, help: None });
        }
        Ok(if matches!(by, AdoptBy::Id(_)) { AdoptKey::Id(text) } else { AdoptKey::Name(text) })
    }

    fn text(&self) -> &str {
        let (AdoptKey::Id(text) | AdoptKey::Name(text)) = self;
        text
    }

    /// The path that reads the resource by itself; `None` where it has to be found in its list.
    pub fn own_path(&self, resource: &Resource, parameters: &Parameters) -> Option<String> {
        let is_key = resource.by_name || matches!(self, AdoptKey::Id(_));
        let read = resource.read.as_ref().filter(|_| is_key)?;
        fill_path(read, parameters, &resource.parameter, self.text())
    }

    /// The request for the list that has the resource.
    pub fn list_request(&self, list: &ListCall, parameters: &Parameters) -> Option<Request> {
        let request = list_call(list, parameters)?;
        Some(match (self, &list.name_parameter) {
            (AdoptKey::Name(name), Some(parameter)) => request.query(parameter, name),
            _ => request,
        })
    }

    /// The field of a listed resource that has the id or the name.
    fn key<'l>(&self, list: &'l ListCall) -> &'l str {
        match self {
            AdoptKey::Id(_) => &list.id_field,
            AdoptKey::Name(_) => list.name_field.as_deref().unwrap_or("name"),
        }
    }

    /// Whether an item has that id or name.
    pub fn fits(&self, list: &ListCall, item: &Value) -> bool {
        let (key, wanted) = (self.key(list), Value::from(self.text()));
        item.get(key)
            .is_some_and(|shown| id_text(shown) == id_text(&wanted) || is_same_name(&list.path, key, shown, &wanted))
    }

    /// The one of these items with that id or name.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn one_of(&self, list: &ListCall, found: Vec<Value>) -> Result<Value, NotOne> {
        let (mut fitting, others): (Vec<Value>, Vec<Value>) = found.into_iter().partition(|item| self.fits(list, item));
        match (fitting.pop(), fitting.len()) {
            (Some(item), 0) => Ok(item),
            (None, _) => Err(self.none(list, &others)),
            (Some(last), _) => {
                fitting.push(last);
                let message = format!("{} resources have the {} `{}`", fitting.len(), self.key(list), self.text());
                let ids = fitting.iter().filter_map(|item| item.get(&list.id_field)).map(id_text).collect();
                Err(NotOne { message, help: vec![they_are(ids), "name one of them: `adopt: { id: … }`".to_owned()] })
            }
        }
    }

    /// The error when no item has that id or name; `others`: the items of the list.
    pub fn none(&self, list: &ListCall, others: &[Value]) -> NotOne {
        let key = self.key(list);
        let names = others.iter().filter_map(|item| item.get(key)).map(id_text).collect();
        NotOne { message: self.not_found(key), help: names_help(self.text(), names) }
    }

    /// The error when a read of its own path finds nothing.
    pub fn no_such_one(&self) -> NotOne {
        let key = if matches!(self, AdoptKey::Id(_)) { "id" } else { "name" };
        NotOne {
            message: self.not_found(key),
            help: vec!["check that project and region are the right ones".to_owned()],
        }
    }

    fn not_found(&self, key: &str) -> String {
        format!("the resource to adopt was not found: no {key} is `{}`", self.text())
    }
}

/// An existing resource as the result of a create, and the call that it agrees with.
pub struct Adoptable {
    pub result: StepResult,
    pub agrees: RecordedCall,
}

impl Adoptable {
    /// `item`: the resource as it was read.
    ///
    /// # Errors
    ///
    /// Why it cannot be adopted: its id is not shown.
    pub fn of(
        by: &AdoptKey,
        create: &Operation,
        planned: &RecordedCall,
        item: &Value,
        agrees: impl FnOnce() -> RecordedCall,
    ) -> Result<Self, String> {
        let mut result = result_of_item(Some(create), planned, item);
        let by_name = create.creates.as_ref().and_then(|creates| creates.resource.as_ref()).is_none_or(|it| it.by_name);
        if let (AdoptKey::Id(wanted), false) = (by, by_name)
            && result.id.as_deref().map(id_text).as_deref() != Some(wanted)
        {
            result.set_ids([Value::String(wanted.clone())]);
        }
        match result.id {
            Some(_) => Ok(Self { result, agrees: agrees() }),
            None => Err("the API's list does not show its id: give it with `adopt: { id: … }`".to_owned()),
        }
    }

    /// Why it is not adopted: it differs from the plan where the API cannot change it.
    pub fn obstacle(&self, catalog: &Catalog, planned: &RecordedCall) -> Option<String> {
        let updated = UpdatedResource::of(catalog, &self.agrees, &self.result);
        let forced = split(catalog, updated.as_ref(), &self.agrees, planned, None, false).forced;
        if forced.is_empty() {
            return None;
        }
        let words = differences(&self.agrees, planned).join("; ");
        let reasons: Vec<String> =
            forced.iter().map(|forced| format!("`{}`: {}", forced.field, forced.reason)).collect();
        Some(format!("it differs from the plan, and cannot be updated: {words} ({})", reasons.join("; ")))
    }
}

/// The resource in the answer to its GET.
pub fn shown_in(create: &Operation, answer: Value) -> Value {
    let below = shown_at(create).and_then(|pointer| answer.pointer(pointer).cloned());
    below.unwrap_or(answer)
}
