//! What the API said when it said no, turned into something readable.
//!
//! Facts: error bodies carry `exception_class`, `message`, `request_id`, sometimes `info` and `invalid_fields` (API
//! documentation, "Errors"); answers from the edge may be HTML or empty.

use serde_json::Value;

use super::Answer;
use crate::secret::without_reserved;

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub status: u16,
    /// `exception_class`, such as `QuotaLimitExceed`.
    pub class: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
    /// JSON pointer into the request body and what is wrong there.
    pub invalid_fields: Vec<(String, String)>,
    /// Seconds from `Retry-After`, when it was a number or a date.
    pub retry_after: Option<u64>,
}

/// What an error answer to a write means for the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// No, and asking again will not help.
    Rejected,
    /// Not authenticated, or not permitted.
    NotAllowed,
    /// Quota or capacity.
    Quota,
    /// It exists already, or is still referred to.
    Conflict,
    /// A running task holds the resource: wait for it.
    Locked,
    /// 429: slower.
    RateLimited,
    /// 503 with `Retry-After`: surely not carried out, come back later.
    Unavailable,
    /// 404.
    NotFound,
    /// It may have been carried out.
    Unknown,
}

const LONGEST_MESSAGE: usize = 600;

impl ApiError {
    /// Reads an answer that is not a success. `now` is the wall time in Unix seconds, to read a `Retry-After` date.
    pub fn read(answer: &Answer, now: i64) -> Self {
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok().map(without_reserved);
        let text = |key: &str| {
            body.as_ref().and_then(|body| body.get(key)).and_then(|value| match value {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Null | Value::String(_) => None,
                other => Some(other.to_string()),
            })
        };
        let message =
            text("message").or_else(|| text("detail")).or_else(|| text("error")).unwrap_or_else(|| unreadable(answer));
        Self {
            status: answer.status,
            class: text("exception_class").or_else(|| text("code").filter(|code| code.parse::<i64>().is_err())),
            message: shorten(&message),
            request_id: text("request_id").or_else(|| answer.header("x-request-id").map(str::to_owned)),
            invalid_fields: body
                .as_ref()
                .and_then(|body| body.get("invalid_fields"))
                .map(invalid_fields)
                .unwrap_or_default(),
            retry_after: answer.header("retry-after").and_then(|value| retry_after(value, now)),
        }
    }

    /// What this answer means for a write. 409 has three meanings and only its text tells them apart.
    pub fn meaning(&self) -> Meaning {
        let class = self.class.as_deref().unwrap_or_default();
        let message = self.message.to_lowercase();
        let capacity = ["not enough", "limit reached", "no valid host", "out of capacity", "insufficient"]
            .iter()
            .any(|words| message.contains(words));
        if class == "QuotaLimitExceed" || class == "QuotaLimitExceedError" || message.contains("quota limit") {
            return Meaning::Quota;
        }
        match self.status {
            401 => Meaning::NotAllowed,
            403 if capacity => Meaning::Quota,
            403 => Meaning::NotAllowed,
            404 => Meaning::NotFound,
            408 => Meaning::Unknown,
            409 if is_lock(&message) => Meaning::Locked,
            409 if capacity => Meaning::Quota,
            409 => Meaning::Conflict,
            425 | 429 => Meaning::RateLimited,
            503 if self.retry_after.is_some() => Meaning::Unavailable,
            status if status >= 500 => Meaning::Unknown,
            _ => Meaning::Rejected,
        }
    }

    /// The answer to a delete means that something else still uses the resource.
    pub fn is_in_use(&self) -> bool {
        let message = self.message.to_lowercase();
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
            ]
            .iter()
            .any(|words| message.contains(words))
    }

    /// `QuotaLimitExceed: … (status 400, request_id …)`
    pub fn story(&self) -> String {
        let class = self.class.as_deref().map(|class| format!("{class}: ")).unwrap_or_default();
        let request = self.request_id.as_deref().map(|id| format!(", request_id {id}")).unwrap_or_default();
        format!("{class}{} (status {}{request})", self.message, self.status)
    }
}

fn is_lock(message: &str) -> bool {
    message.contains("locked") || message.contains("running task") || message.contains("repeat request a little later")
}

