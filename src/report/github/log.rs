//! The step's log: text for people and commands for the runner in one stream, kept apart.
//!
//! The runner reads commands from every line of the log. So text passes through here: the runner is told to stop listening
//! while text is written, and a line that would be a command all the same is broken. Secrets are masked before anything that
//! could hold them is written, also those learnt during the run.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::annotations::Annotation;
use super::escape::data;
use crate::report::sanitize;
use crate::secret::Secrets;

/// Shorter texts are not masked: every second word of the log would be hidden.
const SHORTEST_MASK: usize = 4;
/// Where `openssl` and `base64` break long lines.
const WRAPPED_AT: [usize; 2] = [64, 76];
/// Shorter remainders of a broken line are not masked.
const SHORTEST_PIECE: usize = 8;

/// What people should know of the secret `name` when it is too short to be masked in the log and hidden elsewhere.
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

/// The log of a step. Clones share it.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Inner>>);

struct Inner {
    out: Box<dyn Write + Send>,
    secrets: Secrets,
    /// Digests of what is masked already.
    masked: HashSet<[u8; 32]>,
    /// Patterns seen at the last look; they are only ever added.
    patterns: usize,
    /// Random: whoever knows it can make the runner listen again.
    token: String,
    listening: bool,
    /// Text whose line has not ended yet.
    line: Vec<u8>,
}

impl Log {
    /// `token` must be random and is told to nobody else.
    pub fn new(out: Box<dyn Write + Send>, secrets: Secrets, token: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            out,
            secrets,
            masked: HashSet::new(),
            patterns: 0,
            token: token.into(),
            listening: true,
            line: Vec::new(),
        })))
    }

    /// A writer for text: whatever is written to it, the runner sees no command.
    pub fn text(&self) -> LogText {
        LogText(self.clone())
    }

    /// Masks every secret known by now. Happens by itself before anything is written.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn mask(&self) -> io::Result<()> {
        self.lock().mask()
    }

    /// Folds what follows under a title.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn group(&self, title: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let title = inner.secrets.redact(title).into_owned();
        inner.command(&format!("::group::{}", data(&title)))
    }

    /// # Errors
    ///
    /// What the writer says.
    pub fn end_group(&self) -> io::Result<()> {
        self.lock().command("::endgroup::")
    }

    /// # Errors
    ///
    /// What the writer says.
    pub fn annotate(&self, annotation: &Annotation) -> io::Result<()> {
        let mut inner = self.lock();
        let redact = |text: &String| inner.secrets.redact(text).into_owned();
        let annotation = Annotation {
            file: annotation.file.as_ref().map(redact),
            title: annotation.title.as_ref().map(redact),
            message: redact(&annotation.message),
            ..annotation.clone()
        };
        inner.command(&annotation.command())
    }

    /// Ends the open line and lets the runner listen again, for the sake of whatever the step runs after us.
    ///
    /// # Errors
    ///
    /// What the writer says.
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
                    fresh.push(format!("::add-mask::{}\n", data(line)));
                }
            }
        });
        self.patterns = seen;
        if fresh.is_empty() {
            return Ok(());
        }
        self.listen()?;
        self.out.write_all(fresh.concat().as_bytes())?;
        self.out.flush()
    }

    fn command(&mut self, command: &str) -> io::Result<()> {
        self.mask()?;
        self.listen()?;
        writeln!(self.out, "{command}")?;
        self.out.flush()
    }

    fn listen(&mut self) -> io::Result<()> {
        self.end_line()?;
        if !self.listening {
            self.listening = true;
            writeln!(self.out, "::{}::", self.token)?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.extend_from_slice(bytes);
        let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let open = self.line.split_off(end + 1);
        let whole = std::mem::replace(&mut self.line, open);
        self.lines(&whole)
    }

    fn end_line(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.line);
        rest.push(b'\n');
        self.lines(&rest)
    }

    /// Writes whole lines.
    fn lines(&mut self, bytes: &[u8]) -> io::Result<()> {
        // What is still open belongs after these lines: `mask` and `listen` must not end it.
        let open = std::mem::take(&mut self.line);
        let written = self.write_lines(bytes);
        self.line = open;
        written
    }

    fn write_lines(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.mask()?;
        if self.listening {
            self.listening = false;
            writeln!(self.out, "::stop-commands::{}", self.token)?;
        }
        let text = String::from_utf8_lossy(bytes);
        let mut safe = String::with_capacity(text.len());
        for line in text.split_inclusive(['\n', '\r']) {
            safe.push_str(&defuse(line));
        }
        self.out.write_all(safe.as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        let _ = self.listen();
    }
}

