//! Resolves the outcome of a write whose answer was lost.
//!
//! The same code serves an answer lost during a run and a process killed between sending and receiving. This module
//! asks the API, [`evidence`](super::evidence) judges the answers: candidates that are certainly ours are claimed,
//! those that are certainly another's are excluded. When the time to resolve is over without candidates, the write
//! was not carried out. A candidate that may be ours or another's is neither claimed nor excluded: the step ends as
//! unknown.

use std::time::Duration;

use jiff::SignedDuration;

use super::context::RunContext;
use super::search::{AttemptSearch, Resolved, Round};
use crate::api::{ReadError, is_success};
use crate::journal::{InstanceStatus, Unanswered};

/// Seconds between two searches; the last repeats.
const PAUSES: [u64; 5] = [1, 1, 2, 3, 5];
/// Factor on the time to resolve after a timeout and for calls that are answered only when all is done (12 s for a
/// server group, `observed.md` §11): a gateway may pass the request on after it timed out.
const SLOW_FACTOR: u32 = 3;
/// Factor on the time to resolve while there are undecided candidates: tags and the audit log may be late.
const UNDECIDED_FACTOR: u32 = 9;

/// A write whose outcome is unknown.
#[derive(Debug, Clone)]
pub struct InDoubt {
    /// The last attempt.
    pub attempt: Unanswered,
    /// Earlier attempts that were not answered either.
    pub earlier: Vec<Unanswered>,
    /// The last moment at which it may have been sent, on the run's clock: the time to resolve counts from here.
    pub since: Duration,
    /// Why its outcome is unknown.
    pub cause: String,
    /// Whether the answer was lost by a timeout rather than at once.
    pub slow: bool,
    /// Tasks that were attributed to this write and proved to be another's.
    pub disowned: Vec<String>,
}

impl InDoubt {
    /// The write in doubt that a record shows; `None` when the outcome is known.
    pub fn recorded(context: &RunContext, known: &InstanceStatus) -> Option<Self> {
        let attempt = known.in_doubt()?;
        // The process that sent it may have ended long after the intent, and on another clock. For intents of earlier
        // runs the time to resolve counts from the beginning of this run.
        let now = context.clock().elapsed();
        let started = context.now() - SignedDuration::try_from(now).unwrap_or_default();
        let unnamed = known.error.as_ref().is_some_and(|error| error.task.is_some());
        let tasks = attempt.missing.join(", ");
        let cause = match (attempt.missing.is_empty(), unnamed) {
            (true, _) => "no answer is on record".to_owned(),
            (false, true) => format!("its task {tasks} is finished, and names nothing that it made"),
            (false, false) => format!("the API does not show its task {tasks} any more"),
        };
        let since = Duration::try_from(attempt.at.duration_since(started)).unwrap_or_default().min(now);
        Some(Self {
            attempt,
            earlier: known.earlier.to_vec(),
            since,
            cause,
            slow: false,
            disowned: known.disowned.to_vec(),
        })
    }

    /// The API said that the call was carried out, but what it made is not known.
    pub fn is_carried_out(&self) -> bool {
        self.attempt.head.as_ref().is_some_and(|head| is_success(head.status))
    }

    /// The last attempt, and those before it.
    pub fn attempts(&self) -> impl Iterator<Item = &Unanswered> {
        std::iter::once(&self.attempt).chain(&self.earlier)
    }

    /// What is not known of it, and why.
    pub fn words(&self) -> String {
        match self.attempt.missing.is_empty() {
            true => format!("its outcome is not known ({})", self.cause),
            false => format!("what came of it is not known ({})", self.cause),
        }
    }

    /// Earlier attempts with the very same call: what one of them made can stand for what the last one would have
    /// made.
    fn equal_attempts(&self) -> impl Iterator<Item = &Unanswered> {
        let last = &self.attempt.intent;
        self.earlier.iter().filter(|earlier| earlier.intent.call == last.call && earlier.intent.update == last.update)
    }
}

/// Searches until every candidate is attributed, or the time to resolve is over.
pub async fn resolve(context: &RunContext, in_doubt: &InDoubt) -> Resolved {
    let search = AttemptSearch::new(context, &in_doubt.attempt, &in_doubt.disowned);
    let earlier: Vec<AttemptSearch<'_>> =
        in_doubt.equal_attempts().map(|earlier| AttemptSearch::new(context, earlier, &in_doubt.disowned)).collect();
    context.contact(&search.project_region()).await;
    let slow = in_doubt.slow || !search.may_start_tasks();
    let patience = context.settings.resolve_time * if slow { SLOW_FACTOR } else { 1 };
    until_resolved(context, &search, &earlier, in_doubt.since, patience).await
}

