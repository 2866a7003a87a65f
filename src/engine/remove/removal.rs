//! One call that removes a resource, retried until the resource is gone or the time is used up.

mod answers;
mod by_name;
mod tasks;

use std::time::Duration;

use jiff::Timestamp;

use super::identity::read_of_named;
use super::listed::{Listed, listed_at};
use super::status_of;
use crate::catalog::update::shown_at;
use crate::catalog::{Catalog, Method};
use crate::clock::millis;
use crate::engine::context::{About, RunContext};
use crate::engine::interruption::Interruption;
use crate::engine::lock::Locks;
use crate::engine::made::read_of;
use crate::engine::send::{Leaving, Sent, headers_of, send};
use crate::engine::undo::{UndoOutcome, intent_of, new_nonce, resolve_undo};
use crate::event::{Delay, EffectKnown, Event, StepError};
use crate::id::InstanceId;
use crate::journal::{
    AnswerHead, Few, InstanceStatus, Intent, JournalError, Phase, Record, RecordedCall, RecordedResource, Unanswered,
};

/// How long "in use" and locks are retried: the user of a resource is usually being removed as well.
const BUDGET: Duration = Duration::from_secs(5 * 60);
/// How long "in use" is retried when the refusal names only resources that are not on record.
const UNRECORDED_BUDGET: Duration = Duration::from_secs(30);
const IN_USE_PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// How often a removal is repeated whose task ended in ERROR: its cause may be temporary.
const FAILED_TASKS: u32 = 2;
/// What to do about most errors. The command is named at the end: `destroy`, or the run that replaces or prunes.
const CONTINUES: &str = "try again: it continues where it stopped";

/// When the resource was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemovedWhen {
    Already,
    Now,
    /// By a task whose end was not seen: what else it was to remove may be left.
    Unseen,
}

/// The path that reads what a call deletes, where that is the same.
fn read_at(catalog: &Catalog, call: &RecordedCall) -> Option<String> {
    catalog.matching(Method::Get, &call.path).map(|_| call.path.clone())
}

pub(super) struct UndoCall<'a> {
    context: &'a RunContext,
    instance: &'a InstanceId,
    call: &'a RecordedCall,
    about: About,
    /// How the resource is read.
    read: Option<String>,
    /// Where that has the resource, when it reads its parent.
    part: Option<&'static str>,
    /// The list that shows the resource, where it cannot be read by itself.
    listed: Option<Listed>,
    /// The resource, when its name identifies it, and the path that reads it.
    named: Option<(&'a RecordedResource, String)>,
    /// The digest of the resource before an attempt that may have removed it.
    seen: Option<String>,
    /// The digest when it was last read.
    shown: Option<String>,
    /// When the resource was made.
    made_at: Option<Timestamp>,
    /// Whether an earlier attempt may have removed it.
    tried_before: bool,
    /// The tasks of its attempts: a repeated DELETE may be answered with the same one.
    tasks: Vec<String>,
    /// Attempts of the call that were not found, and must not act in addition to another one.
    lost: Vec<Unanswered>,
    attempt: u32,
    failed_tasks: u32,
    locks: Locks,
    started: Duration,
}

enum AfterAttempt {
    Gone(RemovedWhen),
    Again(Delay, Duration),
    /// The task that held the lock has ended.
    AgainNow,
}

impl<'a> UndoCall<'a> {
    pub(super) fn new(context: &'a RunContext, instance: &'a InstanceId, call: &'a RecordedCall) -> Self {
        let (made_at, tried_before, tasks) = context.journal.with_status(|status| {
            let known = status.instances.get(instance).map(|known| &**known);
            let removing =
                |known: &InstanceStatus| matches!(known.phase, Phase::Removing | Phase::RemovalAccepted { .. });
            let tasks = match known.map(|known| &known.phase) {
                Some(Phase::RemovalAccepted { tasks }) => tasks.clone(),
                _ => Vec::new(),
            };
            (known.and_then(|known| known.finished_at.or(known.intended_at)), known.is_some_and(removing), tasks)
        });
        Self {
            context,
            instance,
            call,
            about: About { call: Some(call.clone().into()), place: None },
            read: read_at(context.catalog, call),
            part: None,
            listed: listed_at(context.catalog, None, call),
            named: None,
            seen: None,
            shown: None,
            made_at,
            tried_before,
            tasks,
            lost: Vec::new(),
            attempt: 0,
            failed_tasks: 0,
            locks: Locks::default(),
            started: context.clock().elapsed(),
        }
    }

    /// The removal of this resource by the call; what is read of the resource first tells it from another of its name.
    pub(super) fn of(self, made: &'a RecordedResource) -> Self {
        let named = read_of_named(self.context.catalog, made).map(|path| (made, path));
        let asked = status_of(self.context, self.instance).and_then(|status| status.asked.clone());
        let seen = asked.filter(|asked| named.is_some() && asked.call == *self.call).map(|asked| asked.seen);
        let read = || {
            let (kind, id, undo) = (made.kind.as_deref()?, made.id.as_deref()?, made.undo.as_ref()?);
            read_of(self.context.catalog, kind, id, undo)
        };
        let listed = listed_at(self.context.catalog, Some(made), self.call).or(self.listed);
        let unread = made.kind.as_deref().filter(|_| self.read.is_none());
        let creators = unread.map(|kind| self.context.catalog.creators_of(kind)).unwrap_or_default();
        let part = creators.iter().find_map(|create| shown_at(create));
        Self { read: self.read.or_else(read), part, listed, named, seen, ..self }
    }

