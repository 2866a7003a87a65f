//! What an update sends for one field: the new value, or a value that removes the old one, in the form that the
//! update accepts.

use serde_json::{Map, Value};

use crate::catalog::schema::{Additional, BodySchema, Schema};

/// A value in its recorded form, and in the form that is sent, with secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedAndSent {
    pub recorded: Value,
    pub sent: Value,
}

/// The values of one field before and after.
pub struct FieldChange<'a> {
    pub name: &'a str,
    pub before: Option<&'a Value>,
    pub after: Option<&'a Value>,
    /// `after`, with secrets.
    pub sent: Option<&'a Value>,
}

impl FieldChange<'_> {
    /// The value that an update sends for the field. `create`, `update`: the schemas of both bodies; `can_reset`:
    /// whether a field that the plan no longer has can be reset by sending a value.
    ///
    /// # Errors
    ///
    /// The place below the field that cannot be sent, and the reason.
    pub fn value(
        &self,
        create: &BodySchema,
        update: &BodySchema,
        can_reset: bool,
    ) -> Result<RecordedAndSent, (String, String)> {
        let taken = field_schemas(update, self.name);
        let (Some(after), Some(sent)) = (self.after, self.sent) else {
            let value = can_reset.then(|| self.back(create, update, &taken)).flatten();
            let reason = || "the plan no longer sets it, and the API has no value for that".to_owned();
            return value
                .map(|value| RecordedAndSent { recorded: value.clone(), sent: value })
                .ok_or_else(|| (String::new(), reason()));
        };
        if merges(update, &taken) {
            let old = self.before.and_then(Value::as_object);
            if let (Value::Object(recorded), Value::Object(sent)) = (after, sent) {
                return Ok(RecordedAndSent {
                    recorded: merged(old, recorded, recorded),
                    sent: merged(old, recorded, sent),
                });
            }
        }
        restricted(update, &taken, self.before, after, sent)
    }

    /// The value that resets a field which the plan no longer has.
    fn back(&self, create: &BodySchema, update: &BodySchema, taken: &[&Schema]) -> Option<Value> {
        if merges(update, taken) {
            return Some(merged(self.before.and_then(Value::as_object), &Map::new(), &Map::new()));
        }
        let made = field_schemas(create, self.name);
        let default =
            made.iter().find_map(|schema| schema.default.clone().or_else(|| create.resolve(schema).default.clone()));
        if let Some(default) = default.filter(|default| !default.is_null()) {
            return Some(default);
        }
        if taken.iter().any(|schema| update.nullable(schema)) {
            return Some(Value::Null);
        }
        self.before.filter(|before| before.is_array()).map(|_| Value::Array(Vec::new()))
    }
}

pub(super) fn elements(list: Option<&Value>) -> Vec<Value> {
    list.and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The schemas that a top-level field of a body may have.
pub fn field_schemas<'b>(body: &'b BodySchema, name: &str) -> Vec<&'b Schema> {
    let mut found = Vec::new();
    let mut open = vec![body.element()];
    while let Some(schema) = open.pop() {
        let schema = body.resolve(schema);
        found.extend(schema.properties.get(name));
        open.extend(schema.variants.iter().map(|variant| &variant.schema));
    }
    found
}

/// Whether the update merges a mapping (tags): only sent keys change, and `null` removes one.
fn merges(body: &BodySchema, schemas: &[&Schema]) -> bool {
    let takes_null = |schema: &&Schema| match &body.resolve(schema).additional {
        Additional::Of(values) => body.nullable(values),
        _ => false,
    };
    !schemas.is_empty() && schemas.iter().all(takes_null)
}

/// The keys that differ, with their new values; `null` for removed keys.
fn merged(before: Option<&Map<String, Value>>, recorded: &Map<String, Value>, values: &Map<String, Value>) -> Value {
    let old = |key: &String| before.and_then(|before| before.get(key));
    let new = recorded.iter().filter(|(key, value)| old(key) != Some(value));
    let mut changes: Map<String, Value> =
        new.filter_map(|(key, _)| Some((key.clone(), values.get(key)?.clone()))).collect();
    let gone = before.into_iter().flatten().map(|(key, _)| key).filter(|key| !recorded.contains_key(*key));
    changes.extend(gone.map(|key| (key.clone(), Value::Null)));
    Value::Object(changes)
}

/// The value without the fields that the update does not accept; an error when one of those differs.
fn restricted(
    body: &BodySchema,
    schemas: &[&Schema],
    before: Option<&Value>,
    after: &Value,
    sent: &Value,
) -> Result<RecordedAndSent, (String, String)> {
    let whole = || Ok(RecordedAndSent { recorded: after.clone(), sent: sent.clone() });
    let (Value::Object(fields), Value::Object(real), Some(known)) = (after, sent, closed(body, schemas)) else {
        return whole();
    };
    let takes = |name: &String| known.iter().any(|schema| schema.properties.contains_key(name));
    let refused = |name: &String| Err((name.clone(), "the update call has no such field".to_owned()));
    let (mut recorded, mut sent) = (Map::new(), Map::new());
    for (name, value) in fields {
        let old = before.and_then(|before| before.get(name));
        match real.get(name).filter(|_| takes(name)) {
            Some(real) => {
                let below: Vec<&Schema> = known.iter().filter_map(|schema| schema.properties.get(name)).collect();
                let both = restricted(body, &below, old, value, real)
                    .map_err(|(at, why)| (if at.is_empty() { name.clone() } else { format!("{name}/{at}") }, why))?;
                recorded.insert(name.clone(), both.recorded);
                sent.insert(name.clone(), both.sent);
            }
            None if old == Some(value) => {}
            None => return refused(name),
        }
    }
    let old = before.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name);
    match old.filter(|name| !fields.contains_key(*name)).find(|name| !takes(name)) {
        Some(lost) => refused(lost),
        None => Ok(RecordedAndSent { recorded: recorded.into(), sent: sent.into() }),
    }
}

/// The schemas, when they name every field that is allowed.
fn closed<'b>(body: &'b BodySchema, schemas: &[&'b Schema]) -> Option<Vec<&'b Schema>> {
    let mut known: Vec<&Schema> = Vec::new();
    let mut open = schemas.to_vec();
    while let Some(schema) = open.pop() {
        let schema = body.resolve(schema);
        if !matches!(schema.additional, Additional::None | Additional::Closed) {
            return None;
        }
        known.push(schema);
        open.extend(schema.variants.iter().map(|variant| &variant.schema));
    }
    known.iter().any(|schema| !schema.properties.is_empty()).then_some(known)
}
