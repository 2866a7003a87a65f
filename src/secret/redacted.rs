//! What may be shown and written down.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;

/// Something without secrets. Only [`Secrets`](super::Secrets) makes it: whatever records, streams, files and events take
/// is of this type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Redacted<T = String>(T);

/// Hides the secrets in itself.
pub trait Redact {
    #[must_use]
    fn redacted(self, secrets: &super::Secrets) -> Self;
}

impl<T> Redacted<T> {
    pub(super) fn new(redacted: T) -> Self {
        Self(redacted)
    }

    pub fn into_owned(self) -> T {
        self.0
    }
}

impl Redacted {
    /// A text that somebody asked for by name, secret or not: the value of `--show-secret`.
    pub fn asked_for(text: String) -> Self {
        Self(text)
    }
}

impl<T> Deref for Redacted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Display> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq<str> for Redacted {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Redacted {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}
