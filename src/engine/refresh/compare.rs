//! Compares a field of a create's body with the resource that a read shows.
//!
//! The two have different forms: tags are sent as a mapping and shown as a list, a flavor is sent as a name and shown
//! as an object. Forms that are not known to mean the same are not compared.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::catalog::update::{ReadForm, form_of};
use crate::engine::conceal::{is_sensitive, without_sensitive};
use crate::engine::names::is_same_name;
use crate::secret::{digest_of, inside, is_sensitive_field, is_sensitive_name, stands_for_secret};

/// The result of comparing a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    Same,
    /// The current value, in the form of the body; `None` when the field is absent.
    Differs(Option<Value>),
    CannotTell,
}

/// A resource as it was read, and what is needed to compare it.
pub struct ReadResource<'a> {
    /// The documented path of the resource.
    pub route: &'a str,
    pub object: &'a Value,
    /// The key of the digests that stand for secrets.
    pub digest_key: &'a [u8],
    /// Whether an element of the resource, by its id, belongs to another step.
    pub is_owned_by_another: &'a dyn Fn(&Value) -> bool,
}

impl ReadResource<'_> {
    fn has_own_keys(&self, name: &str) -> bool {
        OWN_KEYS.contains(&name) && self.route.starts_with("/cloud/")
    }

    fn has_all_keys(&self, name: &str) -> bool {
        WITH_ALL_KEYS.iter().any(|(start, names)| self.route.starts_with(start) && names.contains(&name))
    }
}

/// Fields compared as exact texts; in other fields the API may normalise what was sent.
const EXACT_TEXTS: [&str; 4] = ["name", "description", "tags", "envs"];
/// Lists of mappings whose elements a read shows with the same fields, and to which the API adds none.
const COMPARABLE_LISTS: [&str; 15] = [
    "allowed_address_pairs",
    "conditions",
    "containers",
    "databases",
    "functions",
    "host_routes",
    "mapping",
    "members",
    "params",
    "pickers",
    "resource_records",
    "routes",
    "rules",
    "security_group_rules",
    "sources",
];
/// Mappings of the Cloud API with keys of the plan's choice, to which the API adds none and which an update replaces.
const OWN_KEYS: [&str; 3] = ["envs", "labels", "taints"];
/// Fields that the API changes by itself.
const ITS_OWN: [&str; 7] = ["id", "client_id", "serial", "created_at", "updated_at", "app_count", "revision"];
/// Mappings of other products of which a read shows every key that was sent, among others.
const WITH_ALL_KEYS: [(&str, &[&str]); 3] = [
    ("/dns/v2/zones/", &["meta"]),
    ("/fastedge/v1/apps/", &["env", "rsp_headers", "stores"]),
    ("/waap/v1/domains/", &["action", "labels"]),
];
/// Fields in which tags are shown (`observed.md` §10).
const TAGS: [&str; 4] = ["tags", "tags_v2", "metadata_detailed", "metadata"];

/// Compares a field of the recorded body with the resource. `planned`: `None` when the body does not have the field.
pub fn field(name: &str, planned: Option<&Value>, shown: &ReadResource<'_>) -> Comparison {
    if ITS_OWN.contains(&name) {
        return Comparison::CannotTell;
    }
    if name == "tags" && planned.is_none_or(Value::is_object) {
        return tags(planned.and_then(Value::as_object), shown.object);
    }
    match form_of(shown.route, name) {
        ReadForm::At("") => value(name, planned.map(without_its_own).as_ref(), Some(shown.object), shown),
        ReadForm::At(pointer) => value(name, planned, shown.object.pointer(pointer), shown),
        ReadForm::Listed { pointer, key, shown: by } => {
            listed_elements(planned, shown.object.pointer(pointer), (key, by))
        }
        ReadForm::Below(pointer) => contains(planned, shown.object.pointer(pointer)),
        ReadForm::Same => value(name, planned, shown.object.get(name), shown),
    }
}

/// The resource in a field of its create's body, without what the API sets by itself.
fn without_its_own(planned: &Value) -> Value {
    let mut planned = planned.clone();
    if let Some(fields) = planned.as_object_mut() {
        fields.retain(|name, _| !ITS_OWN.contains(&name.as_str()));
    }
    planned
}

fn value(name: &str, planned: Option<&Value>, seen: Option<&Value>, shown: &ReadResource<'_>) -> Comparison {
    let Some(seen) = seen else { return Comparison::CannotTell };
    let Some(planned) = planned else {
        let nothing = seen.is_null() || seen.as_array().is_some_and(Vec::is_empty);
        return if nothing { Comparison::Same } else { Comparison::CannotTell };
    };
    match compared(("", name), planned, seen, shown) {
        ValueComparison::Same => Comparison::Same,
        ValueComparison::CannotTell => Comparison::CannotTell,
        ValueComparison::Differs(value) => Comparison::Differs(Some(value)),
    }
}

