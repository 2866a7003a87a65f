//! A call that changes something leaves only while nobody else can have begun to write to the record.
//!
//! Asked at the last moment, when no turn and no pause is waited for any more.

use std::sync::Arc;

use crate::api::{Lost, Request, Sending, Transport};
use crate::catalog::Method;
use crate::journal::Journal;

/// Carries requests as `inner` does, writes only with the right to write to the record.
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
}
