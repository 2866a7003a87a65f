//! The log of a command: `-v`, `-vv`, `PLAN_LOG`, `--log`, `--log-format`, `--curl` and `--har`.
//!
//! It goes to stderr or to a file. Every line is redacted when it is written.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self as formatting, FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use crate::api::RequestTrace;
use crate::api::trace::CURL;
use crate::cli::{Command, LogFormat};
use crate::context::Context;
use crate::error::Error;
use crate::report::{clock, sanitize};
use crate::secret::Secrets;
use crate::shared::lock;
use crate::stream::Queue;

/// As wide as the names of steps in the other output.
const NARROWEST: usize = 10;
/// The target of all log events of this program.
const OWN_TARGET: &str = "plan";
/// The syntax of the variable, for a message.
const FILTERS: &str = "write it as `info`, `debug`, or `plan::request=info,plan::body=debug`";

/// The running log, which ends when it is dropped.
pub(super) struct Log {
    trace: Option<Arc<RequestTrace>>,
    _subscriber: Option<DefaultGuard>,
}

impl Log {
    /// Starts the requested logs, and adds the trace to the context.
    ///
    /// # Errors
    ///
    /// When the filter cannot be parsed, or a file cannot be opened.
    pub(super) fn start(context: &mut Context, command: &Command) -> Result<Self, Error> {
        let options = &context.global;
        let filter = filter(context, command.prints_curl())?;
        if filter.is_none() && options.har.is_none() {
            return Ok(Self { trace: None, _subscriber: None });
        }
        let har = options.har.as_deref().map(|path| open(context, path)).transpose()?;
        let trace = RequestTrace::new(context.secrets.clone(), har)
            .map_err(|error| Error::write(options.har.as_deref().unwrap_or_else(|| Path::new("")), error))?;
        let subscriber = match filter {
            Some(filter) => Some(subscribe(context, filter)?),
            None => None,
        };
        let trace = Arc::new(trace);
        context.trace = Some(Arc::clone(&trace));
        Ok(Self { trace: Some(trace), _subscriber: subscriber })
    }

    /// # Errors
    ///
    /// When a requested file could not be written.
    pub(super) fn finish(&self, context: &Context) -> Result<(), Error> {
        let Some(trace) = &self.trace else { return Ok(()) };
        let har = context.global.har.as_deref().unwrap_or_else(|| Path::new(""));
        trace.finish().map_err(|error| Error::write(har, error))
    }
}

/// The filter of the log; `None` without a log.
fn filter(context: &Context, curl: bool) -> Result<Option<Targets>, Error> {
    let options = &context.global;
    let asked = match (&context.environment.log, options.verbose) {
        (Some(text), 0) => {
            let wrong = || Error::usage(format!("`PLAN_LOG` is `{text}`, which is no filter")).help(FILTERS);
            match LevelFilter::from_str(text) {
                Ok(level) => Some(Targets::new().with_target(OWN_TARGET, level)),
                Err(_) => Some(text.parse().map_err(|_| wrong())?),
            }
        }
        (_, 0) if options.log.is_some() => Some(targets_at(LevelFilter::INFO)),
        (_, 0) => None,
        (_, 1) => Some(targets_at(LevelFilter::INFO)),
        _ => Some(targets_at(LevelFilter::DEBUG)),
    };
    Ok(match (asked, curl) {
        (asked, true) => Some(asked.unwrap_or_default().with_target(CURL, LevelFilter::INFO)),
        (Some(asked), false) => Some(asked.with_target(CURL, LevelFilter::OFF)),
        (None, false) => None,
    })
}

/// The filter for a level without targets: events of this program alone.
fn targets_at(level: LevelFilter) -> Targets {
    Targets::new().with_target(OWN_TARGET, level)
}

