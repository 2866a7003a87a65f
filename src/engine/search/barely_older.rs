//! What seems to be older than the attempt, by less than the clocks of the API may differ: the time of the answers to a run
//! and the time of creation that a list shows are those of different machines. It may be the work of the attempt, or another
//! client's, so that it is never claimed: the outcome stays undecided, and nothing is sent.

use serde_json::Value;

use super::{AttemptSearch, Candidate};
use crate::api::{ReadError, Task};
use crate::engine::evidence::{AttemptMarks, CLOCKS_DIFFER, Verdict};

impl<'a> AttemptSearch<'a> {
    /// The marks of the attempt, by whichever clock of the API.
    pub(super) fn by_any_clock(&self) -> AttemptMarks<'_> {
        let known = self.known();
        AttemptMarks { since: known.since - CLOCKS_DIFFER, ..known }
    }

    /// The candidates that only their age excludes. `others`: tasks that seem to be other clients'; `named`: the items with
    /// the name in the call, once they were read.
    pub(super) async fn barely_older(
        &self,
        others: Vec<Task>,
        named: Option<Vec<Value>>,
    ) -> Result<Vec<Candidate>, ReadError> {
        let attempt = self.by_any_clock();
        let is_open = |task: &Task| self.verdict_of_task(task, &attempt) == Verdict::CannotTell;
        let (open, others): (Vec<Task>, Vec<Task>) = others.into_iter().partition(is_open);
        let mut older: Vec<Candidate> = open.into_iter().map(Candidate::Task).collect();
        if older.is_empty() {
            let named = match named {
                Some(named) => named,
                None => self.named_items().await?,
            };
            older = self.candidates(&named, |task| others.iter().any(|other| other.id == task), &attempt);
        }
        self.without_others(older).await
    }
}
