//! The trace of all requests: log, curl commands, HAR file.
//!
//! The log uses `tracing`: a request is one event of target [`REQUEST`], its bodies one of [`BODY`], inside the spans
//! of its run, step and call. It contains no secrets: known ones are redacted, fields that are always secret are
//! hidden, answers to steps with `secret: true` are left out, and the key is added only when a request is sent.

mod body;
mod curl;
mod har;

use std::fmt::Display;
use std::fs::File;
use std::future::Future;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::Either;
use jiff::Timestamp;
use tracing::Instrument;

use super::error::is_request_id;
use super::{Answer, Lost, Request};
use crate::secret::{REDACTED, Secrets, is_sensitive_text};
use crate::shared::lock;
use har::Har;

/// Method, path, status, time, request id of every request.
pub const REQUEST: &str = "plan::request";
/// Bodies of requests and answers.
pub const BODY: &str = "plan::body";
/// The request as a curl command.
pub const CURL: &str = "plan::curl";

tokio::task_local! {
    /// Set while the answers of the current task must not be shown.
    static PRIVATE: bool;
}

/// Writes the trace.
#[derive(Debug, Default)]
pub struct RequestTrace {
    secrets: Secrets,
    har: Option<Mutex<Har>>,
}

/// A request with its outcome.
pub struct Exchange<'e> {
    pub base_url: &'e str,
    pub request: &'e Request,
    pub answer: &'e Result<Answer, Lost>,
    /// When it was sent.
    pub at: Timestamp,
    /// When its answer was complete or failed, since the run started.
    pub elapsed: Duration,
    pub took: Duration,
}

impl RequestTrace {
    /// `har`: an empty file for the requests, in addition to the log.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn new(secrets: Secrets, har: Option<File>) -> io::Result<Self> {
        let har = har.map(Har::start).transpose()?.map(Mutex::new);
        Ok(Self { secrets, har })
    }

    /// Logs a request that is about to be sent, before its answer.
    pub fn leaving(&self, base_url: &str, request: &Request) {
        if tracing::enabled!(target: CURL, tracing::Level::INFO) {
            tracing::info!(target: CURL, "{}", curl::line(base_url, request, &self.secrets));
        }
    }

    /// Logs a request with its outcome.
    pub fn ended(&self, exchange: &Exchange<'_>) {
        let private = PRIVATE.try_with(|private| *private).unwrap_or(false);
        self.log(exchange, private);
        if let Some(har) = &self.har {
            let entry = har::entry(exchange, private, &self.secrets);
            lock(har).add(&entry);
        }
    }

    /// The first write error of the HAR file.
    ///
    /// # Errors
    ///
    /// That error.
    pub fn finish(&self) -> io::Result<()> {
        self.har.as_ref().map_or(Ok(()), |har| lock(har).finish())
    }

    fn log(&self, exchange: &Exchange<'_>, private: bool) {
        let Exchange { request, answer, took, .. } = exchange;
        let path = path_and_query(request, &self.secrets);
        let (method, ms, elapsed_ms) = (request.method, milliseconds(*took), milliseconds(exchange.elapsed));
        match answer {
            Ok(answer) => {
                let id = answer.request_id();
                let id = id.filter(|id| !self.secrets.may_be_unknown() || is_request_id(id));
                let status = answer.status;
                let words = id.map(|id| format!(", request_id {id}")).unwrap_or_default();
                tracing::info!(
                    target: REQUEST, %method, %path, status, ms, elapsed_ms, request_id = id,
                    "{method} {path} → {status} in {ms} ms{words}"
                );
            }
            Err(lost) => {
                let lost = self.secrets.redact(&lost.to_string()).into_owned();
                tracing::warn!(
                    target: REQUEST, %method, %path, ms, elapsed_ms, error = lost,
                    "{method} {path} → no answer after {ms} ms: {lost}"
                );
            }
        }
        if !tracing::enabled!(target: BODY, tracing::Level::DEBUG) {
            return;
        }
        if let Some(sent) = request.body.as_ref().map(|body| body::logged_value(&request.path, body, &self.secrets)) {
            tracing::debug!(target: BODY, body = %sent, elapsed_ms, "sent");
        }
        for upload in request.uploads() {
            let path = self.secrets.redact(&upload.file.path);
            tracing::debug!(target: BODY, body = %format!("the file `{path}`, {}", upload.file.summary()), elapsed_ms, "sent");
        }
        let got = answer.as_ref().ok().and_then(|answer| body::logged_answer(request, answer, private, &self.secrets));
        if let Some(got) = got {
            tracing::debug!(target: BODY, body = %got, elapsed_ms, "got ");
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Runs the work of one step: its requests are logged as the step's, and their answers are left out when `private`.
pub fn log_as_step<W: Future, D: Display>(
    step: &D,
    private: bool,
    work: W,
) -> impl Future<Output = W::Output> + use<W, D> {
    let span = tracing::info_span!(target: REQUEST, "step", %step);
    match private {
        true => Either::Left(PRIVATE.scope(true, work)),
        false => Either::Right(work),
    }
    .instrument(span)
}

/// The span of one attempt, counted from 1.
pub fn attempt(attempt: u32) -> tracing::Span {
    tracing::info_span!(target: REQUEST, "call", attempt)
}

/// The span of a whole run.
pub fn run(command: &str, plan: &str, environment: &str) -> tracing::Span {
    tracing::info_span!(target: REQUEST, "run", command, plan, environment)
}

/// `/cloud/v1/tasks?limit=10`, secrets hidden.
fn path_and_query(request: &Request, secrets: &Secrets) -> String {
    let query: String = request
        .query
        .iter()
        .enumerate()
        .map(|(at, (name, value))| {
            let value = if is_sensitive_text("", name, value) { REDACTED.to_owned() } else { encode(value) };
            format!("{}{}={value}", if at == 0 { '?' } else { '&' }, encode(name))
        })
        .collect();
    secrets.redact(&format!("{}{query}", request.path)).into_owned()
}

fn encode(text: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b':')
        .remove(b',')
        .remove(b'/');
    percent_encoding::utf8_percent_encode(text, PLAIN).to_string()
}

#[cfg(test)]
mod tests;
