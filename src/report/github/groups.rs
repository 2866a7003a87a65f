//! Folds the log lines of each phase; the end of a run stays visible.

use std::io::{self, ErrorKind};

use super::log::Log;
use crate::event::{Event, Stamped};
use crate::report::{ReportError, Reporter, sanitize};

/// Must receive events before the reporter that writes the lines, so that these are inside the group.
pub struct Groups {
    log: Log,
    open: bool,
    error: Option<io::Error>,
}

impl Groups {
    pub fn new(log: Log) -> Self {
        Self { log, open: false, error: None }
    }

    fn open(&mut self, title: &str) {
        self.close();
        self.open = true;
        let written = self.log.group(title);
        self.keep(written);
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            let written = self.log.end_group();
            self.keep(written);
        }
    }

    fn keep(&mut self, written: io::Result<()>) {
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.error.get_or_insert(error);
        }
    }
}

impl Reporter for Groups {
    fn handle(&mut self, event: &Stamped) {
        match &event.event {
            Event::RunStarted(run) => {
                self.open(&format!("{} {} ({})", run.command.word(), sanitize(&run.plan), sanitize(&run.environment)));
            }
            Event::RunFinished(_) => self.close(),
            _ => {}
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.close();
        match self.error.take() {
            Some(source) => Err(ReportError { what: "the log".to_owned(), source }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::exit::Exit;
    use crate::report::testing::{SharedOutput, finished, stamped, started};
    use crate::secret::Secrets;
    use crate::stream::Stream;

    #[test]
    fn a_phase_is_folded_and_its_end_is_not() {
        let out = SharedOutput::default();
        let log = Log::new(Stream::new(out.clone(), true), Secrets::default(), "token-1");
        let mut groups = Groups::new(log.clone());
        groups.handle(&stamped(0, started()));
        writeln!(log.text(), "line").unwrap();
        groups.handle(&stamped(9, Event::RunFinished(finished(Exit::Done))));
        groups.finish().unwrap();
        assert_eq!(
            out.text(),
            "::group::run web-demo (default)\n::stop-commands::token-1\nline\n::token-1::\n::endgroup::\n"
        );
    }
}
