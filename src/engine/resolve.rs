//! Finding out what a write did whose answer was lost.
//!
//! The same code serves an answer lost during a run and a process killed between sending and hearing. It asks, and
//! [`evidence`](super::evidence) judges: what is certainly ours is claimed, what is certainly another's is left out.
//! Nothing at all when the settling time is over means that it was never carried out. Something that may be ours, but may
//! be another's as well, is neither claimed nor passed over: nobody can tell, and the step says so.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::context::RunContext;
use super::search::{Look, Search};
use crate::api::{ReadError, is_success};
use crate::journal::{Evidence, InstanceStatus, Unanswered};

/// Pauses between looks; the last one repeats.
const PAUSES: [u64; 5] = [1, 1, 2, 3, 5];
/// A gateway that timed out may still pass the request on, and a call that is answered only when all is done takes its
/// time (12 s for a server group, `observed.md` §11): such a silence is believed later.
const SLOW_FACTOR: u32 = 3;
/// What may be ours is looked at for longer before it is given up: tags, and the audit log above all, may be late.
const UNDECIDED_FACTOR: u32 = 9;

/// A write that may have been carried out.
#[derive(Debug, Clone)]
pub struct Doubt {
    /// The last attempt.
    pub attempt: Unanswered,
    /// Attempts before it that were not answered either.
    pub earlier: Vec<Unanswered>,
    /// It may have left until then, on the run's clock: the settling time counts from here.
    pub since: Duration,
    /// Why its outcome is unknown.
    pub cause: String,
    /// The silence came after a timeout, not at once.
    pub slow: bool,
    /// Tasks that were taken for its own and are another's.
    pub disowned: Vec<String>,
}

impl Doubt {
    /// The doubt that a record leaves; `None` when there is none.
    pub fn recorded(context: &RunContext, known: &InstanceStatus) -> Option<Self> {
        let attempt = known.in_doubt()?;
        // The process that sent it may have died long after the intent, and its clock may be another: what was not
        // written in this run counts from its beginning.
        let now = context.clock().elapsed();
        let started = context.now() - SignedDuration::try_from(now).unwrap_or_default();
        let since = Duration::try_from(attempt.at.duration_since(started)).unwrap_or_default().min(now);
        Some(Self {
            attempt,
            earlier: known.earlier.clone(),
            since,
            cause: "no answer is on record".to_owned(),
            slow: false,
            disowned: known.disowned.clone(),
        })
    }

    /// The API said that it was carried out; what it made did not arrive.
    pub fn is_carried_out(&self) -> bool {
        self.attempt.head.as_ref().is_some_and(|head| is_success(head.status))
    }

    /// Earlier attempts of the very same call: what one of them made is as good as what the last one would have.
    fn equals(&self) -> impl Iterator<Item = &Unanswered> {
        let last = &self.attempt.intent;
        self.earlier.iter().filter(|earlier| earlier.intent.call == last.call && earlier.intent.update == last.update)
    }
}

/// What was found.
#[derive(Debug)]
pub enum Resolved {
    /// This task is ours, by this attempt; it is claimed.
    Task { attempt: u32, task: String, evidence: Evidence },
    /// The resource that this attempt made; it is claimed.
    Resource { attempt: u32, item: Value, evidence: Evidence },
    /// It was carried out; there is nothing to wait for, and nothing that it made.
    Done,
    /// The settling time is over, and nothing was found.
    Nothing,
    /// These may be ours, or another's.
    Undecided(Vec<String>),
    /// The API did not answer the questions.
    CannotTell(ReadError),
}

/// Looks until it is known whose everything is, or the settling time is over.
pub async fn resolve(context: &RunContext, doubt: &Doubt) -> Resolved {
    let search = Search::new(context, &doubt.attempt, &doubt.disowned);
    let earlier: Vec<Search<'_>> =
        doubt.equals().map(|earlier| Search::new(context, earlier, &doubt.disowned)).collect();
    context.meet(&search.place()).await;
    let slow = doubt.slow || !search.may_start_tasks();
    let patience = context.settings.resolve_time * if slow { SLOW_FACTOR } else { 1 };
    until_resolved(context, &search, &earlier, doubt.since, patience).await
}

/// Looks for an attempt whose settling time is over: once, and longer only while something is there that nobody can place.
pub async fn resolve_late(context: &RunContext, attempt: &Unanswered, disowned: &[String]) -> Resolved {
    let search = Search::new(context, attempt, disowned);
    until_resolved(context, &search, &[], context.clock().elapsed(), Duration::ZERO).await
}

async fn until_resolved(
    context: &RunContext,
    search: &Search<'_>,
    earlier: &[Search<'_>],
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
            look_at_all(search, earlier, last).await
        };
        let factor = if search.may_tell_later() { UNDECIDED_FACTOR } else { 1 };
        let undecided_until = since + context.settings.resolve_time * factor;
        match found {
            Ok(Look::Resolved(resolved)) => return resolved,
            Ok(Look::Nothing) if last => return Resolved::Nothing,
            Ok(Look::Undecided(candidates)) if last && now >= undecided_until => {
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

/// One round of questions. Earlier attempts had their time: whether one of them was carried out after all is asked before
/// the call is sent once more.
async fn look_at_all(search: &Search<'_>, earlier: &[Search<'_>], last: bool) -> Result<Look, ReadError> {
    let mut found = search.look(last).await?;
    for search in earlier.iter().filter(|_| last) {
        found = match (found, search.look(true).await?) {
            (Look::Resolved(resolved), _) | (_, Look::Resolved(resolved)) => return Ok(Look::Resolved(resolved)),
            (Look::Undecided(mut candidates), Look::Undecided(others)) => {
                candidates.extend(others);
                candidates.sort();
                candidates.dedup();
                Look::Undecided(candidates)
            }
            (Look::Nothing, look) | (look, Look::Nothing) => look,
        };
    }
    Ok(found)
}
