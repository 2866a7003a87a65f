//! Reads: a GET is sent again until there is a usable answer, because it changes nothing.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::{Answer, ApiError, Client, Lost, Meaning, Policy, Request, trace};
use crate::secret::without_reserved;

/// The most 429 answers of one read that do not count as attempts: before the next one the rate limit pauses.
const MOST_429: u32 = 30;

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The API refused it.
    #[error("{}", .0.story())]
    Refused(ApiError),
    /// No usable answer after this many attempts.
    #[error("{cause}{}", tried(*attempts))]
    Failed { cause: String, attempts: u32 },
}

/// ` (tried 8 times)`; nothing after a single attempt, which says nothing about how long an address was tried.
pub fn tried(attempts: u32) -> String {
    if attempts > 1 { format!(" (tried {attempts} times)") } else { String::new() }
}

impl ReadError {
    /// The answer to a GET of this path lists nothing.
    pub fn not_a_list(path: &str) -> Self {
        ReadError::Failed { cause: format!("the answer to GET {path} is not a list"), attempts: 1 }
    }

    /// What the refusal means; `None` when the API did not refuse.
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            ReadError::Refused(error) => Some(error.meaning()),
            ReadError::Failed { .. } => None,
        }
    }

    /// Whether the API has nothing there.
    pub fn is_not_found(&self) -> bool {
        self.meaning() == Some(Meaning::NotFound)
    }
}

impl Client {
    /// Sends a GET and parses its JSON, retrying temporary failures.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the API refused, or no usable answer came.
    pub async fn read(&self, request: Request) -> Result<Value, ReadError> {
        self.read_answer(request, &[], None).await.map(|(_, value)| value)
    }

    /// Sends a GET as [`Client::read`] does; returns also the status. Statuses in `repeat` are retried, too. `permits`:
    /// each attempt takes one of these and returns it before a pause.
    ///
    /// # Errors
    ///
    /// As for [`Client::read`].
    pub async fn read_answer(
        &self,
        request: Request,
        repeat: &[u16],
        permits: Option<&Semaphore>,
    ) -> Result<(u16, Value), ReadError> {
        let (mut attempt, mut rate_limited) = (0, 0);
        loop {
            attempt += 1;
            let permit = match permits {
                Some(permits) => Some(permits.acquire().await.expect("the semaphore is never closed")),
                None => None,
            };
            let sent = self.send(request.clone()).instrument(trace::attempt(attempt)).await;
            drop(permit);
            let (cause, after) = match sent {
                Ok(answer) if answer.is_success() => match json_of(&answer) {
                    Some(value) => return Ok((answer.status, value)),
                    None => (unreadable(&request.path, &answer), None),
                },
                Ok(answer) => {
                    let error = self.error(&request.path, &answer);
                    let after = error.retry_after.map(Duration::from_secs);
                    match error.meaning() {
                        Meaning::RateLimited if rate_limited < MOST_429 => {
                            rate_limited += 1;
                            attempt -= 1;
                            continue;
                        }
                        _ if repeat.contains(&error.status) => (error.story(), after),
                        Meaning::NotFound if !self.is_missing(&request, &error).await => (error.story(), after),
                        // The page of a proxy while a service is deployed. At a wrong address the API has never
                        // answered.
                        _ if error.is_page_not_found() && self.api_has_answered() => (error.story(), after),
                        // It leads elsewhere, and will the next time.
                        _ if error.status < 400 => return Err(ReadError::Refused(error)),
                        Meaning::RateLimited | Meaning::Unavailable | Meaning::Unknown | Meaning::Locked => {
                            (error.story(), after)
                        }
                        _ => return Err(ReadError::Refused(error)),
                    }
                }
                Err(Lost::NoConnection(cause)) => return Err(ReadError::Failed { cause, attempts: attempt }),
                Err(lost) => (lost.to_string(), None),
            };
            match Policy::REQUEST.pause(attempt, after, fastrand::f64()) {
                Some(pause) => self.clock().sleep(pause).await,
                None => return Err(ReadError::Failed { cause, attempts: attempt }),
            }
        }
    }

    /// The error of every read, when every request will fail ([`Client::shut`]).
    pub fn shut_out(&self) -> Option<ReadError> {
        self.met().map(|met| match met {
            Ok(answer) => ReadError::Refused(self.error("/", answer)),
            Err(lost) => ReadError::Failed { cause: lost.to_string(), attempts: 1 },
        })
    }
}

/// What came in place of JSON. Nothing of the body, which may hold what is secret.
fn unreadable(path: &str, answer: &Answer) -> String {
    let length = answer.body.len();
    let form = answer.header("content-type").map(|form| format!(", {form}")).unwrap_or_default();
    format!("the answer to GET {path} (status {}{form}, {length} bytes) is not readable JSON", answer.status)
}

