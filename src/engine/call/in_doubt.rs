//! A write without an answer: its outcome is resolved, or the step ends in doubt.

use std::time::Duration;

use serde_json::Value;

use super::{RESENDS, SendState, Write};
use crate::api::ReadError;
use crate::catalog::pace_of;
use crate::catalog::update::{shows_early, takes_off};
use crate::engine::called::Called;
use crate::engine::context::RunContext;
use crate::engine::effect::{Effect, effect_of};
use crate::engine::interruption::Interruption;
use crate::engine::resolve::{self, InDoubt};
use crate::engine::search::Resolved;
use crate::engine::update::{UpdateState, unread, update_state};
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::journal::{InstanceStatus, JournalError, Phase, Record, Status, Unanswered};

/// The pause between two reads of what an update changes.
const READ_BACK: Duration = Duration::from_secs(5);

/// Statuses of a refusal because there is nothing left to do.
const NOTHING_LEFT: [u16; 4] = [400, 404, 409, 422];

/// Whether a change that the API said it carried out counts as done, although no task of it is found. `state`: what the
/// resource shows; `by_task`: a task carries out such a change; `missing`: there was one, which the API does not know
/// any more.
fn counts_as_done(state: UpdateState, by_task: bool, missing: bool) -> bool {
    match state {
        UpdateState::Done => true,
        // A read may show the change in another form, or late: where no task carries it out, success means that it is
        // done.
        UpdateState::NotDone => !by_task,
        UpdateState::CannotTell | UpdateState::Unread => !missing,
    }
}

/// Why an outcome stays unknown among these candidates. `lost`: what is known of the attempt.
fn undecided(lost: &str, candidates: &[String]) -> String {
    match candidates {
        [] => format!("{lost}, and the API has no list that would show what was made"),
        candidates => format!("{lost}; these may be its work, or another client's: {}", candidates.join(", ")),
    }
}

/// Why an outcome stays unknown that the API was not able to show.
fn cannot_tell(lost: &str, error: &ReadError) -> String {
    format!("{lost}, and its outcome could not be resolved: {error}")
}

impl Write {
    /// Resolves the outcome of a write without an answer. `None`: it was not carried out, and may be sent again.
    pub(super) async fn resolve(
        &self,
        context: &RunContext,
        in_doubt: &InDoubt,
        state: &mut SendState,
    ) -> Result<Option<Called>, Interruption> {
        let reason = context.secrets.redact(&in_doubt.cause).into_owned();
        let lost = context.secrets.redact(&in_doubt.words()).into_owned();
        if !self.shows_early() && self.is_done(context).await {
            return Ok(Some(self.done(in_doubt)));
        }
        context.events.emit(Event::ResolvingStarted { instance: self.instance().clone(), reason: reason.clone() });
        let resolving = resolve::resolve(context, in_doubt);
        match context.stopped.or_leave(resolving).await.map_err(Interruption::Stopped)? {
            Resolved::Task { attempt, task, evidence } => {
                self.record_found(context, attempt).await?;
                self.accept(context, vec![task], None, Some(evidence)).await.map(Some)
            }
            Resolved::Resource { attempt, item, evidence } => {
                self.record_found(context, attempt).await?;
                Ok(Some(Called::Found { item, evidence: Some(evidence) }))
            }
            Resolved::Done => Ok(Some(self.done(in_doubt))),
            Resolved::NoCandidate => self.nothing_found(context, in_doubt, state).await,
            // A resource shows an update at once, even when its task is not found.
            Resolved::Undecided(_) if self.is_done(context).await || self.shows_effect(context).await => {
                Ok(Some(self.done(in_doubt)))
            }
            Resolved::Undecided(candidates) => {
                self.record_unknown(context, in_doubt, undecided(&lost, &candidates), &candidates).await
            }
            Resolved::CannotTell(error) => {
                self.record_unknown(context, in_doubt, cannot_tell(&lost, &error), &[]).await
            }
        }
    }

