//! The writer behind a reporter: it redacts secrets, and its failure never stops a run.

use std::io::{self, ErrorKind, Write};

use crate::secret::{Redacted, Secrets};

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what}: {source}")]
pub struct ReportError {
    /// The report, for the message: `the events`, `the job summary`.
    pub what: String,
    pub source: io::Error,
}

/// A writer that redacts secrets, is silent after a closed pipe, and keeps the first other error for the end.
pub struct Sink {
    what: &'static str,
    out: Box<dyn Write + Send>,
    secrets: Secrets,
    closed: bool,
    error: Option<io::Error>,
}

impl Sink {
    /// `what` names the report in errors.
    pub fn new(what: &'static str, out: Box<dyn Write + Send>, secrets: Secrets) -> Self {
        Self { what, out, secrets, closed: false, error: None }
    }

    /// Writes one line: redacted, terminated and flushed, so that a log shows it at once.
    pub fn line(&mut self, line: &str) {
        let line = self.secrets.redact(line);
        // One write per line, because other processes may write to the same terminal or file.
        let line = format!("{line}\n");
        self.attempt(|out| out.write_all(line.as_bytes()).and_then(|()| out.flush()));
    }

    /// Writes text as it is.
    pub fn raw(&mut self, text: &Redacted) {
        self.attempt(|out| out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// Keeps an error for the end.
    pub fn fail(&mut self, error: io::Error) {
        self.attempt(|_| Err(error));
    }

    /// The secrets that this sink redacts.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// # Errors
    ///
    /// The first write error, except a closed pipe.
    pub fn finish(&mut self) -> Result<(), ReportError> {
        self.attempt(|out| out.flush());
        match self.error.take() {
            Some(source) => Err(ReportError { what: self.what.to_owned(), source }),
            None => Ok(()),
        }
    }

    fn attempt(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.closed {
            return;
        }
        if let Err(error) = write(&mut *self.out) {
            self.closed = true;
            if error.kind() != ErrorKind::BrokenPipe {
                self.error = Some(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{Broken, SharedOutput};

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut sink = Sink::new("the events", Box::new(Broken(ErrorKind::BrokenPipe)), Secrets::default());
        sink.line("one");
        sink.line("two");
        assert!(sink.finish().is_ok());
    }

    #[test]
    fn a_full_disk_is_reported_once_at_the_end() {
        let mut sink = Sink::new("the events", Box::new(Broken(ErrorKind::StorageFull)), Secrets::default());
        sink.line("one");
        let error = sink.finish().unwrap_err().to_string();
        assert!(error.starts_with("cannot write the events: "), "{error}");
        assert!(sink.finish().is_ok());
    }

    #[test]
    fn secrets_learnt_later_are_hidden_too() {
        let (out, secrets) = (SharedOutput::default(), Secrets::default());
        let mut sink = Sink::new("the log", Box::new(out.clone()), secrets.clone());
        secrets.hide("hunter22");
        sink.line("password hunter22 refused");
        assert_eq!(out.text(), "password [secret] refused\n");
    }
}
