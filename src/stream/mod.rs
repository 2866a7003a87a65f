//! The only access to stdout and stderr.
//!
//! Text is written through [`Write`], workflow commands through [`Stream::command`]. In a GitHub Actions job only
//! whole lines are written, each after [`defuse`](runner::defuse): untrusted text is never a command, wherever it
//! occurs. clippy forbids other access (`clippy.toml`).
//!
//! A stream whose reader has gone, as in `plan run … | head -1`, takes everything and discards it: the command goes on,
//! and its exit code stays the one that it earns.

mod command;
mod queue;
pub mod runner;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

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
    /// Inside of [`Stream::together`]: its thread, and what is still to be written.
    held: Option<(ThreadId, Vec<u8>)>,
    /// The error of a write for which no caller waited.
    error: Option<io::Error>,
}

/// What is written together is written in pieces of about so many bytes.
const PIECE: usize = 4096;

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
        let out = Out { out: Box::new(out), runner, line: Vec::new(), held: None, error: None };
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
        self.write_with(|out| {
            if !out.line.is_empty() {
                out.line.push(b'\n');
                out.release()?;
            }
            out.put(format!("{}\n", command.line()).as_bytes())?;
            out.flush()
        })
    }

    /// Writes an incomplete line.
    ///
    /// # Errors
    ///
    /// The writer's error.
    pub fn finish(&self) -> io::Result<()> {
        self.write_with(|out| {
            out.release()?;
            out.flush()
        })
    }

    /// Runs `work`, and writes its output in few pieces, the last one at the end. The error of that one is returned by
    /// the next write. What other threads write is not held.
    pub fn together(&self, work: impl FnOnce()) {
        self.lock().held = Some((thread::current().id(), Vec::new()));
        work();
        if !self.is_abandoned() {
            self.lock().write_held();
        }
    }

    /// Discards all further output, when a blocked reader holds up the writer, or there is none.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Writes, unless nothing reads the stream any more; finds out when that is so.
    fn write_with(&self, write: impl FnOnce(&mut Out) -> io::Result<()>) -> io::Result<()> {
        if self.is_abandoned() {
            return Ok(());
        }
        let written = write(&mut self.lock());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.abandon();
                Ok(())
            }
            written => written,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    fn text(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.runner {
            return self.put(bytes);
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
        self.put(safe.as_bytes())
    }

    /// Writes, or holds for a while.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let Some((holder, held)) = &mut self.held else { return self.out.write_all(bytes) };
        held.extend_from_slice(bytes);
        if held.len() < PIECE && *holder == thread::current().id() {
            return Ok(());
        }
        let piece = std::mem::take(held);
        self.out.write_all(&piece)
    }

    fn write_held(&mut self) {
        let Some((_, held)) = self.held.take() else { return };
        self.error = self.error.take().or(self.out.write_all(&held).err());
    }

    fn flush(&mut self) -> io::Result<()> {
        self.error.take().map_or_else(|| self.out.flush(), Err)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // An error cannot be reported while dropping.
        self.write_held();
        let _ = self.release().and_then(|()| self.flush());
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(|out| out.text(bytes)).map(|()| bytes.len())
    }

    /// Complete lines are written at once; in a job an incomplete one stays buffered.
    fn flush(&mut self) -> io::Result<()> {
        self.write_with(Out::flush)
    }
}

#[cfg(test)]
mod tests;
