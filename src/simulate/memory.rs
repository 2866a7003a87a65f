//! The simulator without sockets: a transport over the state machine, on tokio's clock, which tests may pause.

use std::sync::{Arc, Mutex, PoisonError};

use super::core::{Reaction, Simulator};
use crate::api::{Answer, Lost, Request, Sending, Transport};
use crate::clock::Clock;

/// A simulator shared by several clients.
pub type SharedSimulator = Arc<Mutex<Simulator>>;

/// A transport that passes requests directly to a simulator.
///
/// A request without `Authorization` gets the given key, as the HTTP transport would add it.
#[derive(Debug, Clone)]
pub struct InMemory {
    simulator: SharedSimulator,
    clock: Clock,
    base_url: String,
}

impl InMemory {
    pub fn new(simulator: SharedSimulator, clock: Clock) -> Self {
        Self { simulator, clock, base_url: String::new() }
    }

    /// Sets the address that logs of its requests show.
    #[must_use]
    pub fn at(mut self, base_url: &str) -> Self {
        base_url.clone_into(&mut self.base_url);
        self
    }

    pub fn simulator(&self) -> &SharedSimulator {
        &self.simulator
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }
}

impl Transport for InMemory {
    fn base_url(&self) -> &str {
        &self.base_url
    }

    fn send(&self, mut request: Request) -> Sending<'_> {
        Box::pin(async move {
            if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
                request.headers.push(("authorization".into(), "APIKey simulated".to_owned()));
            }
            // The lock must not be held while time passes.
            let mut reaction = lock(&self.simulator).handle(&request, self.clock.now());
            loop {
                reaction = match reaction {
                    Reaction::Answer(answer) => return Ok(answer),
                    Reaction::Reset | Reaction::LoseAnswer => {
                        return Err(Lost::unknown("connection reset by peer"));
                    }
                    Reaction::Cut { answer, .. } => {
                        return Err(Lost::Broken {
                            head: Answer { body: Vec::new(), ..answer },
                            cause: "connection closed before the answer was complete".into(),
                        });
                    }
                    Reaction::Later { after, ticket } => {
                        tokio::time::sleep(self.clock.real(after)).await;
                        lock(&self.simulator).answer_of(ticket, self.clock.now())
                    }
                    Reaction::Delay(length, then) => {
                        tokio::time::sleep(self.clock.real(length)).await;
                        *then
                    }
                };
            }
        })
    }
}

/// Locks the simulator, even when a request has panicked: the simulated cloud is as it was before that request.
pub(super) fn lock(simulator: &SharedSimulator) -> std::sync::MutexGuard<'_, Simulator> {
    simulator.lock().unwrap_or_else(PoisonError::into_inner)
}
