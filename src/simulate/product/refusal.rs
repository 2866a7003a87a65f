//! Refusals of the products: each has its own form.

use serde_json::{Value, json};

use super::form::{bare, json_answer};
use crate::api::Answer;
use crate::catalog::Method;
use crate::simulate::answer::grouped;

/// A refused request, and why.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulate) struct Refused {
    reason: Box<Reason>,
}

#[derive(Debug, Clone, PartialEq)]
enum Reason {
    NotFound {
        kind: String,
    },
    NoPath,
    NoMethod(Method),
    /// Fields, and what is wrong with each.
    Invalid(Vec<(String, String)>),
    Taken {
        kind: String,
        field: String,
        name: String,
    },
    NoSuch {
        field: String,
        kind: String,
        id: String,
    },
    InUse {
        kind: String,
        by: String,
        ids: Vec<Value>,
    },
    /// Errors in the product's own form.
    Errors(Value),
    Words {
        status: u16,
        words: String,
    },
}

impl Refused {
    fn of(reason: Reason) -> Self {
        Self { reason: Box::new(reason) }
    }

    pub(super) fn not_found(kind: &str) -> Self {
        Self::of(Reason::NotFound { kind: kind.to_owned() })
    }

    pub(super) fn no_path() -> Self {
        Self::of(Reason::NoPath)
    }

    pub(super) fn no_method(method: Method) -> Self {
        Self::of(Reason::NoMethod(method))
    }

    pub(super) fn invalid(fields: Vec<(String, String)>) -> Self {
        Self::of(Reason::Invalid(fields))
    }

    /// The body is not JSON.
    pub(in crate::simulate) fn not_json() -> Self {
        Self::invalid(vec![("body".to_owned(), "is not JSON".to_owned())])
    }

    /// A resource with this name exists.
    pub(super) fn taken(kind: &str, field: &str, name: &str) -> Self {
        Self::of(Reason::Taken { kind: kind.to_owned(), field: field.to_owned(), name: name.to_owned() })
    }

    /// The body refers to a resource that does not exist.
    pub(super) fn no_such(field: &str, kind: &str, id: &str) -> Self {
        Self::of(Reason::NoSuch { field: field.to_owned(), kind: kind.to_owned(), id: id.to_owned() })
    }

    /// Resources of a kind refer to it.
    pub(super) fn in_use(kind: &str, by: &str, ids: Vec<Value>) -> Self {
        Self::of(Reason::InUse { kind: kind.to_owned(), by: by.to_owned(), ids })
    }

    /// Errors by field, in the form of the CDN.
    pub(super) fn errors(errors: Value) -> Self {
        Self::of(Reason::Errors(errors))
    }

    /// A refusal with a message about the whole request.
    pub(super) fn of_message(status: u16, message: impl Into<String>) -> Self {
        Self::of(Reason::Words { status, words: message.into() })
    }

    pub(in crate::simulate) fn answer(&self, root: &str) -> Answer {
        if root == "fastedge" && matches!(*self.reason, Reason::NotFound { .. }) {
            // Documented without a body.
            return bare(404);
        }
        let (status, body) = match root {
            "cdn" | "iam" => self.by_field(),
            "streaming" => self.of_streaming(),
            "waap" => self.as_problem(),
            "security" => self.as_detail(),
            _ => self.as_error(),
        };
        let mut answer = json_answer(status, &body);
        if root == "dns" {
            answer.headers = vec![("content-type".into(), "application/json; charset=utf-8".into())];
        }
        answer
    }

    fn message_body(&self) -> (u16, String) {
        match &*self.reason {
            Reason::NotFound { kind } => (404, format!("{} is not found", word(kind))),
            Reason::NoPath => (404, "page not found".to_owned()),
            Reason::NoMethod(method) => (405, format!("Method \"{method}\" not allowed.")),
            Reason::Invalid(fields) => {
                let words: Vec<String> = fields.iter().map(|(field, wrong)| format!("{field}: {wrong}")).collect();
                (400, words.join("; "))
            }
            Reason::Taken { kind, name, .. } => (409, format!("{} {name} already exists", word(kind))),
            Reason::NoSuch { kind, id, .. } => (400, format!("{} {id} is not found", word(kind))),
            Reason::InUse { kind, by, .. } => (409, format!("{} is used by {}", word(kind), word(by))),
            Reason::Errors(errors) => (400, errors.to_string()),
            Reason::Words { status, words } => (*status, words.clone()),
        }
    }

