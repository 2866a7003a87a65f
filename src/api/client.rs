//! The API client of a run: rate limit, counts, and the offset of the server's clock. Reads are retried here; a
//! failed write is handled by the engine, because every attempt must be recorded.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::trace::{self, Exchange, Trace};
use super::traceparent::{Traceparents, new_trace, trace_header};
use super::{Answer, ApiError, Limit, Lost, Meaning, Policy, Request, Transport};
use crate::catalog::Method;
use crate::clock::Clock;
use crate::secret::{Secrets, without_reserved};

/// The clock offset before any answer.
const OFFSET_UNKNOWN: i64 = i64::MIN;
/// The status for an invalid key.
const UNAUTHORIZED: u16 = 401;
/// How many 429 answers one read accepts; each asks for a pause.
const PATIENCE: u32 = 30;

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
    trace: Option<Arc<Trace>>,
    secrets: Secrets,
    /// The API has accepted the key.
    taken: AtomicBool,
    /// The failure of the first request, when it will be that of every request.
    shut: OnceLock<(Shut, Result<Answer, Lost>)>,
}

/// Why every request of a run will fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// The API does not accept the key.
    Key,
    /// No connection can be made: see [`Lost::NoConnection`].
    Connection,
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The API refused it.
    #[error("{}", .0.story())]
    Refused(ApiError),
    /// No usable answer after this many attempts.
    #[error("{cause} ({})", tried(*attempts))]
    Failed { cause: String, attempts: u32 },
}

/// The number of attempts as text.
pub fn tried(attempts: u32) -> String {
    match attempts {
        1 => "tried once".to_owned(),
        attempts => format!("tried {attempts} times"),
    }
}

impl ReadError {
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            ReadError::Refused(error) => Some(error.meaning()),
            ReadError::Failed { .. } => None,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.meaning() == Some(Meaning::NotFound)
    }
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
    pub fn traced(self, trace: Option<Arc<Trace>>) -> Self {
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
        match sent {
            // A connection was made earlier, so that this failure may be temporary.
            Err(Lost::NoConnection(cause)) if self.shut.get().is_none() => Err(Lost::NotSent(cause)),
            sent => sent,
        }
    }

    /// Why every request will fail, if that is known.
    pub fn shut(&self) -> Option<Shut> {
        self.shut.get().map(|(shut, _)| *shut)
    }

    /// The same as the error of a read.
    pub fn shut_out(&self) -> Option<ReadError> {
        self.shut.get().map(|(_, met)| match met {
            Ok(answer) => ReadError::Refused(self.error(answer)),
            Err(lost) => ReadError::Failed { cause: lost.to_string(), attempts: 1 },
        })
    }

    /// Notes a failure that every request would have. Once the key was accepted, a refusal concerns only its own
    /// call, since a key can have access to a part of the account.
    fn note_shut(&self, sent: &Result<Answer, Lost>) {
        let shut = match sent {
            Ok(answer) if answer.status == UNAUTHORIZED => Shut::Key,
            Err(Lost::NoConnection(_)) => Shut::Connection,
            Ok(_) => return self.taken.store(true, Ordering::Relaxed),
            Err(_) => return,
        };
        if !self.taken.load(Ordering::Relaxed) {
            self.shut.get_or_init(|| (shut, sent.clone()));
        }
    }

    async fn send_open(&self, mut request: Request) -> Result<Answer, Lost> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let asked = (request.method == Method::Get).then(new_trace);
        if let Some(trace) = &asked {
            request.headers.push(trace_header(trace));
        }
        let answer = match &self.trace {
            Some(trace) => self.send_traced(trace, request).await?,
            None => self.transport.send(request).await?,
        };
        self.note_date(&answer);
        if let (Some(trace), Some(id)) = (asked, answer.request_id()) {
            self.traceparents.note(&trace, id);
        }
        if answer.status == 429 {
            let error = self.error(&answer);
            self.limit.slow_down(error.retry_after.map(Duration::from_secs));
        }
        Ok(answer)
    }

    async fn send_traced(&self, trace: &Trace, request: Request) -> Result<Answer, Lost> {
        let (base_url, at, left) = (self.transport.base_url(), self.clock.now(), self.clock.elapsed());
        trace.leaving(base_url, &request);
        let answer = self.transport.send(request.clone()).await;
        let elapsed = self.clock.elapsed();
        let took = elapsed.saturating_sub(left);
        trace.ended(&Exchange { base_url, request: &request, answer: &answer, at, elapsed, took });
        answer
    }

    /// Sends a GET and parses its JSON, retrying temporary failures.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the API refused, or no usable answer came.
    pub async fn read(&self, request: Request) -> Result<Value, ReadError> {
        self.read_answer(request, &[], None).await.map(|(_, value)| value)
    }

    /// The same, with the status; statuses in `repeat` are retried, too. `places`: each attempt takes one of these
    /// permits and returns it before a pause.
    ///
    /// # Errors
    ///
    /// As for [`Client::read`].
    pub async fn read_answer(
        &self,
        request: Request,
        repeat: &[u16],
        places: Option<&Semaphore>,
    ) -> Result<(u16, Value), ReadError> {
        let (mut attempt, mut patience) = (0, 0);
        loop {
            attempt += 1;
            let place = match places {
                Some(places) => Some(places.acquire().await.expect("the semaphore is never closed")),
                None => None,
            };
            let sent = self.send(request.clone()).instrument(trace::attempt(attempt)).await;
            drop(place);
            let (cause, after) = match sent {
                Ok(answer) if answer.is_success() => match json_of(&answer) {
                    Some(value) => return Ok((answer.status, value)),
                    None => ("the answer is not readable JSON".to_owned(), None),
                },
                Ok(answer) => {
                    let error = self.error(&answer);
                    let after = error.retry_after.map(Duration::from_secs);
                    match error.meaning() {
                        Meaning::RateLimited if patience < PATIENCE => {
                            patience += 1;
                            attempt -= 1;
                            continue;
                        }
                        Meaning::RateLimited | Meaning::Unavailable | Meaning::Unknown | Meaning::Locked => {
                            (error.story(), after)
                        }
                        _ if repeat.contains(&error.status) => (error.story(), after),
                        _ => return Err(ReadError::Refused(error)),
                    }
                }
                Err(Lost::NoConnection(cause)) => return Err(ReadError::Failed { cause, attempts: attempt }),
                Err(lost) => (lost.to_string(), None),
            };
            match Policy::REQUEST.pause(attempt, after, fastrand::f64()) {
                Some(pause) => self.clock.sleep(pause).await,
                None => return Err(ReadError::Failed { cause, attempts: attempt }),
            }
        }
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

    pub fn error(&self, answer: &Answer) -> ApiError {
        ApiError::read(answer, self.server_time(self.clock.now()).as_second(), &self.secrets)
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

/// The JSON of a successful answer; an empty body is `null`. `None` when it cannot be parsed.
pub fn json_of(answer: &Answer) -> Option<Value> {
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        // An empty body is expected for a 204 or with a length of zero; otherwise it was cut off.
        let promised = answer.status != 204 && answer.header("content-length").is_some_and(|length| length != "0");
        return (!promised).then_some(Value::Null);
    }
    serde_json::from_slice(&answer.body).ok().map(without_reserved)
}
