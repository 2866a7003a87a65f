//! What becomes of a write whose answer was lost: its outcome is resolved, or the step stays in doubt.

use serde_json::Value;

use super::{Attempts, Called, RESENDS, Write};
use crate::engine::context::RunContext;
use crate::engine::interruption::Interruption;
use crate::engine::resolve::{self, Doubt, Resolved};
use crate::engine::update::{Seen, seen};
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::journal::{JournalError, Record};

impl Write {
    /// Looks for what a write without answer did. `None`: nothing, and it may be sent again.
    pub(super) async fn resolve(
        &self,
        context: &RunContext,
        doubt: &Doubt,
        state: &mut Attempts,
    ) -> Result<Option<Called>, Interruption> {
        let reason = context.secrets.redact(&doubt.cause).into_owned();
        if self.is_done(context).await {
            return Ok(Some(self.done(doubt)));
        }
        context.events.emit(Event::ResolvingStarted { instance: self.instance().clone(), reason: reason.clone() });
        let resolving = resolve::resolve(context, doubt);
        match context.stopped.or_leave(resolving).await.map_err(Interruption::Stopped)? {
            Resolved::Task { attempt, task, evidence } => {
                self.found(context, doubt, attempt).await?;
                self.accept(context, vec![task], None, Some(evidence)).await.map(Some)
            }
            Resolved::Resource { attempt, item, evidence } => {
                self.found(context, doubt, attempt).await?;
                Ok(Some(Called::Found { item, evidence: Some(evidence) }))
            }
            Resolved::Done => Ok(Some(self.done(doubt))),
            Resolved::Nothing if doubt.is_carried_out() && !self.makes_something() => Ok(Some(self.done(doubt))),
            // The thing shows what a late look at the tasks did not.
            Resolved::Nothing | Resolved::Undecided(_) if self.is_done(context).await => Ok(Some(self.done(doubt))),
            Resolved::Nothing if doubt.is_carried_out() => {
                let words = format!("the API carried it out, and what it made was not found: {reason}");
                self.unknown(context, doubt, words, &[]).await
            }
            Resolved::Nothing if state.resends < RESENDS => {
                state.resends += 1;
                Ok(None)
            }
            Resolved::Nothing => {
                let words =
                    format!("sent {} times, never answered and nothing was found of it: {reason}", state.resends + 1);
                self.unknown(context, doubt, words, &[]).await
            }
            Resolved::Undecided(candidates) => {
                let words = format!(
                    "the answer was lost ({reason}); what may be its work may be somebody else's as well: {}",
                    candidates.join(", ")
                );
                self.unknown(context, doubt, words, &candidates).await
            }
            Resolved::CannotTell(why) => {
                let words = format!("the answer was lost ({reason}), and looking for it failed: {why}");
                self.unknown(context, doubt, words, &[]).await
            }
        }
    }

    /// It changes something, and that shows what it asks for.
    pub(super) async fn is_done(&self, context: &RunContext) -> bool {
        self.intent.update.is_some() && seen(context, &self.intent).await == Seen::Done
    }

    /// Puts on record which attempt it was, when it is not the last one.
    async fn found(&self, context: &RunContext, doubt: &Doubt, attempt: u32) -> Result<(), JournalError> {
        if attempt == doubt.attempt.intent.attempt {
            return Ok(());
        }
        context.journal.append(vec![Record::Found { instance: self.instance().clone(), attempt }]).await
    }

    /// It was carried out, and there is nothing of it to find.
    pub(super) fn done(&self, doubt: &Doubt) -> Called {
        Called::Answered { status: doubt.attempt.head.as_ref().map_or(200, |head| head.status), value: Value::Null }
    }

    pub(super) fn doubtful(&self, context: &RunContext, doubt: &Doubt, words: String) -> StepError {
        let mut error = context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        error.status = doubt.attempt.head.as_ref().map(|head| head.status);
        error.request_id = doubt.attempt.head.as_ref().and_then(|head| head.request_id.clone());
        error
    }

    pub(super) async fn unknown(
        &self,
        context: &RunContext,
        doubt: &Doubt,
        words: String,
        candidates: &[String],
    ) -> Result<Option<Called>, Interruption> {
        let mut error = self.doubtful(context, doubt, words);
        let instance = self.instance();
        error.help = if candidates.is_empty() {
            vec!["run again: it will be looked for once more".to_owned()]
        } else {
            vec![
                format!("decide with `plan state resolve '{instance}' --id ID` (it is that one)"),
                format!("or `plan state resolve '{instance}' --not-applied` (it is none of them)"),
            ]
        };
        context.journal.append(vec![Record::Unknown { instance: instance.clone(), error: error.clone() }]).await?;
        Err(Interruption::Unknown(error))
    }
}
