//! Forms as JSON: the parts of a form are texts, and its schema says what they are.

use serde_json::{Map, Value};

use super::Catalog;
use super::operation::Operation;
use super::schema::{BodySchema, Schema, Type};
use super::value::Partial;

impl Catalog {
    /// The body of a form with these parts, each a name and a text. A field that is a list gets an element for each
    /// part of its name; a text that is none of the field's type stays one.
    pub fn form_body(&self, operation: &Operation, parts: Vec<(String, String)>) -> Value {
        let schema = self.body_schema(operation);
        let mut fields = Map::new();
        for (name, text) in parts {
            let written = schema.as_deref().and_then(|schema| schema.resolve(schema.root()).properties.get(&name));
            let Some((schema, field)) = schema.as_deref().zip(written) else {
                fields.insert(name, text.into());
                continue;
            };
            match schema.resolve(field) {
                list if list.types.contains(Type::Array) => {
                    let value =
                        list.items.as_deref().map_or_else(|| text.as_str().into(), |of| typed(schema, of, &text));
                    let items = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                    items.as_array_mut().into_iter().for_each(|items| items.push(value.clone()));
                }
                _ => drop(fields.insert(name, typed(schema, field, &text))),
            }
        }
        Value::Object(fields)
    }
}

/// The value of a text in a form: parsed as JSON, where the schema allows its type and no text; otherwise the text
/// itself.
fn typed(schema: &BodySchema, written: &Schema, text: &str) -> Value {
    let types = schema.resolve(written).types;
    let read = serde_json::from_str::<Value>(text).ok().filter(|value| {
        let r#type = Partial::from(value).r#type();
        r#type.is_some_and(|r#type| types.contains(r#type) && !types.contains(Type::String))
    });
    read.unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Route;

    #[test]
    fn the_parts_of_a_form_have_the_types_of_its_fields() {
        let route = Route::parse("POST /security/sifter/v3/protected_networks").unwrap();
        let operation = Catalog::embedded().find(&route).unwrap();
        let pairs = [
            ("network", "192.0.2.0/24"),
            ("as_number", "65000"),
            ("files", "a.pdf"),
            ("files", "7"),
            ("comment", "12"),
            ("other", "1"),
        ];
        let parts = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(
            Catalog::embedded().form_body(&operation, parts(&pairs)),
            json!({ "network": "192.0.2.0/24", "as_number": 65000, "files": ["a.pdf", "7"], "comment": "12", "other": "1" })
        );
        let wrong = Catalog::embedded().form_body(&operation, parts(&[("as_number", "many")]));
        assert_eq!(wrong, json!({ "as_number": "many" }));
    }
}
