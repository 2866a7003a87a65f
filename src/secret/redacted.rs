//! What may be shown and written down.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use serde_json::Value;

/// Something without secrets. Only [`Secrets`](super::Secrets) makes it. Records, events and reports in files, the runner's
/// files, HAR files and results on stdout take nothing else. Where lines are told one by one, the gate redacts each: those
/// for people in [`Sink::line`](crate::report::Sink::line) and `command::note`, those of the log in `command::log`.
/// `--write-output` writes what was asked for, as it is.
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

    /// What is made of it alone: it shows no more.
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
    /// A text that somebody asked for by name, secret or not: the value of `--show-secret`.
    pub fn asked_for(text: String) -> Self {
        Self(text)
    }

    /// Several, one behind the other.
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
