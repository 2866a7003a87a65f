//! What a plan looks up by name.

use serde_json::{Map, Value};

/// An item that a plan will look for in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The path of the list, with its parameters: `/cloud/v1/images/1/7`.
    pub path: String,
    /// The fields it must have.
    pub fields: Map<String, Value>,
}

impl Expected {
    /// Its name, in whichever field it is.
    pub(super) fn name(&self) -> Option<&str> {
        let named = self.fields.iter().find(|(field, _)| *field == "name" || field.ends_with("_name"));
        named.and_then(|(_, name)| name.as_str())
    }

    /// Whether an existing item has all the fields.
    pub(super) fn is(&self, shown: &Value) -> bool {
        self.fields.iter().all(|(field, wanted)| match shown.get(field) {
            Some(Value::Object(parts)) if wanted.is_object() => {
                let wanted = wanted.as_object().into_iter().flatten();
                wanted.into_iter().all(|(field, value)| parts.get(field) == Some(value))
            }
            Some(value) => value == wanted,
            None if field == "name" => {
                let names = shown.as_object().into_iter().flatten();
                names.into_iter().any(|(field, value)| field.ends_with("_name") && value == wanted)
            }
            None => wanted.is_null(),
        })
    }
}
