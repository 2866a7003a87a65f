//! Redacted text: the only form that is shown or written.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use serde_json::Value;

/// A value without secrets, created only by [`Secrets`](super::Secrets). Records, events, reports, the runner's
/// files, HAR files and results on stdout accept nothing else. Single lines are redacted when they are written: those
/// for people in [`Sink::line`](crate::report::Sink::line) and `command::note`, those of the log in `command::log`.
/// `--write-output` writes the requested value itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Redacted<T = String>(T);

/// A type that can redact itself.
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

    /// Derives another value from it alone, which contains no secrets either.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Redacted<U> {
        Redacted(make(self.0))
    }
}

impl Redact for Value {
    fn redacted(self, secrets: &super::Secrets) -> Self {
        secrets.redact_value(&self)
    }
}

impl Redacted {
    /// A text that the user asked for by name, secret or not (`--show-secret`).
    pub fn asked_for(text: String) -> Self {
        Self(text)
    }

    /// Concatenates several texts.
    pub fn concat(pieces: Vec<Self>) -> Self {
        Self(pieces.into_iter().map(Self::into_owned).collect())
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
