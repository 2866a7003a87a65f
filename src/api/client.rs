//! The API client of a run: it sends each request once, at one rate, counts them, and knows the server's clock. `read`
//! retries reads; a failed write is handled by the engine, because every attempt must be recorded.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::trace::{Exchange, RequestTrace};
use super::traceparent::{Traceparents, new_trace, trace_header};
use super::{Answer, ApiError, Limit, Lost, Request, Transport};
use crate::catalog::Method;
use crate::clock::Clock;
use crate::secret::Secrets;

/// The clock offset before any answer.
const OFFSET_UNKNOWN: i64 = i64::MIN;
/// The status for an invalid key.
const UNAUTHORIZED: u16 = 401;
/// How long an address that has never answered is retried: enough for a network that is just coming up; a wrong address
/// never answers.
const UNREACHED_TIME: Duration = Duration::from_secs(3);

/// The client of one run. Cheap to share.
pub struct Client {
    transport: Arc<dyn Transport>,
    limit: Limit,
    clock: Clock,
    /// The server's clock minus ours, in milliseconds.
    offset: AtomicI64,
    requests: AtomicU64,
    polls: AtomicU64,
    traceparents: Traceparents,
    trace: Option<Arc<RequestTrace>>,
    secrets: Secrets,
    /// The API has accepted the key.
    taken: AtomicBool,
    /// Whether the address has ever answered.
    reached: AtomicBool,
    /// Whether it has ever answered as the API does.
    is_apis: AtomicBool,
    /// When a connection did not come about for the first time.
    refused_at: OnceLock<Duration>,
    /// The failure that every request will have, once one has shown it.
    shut: OnceLock<(Shut, Result<Answer, Lost>)>,
}

/// Why every request of a run will fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// The API does not accept the key.
    Key,
    /// No connection comes about: see [`Lost::NoConnection`]; or none has for several seconds.
    Connection,
}

impl Client {
    pub fn new(transport: Arc<dyn Transport>, clock: Clock) -> Self {
        Self {
            transport,
            limit: Limit::new(clock),
            clock,
            offset: AtomicI64::new(OFFSET_UNKNOWN),
            requests: AtomicU64::new(0),
            polls: AtomicU64::new(0),
            traceparents: Traceparents::default(),
            trace: None,
            secrets: Secrets::default(),
            taken: AtomicBool::new(false),
            reached: AtomicBool::new(false),
            is_apis: AtomicBool::new(false),
            refused_at: OnceLock::new(),
            shut: OnceLock::new(),
        }
    }

    /// The same client, redacting these secrets in error answers.
    #[must_use]
    pub fn hiding(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// The same client, logging every request.
    #[must_use]
    pub fn traced(self, trace: Option<Arc<RequestTrace>>) -> Self {
        Self { trace, ..self }
    }

    /// Sends one request. A 429 slows down all requests; otherwise the caller interprets the answer. When the first
    /// request has shown that every request will fail, later ones are not sent and get the same failure.
    ///
    /// # Errors
    ///
    /// [`Lost`] when there is no complete answer.
    pub async fn send(&self, request: Request) -> Result<Answer, Lost> {
        self.limit.admit().await;
        if let Some((_, met)) = self.shut.get() {
            return met.clone();
        }
        let sent = self.send_open(request).await;
        self.note_shut(&sent);
        match (self.shut.get(), sent) {
            (Some((Shut::Connection, met)), Err(Lost::NotSent(_))) => met.clone(),
            // An earlier connection was made, so that this failure may be temporary: a name server that did not answer.
            (None, Err(Lost::NoConnection(cause))) => Err(Lost::NotSent(cause)),
            (_, sent) => sent,
        }
    }

    /// Why every request will fail, if that is known.
    pub fn shut(&self) -> Option<Shut> {
        self.shut.get().map(|(shut, _)| *shut)
    }

    /// Whether the API itself has answered at this address, so that the page of a proxy is a passing fault.
    pub(super) fn api_has_answered(&self) -> bool {
        self.is_apis.load(Ordering::Relaxed)
    }

    /// What every request will meet, if that is known.
    pub(super) fn met(&self) -> Option<&Result<Answer, Lost>> {
        self.shut.get().map(|(_, met)| met)
    }

    /// Remembers that no call can succeed: before any was accepted, one found the key refused, or no server. After the
    /// key was accepted, a refusal is about one call, because a key may lack access to parts of an account; after any
    /// answer, a failure to connect is temporary.
    fn note_shut(&self, sent: &Result<Answer, Lost>) {
        let met = match sent {
            Ok(answer) if answer.status == UNAUTHORIZED => (Shut::Key, sent.clone()),
            Err(Lost::NoConnection(_)) => (Shut::Connection, sent.clone()),
            Err(Lost::NotSent(cause)) if self.is_unreached() => {
                (Shut::Connection, Err(Lost::NoConnection(cause.clone())))
            }
            Err(Lost::NotSent(_)) => return,
            Ok(_) => {
                self.reached.store(true, Ordering::Relaxed);
                return self.taken.store(true, Ordering::Relaxed);
            }
            Err(_) => return self.reached.store(true, Ordering::Relaxed),
        };
        if !self.taken.load(Ordering::Relaxed) {
            self.shut.get_or_init(|| met);
        }
    }

    /// Whether nothing has answered, for as long as it is worth waiting for an address that never did.
    fn is_unreached(&self) -> bool {
        let now = self.clock.elapsed();
        let since = *self.refused_at.get_or_init(|| now);
        !self.reached.load(Ordering::Relaxed) && now.saturating_sub(since) >= UNREACHED_TIME
    }

    async fn send_open(&self, mut request: Request) -> Result<Answer, Lost> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let path = request.path.clone();
        let asked = (request.method == Method::Get).then(new_trace);
        if let Some(trace) = &asked {
            request.headers.push(trace_header(trace));
        }
        let answer = match &self.trace {
            Some(trace) => self.send_traced(trace, request).await?,
            None => self.transport.send(request).await?,
        };
        self.note_date(&answer);
        if answer.request_id().is_some() || answer.is_success() && looks_like_json(&answer) {
            self.is_apis.store(true, Ordering::Relaxed);
        }
        if let (Some(trace), Some(id)) = (asked, answer.request_id()) {
            self.traceparents.note(&trace, id);
        }
        if answer.status == 429 {
            let error = self.error(&path, &answer);
            self.limit.slow_down(error.retry_after.map(Duration::from_secs));
        }
        Ok(answer)
    }