    /// Resumes a removal of an earlier run that is not idempotent: waits for its tasks, or resolves its lost answer.
    /// `None`: it was not carried out, and the call may be sent.
    pub(super) async fn resumed(&mut self) -> Result<Option<RemovedWhen>, Interruption> {
        let Some(status) = status_of(self.context, self.instance) else { return Ok(None) };
        let Some(intent) = status.removal.clone().filter(|intent| *intent.call == *self.call) else { return Ok(None) };
        let unseen = status.error.as_ref().filter(|error| error.effect == EffectKnown::Unknown);
        let step = match (&status.phase, unseen.and_then(|error| error.task.clone())) {
            (Phase::RemovalAccepted { tasks }, _) => Some(self.wait(tasks.clone()).await?),
            // It was accepted, and the API did not know its task any more.
            (_, Some(task)) => {
                let removing = Record::Removing {
                    instance: self.instance.clone(),
                    call: self.call.clone(),
                    attempt: intent.attempt,
                    intent: Some(intent.clone()),
                    seen: None,
                };
                self.context.journal.append(vec![removing]).await?;
                Some(self.accepted(vec![task]).await?)
            }
            _ => self.unanswered(&intent, "no answer is on record", Duration::ZERO, None).await?,
        };
        Ok(match step {
            Some(AfterAttempt::Gone(gone)) => Some(gone),
            Some(AfterAttempt::Again(..) | AfterAttempt::AgainNow) | None => None,
        })
    }

    /// Resolves an attempt without an answer of a call that is not idempotent. `None`: it was not carried out.
    async fn unanswered(
        &mut self,
        intent: &Intent,
        cause: &str,
        since: Duration,
        head: Option<AnswerHead>,
    ) -> Result<Option<AfterAttempt>, Interruption> {
        // When it cannot be resolved, the removal stays in doubt.
        let attempt = Unanswered {
            intent: intent.clone().into(),
            at: self.context.now(),
            head,
            failed: Few::default(),
            missing: Few::default(),
        };
        let looking = resolve_undo(self.context, attempt.clone(), &self.lost, &self.about, cause, since);
        match self.context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)?? {
            UndoOutcome::Tasks(tasks) => self.accepted(tasks).await.map(Some),
            UndoOutcome::Done => Ok(Some(AfterAttempt::Gone(RemovedWhen::Now))),
            UndoOutcome::Nothing => {
                self.lost.push(attempt);
                Ok(None)
            }
        }
    }

    pub(super) async fn run(&mut self) -> Result<RemovedWhen, Interruption> {
        loop {
            self.context.stopped.may_go_on().map_err(Interruption::Stopped)?;
            if self.attempt == 0 || self.seen.is_some() {
                self.shown = self.look().await?;
            }
            self.attempt += 1;
            let intent = intent_of(self.context, self.instance, self.call, self.attempt);
            let removing = Record::Removing {
                instance: self.instance.clone(),
                call: self.call.clone(),
                attempt: self.attempt,
                intent: intent.clone().map(Box::new),
                seen: self.seen.as_ref().or(self.shown.as_ref()).cloned(),
            };
            self.context.journal.append(vec![removing]).await?;
            let mut request = RunContext::request(self.call);
            let mark = intent.as_ref().map(|intent| intent.mark.clone());
            let mark = mark.unwrap_or_else(|| self.context.mark(self.instance, &new_nonce()).into());
            request.headers.extend(headers_of(&mark));
            let leaving = Leaving { instance: self.instance, call: self.call, attempt: self.attempt };
            let sent = self.believed(send(self.context, leaving, request).await);
            let lost = matches!(sent, Sent::Lost { .. });
            let step = self.answered(sent, intent.as_ref()).await?;
            self.tried_before |= lost;
            if lost {
                self.seen = self.seen.take().or_else(|| self.shown.clone());
            }
            match step {
                AfterAttempt::Gone(gone) => return Ok(gone),
                AfterAttempt::AgainNow => {}
                AfterAttempt::Again(reason, pause) => {
                    let pause_ms = millis(pause);
                    self.context.events.emit(Event::CallDelayed { instance: self.instance.clone(), reason, pause_ms });
                    self.context
                        .stopped
                        .or_leave(self.context.clock().sleep(pause))
                        .await
                        .map_err(Interruption::Stopped)?;
                }
            }
        }
    }

    /// Records that the removal failed, and returns the interruption for it.
    async fn record_failed_removal(&self, error: StepError) -> Result<Interruption, JournalError> {
        let record = Record::RemovalFailed { instance: self.instance.clone(), error: error.clone() };
        self.context.journal.append(vec![record]).await?;
        Ok(Interruption::Failed(error))
    }
}

#[cfg(test)]
mod tests;
