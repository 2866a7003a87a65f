//! The log of a GitHub Actions step: text for people and workflow commands in one stream.
//!
//! The runner reads commands from every line of the log. Therefore command processing is stopped while text is
//! written, and the stream breaks text that would be a command all the same. Secrets are masked before any text that
//! could contain them is written, including those learnt during the run.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::hash::HashSet;
use crate::report::annotation::Annotation;
use crate::report::sanitize;
use crate::secret::Secrets;
use crate::stream::{Command, Stream};

/// Shorter secrets are not masked, because they would occur in ordinary words.
const SHORTEST_MASK: usize = 4;
/// The line lengths of `openssl` and `base64`.
const WRAPPED_AT: [usize; 2] = [64, 76];
/// Shorter parts of a wrapped line are not masked.
const SHORTEST_PIECE: usize = 8;

/// The warning for a secret `name` that is too short to be masked in the log; other outputs still hide it.
pub fn unmasked(name: &str, value: &Value) -> Option<String> {
    let short = |text: &str| !text.is_empty() && text.len() < SHORTEST_MASK;
    let found = match value {
        Value::String(text) => short(text),
        Value::Number(number) => short(&number.to_string()),
        Value::Array(items) => return items.iter().find_map(|item| unmasked(name, item)),
        Value::Object(fields) => return fields.values().find_map(|field| unmasked(name, field)),
        Value::Null | Value::Bool(_) => false,
    };
    let name = sanitize(name);
    found
        .then(|| format!("secret `{name}` has a value shorter than {SHORTEST_MASK} characters, which cannot be masked"))
}

/// The log of a step. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Inner>>);

struct Inner {
    out: Stream,
    secrets: Secrets,
    /// Digests of the texts that are masked already.
    masked: HashSet<[u8; 32]>,
    /// The number of secret patterns at the last masking; it only grows.
    patterns: usize,
    /// A random token: text that contains it could resume command processing.
    token: String,
    listening: bool,
}

impl Log {
    /// `token` must be random and secret.
    pub fn new(out: Stream, secrets: Secrets, token: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            out,
            secrets,
            masked: HashSet::default(),
            patterns: 0,
            token: token.into(),
            listening: true,
        })))
    }

    /// A writer for text, in which the runner sees no commands.
    pub fn text(&self) -> LogText {
        LogText(self.clone())
    }

    /// Masks every secret known by now. Called before each write.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn mask(&self) -> io::Result<()> {
        self.lock().mask()
    }

    /// Begins a folded group with a title.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn group(&self, title: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let title = inner.secrets.redact(title).into_owned();
        inner.command(&Command::new("group", &[], &title))
    }

    /// # Errors
    ///
    /// The writer's error.
    pub fn end_group(&self) -> io::Result<()> {
        self.lock().command(&Command::new("endgroup", &[], ""))
    }

    /// # Errors
    ///
    /// The writer's error.
    pub fn annotate(&self, annotation: &Annotation) -> io::Result<()> {
        let mut inner = self.lock();
        let annotation = annotation.redacted(&inner.secrets);
        inner.command(&annotation.command())
    }

    /// Ends the current line and resumes command processing, for later programs of the step.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn finish(&self) -> io::Result<()> {
        self.lock().listen()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn mask(&mut self) -> io::Result<()> {
        let mut fresh = Vec::new();
        let (mut seen, known, masked) = (0, self.patterns, &mut self.masked);
        self.secrets.for_each_pattern(|_| seen += 1);
        if seen == known {
            return Ok(());
        }
        self.secrets.for_each_pattern(|pattern| {
            for line in pattern.lines().map(str::trim).flat_map(with_pieces) {
                if line.chars().count() >= SHORTEST_MASK && masked.insert(Sha256::digest(line).into()) {
                    fresh.push(Command::new("add-mask", &[], line));
                }
            }
        });
        self.patterns = seen;
        if fresh.is_empty() {
            return Ok(());
        }
        self.listen()?;
        fresh.iter().try_for_each(|mask| self.out.command(mask))
    }

    fn command(&mut self, command: &Command) -> io::Result<()> {
        self.mask()?;
        self.listen()?;
        self.out.command(command)
    }

    fn listen(&mut self) -> io::Result<()> {
        if self.listening {
            return Ok(());
        }
        self.listening = true;
        self.out.command(&Command::resume(&self.token))
    }

    fn text(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.mask()?;
        if self.listening {
            self.listening = false;
            self.out.command(&Command::new("stop-commands", &[], &self.token))?;
        }
        self.out.write_all(bytes)?;
        self.out.flush()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // An error cannot be reported while dropping.
        let _ = self.listen();
    }
}

