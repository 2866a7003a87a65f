//! A part of the engine by itself: with the context of a run, and with answers from a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::death::{Life, When};
use super::harness::{Trial, paused};
use crate::api::Answer;
use crate::engine::{RunContext, stopper};
use crate::event::Event;
use crate::simulate::Options;

/// An answer of the table: a status, and a body.
pub type Told = (u16, Value);

/// A page with these items.
pub fn listed(items: &[Value]) -> Told {
    (200, json!({ "count": items.len(), "results": items }))
}

impl Trial {
    /// Answers every request from a table, by its path; other paths do not exist.
    pub fn answer_with<'a>(&self, table: impl IntoIterator<Item = (&'a str, Told)>) {
        let table: BTreeMap<String, Told> = table.into_iter().map(|(path, told)| (path.to_owned(), told)).collect();
        self.change_answers(move |request, _| {
            let (status, body) = table.get(&request.path).cloned().unwrap_or((404, json!({ "message": "not found" })));
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            Answer { status, headers, body: body.to_string().into_bytes() }
        });
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
    table: impl IntoIterator<Item = (&'a str, Told)>,
    work: impl AsyncFnOnce(&Arc<RunContext>) -> T,
) -> T {
    paused(async {
        let trial = Trial::new(Options::default());
        trial.answer_with(table);
        trial.apart(work).await.0
    })
}
