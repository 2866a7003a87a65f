//! `find`: selects the one item of a list that a GET step refers to.

use serde_json::{Map, Value};

use super::names::is_same_name;
use super::pages::items;
use crate::catalog::{Catalog, Listed, Operation};
use crate::diagnostic::nearest;
use crate::journal::{StepResult, id_text};

/// The most names listed in a message.
const SHOWN: usize = 8;
/// Fields that hold a name where there is no `name`, as a region has.
const NAMES: [&str; 1] = ["display_name"];

/// Why not exactly one item was found, as a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOne {
    pub message: String,
    pub help: Vec<String>,
}

impl NotOne {
    /// The message without what the list holds, for a step whose answer is secret.
    pub fn without_items(self) -> Self {
        Self { help: vec!["the step is `secret`: what the list holds is not shown".to_owned()], ..self }
    }
}

/// A list, and where its items have ids and names.
pub struct ListSearch<'s> {
    pub items: &'s [Value],
    pub operation: Option<&'s Operation>,
    /// The catalogue's description of the list's items.
    pub listed: Option<&'s Listed>,
}

/// The item that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundItem {
    pub kind: Option<String>,
    pub id: Option<Value>,
    pub name: Option<String>,
    pub item: Value,
}

/// The result of a GET step with `find`: the item, as if it had been the whole answer.
///
/// # Errors
///
/// [`NotOne`] when no item or several items match, and when the answer is not a list.
pub fn looked_up(
    operation: Option<&Operation>,
    catalog: &Catalog,
    (status, answer): (u16, &Value),
    wanted: &Value,
) -> Result<StepResult, NotOne> {
    let Some(items) = items(answer) else {
        let message = "the answer is not a list that `find` could select from".to_owned();
        return Err(NotOne { message, help: vec!["leave `find:` out: the answer is `response`".to_owned()] });
    };
    let listed = operation.and_then(|operation| catalog.listed(operation));
    let wanted = wanted.as_object().cloned().unwrap_or_default();
    let found = ListSearch { items, operation, listed }.one(&wanted)?;
    let mut result = StepResult {
        kind: found.kind,
        name: found.name,
        status: Some(status),
        response: Some(found.item.into()),
        ..StepResult::default()
    };
    result.set_ids(found.id);
    Ok(result)
}