fn subscribe(context: &Context, filter: Targets) -> Result<DefaultGuard, Error> {
    let out: Box<dyn Write + Send> = match &context.global.log {
        Some(path) => Box::new(open(context, path)?),
        None => Box::new(Queue::writing_to(&context.stderr).map_err(not_started)?),
    };
    let is_json = context.global.log_format == LogFormat::Json;
    let writer = Lines { out: Arc::new(Mutex::new(out)), secrets: context.secrets.clone(), is_json };
    let origin = Instant::now();
    let fields = debug_fn(|writer, field, value| match field.name() {
        "message" | "step" => write!(writer, "{value:?}"),
        // Counted from 1; the first goes without saying.
        "attempt" => match format!("{value:?}").as_str() {
            "1" => Ok(()),
            number => write!(writer, "attempt {number}"),
        },
        "body" => write!(writer, " {value:?}"),
        // Contained in the message.
        _ => Ok(()),
    });
    let layer = formatting::layer().with_writer(writer);
    let layer = match context.global.log_format {
        LogFormat::Text => layer.with_ansi(false).fmt_fields(fields).event_format(Text { origin }).boxed(),
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_timer(ElapsedTime { at: context.now, origin })
            .boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    Ok(tracing::subscriber::set_default(subscriber))
}

fn not_started(error: io::Error) -> Error {
    Error::System { what: "start the log", error }
}

/// Creates a file that only the user can read.
fn open(context: &Context, path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(context.resolve(path)).map_err(|error| Error::write(path, error))
}

/// `   0:02  web[0]  POST /cloud/v1/… → 200 in 132 ms, request_id …`
struct Text {
    origin: Instant,
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = String::new();
        context.format_fields(Writer::new(&mut message), event)?;
        let message = sanitize(&message);
        if event.metadata().target() == CURL {
            // Printed without prefix, to be copied.
            return writeln!(writer, "{message}");
        }
        let mut time = Elapsed(None);
        event.record(&mut time);
        write!(writer, "{:>7}  ", clock(time.0.unwrap_or_else(|| self.origin.elapsed())))?;
        let mut who = String::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let words = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.as_str());
            if !words.is_empty() {
                who.push_str(if who.is_empty() { "" } else { ", " });
                who.push_str(&sanitize(words));
            }
        }
        writeln!(writer, "{who:<NARROWEST$}  {message}")
    }
}

/// The elapsed time in a request's event: that of the run, since a rehearsal compresses time.
struct Elapsed(Option<Duration>);

impl Visit for Elapsed {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "elapsed_ms" {
            self.0 = Some(Duration::from_millis(value));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The time since the start, on the context's clock.
struct ElapsedTime {
    at: Timestamp,
    origin: Instant,
}

impl FormatTime for ElapsedTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let passed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or_default();
        write!(writer, "{}", self.at.checked_add(passed).unwrap_or(self.at))
    }
}

/// The destination of lines; silent after a closed pipe.
#[derive(Clone)]
struct Lines {
    out: Arc<Mutex<Box<dyn Write + Send>>>,
    secrets: Secrets,
    is_json: bool,
}

impl Lines {
    /// Texts in JSON are searched as they are, not as they are written.
    fn redacted(&self, text: &str) -> String {
        match serde_json::from_str(text) {
            Ok(event) if self.is_json => format!("{}\n", self.secrets.redact_value(&event)),
            _ => self.secrets.redact(text).into_owned(),
        }
    }
}

impl Write for Lines {
    /// tracing writes each event at once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = self.redacted(&String::from_utf8_lossy(bytes));
        let mut out = lock(&self.out);
        out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.out).flush()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_json_is_searched_as_it_is() {
        let secrets = Secrets::default();
        secrets.hide("Tr0ub4dor&3 \"quo<te>%+/xyzzy");
        let lines =
            |is_json| Lines { out: Arc::new(Mutex::new(Box::new(io::sink()))), secrets: secrets.clone(), is_json };
        // Cut off by others inside of the quote, which JSON escapes.
        let line = serde_json::json!({ "ms": 7, "request_id": "Tr0ub4dor&3 \"quo<te>…" }).to_string();
        assert_eq!(lines(true).redacted(&format!("{line}\n")), "{\"ms\":7,\"request_id\":\"[secret]…\"}\n");
        assert_eq!(lines(false).redacted("→ Tr0ub4dor&3 \"quo…\n"), "→ [secret]…\n");
    }
}
