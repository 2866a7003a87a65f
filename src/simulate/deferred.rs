//! Requests that are carried out after they were received: late ones, and those of bystanders who act a little later.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{Answer, Request};

/// Identifies the pending answer of a late request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The sender of a pending request.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    Client { request_id: String },
    Bystander { number: usize, create: String },
}

#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) request: Request,
    pub(super) sender: Sender,
}

/// Pending requests by the time they are carried out, and answers that were not collected yet.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    last: u64,
    waiting: BTreeMap<(Timestamp, Ticket), Waiting>,
    answers: BTreeMap<Ticket, Answer>,
}

impl Deferred {
    /// Stores a request that is carried out at `at`.
    pub(super) fn add(&mut self, at: Timestamp, request: Request, sender: Sender) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.waiting.insert((at, ticket), Waiting { ticket, request, sender });
        ticket
    }

    /// When the next pending request is carried out.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// The first request that is due by `now`, and its time.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(Timestamp, Waiting)> {
        let at = self.next().filter(|at| *at <= now)?;
        self.waiting.pop_first().map(|(_, waiting)| (at, waiting))
    }

    /// When this request is carried out, if it is still pending.
    pub(super) fn moment_of(&self, ticket: Ticket) -> Option<Timestamp> {
        self.waiting.keys().find(|(_, waiting)| *waiting == ticket).map(|(at, _)| *at)
    }

    /// Stores the answer of a request that was carried out.
    pub(super) fn keep(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.insert(ticket, answer);
    }

    /// The answer of a request, once it was carried out.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Answer> {
        self.answers.remove(&ticket)
    }
}