    /// Decides when neither a task nor a resource of the write was found. `None`: it was not carried out, and may be
    /// sent again.
    async fn nothing_found(
        &self,
        context: &RunContext,
        in_doubt: &InDoubt,
        state: &mut SendState,
    ) -> Result<Option<Called>, Interruption> {
        let reason = context.secrets.redact(&in_doubt.cause).into_owned();
        let is_carried_out = in_doubt.is_carried_out();
        let is_done = match is_carried_out && !self.makes_something() {
            true => Box::pin(self.took_effect(context, in_doubt)).await?,
            false => self.is_done(context).await || self.shows_effect(context).await,
        };
        let message = match (is_carried_out, self.makes_something()) {
            _ if is_done => return Ok(Some(self.done(in_doubt))),
            (true, false) => format!("the API carried it out, and a read does not show the change: {reason}"),
            (true, true) => format!("the API carried it out, and what it made was not found: {reason}"),
            (false, _) if state.resends < RESENDS => {
                state.resends += 1;
                return Ok(None);
            }
            (false, _) => format!(
                "sent {} times without a usable answer, and no resource or task of it was found: {reason}",
                state.resends + 1
            ),
        };
        self.record_unknown(context, in_doubt, message, &[]).await
    }

    /// Searches once more for earlier attempts with the very same call that were never answered, before it is sent
    /// again: they may have been carried out late. `None`: nothing was found of them.
    pub(super) async fn resolve_earlier(&self, context: &RunContext) -> Result<Option<Called>, Interruption> {
        let Some(in_doubt) = self.earlier_in_doubt(context) else { return Ok(None) };
        let (instance, cause) = (self.instance(), &in_doubt.cause);
        context.events.emit(Event::ResolvingStarted { instance: instance.clone(), reason: cause.clone() });
        let resolving = resolve::resolve_late(context, &in_doubt.attempt, &in_doubt.earlier, &in_doubt.disowned);
        match context.stopped.or_leave(resolving).await.map_err(Interruption::Stopped)? {
            Resolved::Task { attempt, task, evidence } => {
                self.record_found(context, attempt).await?;
                self.accept(context, vec![task], None, Some(evidence)).await.map(Some)
            }
            Resolved::Resource { attempt, item, evidence } => {
                self.record_found(context, attempt).await?;
                Ok(Some(Called::Found { item, evidence: Some(evidence) }))
            }
            Resolved::Done => Ok(Some(self.done(&in_doubt))),
            Resolved::NoCandidate => Ok(None),
            Resolved::Undecided(candidates) => {
                Err(self.earlier_unknown(context, &in_doubt, undecided(cause, &candidates)))
            }
            Resolved::CannotTell(error) => Err(self.earlier_unknown(context, &in_doubt, cannot_tell(cause, &error))),
        }
    }

    /// The last of the earlier attempts that were never answered, with those before it. One that may have made what the
    /// last attempt was refused for is in doubt on record.
    fn earlier_in_doubt(&self, context: &RunContext) -> Option<InDoubt> {
        let (mut open, disowned) = context.journal.with_status(|status| {
            let known = status.instances.get(self.instance())?;
            let open = self.open_attempts(known).into_iter().chain(known.in_doubt()).collect::<Vec<_>>();
            Some((open, known.disowned.to_vec()))
        })?;
        let attempt = open.pop()?;
        let cause = match open.len() {
            0 => format!("attempt {} was never answered", attempt.intent.attempt),
            more => format!("attempt {} and {more} before it were never answered", attempt.intent.attempt),
        };
        Some(InDoubt { attempt, earlier: open, since: context.clock().elapsed(), cause, slow: false, disowned })
    }

    /// Ends the step because the outcome of an earlier attempt stays unknown; the record says so already.
    fn earlier_unknown(&self, context: &RunContext, in_doubt: &InDoubt, message: String) -> Interruption {
        let mut error = self.in_doubt_error(context, in_doubt, message);
        let resolve = |decision: &str| context.settings.state_command("resolve", self.instance(), decision);
        error.help = vec![
            format!("decide with {} (it is that one; of a task: `--task TASK`)", resolve("--id ID")),
            format!("or {} (it made none): the next run sends it again", resolve("--not-applied")),
        ];
        Interruption::Unknown(error)
    }