impl ListSearch<'_> {
    /// The one item with these fields. `name` refers to the field that holds the name of this kind, whatever the API
    /// calls it; a number equals a string with the same digits.
    ///
    /// # Errors
    ///
    /// [`NotOne`] when no item or several items match.
    pub fn one(&self, wanted: &Map<String, Value>) -> Result<FoundItem, NotOne> {
        let mut found: Vec<&Value> = Vec::new();
        for item in self.items.iter().filter(|item| self.fits(item, wanted)) {
            // An item can be on two pages when the list changes between two reads.
            if !found.contains(&item) {
                found.push(item);
            }
        }
        match found[..] {
            [item] => Ok(FoundItem {
                kind: self.listed.map(|listed| listed.kind.clone()),
                id: self.id_of(item),
                name: self.name_of(item).map(str::to_owned),
                item: item.clone(),
            }),
            [] => Err(self.none(wanted)),
            _ => Err(self.several(wanted, &found)),
        }
    }

    fn fits(&self, item: &Value, wanted: &Map<String, Value>) -> bool {
        wanted.iter().all(|(field, value)| match (field.as_str(), item.get(field)) {
            ("name", None) => self.name_of(item).is_some_and(|name| is(&Value::from(name), value)),
            (field, Some(found)) => {
                let path = self.operation.map_or("", |operation| operation.route.path.as_str());
                is(found, value) || is_same_name(path, field, found, value)
            }
            (_, None) => value.is_null(),
        })
    }

    /// The id of an item, in the field where this list has it.
    pub fn id_of(&self, item: &Value) -> Option<Value> {
        let known = self.listed.map(|listed| listed.id_field.as_str());
        let fields = item.as_object()?;
        let by_list_name = || {
            let word = self.singular();
            fields.keys().map(String::as_str).find(|field| {
                let stem = field.strip_suffix("_id");
                stem.is_some_and(|stem| !stem.is_empty() && word.as_deref().is_some_and(|word| word.ends_with(stem)))
            })
        };
        let field = known.filter(|field| fields.contains_key(*field));
        let field = field.or_else(|| fields.contains_key("id").then_some("id")).or_else(by_list_name)?;
        fields.get(field).filter(|id| id.is_string() || id.is_number()).cloned()
    }

    /// The name of an item, in the field where this list has it.
    pub fn name_of<'i>(&self, item: &'i Value) -> Option<&'i str> {
        let known = self.listed.and_then(|listed| listed.name_field.as_deref());
        let fields = item.as_object()?;
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let by_list_name = || {
            let word = self.singular()?;
            fields.iter().find_map(|(field, value)| {
                let stem = field.strip_suffix("_name")?;
                value.as_str().filter(|_| !stem.is_empty() && word.ends_with(stem))
            })
        };
        known.and_then(text).or_else(|| text("name")).or_else(by_list_name).or_else(|| NAMES.into_iter().find_map(text))
    }

    /// The list's name in the singular: `bmflavor`.
    fn singular(&self) -> Option<String> {
        let path = &self.operation?.route.path;
        let word = path.split('/').rev().find(|segment| !segment.is_empty() && !segment.starts_with('{'))?;
        Some(word.trim_end_matches('s').to_owned())
    }

    fn none(&self, wanted: &Map<String, Value>) -> NotOne {
        if self.items.is_empty() {
            let message = format!("no item has {}: the list is empty", conditions(wanted));
            return NotOne {
                message,
                help: vec!["look in another project or region, or ask for less in `query`".to_owned()],
            };
        }
        let is_known = |field: &str| {
            self.items.iter().any(|item| item.get(field).is_some() || field == "name" && self.name_of(item).is_some())
        };
        if let Some(unknown) = wanted.keys().find(|field| !is_known(field)) {
            let fields =
                self.items.iter().filter_map(Value::as_object).flat_map(|item| item.keys().map(String::as_str));
            let help = match nearest(unknown, fields.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the first has {}", listed(fields.take(SHOWN * 3))),
            };
            return NotOne { message: format!("no item there has a field `{unknown}`"), help: vec![help] };
        }
        let mut help = Vec::new();
        // The values of the first field that matches no item are the ones to choose from.
        let of = |field: &str| {
            let values = self.items.iter().filter_map(|item| match item.get(field) {
                Some(value) => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
                None if field == "name" => self.name_of(item).map(str::to_owned),
                None => None,
            });
            let mut values: Vec<String> = values.collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let lacking = wanted.iter().find(|(field, value)| {
            let alone = Map::from_iter([((*field).clone(), (*value).clone())]);
            !self.items.iter().any(|item| self.fits(item, &alone))
        });
        if let Some((field, value)) = lacking {
            help.extend(names_help(value.as_str().unwrap_or_default(), of(field)));
        } else {
            help.push("each of these conditions matches an item, but no item matches all of them".to_owned());
        }
        NotOne { message: format!("no item has {}", conditions(wanted)), help }
    }

    fn several(&self, wanted: &Map<String, Value>, found: &[&Value]) -> NotOne {
        let ids: Vec<String> = found.iter().filter_map(|item| self.id_of(item)).map(|id| id_text(&id)).collect();
        let message = format!("{} items have {}", found.len(), conditions(wanted));
        let mut help = Vec::new();
        if !ids.is_empty() {
            help.push(they_are(ids));
        }
        help.push(match distinguishing_field(found) {
            Some(field) => format!("say more in `find:`, for example `{field}:`, which tells them apart"),
            None => "say more in `find:`: exactly one must be left".to_owned(),
        });
        NotOne { message, help }
    }
}

/// A field whose value differs in every item, preferring names and texts over ids and times.
fn distinguishing_field(found: &[&Value]) -> Option<String> {
    let fields = found.first()?.as_object()?;
    let differs = |field: &str| {
        let values: Vec<Option<&Value>> = found.iter().map(|item| item.get(field)).collect();
        let plain = |value: &Option<&Value>| value.is_some_and(|value| !value.is_object() && !value.is_array());
        values.iter().all(plain) && values.iter().enumerate().all(|(at, value)| !values[..at].contains(value))
    };
    let everyday = |field: &&String| !field.ends_with("id") && !["_at", "_on"].iter().any(|end| field.ends_with(end));
    let mut candidates = fields.keys().filter(everyday).chain(fields.keys());
    candidates.find(|field| differs(field)).cloned()
}

/// Whether a field has the wanted value.
fn is(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(field, value)| found.get(field).map_or(value.is_null(), |found| is(found, value)))
        }
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            *text == number.to_string()
        }
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => found == wanted,
    }
}

/// `` `name` `web` and `region_id` `7` ``
fn conditions(wanted: &Map<String, Value>) -> String {
    let words = wanted.iter().map(|(field, value)| match value {
        Value::String(text) => format!("`{field}` `{text}`"),
        other => format!("`{field}` `{other}`"),
    });
    words.collect::<Vec<_>>().join(" and ")
}

/// Help for a name that does not exist: the nearest of the existing ones, and the first of all.
pub fn names_help(wanted: &str, mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return vec!["look in another project or region: the list is empty".to_owned()];
    }
    let near = nearest(wanted, names.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
    near.into_iter().chain([format!("there {}", there_are(&names))]).collect()
}

/// Help that names several resources by their ids.
pub fn they_are(mut ids: Vec<String>) -> String {
    ids.sort_unstable();
    format!("they are {}", first_names(&ids))
}

fn there_are(values: &[String]) -> String {
    match values {
        [only] => format!("is only `{only}`"),
        _ => format!("are {}", first_names(values)),
    }
}

/// The first names, and the number of the others.
fn first_names(values: &[String]) -> String {
    let shown = listed(values.iter().take(SHOWN).map(String::as_str));
    match values.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests;