    async fn send_traced(&self, trace: &RequestTrace, request: Request) -> Result<Answer, Lost> {
        let (base_url, at, left) = (self.transport.base_url(), self.clock.now(), self.clock.elapsed());
        trace.leaving(base_url, &request);
        let answer = self.transport.send(request.clone()).await;
        let elapsed = self.clock.elapsed();
        let took = elapsed.saturating_sub(left);
        trace.ended(&Exchange { base_url, request: &request, answer: &answer, at, elapsed, took });
        answer
    }

    /// The remaining pause that the API asked of all requests; `None` when there is none.
    pub fn held_for(&self) -> Option<Duration> {
        self.limit.held_for()
    }

    /// Counts the last request as a poll.
    pub fn count_poll(&self) {
        self.polls.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of requests so far, and how many of them were polls.
    pub fn counts(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.polls.load(Ordering::Relaxed))
    }

    /// The error that an unsuccessful answer to a request for `path` describes, with secrets redacted.
    pub fn error(&self, path: &str, answer: &Answer) -> ApiError {
        ApiError::read(path, answer, self.server_time(self.clock.now()).as_second(), &self.secrets)
    }

    /// A time of our clock on the server's clock; unchanged before any answer.
    pub fn server_time(&self, ours: Timestamp) -> Timestamp {
        self.known_server_time(ours).unwrap_or(ours)
    }

    /// A time of our clock on the server's clock; `None` before any answer. Answers have whole seconds, so that the
    /// true time is up to one second later.
    pub fn known_server_time(&self, ours: Timestamp) -> Option<Timestamp> {
        match self.offset.load(Ordering::Relaxed) {
            OFFSET_UNKNOWN => None,
            offset => Some(ours.checked_add(SignedDuration::from_millis(offset)).unwrap_or(ours)),
        }
    }