    /// `{"error": "…"}`
    fn as_error(&self) -> (u16, Value) {
        let (status, words) = self.message_body();
        let conflicting = match &*self.reason {
            Reason::InUse { ids, kind, .. } if kind.starts_with("fastedge") => Some(ids),
            _ => None,
        };
        match conflicting {
            Some(ids) => (409, json!({ "error": words, "conflicting_ids": ids })),
            None => (status, json!({ "error": words })),
        }
    }

    /// `{"errors": {"name": ["…"]}}`; an error about no field is in `message`.
    fn by_field(&self) -> (u16, Value) {
        match &*self.reason {
            Reason::Invalid(fields) => (400, json!({ "errors": grouped(fields) })),
            Reason::Errors(errors) => (400, json!({ "errors": errors })),
            Reason::Taken { kind, field, name } => {
                let words = match kind.as_str() {
                    "cdn_origin_groups" => "Origin Group name should be unique.".to_owned(),
                    "cdn_preset_uses" => "The object already has an applied preset.".to_owned(),
                    "cdn_resources" => format!("CNAME {name} already exists."),
                    _ => "This field should be unique.".to_owned(),
                };
                (400, json!({ "errors": { field: [words] } }))
            }
            Reason::NoSuch { field, id, .. } => {
                (400, json!({ "errors": { field: [format!("Invalid pk \"{id}\" - object does not exist.")] } }))
            }
            Reason::InUse { kind, by, .. } if kind == "cdn_origin_groups" => {
                let by = if by == "cdn_rules" { "rules" } else { "resources" };
                (400, json!({ "name": [format!("There are {by} using this group")] }))
            }
            Reason::InUse { .. } => (400, json!({ "errors": [self.message_body().1] })),
            Reason::Words { status: 400, words } => (400, json!({ "errors": [words] })),
            Reason::NoMethod(_) => (405, json!({ "message": self.message_body().1, "code": "method_not_allowed" })),
            Reason::NotFound { .. } | Reason::NoPath => (404, json!({ "message": "Not found.", "code": "not_found" })),
            Reason::Words { .. } => {
                let (status, words) = self.message_body();
                (status, json!({ "message": words }))
            }
        }
    }

    fn of_streaming(&self) -> (u16, Value) {
        match &*self.reason {
            Reason::Invalid(fields) => (422, json!({ "errors": grouped(fields) })),
            Reason::NoSuch { field, .. } => (422, json!({ "errors": { field: ["must exist"] } })),
            _ => self.as_error(),
        }
    }

    /// WAAP: a problem with locations.
    fn as_problem(&self) -> (u16, Value) {
        if let Reason::Invalid(fields) = &*self.reason {
            let errors: Vec<Value> =
                fields.iter().map(|(field, wrong)| json!({ "loc": place(field), "detail": wrong })).collect();
            return (
                422,
                json!({
                    "type": "request-validation-failed", "title": "Request validation error.", "status": 422,
                    "detail": "One or more fields have validation errors.", "errors": errors,
                }),
            );
        }
        let (status, words) = self.message_body();
        let (kind, title) = if status == 404 { ("http-not-found", "Not Found") } else { ("http-error", "Refused") };
        (status, json!({ "type": kind, "title": title, "status": status, "detail": words }))
    }

    /// DDoS protection: `detail` with locations.
    fn as_detail(&self) -> (u16, Value) {
        if let Reason::Invalid(fields) = &*self.reason {
            let detail: Vec<Value> = fields
                .iter()
                .map(|(field, wrong)| json!({ "loc": place(field), "msg": wrong, "type": "value_error" }))
                .collect();
            return (422, json!({ "detail": detail }));
        }
        let (status, words) = self.message_body();
        (status, json!({ "detail": words }))
    }
}

/// `dns_zones` → `zone`
fn word(kind: &str) -> String {
    let (_, word) = kind.split_once('_').unwrap_or(("", kind));
    let one = word.strip_suffix("ies").map(|stem| format!("{stem}y"));
    one.unwrap_or_else(|| word.strip_suffix('s').unwrap_or(word).to_owned()).replace('_', " ")
}

fn place(field: &str) -> Vec<Value> {
    let inside = field.split('.').filter(|word| *word != "body").map(|word| match word.parse::<u64>() {
        Ok(index) => json!(index),
        Err(_) => json!(word),
    });
    std::iter::once(json!("body")).chain(inside).collect()
}