/// A line to mask, and the lines into which tools break it when it is long base64: the log is masked line by line.
fn with_pieces(line: &str) -> impl Iterator<Item = &str> {
    let encoded = line.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    let pieces = WRAPPED_AT.into_iter().filter(move |width| encoded && line.len() > *width).flat_map(move |width| {
        (0..line.len()).step_by(width).map(move |start| &line[start..line.len().min(start + width)])
    });
    // The last piece may be short, and then stand in any word.
    std::iter::once(line).chain(pieces.filter(|piece| piece.len() >= SHORTEST_PIECE))
}

/// The line, changed just so much that the runner sees no command in it: neither `::name::`, wherever it looks past blanks,
/// nor the older `##[name]` anywhere.
fn defuse(line: &str) -> Cow<'_, str> {
    let invisible = |character: char| character.is_whitespace() || character.is_control() || character == '\u{feff}';
    let start = line.len() - line.trim_start_matches(invisible).len();
    let mut line = Cow::Borrowed(line);
    if line[start..].starts_with("::") {
        line = Cow::Owned(format!("{}: :{}", &line[..start], &line[start + 2..]));
    }
    if line.contains("##[") {
        line = Cow::Owned(line.replace("##[", "# #["));
    }
    line
}

/// Text for people in a [`Log`].
pub struct LogText(Log);

impl Write for LogText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().text(bytes).map(|()| bytes.len())
    }

    /// Whole lines leave by themselves; an open one stays until it is whole, or nobody could tell whether it is a command.
    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::report::github::Level;
    use crate::report::testing::Shared;

    fn log(secrets: &Secrets) -> (Shared, Log) {
        let out = Shared::default();
        (out.clone(), Log::new(Box::new(out), secrets.clone(), "token-1"))
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
    fn no_text_is_a_command_even_where_the_runner_listens() {
        for text in [
            "::set-output name=a::b\n",
            "  \t::set-output name=a::b\n",
            "\u{a0}\u{feff}::add-mask::x\n",
            "a ##[add-path]b\n",
            "progress\r::error::x\n",
            "::\n::::\n",
        ] {
            let (out, log) = log(&Secrets::default());
            write!(log.text(), "{text}").unwrap();
            drop(log);
            let ours = ["::stop-commands::token-1", "::token-1::"];
            for line in out.text().split(['\n', '\r']).filter(|line| !ours.contains(line)) {
                assert!(!line.trim_start_matches(['\u{feff}', '\u{a0}', ' ', '\t']).starts_with("::"), "{line:?}");
                assert!(!line.contains("##["), "{line:?}");
            }
        }
    }

    #[test]
    fn a_command_split_over_writes_is_seen_too() {
        let (out, log) = log(&Secrets::default());
        let mut text = log.text();
        write!(text, ":").unwrap();
        text.flush().unwrap();
        writeln!(text, ":error::x").unwrap();
        assert!(out.text().ends_with("\n: :error::x\n"), "{}", out.text());
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
    fn a_value_too_short_to_mask_is_told_by_name() {
        assert_eq!(unmasked("key", &json!({ "a": ["long enough"], "b": true })), None);
        let note = unmasked("pin", &json!(["long enough", 123])).unwrap();
        assert_eq!(note, "secret `pin` has a value shorter than 4 characters, which cannot be masked");
    }

    proptest! {
        #[test]
        fn whatever_is_written_in_whatever_pieces_is_no_command(
            pieces in prop::collection::vec("(:|::|#|##\\[|\\]|\n|\r| |\u{a0}|\u{feff}|\t|\x1c|a|error){0,6}", 0..12)
        ) {
            let (out, log) = log(&Secrets::default());
            for piece in &pieces {
                let mut text = log.text();
                write!(text, "{piece}").unwrap();
                text.flush().unwrap();
            }
            drop(log);
            let ours = ["::stop-commands::token-1", "::token-1::"];
            for line in out.text().split(['\n', '\r']).filter(|line| !ours.contains(line)) {
                let seen = line.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
                prop_assert!(!seen.starts_with("::") && !line.contains("##["), "{line:?}");
            }
        }
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
        log.annotate(&Annotation::new(Level::Error, "bad: hunter22")).unwrap();
        assert!(out.text().ends_with("::error::bad: [secret]\n"), "{}", out.text());
    }
}
