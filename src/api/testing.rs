//! A server for tests of the client.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Answer, Client, Lost, Request, Sending, Transport};
use crate::clock::Clock;

/// Returns these answers in turn, then refuses every connection.
struct Server(Mutex<Vec<Answer>>);

impl Transport for Server {
    fn send(&self, _: Request) -> Sending<'_> {
        let answer = self.0.lock().unwrap().pop();
        Box::pin(async move { answer.ok_or_else(|| Lost::NotSent("connection refused".to_owned())) })
    }

    fn base_url(&self) -> &str {
        "http://127.0.0.1:9"
    }
}

/// A client of a server that returns these answers, the last one first, and then refuses every connection.
pub async fn client(answers: Vec<Answer>) -> Client {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    Client::new(Arc::new(Server(Mutex::new(answers))), clock)
}

/// An answer with this status, these headers and this body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}