/// Searches for attempts of one call whose time to resolve is over: once, and again only while there are undecided
/// candidates.
pub async fn resolve_late(
    context: &RunContext,
    attempt: &Unanswered,
    earlier: &[Unanswered],
    disowned: &[String],
) -> Resolved {
    let search = AttemptSearch::new(context, attempt, disowned);
    let earlier: Vec<AttemptSearch<'_>> =
        earlier.iter().map(|earlier| AttemptSearch::new(context, earlier, disowned)).collect();
    until_resolved(context, &search, &earlier, context.clock().elapsed(), Duration::ZERO).await
}

async fn until_resolved(
    context: &RunContext,
    search: &AttemptSearch<'_>,
    earlier: &[AttemptSearch<'_>],
    since: Duration,
    patience: Duration,
) -> Resolved {
    let route = &search.route();
    let deadline = since + patience;
    let mut pauses = PAUSES.into_iter().chain(std::iter::repeat(PAUSES[PAUSES.len() - 1]));
    loop {
        let now = context.clock().elapsed();
        let last = now >= deadline;
        let found = {
            let _alone = context.gates.resolving(route).await;
            search_all(search, earlier, last).await
        };
        let factor = if search.may_be_decided_later() { UNDECIDED_FACTOR } else { 1 };
        let undecided_until = since + context.settings.resolve_time * factor;
        match found {
            Ok(Round::Resolved(resolved)) => return resolved,
            Ok(Round::NoCandidate) if last => return Resolved::NoCandidate,
            Ok(Round::Undecided(candidates)) if last && now >= undecided_until => {
                return Resolved::Undecided(candidates);
            }
            Ok(_) => {}
            Err(error) => return Resolved::CannotTell(error),
        }
        let left = if last { undecided_until } else { deadline }.saturating_sub(context.clock().elapsed());
        let pause = Duration::from_secs(pauses.next().expect("the last pause repeats"));
        context.clock().sleep(pause.min(left.max(Duration::from_millis(50)))).await;
    }
}

/// One round of the search. Earlier attempts have had their time: they are searched for once more only before the
/// call is sent again.
async fn search_all(search: &AttemptSearch<'_>, earlier: &[AttemptSearch<'_>], last: bool) -> Result<Round, ReadError> {
    let mut found = search.look(last).await?;
    for search in earlier.iter().filter(|_| last) {
        found = match (found, search.look(true).await?) {
            (Round::Resolved(resolved), _) | (_, Round::Resolved(resolved)) => return Ok(Round::Resolved(resolved)),
            (Round::Undecided(mut candidates), Round::Undecided(others)) => {
                candidates.extend(others);
                candidates.sort_unstable();
                candidates.dedup();
                Round::Undecided(candidates)
            }
            (Round::NoCandidate, look) | (look, Round::NoCandidate) => look,
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::json;

    use super::InDoubt;
    use crate::catalog::Method;
    use crate::engine::stamps::intent_of;
    use crate::id::{InstanceId, StepId};
    use crate::journal::{Few, Intent, RecordedCall, Unanswered};

    fn attempt(attempt: u32, name: &str, update: Option<&str>) -> Unanswered {
        let call = |name: &str| RecordedCall {
            body: Some(json!({ "name": name }).into()),
            ..RecordedCall::new(Method::Post, "/cloud/v1/networks/1/7")
        };
        let intent = intent_of(&InstanceId::new(StepId::new("net"), None), call(name), String::new());
        let update = update.map(|name| call(name).into());
        let intent = Intent { attempt, update, ..intent }.into();
        Unanswered { intent, at: Timestamp::UNIX_EPOCH, head: None, failed: Few::default(), missing: Few::default() }
    }

    #[test]
    fn only_an_attempt_with_the_very_same_call_and_change_stands_for_the_last() {
        let in_doubt = InDoubt {
            attempt: attempt(5, "one", Some("new")),
            earlier: vec![
                attempt(1, "one", Some("new")),
                attempt(2, "two", Some("new")),
                attempt(3, "one", Some("other")),
                attempt(4, "one", None),
            ],
            since: Duration::ZERO,
            cause: String::new(),
            slow: false,
            disowned: Vec::new(),
        };
        let equal: Vec<u32> = in_doubt.equal_attempts().map(|earlier| earlier.intent.attempt).collect();
        assert_eq!(equal, [1]);
    }
}
