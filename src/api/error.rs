//! Parses error answers of the API.
//!
//! Facts: error bodies of the Cloud API have `exception_class`, `message`, `request_id`, sometimes `info` and
//! `invalid_fields` (API documentation, "Errors"); answers of a proxy may be HTML or empty. Quotas, locks and the
//! answer to an invalid key as in observed.md §3 and §8.

use serde_json::Value;

use super::fields::shorten;
use super::lock::{self, LockHolder};
use super::{Answer, fields, quota};
use crate::catalog::{CLOUD, root_of};
use crate::clock::LONGEST_PAUSE;
use crate::secret::{Secrets, without_reserved};

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub status: u16,
    /// `exception_class`, such as `QuotaLimitExceed`.
    pub class: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
    /// JSON pointers into the request body, and what is wrong there.
    pub invalid_fields: Vec<(String, String)>,
    pub form: ErrorForm,
    /// The message may repeat secrets that are not known here: it is used for decisions, and not shown.
    pub withheld: bool,
    /// Seconds from `Retry-After`, given as a number or a date; at most an hour.
    pub retry_after: Option<u64>,
    /// The task that holds the lock, when the API names it.
    pub lock_holder: Option<LockHolder>,
}

/// The form of an error answer's body, which tells who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorForm {
    /// An error of the API, in one of its forms.
    Api,
    /// No body: the API or a proxy.
    Empty,
    /// JSON without a message.
    OtherJson,
    /// The answer of a proxy or of another server: not JSON, or a 404 for the Cloud API without what marks its own.
    Page,
}

/// The meaning of an error answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Refused; retrying does not help.
    Rejected,
    /// Not authenticated, or not permitted.
    NotAllowed,
    /// A quota or missing capacity: 400 with a class of its own, or by its message.
    Quota,
    /// The resource exists already, or is still referred to.
    Conflict,
    /// A running task holds the lock of the resource: wait for it.
    Locked,
    /// 429: send more slowly.
    RateLimited,
    /// 503 of the API with `Retry-After`: not carried out, retry later. (A proxy says so, too, of a request that the API
    /// may have received.)
    Unavailable,
    /// 404 of the API. The page of a proxy that has no way to the API says nothing of a resource.
    NotFound,
    /// The call may have been carried out.
    Unknown,
}

/// Messages of a refusal because the name exists: "Origin Group name should be unique." was recorded, the others are
/// documented.
const EXISTS: [&str; 5] = ["should be unique", "must be unique", "already exist", "already taken", "already used"];
/// The most bytes parsed of a body that is not JSON.
const MOST_NON_JSON: usize = 64 * 1024;
/// Instead of words that may repeat a secret of a plan that was not read.
pub const WITHHELD: &str = "the API's message is not shown, since it may repeat a secret that is not known here";
const KEY_REFUSED: &str = "the API does not accept this key";