    /// The attempts on record with this very call that may still have been carried out, oldest first. What a failed
    /// task left behind is looked for by other means.
    pub(in crate::engine) fn open_attempts(&self, known: &InstanceStatus) -> Vec<Unanswered> {
        let same = |earlier: &&Unanswered| {
            let intent = &earlier.intent;
            earlier.failed.is_empty() && intent.call == self.intent.call && intent.update == self.intent.update
        };
        known.earlier.iter().filter(same).cloned().collect()
    }

    /// Whether the write is an update that has taken effect, according to the resource.
    pub(super) async fn is_done(&self, context: &RunContext) -> bool {
        self.state(context).await == UpdateState::Done
    }

    /// Whether a call was refused because there is nothing left to do: what an update takes off is not there any more,
    /// or an attempt without an answer has done what the action does. A read shows it.
    pub(super) async fn is_done_before(&self, context: &RunContext, refusal: &StepError) -> Result<bool, JournalError> {
        if !refusal.status.is_some_and(|status| NOTHING_LEFT.contains(&status)) {
            return Ok(false);
        }
        if self.intent.update.is_some() {
            return Ok(self.operation.as_deref().is_some_and(takes_off) && self.is_done(context).await);
        }
        let Some(open) = self.earlier_in_doubt(context) else { return Ok(false) };
        if !self.shows_effect(context).await {
            return Ok(false);
        }
        self.record_found(context, open.attempt.intent.attempt).await?;
        Ok(true)
    }

    /// Whether a read shows what this action does.
    async fn shows_effect(&self, context: &RunContext) -> bool {
        let is_action = !self.makes_something() && self.intent.update.is_none() && !self.shows_early();
        is_action && effect_of(context, self.instance(), self.call()).await == Effect::There
    }

    /// Whether the task of the very same update ended in ERROR before, and a read shows the change all the same: sent
    /// again, it would be refused, or attach another.
    pub(super) async fn is_done_in_error(&self, context: &RunContext) -> Result<bool, Interruption> {
        let ended_in_error = |status: &Status| {
            let known = status.instances.get(self.instance())?;
            let (last, task) = (known.intent.as_ref()?, known.error.as_ref()?.task.as_ref()?);
            let same = last.call == self.intent.call && last.update == self.intent.update;
            (same && known.phase == Phase::Succeeded).then(|| task.clone())
        };
        let failed = self.intent.update.as_ref().and_then(|_| context.journal.with_status(ended_in_error));
        let Some(task) = failed else { return Ok(false) };
        match context.stopped.or_leave(self.state(context)).await.map_err(Interruption::Stopped)? {
            UpdateState::Unread => Err(Interruption::Failed(unread(context, &self.about, &task, None))),
            state => Ok(state == UpdateState::Done),
        }
    }

    /// What the resource shows of an update.
    async fn state(&self, context: &RunContext) -> UpdateState {
        match self.intent.update {
            Some(_) => update_state(context, &self.intent).await,
            None => UpdateState::CannotTell,
        }
    }

    /// As [`counts_as_done`]. A change that a task carries out is read back for as long as such a task takes.
    async fn took_effect(&self, context: &RunContext, in_doubt: &InDoubt) -> Result<bool, Interruption> {
        let task_type = self.operation.as_ref().and_then(|operation| operation.task_types.first());
        let until = in_doubt.since + pace_of(task_type.map_or("", String::as_str)).latest;
        let is_missing = !in_doubt.attempt.missing.is_empty();
        loop {
            let state = context.stopped.or_leave(self.state(context)).await.map_err(Interruption::Stopped)?;
            let left = until.saturating_sub(context.clock().elapsed());
            match counts_as_done(state, self.is_answered_with_tasks(), is_missing) {
                false if state == UpdateState::NotDone && !left.is_zero() => {
                    let clock = context.clock();
                    let pause = clock.sleep(left.min(READ_BACK));
                    context.stopped.or_leave(pause).await.map_err(Interruption::Stopped)?;
                }
                done => return Ok(done),
            }
        }
    }

