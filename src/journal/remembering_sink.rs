//! Remembers the error that ended a journal, for every caller that comes after it.

use std::sync::{Arc, Mutex};

use super::error::JournalError;
use super::queue::WriterState;
use super::sink::{Appending, Batch, Sink, Stored, Terms};
use crate::shared::lock;

/// A sink whose first error is known to the handles of the journal.
pub(super) struct RememberingSink {
    pub sink: Box<dyn Sink>,
    pub shared: Arc<Mutex<WriterState>>,
}

impl RememberingSink {
    fn remember_error(&self, stored: &Result<Stored, JournalError>) {
        if let Err(error) = stored {
            let mut shared = lock(&self.shared);
            shared.ended.get_or_insert_with(|| error.clone());
        }
    }
}

impl Sink for RememberingSink {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        Box::pin(async move {
            let stored = self.sink.append(batch).await;
            self.remember_error(&stored);
            stored
        })
    }

    fn keep_here(&mut self, batch: &Batch) -> Result<Stored, JournalError> {
        let stored = self.sink.keep_here(batch);
        self.remember_error(&stored);
        stored
    }

    fn terms(&self) -> Option<Terms> {
        self.sink.terms()
    }
}