impl ApiError {
    /// Parses an answer without success to a request for this path. `now` is the wall time in Unix seconds, for
    /// `Retry-After` dates. `secrets` are redacted before the text is cut, because half of a secret would not be
    /// recognised.
    pub fn read(path: &str, answer: &Answer, now: i64, secrets: &Secrets) -> Self {
        let plain: Option<Value> = serde_json::from_slice(&answer.body).ok().map(without_reserved);
        let body = plain.as_ref().map(|body| secrets.redact_value(body));
        let text = |key: &str| {
            body.as_ref().and_then(|body| body.get(key)).and_then(|value| match value {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Null | Value::String(_) => None,
                other => Some(other.to_string()),
            })
        };
        let hidden = |text: &str| secrets.redact(text).into_owned();
        let fields = body.as_ref().map(fields::invalid_fields).unwrap_or_default();
        let message = ["message", "detail", "error", "title"]
            .into_iter()
            .find_map(|name| text(name).filter(|text| !text.starts_with(['[', '{'])))
            .or_else(|| body.as_ref().and_then(|body| fields::combined_message(body, &fields)));
        let is_gateways = answer.status == 404 && root_of(path) == CLOUD && !is_of_cloud_api(answer, plain.as_ref());
        let form = match (&message, &body) {
            _ if is_gateways => ErrorForm::Page,
            (Some(_), _) => ErrorForm::Api,
            (None, Some(_)) => ErrorForm::OtherJson,
            (None, None) if is_blank(answer) => ErrorForm::Empty,
            (None, None) => ErrorForm::Page,
        };
        let message = message.unwrap_or_else(|| unreadable(answer, secrets));
        let limits = body.as_ref().and_then(|body| body.get("info")).map(quota::limits).unwrap_or_default();
        let message = match answer.status {
            // The API's message repeats a part of the key.
            401 => KEY_REFUSED.to_owned(),
            _ if limits.is_empty() => shorten(&message),
            _ => format!("{}: {}", shorten(message.trim_end_matches('.')), shorten(&limits.join("; "))),
        };
        Self {
            status: answer.status,
            class: text("exception_class")
                .or_else(|| text("code").filter(|code| code.parse::<i64>().is_err()))
                .filter(|class| !secrets.may_be_unknown() || is_class(class)),
            // An id may contain a short secret by coincidence.
            lock_holder: plain
                .as_ref()
                .and_then(|body| body.get("message"))
                .and_then(Value::as_str)
                .and_then(lock::holder),
            message,
            request_id: text("request_id")
                .or_else(|| answer.request_id().map(hidden))
                .filter(|id| !secrets.may_be_unknown() || is_request_id(id)),
            invalid_fields: if answer.status == 401 || secrets.may_be_unknown() { Vec::new() } else { fields },
            form,
            // The message for an invalid key is not the API's.
            withheld: secrets.may_be_unknown() && answer.status != 401,
            retry_after: answer.header("retry-after").and_then(|value| retry_after(value, now)),
        }
    }

    /// The meaning of this answer to a write. A 409 has three meanings, distinguished only by its message.
    pub fn meaning(&self) -> Meaning {
        let class = self.class.as_deref().unwrap_or_default();
        // Quoted names are not part of the API's message.
        let message = lock::without_quoted(&self.message).to_lowercase();
        let capacity = ["not enough", "limit reached", "no valid host", "out of capacity", "insufficient"]
            .iter()
            .any(|words| message.contains(words));
        if class.contains("QuotaLimitExceed") || message.contains("quota limit") {
            return Meaning::Quota;
        }
        match self.status {
            400 | 403 | 409 | 422 if lock::is_passing(&message) => Meaning::Locked,
            401 => Meaning::NotAllowed,
            403 if capacity => Meaning::Quota,
            403 => Meaning::NotAllowed,
            404 if self.form != ErrorForm::Page => Meaning::NotFound,
            408 => Meaning::Unknown,
            409 if lock::is_lock(&message) => Meaning::Locked,
            409 if capacity => Meaning::Quota,
            409 => Meaning::Conflict,
            // The form of the CDN and DNS.
            400 | 422 if EXISTS.iter().any(|words| message.contains(words)) => Meaning::Conflict,
            425 | 429 => Meaning::RateLimited,
            503 if self.retry_after.is_some() && self.form == ErrorForm::Api => Meaning::Unavailable,
            // These ask for the same request at another address. Others say where to see what came of it (303), or nothing.
            301 | 302 | 307 | 308 => Meaning::Rejected,
            status if !(400..500).contains(&status) => Meaning::Unknown,
            _ => Meaning::Rejected,
        }
    }

    /// Whether the answer to a delete says that the resource is still in use.
    pub fn is_in_use(&self) -> bool {
        let message = lock::without_quoted(&self.message).to_lowercase();
        matches!(self.status, 400 | 409 | 422)
            && [
                "in use",
                "used by",
                "is attached",
                "still",
                "has ports",
                "one or more ports",
                "has subnets",
                "being deleted",
                "contains",
                "not empty",
                "depend",
                "referenced",
                "associated",
                "using this group",
                "is used as",
                "assigned to",
            ]
            .iter()
            .any(|words| message.contains(words))
    }

