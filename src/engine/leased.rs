//! Checks the lease before a write is sent (fencing): a write leaves only while no other process can have taken the
//! record over.
//!
//! The check is the last step before sending, after all waiting for permits and pauses.

use std::sync::Arc;

use crate::api::{Lost, Request, Sending, Transport};
use crate::catalog::Method;
use crate::journal::Journal;

/// A transport that forwards reads to `inner` as they are, and writes only while the journal still holds the lease.
pub struct Leased {
    inner: Arc<dyn Transport>,
    journal: Journal,
}

impl Leased {
    pub fn new(inner: Arc<dyn Transport>, journal: Journal) -> Self {
        Self { inner, journal }
    }
}

impl Transport for Leased {
    fn send(&self, request: Request) -> Sending<'_> {
        if request.method == Method::Get {
            return self.inner.send(request);
        }
        Box::pin(async move {
            match self.journal.confirm().await {
                Ok(()) => self.inner.send(request).await,
                Err(error) => Err(Lost::NotSent(error.to_string())),
            }
        })
    }

    fn base_url(&self) -> &str {
        self.inner.base_url()
    }
}
