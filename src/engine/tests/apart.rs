//! A part of the engine by itself: with the context of a run, and with answers from a table.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::death::{Life, When};
use super::harness::{Trial, paused};
use crate::api::{Answer, Lost};
use crate::engine::{RunContext, stopper};
use crate::event::Event;
use crate::simulate::Options;

/// A prepared answer: a status, and a body.
pub type Canned = (u16, Value);

/// A page with these items.
pub fn listed(items: &[Value]) -> Canned {
    (200, json!({ "count": items.len(), "results": items }))
}

/// In place of a status: no answer, so that the call may have been carried out.
pub const LOST: u16 = 0;
/// In place of a status: the call was not sent.
pub const UNSENT: u16 = 1;
/// In place of a status: no call can ever be sent.
pub const NO_CONNECTION: u16 = 2;

fn answered((status, body): Canned) -> Result<Answer, Lost> {
    let retry_after = body.get("retry_after").map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
    // Every answer of the API has a request id (observed.md §7).
    let own = [("content-type", "application/json"), ("request_id", "0523d9bee946fba7b9a98c5c3f190a37")];
    let headers = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(retry_after);
    match status {
        LOST => Err(Lost::unknown("reset")),
        UNSENT => Err(Lost::NotSent("refused".to_owned())),
        NO_CONNECTION => Err(Lost::NoConnection("no way".to_owned())),
        _ => Ok(Answer { status, headers: headers.collect(), body: body.to_string().into_bytes() }),
    }
}

impl Trial {
    /// Answers every request from a table, by its path; other paths do not exist.
    pub fn answer_with<'a>(&self, table: impl IntoIterator<Item = (&'a str, Canned)>) {
        self.answer_in_turn(table.into_iter().map(|(path, told)| (path, vec![told])));
    }

    /// Answers requests for these paths in turn, of which the last answer is given again and again; to all others 404.
    /// A key is a path, or a method and a path.
    pub fn answer_in_turn<'a>(&self, table: impl IntoIterator<Item = (&'a str, Vec<Canned>)>) {
        self.answer(table, |_| answered((404, json!({ "message": "not found" }))));
    }

    /// Answers requests for these paths from the table; the simulator answers all others.
    pub fn answer_also<'a>(&self, table: impl IntoIterator<Item = (&'a str, Canned)>) {
        self.answer(table.into_iter().map(|(path, told)| (path, vec![told])), Ok);
    }

    fn answer<'a>(
        &self,
        table: impl IntoIterator<Item = (&'a str, Vec<Canned>)>,
        others: impl Fn(Answer) -> Result<Answer, Lost> + Send + 'static,
    ) {
        let turns = |(key, answers): (&str, Vec<Canned>)| (key.to_owned(), VecDeque::from(answers));
        let mut table: BTreeMap<String, VecDeque<Canned>> = table.into_iter().map(turns).collect();
        *self.on_the_way.lock().unwrap() = Some(Box::new(move |request, simulated| {
            let keys = [format!("{} {}", request.method, request.path), request.path.clone()];
            let Some(key) = keys.into_iter().find(|key| table.contains_key(key)) else {
                return others(simulated);
            };
            let answers = table.entry(key).or_default();
            let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            answered(next.expect("there is an answer"))
        }));
    }

    /// The result of some work with the context of a process that begins now, and the events that it emits.
    pub async fn apart<T>(&self, work: impl AsyncFnOnce(&Arc<RunContext>) -> T) -> (T, Vec<Event>) {
        let (stopper, stopped) = stopper();
        let life = Life::until(When::Never);
        let book = self.book(&life).await.unwrap();
        let (context, mut events) = self.context(&stopper, stopped, &life, book);
        let result = work(&context).await;
        let mut seen = Vec::new();
        while let Ok(stamped) = events.try_recv() {
            seen.push(stamped.event);
        }
        (result, seen)
    }
}

/// The result of some work with the context of a new record, and with answers from a table.
pub fn with_answers<'a, T>(
    table: impl IntoIterator<Item = (&'a str, Canned)>,
    work: impl AsyncFnOnce(&Arc<RunContext>) -> T,
) -> T {
    paused(async {
        let trial = Trial::new(Options::default());
        trial.answer_with(table);
        trial.apart(work).await.0
    })
}