    /// Whether a proxy or another program may have answered: the body is in no form of the API.
    pub fn is_foreign(&self) -> bool {
        matches!(self.form, ErrorForm::OtherJson | ErrorForm::Page)
    }

    /// Whether it is a 404 that is not the API's: of a proxy that has no way to it now, say.
    pub fn is_page_not_found(&self) -> bool {
        self.status == 404 && self.form == ErrorForm::Page
    }

    /// `QuotaLimitExceed: … (status 400, request_id …)`
    pub fn story(&self) -> String {
        let class = self.class.as_deref().map(|class| format!("{class}: ")).unwrap_or_default();
        let request = self.request_id.as_deref().map(|id| format!(", request_id {id}")).unwrap_or_default();
        let message = if self.withheld { WITHHELD } else { &self.message };
        format!("{class}{message} (status {}{request})", self.status)
    }
}

/// Whether the text has the form of a request id: `req-` and a UUID, or one of both.
pub(super) fn is_request_id(id: &str) -> bool {
    uuid::Uuid::try_parse(id.strip_prefix("req-").unwrap_or(id)).is_ok()
}

/// Whether the text can be the name of an error class: one word.
fn is_class(class: &str) -> bool {
    class.bytes().all(|letter| letter.is_ascii_alphabetic())
        && ["Error", "Exceed", "Exceeded", "Exception", "NotFound", "Failed"].iter().any(|end| class.ends_with(end))
}

/// The message for an answer that is not in the API's error form.
fn unreadable(answer: &Answer, secrets: &Secrets) -> String {
    let kind = answer.header("content-type").unwrap_or("no content type");
    let read = &answer.body[..answer.body.len().min(MOST_NON_JSON)];
    let cut = if read.len() < answer.body.len() { "…" } else { "" };
    let text = secrets.redact(&format!("{}{cut}", String::from_utf8_lossy(read)));
    let words: String = strip_tags(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        // Without what may be secret in it.
        let to = answer.header("location").and_then(|to| to.split(['?', '#']).next()).filter(|to| !to.contains('@'));
        match to.filter(|_| (300..400).contains(&answer.status)) {
            Some(to) => format!("the answer redirects to {}, which is not followed", secrets.redact(to)),
            None => "the answer gives no reason".to_owned(),
        }
    } else {
        format!("the answer is not the API's ({kind}): {}", words.chars().take(120).collect::<String>())
    }
}

/// Whether an answer has what marks those of the Cloud API: a request id, in the header or the body, or a class of error
/// (observed.md §7, §8). The 404 of a gateway that has no route to a service has neither, and may be JSON.
fn is_of_cloud_api(answer: &Answer, body: Option<&Value>) -> bool {
    let says = |name: &str| body.and_then(|body| body.get(name)).is_some_and(Value::is_string);
    answer.header("request_id").is_some() || says("request_id") || says("exception_class")
}

fn is_blank(answer: &Answer) -> bool {
    answer.body.iter().all(u8::is_ascii_whitespace)
}

fn strip_tags(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .filter_map(|character| match character {
            '<' => {
                inside = true;
                Some(' ')
            }
            '>' if inside => {
                inside = false;
                None
            }
            _ if inside => None,
            other => Some(other),
        })
        .collect()
}

/// Seconds, or an HTTP date (RFC 9110 §10.2.3); at most an hour.
fn retry_after(value: &str, now: i64) -> Option<u64> {
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then(|| (seconds.ceil() as u64).min(LONGEST_PAUSE.as_secs()));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    Some(date.saturating_sub(now.max(0) as u64).min(LONGEST_PAUSE.as_secs()))
}

#[cfg(test)]
mod tests;
