//! Answers of the simulated API, and its refusals in the real API's form.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::Answer;

/// A request that is not carried out, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    // Boxed, because it is the error type of nearly every function here.
    reason: Box<Reason>,
}

#[derive(Debug, Clone, PartialEq)]
struct Reason {
    status: u16,
    class: &'static str,
    message: String,
    /// Fields of the body, and what is wrong with each.
    invalid_fields: Vec<(String, String)>,
    info: Option<Value>,
}

impl Refusal {
    pub(super) fn new(status: u16, class: &'static str, message: impl Into<String>) -> Self {
        let reason = Reason { status, class, message: message.into(), invalid_fields: Vec::new(), info: None };
        Self { reason: Box::new(reason) }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFoundError", message)
    }

    /// Turns "not found" into an invalid body, for a resource that the body names.
    pub(super) fn wrong_in_body(mut self) -> Self {
        if self.reason.status == 404 {
            (self.reason.status, self.reason.class) = (400, "ValidationError");
        }
        self
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictError", message)
    }

    /// A running task holds the resource: its type, id and start, or no details (`observed.md` §3).
    pub(super) fn locked(resource: &str, task: Option<(&str, &str, Timestamp)>) -> Self {
        Self::conflict(match task {
            Some((task_type, id, since)) => format!(
                "Operation on resource `{resource}` currently locked by running task `{task_type}` with id `{id}` ({}) \
                 to prevent concurrent operations. Repeat request a little later.",
                since.strftime("%Y-%m-%d %H:%M:%S%.6f")
            ),
            None => {
                format!("Resource `{resource}` is already locked by another task. Please try again later.")
            }
        })
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "ForbiddenError", message)
    }

    /// An invalid body or parameter. `fields` pairs each field with what is wrong with it.
    pub(super) fn invalid(fields: Vec<(String, String)>) -> Self {
        let names: Vec<_> = fields.iter().map(|(field, _)| field.as_str()).collect();
        let message = format!("Validation failed for: {}", names.join(", "));
        let mut refusal = Self::new(400, "ValidationError", message);
        refusal.reason.invalid_fields = fields;
        refusal
    }

    pub(super) fn invalid_field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::invalid(vec![(field.into(), reason.into())])
    }

    /// The key is invalid; the text echoes a part of it, as the real API's does (`observed.md` §8).
    pub(super) fn unauthorized(key: &str) -> Self {
        let echoed: String = key.chars().take(5).collect();
        let message = format!("Invalid <APIKey> authentication token: {echoed}*****{echoed}");
        Self::new(401, "UnauthorizedError", message)
    }

    /// `requested` more of a kind would exceed its `limit`.
    pub(super) fn quota(kind: &str, usage: u64, requested: u64, limit: u64) -> Self {
        let attribute = quota_attribute(kind);
        let excess = (usage + requested).saturating_sub(limit);
        let message = format!("Quota limit for {attribute} exceeded by {excess}");
        let info = json!({
            "attribute": attribute, "current_usage": usage, "requested_usage": usage + requested, "limit": limit,
        });
        let mut refusal = Self::new(400, "QuotaLimitExceed", message);
        refusal.reason.info = Some(info);
        refusal
    }

    /// A quota's refusal in the form of calls that may exceed several quotas at once.
    pub(super) fn of_several(mut self) -> Self {
        if let Some(info) = self.reason.info.take() {
            self.reason.class = "MultipleQuotaLimitExceeded";
            self.reason.info = Some(json!([info]));
        }
        self
    }

    /// The answer for the refusal; `request_id` identifies the request to support.
    pub(super) fn answer(&self, request_id: &str) -> Answer {
        let Reason { status, class, message, invalid_fields, info } = &*self.reason;
        let mut body = Map::new();
        body.insert("exception_class".into(), (*class).into());
        body.insert("message".into(), message.as_str().into());
        if *status != 401 {
            body.insert("request_id".into(), request_id.into());
        }
        if let Some(info) = info {
            body.insert("info".into(), info.clone());
        }
        if !invalid_fields.is_empty() {
            body.insert("invalid_fields".into(), grouped(invalid_fields));
        }
        ok(*status, Value::Object(body))
    }
}

/// The attribute name of a quota.
pub(super) fn quota_attribute(kind: &str) -> String {
    let word = match kind {
        "instances" => "vm",
        "security_groups" => "firewall",
        "floatingips" => "floating",
        "reserved_fixed_ips" => "external_ip",
        kind => kind.trim_end_matches('s'),
    };
    format!("{word}_count")
}

/// `{field: {inner: [reason, …]}}`, as deep as the dotted names go, fields in order of first mention.
pub(super) fn grouped(fields: &[(String, String)]) -> Value {
    let mut by_field = Map::new();
    for (field, reason) in fields {
        let mut level = &mut by_field;
        let mut words = field.split('.').peekable();
        while let Some(word) = words.next() {
            let last = words.peek().is_none();
            let place = level.entry(word).or_insert_with(|| if last { json!([]) } else { json!({}) });
            match place {
                Value::Array(reasons) => {
                    reasons.push(reason.as_str().into());
                    break;
                }
                Value::Object(inner) => level = inner,
                _ => break,
            }
        }
    }
    Value::Object(by_field)
}

/// A JSON answer.
pub(super) fn ok(status: u16, body: Value) -> Answer {
    Answer {
        status,
        headers: vec![("content-type".into(), "application/json; charset=UTF-8".into())],
        body: body.to_string().into_bytes(),
    }
}

/// 204 without a body.
pub(super) fn no_content() -> Answer {
    Answer { status: 204, headers: Vec::new(), body: Vec::new() }
}

/// The answer of a collection.
pub(super) fn listing(count: usize, results: Vec<Value>) -> Answer {
    ok(200, json!({ "count": count, "results": results }))
}

/// `2026-05-23T05:07:31`: the time format of tasks, without a zone.
pub(super) fn task_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `2026-05-23T05:07:31+0000`: the time format of resources.
pub(super) fn resource_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// `2026-05-23T05:07:31Z`: the time format of machines.
pub(super) fn zulu_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `Sat, 23 May 2026 05:07:31 GMT`: the `Date` header.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_shape_of_the_api() {
        let refusal = Refusal::invalid(vec![("name".into(), "required".into()), ("name".into(), "text".into())]);
        let answer = refusal.answer("abc");
        assert_eq!(answer.status, 400);
        assert_eq!(
            serde_json::from_slice::<Value>(&answer.body).unwrap(),
            json!({
                "exception_class": "ValidationError", "message": "Validation failed for: name, name",
                "request_id": "abc", "invalid_fields": { "name": ["required", "text"] },
            })
        );
    }

    #[test]
    fn times_are_written_as_the_api_writes_them() {
        let at: Timestamp = "2026-05-23T05:07:31.5Z".parse().unwrap();
        assert_eq!(task_time(at), "2026-05-23T05:07:31");
        assert_eq!(resource_time(at), "2026-05-23T05:07:31+0000");
        assert_eq!(http_date(at), "Sat, 23 May 2026 05:07:31 GMT");
    }
}