/// A line to mask, and its parts when tools wrap it as base64, because the runner masks line by line.
fn with_pieces(line: &str) -> impl Iterator<Item = &str> {
    let encoded = line.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    let pieces = WRAPPED_AT.into_iter().filter(move |width| encoded && line.len() > *width).flat_map(move |width| {
        (0..line.len()).step_by(width).map(move |start| &line[start..line.len().min(start + width)])
    });
    // A short last part could occur in ordinary words.
    std::iter::once(line).chain(pieces.filter(|piece| piece.len() >= SHORTEST_PIECE))
}

/// Text for people in a [`Log`].
pub struct LogText(Log);

impl Write for LogText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().text(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().out.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::annotation::AnnotationLevel;
    use crate::report::testing::SharedOutput;

    fn log(secrets: &Secrets) -> (SharedOutput, Log) {
        let out = SharedOutput::default();
        (out.clone(), Log::new(Stream::new(out, true), secrets.clone(), "token-1"))
    }

    #[test]
    fn the_runner_listens_to_our_commands_only() {
        let (out, log) = log(&Secrets::default());
        log.group("run").unwrap();
        write!(log.text(), "one\n::error::forged\n").unwrap();
        log.end_group().unwrap();
        writeln!(log.text(), "two").unwrap();
        drop(log);
        assert_eq!(
            out.text(),
            "::group::run\n::stop-commands::token-1\none\n: :error::forged\n::token-1::\n::endgroup::\n\
             ::stop-commands::token-1\ntwo\n::token-1::\n"
        );
    }

    #[test]
    fn an_open_line_is_written_before_a_command() {
        let (out, log) = log(&Secrets::default());
        write!(log.text(), "open").unwrap();
        log.end_group().unwrap();
        assert_eq!(out.text(), "::stop-commands::token-1\nopen\n::token-1::\n::endgroup::\n");
    }

    #[test]
    fn secrets_are_masked_first_once_and_line_by_line() {
        let secrets = Secrets::default();
        secrets.hide("first-line%\n{\nsecond-line");
        let (out, log) = log(&secrets);
        writeln!(log.text(), "hello").unwrap();
        let before = out.text();
        let masks: Vec<&str> = before.lines().filter(|line| line.starts_with("::add-mask::")).collect();
        assert!(before.starts_with("::add-mask::"), "{before}");
        assert!(
            masks.contains(&"::add-mask::first-line%25") && masks.contains(&"::add-mask::second-line"),
            "{masks:?}"
        );
        assert!(!masks.contains(&"::add-mask::{"), "{masks:?}");
        assert!(masks.iter().all(|mask| mask.len() >= "::add-mask::".len() + SHORTEST_MASK), "{masks:?}");

        secrets.hide("learnt-later");
        writeln!(log.text(), "again").unwrap();
        let after = out.text()[before.len()..].to_owned();
        assert!(after.starts_with("::token-1::\n::add-mask::"), "{after}");
        assert!(after.contains("::add-mask::learnt-later\n"), "{after}");
        assert!(!after.contains("second-line"), "{after}");
    }

    #[test]
    fn a_secret_too_short_to_mask_is_reported_by_name() {
        assert_eq!(unmasked("key", &json!({ "a": ["long enough"], "b": true })), None);
        let note = unmasked("pin", &json!(["long enough", 123])).unwrap();
        assert_eq!(note, "secret `pin` has a value shorter than 4 characters, which cannot be masked");
    }

    #[test]
    fn a_base64_form_is_masked_too() {
        let secrets = Secrets::default();
        secrets.hide("hunter22");
        let (out, log) = log(&secrets);
        log.mask().unwrap();
        assert!(out.text().contains("::add-mask::aHVudGVyMj"), "{}", out.text());
    }

    #[test]
    fn base64_that_a_tool_breaks_into_lines_is_masked_too() {
        let secrets = Secrets::default();
        secrets.hide(&"secret words ".repeat(12));
        let (out, log) = log(&secrets);
        log.mask().unwrap();
        let start = "c2VjcmV0IHdvcmRzI";
        let masks: Vec<String> =
            out.text().lines().map(|line| line.trim_start_matches("::add-mask::").to_owned()).collect();
        for width in WRAPPED_AT {
            assert!(masks.iter().any(|mask| mask.len() == width && mask.starts_with(start)), "{width}: {masks:?}");
        }
    }

    #[test]
    fn annotations_hold_no_secret() {
        let secrets = Secrets::default();
        secrets.hide("hunter22");
        let (out, log) = log(&secrets);
        log.annotate(&Annotation::new(AnnotationLevel::Error, "bad: hunter22")).unwrap();
        assert!(out.text().ends_with("::error::bad: [secret]\n"), "{}", out.text());
    }
}
