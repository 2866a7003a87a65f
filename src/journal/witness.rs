//! Keeps the error that ended a journal, for every caller that comes after it.

use std::sync::{Arc, Mutex};

use super::error::JournalError;
use super::queue::Shared;
use super::sink::{Appending, Batch, Sink, Stored, Terms};
use crate::shared::lock;

/// A sink whose first error is known to the handles of the journal.
pub(super) struct Witness {
    pub sink: Box<dyn Sink>,
    pub shared: Arc<Mutex<Shared>>,
}

impl Witness {
    fn note(&self, kept: &Result<Stored, JournalError>) {
        if let Err(error) = kept {
            let mut shared = lock(&self.shared);
            shared.ended.get_or_insert_with(|| error.clone());
        }
    }
}

impl Sink for Witness {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        Box::pin(async move {
            let kept = self.sink.append(batch).await;
            self.note(&kept);
            kept
        })
    }

    fn keep_here(&mut self, batch: &Batch) -> Result<Stored, JournalError> {
        let kept = self.sink.keep_here(batch);
        self.note(&kept);
        kept
    }

    fn terms(&self) -> Option<Terms> {
        self.sink.terms()
    }
}