    /// Records which attempt was carried out, when it is not the one that the record has in doubt.
    async fn record_found(&self, context: &RunContext, attempt: u32) -> Result<(), JournalError> {
        let last = context.journal.with_status(|status| status.instances.get(self.instance())?.in_doubt());
        if last.is_some_and(|last| last.intent.attempt == attempt) {
            return Ok(());
        }
        context.journal.append(vec![Record::Found { instance: self.instance().clone(), attempt }]).await
    }

    /// A read shows the change before its tasks are complete: those are waited for.
    fn shows_early(&self) -> bool {
        self.operation.as_deref().is_some_and(shows_early)
    }

    /// The write was carried out, and there is no task or resource to find.
    pub(super) fn done(&self, in_doubt: &InDoubt) -> Called {
        Called::Answered { status: in_doubt.attempt.head.as_ref().map_or(200, |head| head.status), value: Value::Null }
    }

    pub(super) fn in_doubt_error(&self, context: &RunContext, in_doubt: &InDoubt, message: String) -> StepError {
        let mut error = context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, message);
        error.status = in_doubt.attempt.head.as_ref().map(|head| head.status);
        error.request_id = in_doubt.attempt.head.as_ref().and_then(|head| head.request_id.clone());
        // A task that is finished, and names nothing that it made, is named for as long as that is all that is known.
        error.task =
            context.journal.with_status(|status| status.instances.get(self.instance())?.error.as_ref()?.task.clone());
        error
    }

    /// Records that the outcome stays unknown, and ends the step with that.
    pub(super) async fn record_unknown(
        &self,
        context: &RunContext,
        in_doubt: &InDoubt,
        message: String,
        candidates: &[String],
    ) -> Result<Option<Called>, Interruption> {
        let mut error = self.in_doubt_error(context, in_doubt, message);
        let instance = self.instance();
        let resolve = |decision: &str| context.settings.state_command("resolve", instance, decision);
        error.help = if candidates.is_empty() {
            let (is_so, is_not) = match self.makes_something() {
                true => ("it exists", "it does not"),
                false => ("it was carried out", "it was not"),
            };
            vec![
                "run again: the outcome is resolved once more".to_owned(),
                format!("or decide: {} ({is_so}), or `--not-applied` ({is_not})", resolve("--id ID")),
            ]
        } else {
            vec![
                format!("decide with {} (it is that one; of a task: `--task TASK`)", resolve("--id ID")),
                format!("or {} (it is none of them)", resolve("--not-applied")),
            ]
        };
        self.end_unknown(context, error).await
    }

    pub(super) async fn end_unknown(
        &self,
        context: &RunContext,
        error: StepError,
    ) -> Result<Option<Called>, Interruption> {
        let record = Record::Unknown { instance: self.instance().clone(), error: error.clone() };
        context.journal.append(vec![record]).await?;
        Err(Interruption::Unknown(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_names_its_candidates_or_says_that_no_list_shows_them() {
        let named = ["machine a".to_owned(), "machine b".to_owned()];
        for (candidates, expected) in [
            (&named[..], "no answer; these may be its work, or another client's: machine a, machine b"),
            (&[], "no answer, and the API has no list that would show what was made"),
        ] {
            assert_eq!(undecided("no answer", candidates), expected);
        }
    }

    #[test]
    fn a_change_that_the_api_said_it_carried_out_is_done_when_it_shows_or_no_task_carries_it_out() {
        use UpdateState::{CannotTell, Done, NotDone};
        for (state, by_task, missing, expected) in [
            (Done, false, false, true),
            (Done, true, false, true),
            (Done, true, true, true),
            (NotDone, false, false, true),
            (NotDone, true, false, false),
            (NotDone, true, true, false),
            (CannotTell, false, false, true),
            (CannotTell, true, false, true),
            // Its task may have failed.
            (CannotTell, true, true, false),
        ] {
            assert_eq!(counts_as_done(state, by_task, missing), expected, "{state:?} {by_task} {missing}");
        }
    }
}