/// `{"volumes": {"0": {"size": ["too small"]}}, "name": ["required"]}` and flatter forms, as pointers and words.
fn invalid_fields(fields: &Value) -> Vec<(String, String)> {
    fn walk(at: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let name = name.replace('.', "/");
                    walk(&format!("{at}/{name}"), field, found);
                }
            }
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let words: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                found.push((at.to_owned(), shorten(&words.join("; "))));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(&format!("{at}/{index}"), item, found);
                }
            }
            Value::String(words) => found.push((at.to_owned(), shorten(words))),
            Value::Null => {}
            other => found.push((at.to_owned(), other.to_string())),
        }
    }
    let mut found = Vec::new();
    walk("", fields, &mut found);
    found
}

/// Words for an answer that holds no error in the API's form.
fn unreadable(answer: &Answer) -> String {
    let kind = answer.header("content-type").unwrap_or("no content type");
    let text = String::from_utf8_lossy(&answer.body);
    let words: String = strip_tags(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() {
        "the answer has no readable body".to_owned()
    } else {
        format!("the answer is not the API's ({kind}): {}", words.chars().take(120).collect::<String>())
    }
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

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST_MESSAGE {
        return text.to_owned();
    }
    text.chars().take(LONGEST_MESSAGE).chain("…".chars()).collect()
}

/// Seconds, or an HTTP date (RFC 9110 §10.2.3).
fn retry_after(value: &str, now: i64) -> Option<u64> {
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then(|| seconds.ceil() as u64);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    Some(date.saturating_sub(now.max(0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: vec![("content-type".into(), "text/html".into())], body: body.into() }
    }

    fn meaning(status: u16, body: &str) -> Meaning {
        ApiError::read(&answer(status, body), 0).meaning()
    }

    #[test]
    fn a_conflict_has_three_meanings() {
        assert_eq!(
            meaning(
                409,
                r#"{"exception_class":"ConflictError","message":"Operation on resource currently locked by running task to prevent concurrent operations. Repeat request a little later."}"#
            ),
            Meaning::Locked
        );
        assert_eq!(
            meaning(409, r#"{"message":"Not enough available resources to create requested server(s)"}"#),
            Meaning::Quota
        );
        assert_eq!(meaning(409, r#"{"message":"Registry already exists"}"#), Meaning::Conflict);
    }

    #[test]
    fn only_a_server_error_that_says_when_to_return_was_surely_not_carried_out() {
        assert_eq!(meaning(503, ""), Meaning::Unknown);
        let mut later = answer(503, "");
        later.headers.push(("retry-after".into(), "3".into()));
        let error = ApiError::read(&later, 0);
        assert_eq!((error.meaning(), error.retry_after), (Meaning::Unavailable, Some(3)));
        assert_eq!(meaning(500, "{}"), Meaning::Unknown);
    }

    #[test]
    fn quota_is_told_by_class_or_words() {
        assert_eq!(meaning(400, r#"{"exception_class":"QuotaLimitExceed","message":"x"}"#), Meaning::Quota);
        assert_eq!(
            meaning(403, r#"{"exception_class":"ForbiddenError","message":"flavor limit reached in region"}"#),
            Meaning::Quota
        );
        assert_eq!(meaning(403, r#"{"exception_class":"ForbiddenError","message":"no"}"#), Meaning::NotAllowed);
    }

    #[test]
    fn html_becomes_words() {
        let error = ApiError::read(&answer(502, "<html><body><h1>Bad  Gateway</h1></body></html>"), 0);
        assert_eq!(error.story(), "the answer is not the API's (text/html): Bad Gateway (status 502)");
    }

    #[test]
    fn invalid_fields_become_pointers() {
        let error = ApiError::read(
            &answer(
                400,
                r#"{"exception_class":"ValidationError","message":"bad","request_id":"r1","invalid_fields":{"name":["required","short"],"volumes":{"0":{"size":["small"]}}}}"#,
            ),
            0,
        );
        assert_eq!(
            error.invalid_fields,
            [("/name".into(), "required; short".into()), ("/volumes/0/size".into(), "small".into())]
        );
        assert_eq!(error.story(), "ValidationError: bad (status 400, request_id r1)");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("2", 0), Some(2));
        assert_eq!(retry_after("0.4", 0), Some(1));
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 70), Some(30));
        assert_eq!(retry_after("soon", 0), None);
    }
}