/// The JSON of a successful answer, with or without a byte order mark (RFC 8259, section 8.1); an empty body is `null`.
/// `None` when it cannot be parsed.
pub fn json_of(answer: &Answer) -> Option<Value> {
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        // An empty body is expected for a 204 or with a length of zero; otherwise it was cut off.
        let promised = answer.status != 204 && answer.header("content-length").is_some_and(|length| length != "0");
        return (!promised).then_some(Value::Null);
    }
    let json = answer.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&answer.body);
    serde_json::from_slice(json).ok().map(without_reserved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{answer, client};

    /// The result of a read that gets these answers in this order, the number of requests, and the time it took.
    async fn read(answers: &[Answer], repeat: &[u16]) -> (Result<(u16, Value), ReadError>, u64, Duration) {
        let client = client(answers.iter().rev().cloned().collect()).await;
        let began = client.clock().elapsed();
        let read = client.read_answer(Request::get("/cloud/v1/tasks"), repeat, None).await;
        (read, client.counts().0, client.clock().elapsed() - began)
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_repeated_for_passing_errors_only() {
        let done = answer(200, &[], "{}");
        for (first, repeat, requests) in [
            (answer(500, &[], ""), &[][..], 2),
            (answer(503, &[("retry-after", "3")], ""), &[], 2),
            (answer(409, &[], r#"{"message":"locked by another task"}"#), &[], 2),
            (answer(200, &[], "{\"cut"), &[], 2),
            (answer(404, &[], ""), &[404], 2),
            (answer(404, &[], ""), &[403], 1),
            (answer(404, &[], ""), &[], 1),
            (answer(400, &[], ""), &[404], 1),
            (answer(302, &[("location", "/login")], ""), &[], 1),
            (answer(302, &[], ""), &[302], 2),
        ] {
            let (read, sent, _) = read(&[first.clone(), done.clone()], repeat).await;
            assert_eq!((read.is_ok(), sent), (requests == 2, requests), "{first:?} {repeat:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_without_a_way_to_the_api_passes_where_the_api_has_answered_before() {
        let (page, list) = (answer(404, &[], "<html>404</html>"), answer(200, &[], "[]"));
        let apis = answer(404, &[("request_id", "0523d9bee946fba7b9a98c5c3f190a37")], r#"{"message":"no"}"#);
        let (forbidden, of_waf) = (answer(403, &[], r#"{"message":"no"}"#), answer(403, &[], "<html>403</html>"));
        for (answers, is_read, requests) in [
            (vec![list.clone(), page.clone(), list.clone()], true, 2),
            (vec![apis.clone(), page.clone(), page.clone(), list.clone()], true, 3),
            (vec![list.clone(), apis.clone(), list.clone()], false, 1),
            (vec![list.clone(), of_waf, list.clone()], false, 1),
            // As at a wrong address.
            (vec![page.clone(), page.clone(), list.clone()], false, 1),
            (vec![forbidden, page.clone(), list.clone()], false, 1),
        ] {
            let client = client(answers.iter().rev().cloned().collect()).await;
            let _ = client.read(Request::get("/dns/v2/zones")).await;
            let read = client.read(Request::get("/dns/v2/zones")).await;
            assert_eq!((read.is_ok(), client.counts().0), (is_read, requests + 1), "{answers:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limited_read_waits_its_turn_without_using_up_its_attempts() {
        let limited = answer(429, &[("retry-after", "2")], "");
        let few = [vec![limited.clone(); 20], vec![answer(200, &[], "{}")]].concat();
        let (read_to_end, sent, took) = read(&few, &[]).await;
        assert_eq!((read_to_end.is_ok(), sent), (true, 21));
        assert!(took >= Duration::from_secs(40), "{took:?}");
        let (endless, sent, _) = read(&vec![limited; 100], &[]).await;
        assert!(matches!(endless, Err(ReadError::Failed { .. })), "{endless:?}");
        assert_eq!(sent, u64::from(MOST_429 + Policy::REQUEST.attempts));
    }

    #[test]
    fn an_empty_body_is_null_where_none_was_promised() {
        for (answer, json) in [
            (answer(200, &[], ""), Some(Value::Null)),
            (answer(200, &[("content-length", "0")], "\n"), Some(Value::Null)),
            (answer(200, &[("content-length", "17")], ""), None),
            (answer(204, &[("content-length", "17")], ""), Some(Value::Null)),
            (answer(200, &[("content-length", "2")], "{}"), Some(serde_json::json!({}))),
            (answer(200, &[], "\u{feff}{}"), Some(serde_json::json!({}))),
            (answer(200, &[], "{"), None),
        ] {
            assert_eq!(json_of(&answer), json, "{answer:?}");
        }
        assert_eq!([tried(0), tried(1), tried(2)], ["", "", " (tried 2 times)"]);
    }
}