/// The result for one value below a field.
enum ValueComparison {
    Same,
    CannotTell,
    Differs(Value),
}

/// `within`: the name of the mapping that the field is in, see [`inside`].
fn compared((within, name): (&str, &str), planned: &Value, seen: &Value, shown: &ReadResource<'_>) -> ValueComparison {
    let differs = || ValueComparison::Differs(seen.clone());
    match (planned, seen) {
        (Value::String(text), _) if stands_for_secret(text) => {
            if digest_of(seen, shown.digest_key) == *text {
                ValueComparison::Same
            } else {
                ValueComparison::CannotTell
            }
        }
        (planned, seen) if is_same_name(shown.route, name, planned, seen) => ValueComparison::Same,
        // On record a secret is hidden.
        (_, Value::String(seen)) if stands_for_secret(seen) => ValueComparison::CannotTell,
        (Value::Bool(_), Value::Bool(_)) => differs(),
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => ValueComparison::Same,
        (Value::Number(_), Value::Number(_)) => differs(),
        (Value::String(one), Value::String(other)) => texts(name, one, other),
        (Value::String(_) | Value::Number(_), Value::String(_) | Value::Number(_)) => {
            if word(planned) == word(seen) {
                ValueComparison::Same
            } else {
                ValueComparison::CannotTell
            }
        }
        (Value::String(_) | Value::Number(_) | Value::Bool(_), Value::Null) => differs(),
        (Value::Object(one), Value::Object(other)) if shown.has_own_keys(name) => own_keys(name, one, other, shown),
        (Value::Object(one), Value::Object(other)) => match mappings(inside(within, name), one, other, shown) {
            ValueComparison::CannotTell if shown.has_all_keys(name) => without_missing(one, other),
            is => is,
        },
        (Value::Array(one), Value::Array(other)) => lists((within, name), one, other, shown),
        // Also `null`, which leaves the value to the API.
        _ => ValueComparison::CannotTell,
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn texts(name: &str, planned: &str, seen: &str) -> ValueComparison {
    let to_the_letter = EXACT_TEXTS.contains(&name);
    let same = planned.trim_end() == seen.trim_end()
        || (!to_the_letter
            && (planned.eq_ignore_ascii_case(seen) || address(planned).is_some_and(|one| address(seen) == Some(one))));
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    match (moment(planned), moment(seen)) {
        _ if same => ValueComparison::Same,
        (Some(one), Some(other)) if one == other => ValueComparison::Same,
        (Some(_), None) | (None, Some(_)) => ValueComparison::CannotTell,
        _ if seen.contains("***") => ValueComparison::CannotTell,
        _ => ValueComparison::Differs(Value::String(seen.to_owned())),
    }
}

/// An address, with an optional prefix length.
fn address(text: &str) -> Option<(IpAddr, Option<u8>)> {
    match text.split_once('/') {
        Some((address, length)) => Some((address.parse().ok()?, Some(length.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// Compares a mapping in which every key that the plan does not have was added by another client.
fn own_keys(
    within: &str,
    planned: &Map<String, Value>,
    seen: &Map<String, Value>,
    shown: &ReadResource<'_>,
) -> ValueComparison {
    let mut now = match mappings(within, planned, seen, shown) {
        ValueComparison::Differs(Value::Object(now)) => now,
        is if planned.keys().all(|name| seen.contains_key(name)) && seen.len() == planned.len() => return is,
        _ => planned.clone(),
    };
    now.retain(|name, _| seen.contains_key(name));
    let more = seen.iter().filter(|(name, value)| !planned.contains_key(*name) && may_be_told(within, name, value));
    now.extend(more.map(|(name, value)| (name.clone(), without_sensitive(value))));
    if now == *planned { ValueComparison::CannotTell } else { ValueComparison::Differs(Value::Object(now)) }
}

/// Compares a mapping of which a read shows every key that was sent: one that it does not show was removed.
fn without_missing(planned: &Map<String, Value>, seen: &Map<String, Value>) -> ValueComparison {
    let is_shown = |name: &String| seen.get(name).is_some_and(|value| !value.is_null());
    // An empty mapping may be shown as `null`, unless other keys are shown.
    let has_others = seen.keys().any(|name| is_shown(name) && !planned.contains_key(name));
    let is_nothing = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    let mut now = planned.clone();
    now.retain(|name, value| value.is_null() || is_shown(name) || (is_nothing(value) && !has_others));
    if now == *planned { ValueComparison::CannotTell } else { ValueComparison::Differs(Value::Object(now)) }
}

fn mappings(
    within: &str,
    planned: &Map<String, Value>,
    seen: &Map<String, Value>,
    shown: &ReadResource<'_>,
) -> ValueComparison {
    let (mut now, mut differs, mut unsure) = (planned.clone(), false, false);
    for (name, value) in planned {
        // A secret of another client must not be recorded.
        let is_same = |seen: &Value| value == seen || value.as_str().is_some_and(stands_for_secret);
        let seen = seen
            .get(name)
            .filter(|seen| may_be_told(within, name, seen) || (!is_sensitive_name(name) && is_same(seen)));
        match seen.map(|seen| compared((within, name), value, seen, shown)) {
            Some(ValueComparison::Same) => {}
            Some(ValueComparison::Differs(seen)) => {
                differs = true;
                now.insert(name.clone(), seen);
            }
            Some(ValueComparison::CannotTell) | None => unsure = true,
        }
    }
    match (differs, unsure) {
        (true, _) => ValueComparison::Differs(Value::Object(now)),
        (false, true) => ValueComparison::CannotTell,
        (false, false) => ValueComparison::Same,
    }
}

/// Whether a value that a read shows may be recorded; a boolean is no secret, whatever its name.
fn may_be_told(within: &str, name: &str, seen: &Value) -> bool {
    seen.is_boolean() || (!is_sensitive_field(within, name) && !is_sensitive(within, name, seen))
}

fn lists((within, name): (&str, &str), planned: &[Value], seen: &[Value], shown: &ReadResource<'_>) -> ValueComparison {
    let is_mapping = |list: &[Value]| list.iter().any(|item| item.is_object() || item.is_array());
    if is_mapping(planned) || is_mapping(seen) {
        return if COMPARABLE_LISTS.contains(&name) {
            listed_mappings(name, planned, seen, shown)
        } else {
            ValueComparison::CannotTell
        };
    }
    match matched(planned, seen, |one, other| {
        matches!(compared((within, name), one, other, shown), ValueComparison::Same)
    }) {
        true => ValueComparison::Same,
        false if planned.iter().any(|item| item.as_str().is_some_and(stands_for_secret)) => ValueComparison::CannotTell,
        false if seen.iter().any(|item| !may_be_told(within, name, item)) => ValueComparison::CannotTell,
        false => ValueComparison::Differs(Value::Array(seen.to_vec())),
    }
}

fn listed_mappings(within: &str, planned: &[Value], seen: &[Value], shown: &ReadResource<'_>) -> ValueComparison {
    // An element that a step of its own made is in the list as well.
    let anothers = |item: &&Value| item.get("id").is_some_and(|id| (shown.is_owned_by_another)(id));
    let seen: Vec<Value> = seen.iter().filter(|item| !anothers(item)).cloned().collect();
    if matched(planned, &seen, |one, other| is_alike(within, one, other, shown)) {
        return ValueComparison::Same;
    }
    let named = |name: &String| planned.iter().any(|item| item.get(name).is_some());
    let kept = |item: &Value| match item {
        Value::Object(fields) if !planned.is_empty() => {
            let fields = fields
                .iter()
                .filter(|(name, value)| named(name) && !value.is_null() && may_be_told(within, name, value));
            Value::Object(fields.map(|(name, value)| (name.clone(), without_sensitive(value))).collect())
        }
        other => other.clone(),
    };
    ValueComparison::Differs(seen.iter().map(kept).collect())
}

/// Whether a read can show this element of a list of mappings as that one.
pub fn is_alike(list: &str, planned: &Value, seen: &Value, shown: &ReadResource<'_>) -> bool {
    match (planned, seen) {
        (Value::Object(one), Value::Object(other)) => {
            !matches!(mappings(list, one, other, shown), ValueComparison::Differs(_))
        }
        _ => false,
    }
}

/// Whether the elements of the two lists can be paired, in any order. An element with few fields is like several: a
/// pair is changed when one of its elements is the only one for another.
fn matched(planned: &[Value], seen: &[Value], alike: impl Fn(&Value, &Value) -> bool) -> bool {
    if planned.len() != seen.len() {
        return false;
    }
    let fits: Vec<Vec<usize>> =
        planned.iter().map(|item| (0..seen.len()).filter(|at| alike(item, &seen[*at])).collect()).collect();
    let mut taken: Vec<Option<usize>> = vec![None; seen.len()];
    (0..planned.len()).all(|item| pair(item, &fits, &mut taken, &mut vec![false; seen.len()]))
}

/// Pairs an element with one that it fits, and changes other pairs for that. `taken`: by which element each is taken.
fn pair(item: usize, fits: &[Vec<usize>], taken: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    fits[item].iter().any(|&at| {
        if std::mem::replace(&mut tried[at], true) {
            return false;
        }
        let free = match taken[at] {
            None => true,
            Some(other) => pair(other, fits, taken, tried),
        };
        if free {
            taken[at] = Some(item);
        }
        free
    })
}

/// Compares the names of the elements: one that the plan names and a read does not show was removed. Whether the others
/// agree cannot be told.
fn listed_elements(planned: Option<&Value>, seen: Option<&Value>, (key, by): (&str, &str)) -> Comparison {
    let (Some(Value::Array(planned)), Some(Value::Array(seen))) = (planned, seen) else {
        return Comparison::CannotTell;
    };
    let is_there = |item: &&Value| match item.get(key) {
        Some(Value::String(name)) if !stands_for_secret(name) => seen.iter().any(|one| one.get(by) == item.get(key)),
        _ => true,
    };
    match planned.iter().all(|item| is_there(&item)) {
        true => Comparison::CannotTell,
        false => Comparison::Differs(Some(planned.iter().filter(is_there).cloned().collect())),
    }
}

/// Whether every id of the plan occurs somewhere in the value that is shown.
fn contains(planned: Option<&Value>, seen: Option<&Value>) -> Comparison {
    let Some(seen) = seen else { return Comparison::CannotTell };
    let mut wanted = Vec::new();
    if let Some(planned) = planned {
        collect(planned, &mut wanted);
    }
    let ids: Vec<&str> = wanted.into_iter().filter(|text| text.len() >= 8 && !stands_for_secret(text)).collect();
    let mut there = Vec::new();
    collect(seen, &mut there);
    match ids.iter().all(|id| there.contains(id)) {
        true if !ids.is_empty() || there.is_empty() => Comparison::Same,
        true => Comparison::CannotTell,
        false => Comparison::Differs(planned.and_then(|planned| without(planned, &there))),
    }
}

/// Whether an element that is in `before` and not in `after` still exists; `None` when there is none to look for, or
/// nothing is shown.
pub fn holds_any(seen: Option<&Value>, before: Option<&Value>, after: Option<&Value>) -> Option<bool> {
    let texts = |value: Option<&'_ Value>| {
        let mut texts = Vec::new();
        if let Some(value) = value {
            collect(value, &mut texts);
        }
        texts.into_iter().filter(|text| text.len() >= 8).map(str::to_owned).collect::<Vec<_>>()
    };
    let (there, kept, mut taken) = (texts(Some(seen?)), texts(after), texts(before));
    taken.retain(|text| !kept.contains(text) && !stands_for_secret(text));
    (!taken.is_empty()).then(|| taken.iter().any(|text| there.contains(text)))
}

fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The elements of a list that still exist; nothing for a single value.
fn without(planned: &Value, there: &[&str]) -> Option<Value> {
    let is_there = |item: &&Value| {
        let mut texts = Vec::new();
        collect(item, &mut texts);
        texts.iter().any(|text| text.len() >= 8 && there.contains(text))
    };
    planned.as_array().map(|items| items.iter().filter(is_there).cloned().collect())
}

/// Compares the tags that the plan set; other tags are ignored.
fn tags(planned: Option<&Map<String, Value>>, object: &Value) -> Comparison {
    let mut seen = Map::new();
    let (mut are_shown, mut unclear) = (false, false);
    for (field, shown) in TAGS.iter().filter_map(|field| Some((field, object.get(field)?))) {
        let tag = |key: &str, value: Option<&Value>| (key.trim_end().to_owned(), value.cloned().unwrap_or_default());
        let listed = |item: &Value| Some(tag(item.get("key")?.as_str()?, item.get("value")));
        let tags: Option<Vec<(String, Value)>> = match shown {
            Value::Object(fields) => Some(fields.iter().map(|(key, value)| tag(key, Some(value))).collect()),
            Value::Array(items) => items.iter().map(listed).collect(),
            _ => None,
        };
        unclear |= tags.is_none();
        // The other fields can be empty although there are tags.
        are_shown |= tags.is_some() && field.starts_with("tags");
        seen.extend(tags.into_iter().flatten());
    }
    // That there are none is believed only of a field that shows all tags.
    let Some(planned) = planned.filter(|_| !seen.is_empty() || (are_shown && !unclear)) else {
        return Comparison::CannotTell;
    };
    let mut now = planned.clone();
    let mut differs = false;
    for (key, value) in planned.iter().filter(|(_, value)| !value.as_str().is_some_and(stands_for_secret)) {
        match seen.get(key) {
            Some(seen) if seen == value || word(seen).trim_end() == word(value) => {}
            Some(seen) => {
                differs = true;
                now.insert(key.clone(), seen.clone());
            }
            None => {
                differs = true;
                now.shift_remove(key);
            }
        }
    }
    if differs { Comparison::Differs(Some(Value::Object(now))) } else { Comparison::Same }
}

#[cfg(test)]
mod tests;
