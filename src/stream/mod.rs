//! The only access to stdout and stderr.
//!
//! Text is written through [`Write`], workflow commands through [`Stream::command`]. In a GitHub Actions job only
//! whole lines are written, each after [`defuse`](runner::defuse): untrusted text is never a command, wherever it
//! occurs. clippy forbids other access (`clippy.toml`).

mod command;
mod queue;
pub mod runner;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use command::Command;
pub use queue::Queue;

/// A standard stream, or memory in its place. Clones share it.
#[derive(Clone)]
pub struct Stream {
    out: Arc<Mutex<Out>>,
    /// The stream has no reader any more: output is discarded.
    abandoned: Arc<AtomicBool>,
    /// It goes to a terminal.
    pub terminal: bool,
    /// The process's own stream, whose cursor may be moved.
    pub real: bool,
    /// The runner of a job reads it.
    pub runner: bool,
}

struct Out {
    out: Box<dyn Write + Send>,
    runner: bool,
    /// An incomplete line, which may still become a command.
    line: Vec<u8>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("terminal", &self.terminal)
            .field("real", &self.real)
            .field("runner", &self.runner)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// A stream to `out`, which is not a terminal. `runner`: whether the runner of a job reads it.
    pub fn new(out: impl Write + Send + 'static, runner: bool) -> Self {
        let out = Out { out: Box::new(out), runner, line: Vec::new() };
        Self { out: Arc::new(Mutex::new(out)), abandoned: Arc::default(), terminal: false, real: false, runner }
    }

    /// This process's stdout.
    #[expect(clippy::disallowed_methods, reason = "here everything that is written passes")]
    pub fn stdout(runner: bool) -> Self {
        let stdout = io::stdout();
        Self { terminal: stdout.is_terminal(), real: true, ..Self::new(stdout, runner) }
    }

    /// This process's stderr.
    #[expect(clippy::disallowed_methods, reason = "here everything that is written passes")]
    pub fn stderr(runner: bool) -> Self {
        let stderr = io::stderr();
        Self { terminal: stderr.is_terminal(), real: true, ..Self::new(stderr, runner) }
    }

    /// Writes a command on its own line.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn command(&self, command: &Command) -> io::Result<()> {
        if self.is_abandoned() {
            return Ok(());
        }
        let mut out = self.lock();
        if !out.line.is_empty() {
            out.line.push(b'\n');
            out.release()?;
        }
        out.out.write_all(format!("{}\n", command.line()).as_bytes())?;
        out.out.flush()
    }

    /// Writes an incomplete line.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn finish(&self) -> io::Result<()> {
        if self.is_abandoned() {
            return Ok(());
        }
        let mut out = self.lock();
        out.release()?;
        out.out.flush()
    }

    /// Discards all further output, when a blocked reader holds up the writer.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    fn text(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.runner {
            return self.out.write_all(bytes);
        }
        self.line.extend_from_slice(bytes);
        let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let open = self.line.split_off(end + 1);
        let written = self.release();
        self.line = open;
        written
    }

    /// Writes the buffered lines.
    fn release(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&held);
        let safe: String = text.split_inclusive(['\n', '\r']).map(runner::defuse).collect();
        self.out.write_all(safe.as_bytes())
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // An error cannot be reported while dropping.
        let _ = self.release().and_then(|()| self.out.flush());
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_abandoned() {
            return Ok(bytes.len());
        }
        self.lock().text(bytes).map(|()| bytes.len())
    }

    /// Complete lines are written at once; in a job an incomplete one stays buffered.
    fn flush(&mut self) -> io::Result<()> {
        if self.is_abandoned() {
            return Ok(());
        }
        self.lock().out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::testing::Shared;

    fn job() -> (Shared, Stream) {
        let out = Shared::default();
        (out.clone(), Stream::new(out, true))
    }

    #[test]
    fn a_command_split_over_writes_is_seen_too() {
        let (out, mut stream) = job();
        write!(stream, ":").unwrap();
        stream.flush().unwrap();
        writeln!(stream, ":error::x").unwrap();
        assert_eq!(out.text(), ": :error::x\n");
    }

    #[test]
    fn an_open_line_is_written_before_a_command_and_at_the_end() {
        let (out, mut stream) = job();
        write!(stream, "open").unwrap();
        stream.command(&Command::new("endgroup", &[], "")).unwrap();
        write!(stream, "a ##[b]").unwrap();
        drop(stream);
        assert_eq!(out.text(), "open\n::endgroup::\na # #[b]");
    }

    #[test]
    fn outside_of_a_job_output_is_unchanged() {
        let out = Shared::default();
        let mut stream = Stream::new(out.clone(), false);
        write!(stream, "::error::x\r##[y]").unwrap();
        assert_eq!(out.text(), "::error::x\r##[y]");
    }

    proptest! {
        #[test]
        fn whatever_is_written_in_whatever_pieces_is_no_command(
            pieces in prop::collection::vec("(:|::|#|##\\[|\\]|\n|\r| |\u{a0}|\u{feff}|\u{ad}|\t|\x1c|a|error){0,6}", 0..12)
        ) {
            let (out, mut stream) = job();
            for piece in &pieces {
                write!(stream, "{piece}").unwrap();
                stream.flush().unwrap();
            }
            drop(stream);
            let invisible = |character: char| character.is_control() || ['\u{feff}', '\u{ad}'].contains(&character);
            for line in out.text().split(['\n', '\r']) {
                let seen: String = line.chars().filter(|character| !invisible(*character)).collect();
                let command = seen.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
                prop_assert!(!command && !seen.contains("##["), "{line:?}");
            }
        }
    }
}
