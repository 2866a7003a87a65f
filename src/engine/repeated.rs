//! The recorded form of a rendered call: digests in place of secrets, also of those that the API repeated in an answer
//! and a template took up from there.
//!
//! What the plan itself says in clear stays, though it may be equal to a secret.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::journal::JsonText;
use crate::secret::{BrokenMarker, Secrets};
use crate::template::{Shape, Template};

/// Makes recorded forms.
#[derive(Clone, Copy)]
pub struct Recording<'s> {
    pub secrets: &'s Secrets,
    pub digest_key: &'s [u8],
}

impl Recording<'_> {
    /// A body.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a secret's marker remains.
    pub fn body(&self, template: &Template, value: &Value) -> Result<JsonText, BrokenMarker> {
        match !Secrets::marks_value(value) && self.repeats_none(Some(template)) {
            true => Ok(value.into()),
            false => self.part(template, value).map(JsonText::from),
        }
    }

    /// Whether a template's value cannot hold a secret that the API repeats.
    fn repeats_none(&self, template: Option<&Template>) -> bool {
        self.secrets.holds_none() || !template.is_some_and(may_repeat)
    }

    fn part(&self, template: &Template, value: &Value) -> Result<Value, BrokenMarker> {
        if self.repeats_none(Some(template)) {
            return self.secrets.digest(value, self.digest_key);
        }
        match (template.shape(), value) {
            (Shape::Mapping(entries), Value::Object(fields))
                if entries.iter().map(|(key, _)| &key.text).eq(fields.keys()) =>
            {
                let pairs = entries.iter().map(|(_, template)| template).zip(fields);
                let field = |(template, (name, value)): (&Template, (&String, &Value))| {
                    Ok((name.clone(), self.part(template, value)?))
                };
                pairs.map(field).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            (Shape::List(items), Value::Array(values)) if items.len() == values.len() => {
                items.iter().zip(values).map(|(template, value)| self.part(template, value)).collect()
            }
            _ => self.secrets.without_repeated(value, self.digest_key),
        }
    }

    /// A text that a template gave, or a part of one.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a secret's marker remains.
    pub fn text<'t>(&self, template: Option<&Template>, text: &'t str) -> Result<Cow<'t, str>, BrokenMarker> {
        let is_clear = self.repeats_none(template);
        if is_clear && !Secrets::marks(text) {
            return Ok(Cow::Borrowed(text));
        }
        let value = Value::String(text.to_owned());
        let recorded = match is_clear {
            true => self.secrets.digest(&value, self.digest_key),
            false => self.secrets.without_repeated(&value, self.digest_key),
        };
        Ok(Cow::Owned(match recorded? {
            Value::String(text) => text,
            other => other.to_string(),
        }))
    }
}

/// Whether the value of a template may contain text of an API answer.
fn may_repeat(template: &Template) -> bool {
    template.programs().iter().any(|program| {
        let uses = program.uses();
        !uses.steps.is_empty() || ["each", "item", "self", "records"].iter().any(|name| uses.mentions(name))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_api_repeats_is_hidden_and_what_the_plan_says_stays() {
        let secrets = Secrets::default();
        secrets.conceal(&json!("hunter2-swordfish"));
        let recording = Recording { secrets: &secrets, digest_key: b"key" };
        let yaml = "{ a: hunter2-swordfish, b: [x, '{{ steps.n.name }}'], c: { d: \"{{ inputs.x }}\" } }";
        let template = Template::compile(&crate::yaml::parse(yaml).root.unwrap()).unwrap();
        let clear = "net-hunter2-swordfish";
        let value = json!({ "a": "hunter2-swordfish", "b": ["x", clear], "c": { "d": "hunter2-swordfish" } });
        let body = recording.body(&template, &value).unwrap();
        assert_eq!((&body["a"], &body["b"][0], &body["c"]), (&value["a"], &value["b"][0], &value["c"]));
        let hidden = body["b"][1].as_str().unwrap();
        assert!(hidden.starts_with("secret:"), "{hidden}");
        assert_eq!(recording.text(Some(template.at("/b/1")), clear).unwrap(), hidden);
        assert_eq!(recording.text(Some(template.at("/a")), clear).unwrap(), clear);
        // Without secrets of the plan nothing is searched for.
        let none = Recording { secrets: &Secrets::default(), digest_key: b"key" };
        assert_eq!(*none.body(&template, &value).unwrap(), value);
    }
}
