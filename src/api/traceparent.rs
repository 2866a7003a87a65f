//! Trace ids of our own for every request (W3C Trace Context). Every answer of the API has a `request_id`, and a task
//! has that of the request which started it (observed.md §7). Whether the API uses our trace ids as its request ids
//! is observed on every GET.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::random::random_id;

/// What the answers to GETs have shown.
#[derive(Debug, Default)]
pub struct Traceparents {
    taken: AtomicBool,
    /// A single different id is enough, since then no id is certain to be ours.
    replaced: AtomicBool,
}

impl Traceparents {
    /// Notes the request id of an answer to a request that was sent with the trace id `sent`.
    pub fn note(&self, sent: &str, answered: &str) {
        let noted = if same_id(sent, answered) { &self.taken } else { &self.replaced };
        noted.store(true, Ordering::Relaxed);
    }

    /// Whether all request ids so far were our trace ids.
    pub fn are_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) && !self.replaced.load(Ordering::Relaxed)
    }
}

/// A new trace id for one request, 32 hexadecimal digits.
pub fn new_trace() -> String {
    random_id()
}

/// The header with the trace id (W3C Trace Context, `traceparent`).
pub fn trace_header(trace: &str) -> (String, String) {
    let span = new_trace();
    ("traceparent".to_owned(), ["00-", trace, "-", &span[..16], "-01"].concat())
}

/// Whether two request ids are equal apart from dashes and case.
pub fn same_id(one: &str, other: &str) -> bool {
    let digits = |id: &str| id.chars().filter(|digit| *digit != '-').map(|digit| digit.to_ascii_lowercase()).collect();
    let (one, other): (String, String) = (digits(one), digits(other));
    one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_that_was_replaced_is_enough_to_trust_none() {
        let seen = Traceparents::default();
        assert!(!seen.are_taken(), "nothing is known yet");
        seen.note("28536e57697b07ebb5c343d75a956e32", "28536e57-697b-07eb-b5c3-43d75a956e32");
        assert!(seen.are_taken());
        seen.note("28536e57697b07ebb5c343d75a956e32", "ba3341fe09e2bd1891a21f21c0d197d1");
        assert!(!seen.are_taken());
    }

    #[test]
    fn the_header_has_the_form_of_the_standard() {
        let trace = new_trace();
        let (name, value) = trace_header(&trace);
        let parts: Vec<_> = value.split('-').collect();
        assert_eq!((name.as_str(), parts[0], parts[1], parts[3]), ("traceparent", "00", trace.as_str(), "01"));
        assert_eq!((trace.len(), parts[2].len()), (32, 16));
        assert!(value.chars().all(|digit| digit == '-' || digit.is_ascii_hexdigit()));
    }
}