    /// Whether the API uses our trace ids as its request ids, judging by its answers to GETs.
    pub fn takes_traces(&self) -> bool {
        self.traceparents.are_taken()
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    fn note_date(&self, answer: &Answer) {
        let date = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
        if let Some(date) = date.and_then(|date| Timestamp::try_from(date).ok()) {
            let offset = date.as_millisecond() - self.clock.now().as_millisecond();
            self.offset.store(offset, Ordering::Relaxed);
        }
    }
}

fn looks_like_json(answer: &Answer) -> bool {
    matches!(answer.body.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{answer, client};
    use crate::api::{Policy, ReadError, Sending};

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_answered_is_given_up_soon_and_for_all() {
        let client = client(Vec::new()).await;
        let began = client.clock.elapsed();
        let error = client.read(Request::get("/cloud/v1/tasks")).await.unwrap_err();
        assert!(error.to_string().starts_with("connection refused (tried "), "{error}");
        assert!(client.clock.elapsed() - began < 3 * UNREACHED_TIME);
        let (asked, _) = client.counts();
        client.read(Request::get("/cloud/v1/regions")).await.unwrap_err();
        assert_eq!((client.counts().0, client.shut()), (asked, Some(Shut::Connection)), "nothing more is sent");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_answered_is_tried_for_longer() {
        let client = client(vec![Answer { status: 200, headers: Vec::new(), body: b"{}".to_vec() }]).await;
        client.read(Request::get("/cloud/v1/regions")).await.unwrap();
        client.read(Request::get("/cloud/v1/tasks")).await.unwrap_err();
        assert_eq!((client.counts().0, client.shut()), (1 + u64::from(Policy::REQUEST.attempts), None));
    }
    #[tokio::test(start_paused = true)]
    async fn the_clock_of_the_server_is_known_from_its_answers() {
        let dated = answer(200, &[("date", "Thu, 01 Jan 1970 00:01:40 GMT")], "{}");
        let client = client(vec![dated]).await;
        let ours = Timestamp::from_second(5000).unwrap();
        assert_eq!((client.known_server_time(ours), client.server_time(ours)), (None, ours));
        client.read(Request::get("/cloud/v1/tasks")).await.unwrap();
        let theirs = Timestamp::from_second(5100).unwrap();
        assert_eq!((client.known_server_time(ours), client.server_time(ours)), (Some(theirs), theirs));
        client.count_poll();
        assert_eq!(client.counts(), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_key_is_not_tried_again() {
        let client = client(vec![answer(401, &[], "")]).await;
        assert_eq!((client.shut(), client.shut_out()), (None, None));
        client.read(Request::get("/cloud/v1/tasks")).await.unwrap_err();
        assert_eq!(client.shut(), Some(Shut::Key));
        assert!(matches!(client.shut_out(), Some(ReadError::Refused(error)) if error.status == UNAUTHORIZED));
        // Of a key that was accepted, a refusal is about one call.
        let missing = answer(404, &[("request_id", "0523d9bee946fba7b9a98c5c3f190a37")], "");
        let client = self::client(vec![answer(401, &[], ""), missing]).await;
        let missing = client.read(Request::get("/cloud/v1/tasks")).await.unwrap_err();
        let refused = client.read(Request::get("/cloud/v1/tasks")).await.unwrap_err();
        assert_eq!((missing.is_not_found(), refused.is_not_found(), client.shut()), (true, false, None));
        assert!(!ReadError::Failed { cause: "404".to_owned(), attempts: 1 }.is_not_found());
    }

    /// Answers with the trace id of the request, or with one of its own.
    struct Tracing {
        takes_traces: bool,
    }

    impl Transport for Tracing {
        fn send(&self, request: Request) -> Sending<'_> {
            let sent = request.headers.iter().find(|(name, _)| name == "traceparent");
            let sent = sent.and_then(|(_, value)| value.split('-').nth(1)).unwrap_or("none").to_owned();
            let id = if self.takes_traces { sent } else { "0ddba110ddba110ddba110ddba11abcd".to_owned() };
            Box::pin(async move { Ok(answer(200, &[("request_id", &id)], "{}")) })
        }

        fn base_url(&self) -> &str {
            "http://127.0.0.1:9"
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_reads_show_whether_trace_ids_become_request_ids() {
        for (takes_traces, method, shown) in [
            (true, Method::Get, true),
            (false, Method::Get, false),
            // A write has the trace id of its attempt.
            (true, Method::Post, false),
        ] {
            let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
            let client = Client::new(Arc::new(Tracing { takes_traces }), clock);
            client.send(Request { method, ..Request::get("/cloud/v1/regions") }).await.unwrap();
            assert_eq!(client.takes_traces(), shown, "{takes_traces} {method}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_in_an_error_answer_is_hidden() {
        let refused =
            answer(400, &[], r#"{"exception_class":"ValidationError","message":"bad password Tr0ub4dor-and-3"}"#);
        let secrets = Secrets::default();
        secrets.hide("Tr0ub4dor-and-3");
        let client = client(vec![refused]).await.hiding(secrets);
        let error = client.read(Request::get("/cloud/v1/regions")).await.unwrap_err().to_string();
        assert!(error.contains("bad password") && !error.contains("Tr0ub4dor"), "{error}");
    }
}
