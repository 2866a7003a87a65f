//! What an answer means: done, accepted with tasks, in doubt, or to be sent again.

use std::time::Duration;

use serde_json::Value;

use super::{MOST_POSTPONED, SendState, Write};
use crate::api::{ApiError, Meaning, Policy};
use crate::catalog::Operation;
use crate::engine::called::Called;
use crate::engine::context::RunContext;
use crate::engine::interruption::Interruption;
use crate::engine::ownership::Claimable;
use crate::engine::resolve::InDoubt;
use crate::engine::send::{Sent, tasks_of};
use crate::engine::{operation, results};
use crate::event::{Delay, EffectKnown, ErrorClass};
use crate::journal::{AnswerHead, Evidence, Record, Unanswered};

pub(super) enum AfterAnswer {
    Done(Called),
    Pause(Delay, Duration),
    WaitForLock(Box<ApiError>),
    InDoubt(Box<InDoubt>),
}

impl Write {
    /// Records the answer and decides what to do next.
    pub(super) async fn answered(
        &self,
        context: &RunContext,
        state: &mut SendState,
        sent: Sent,
        in_doubt: InDoubt,
    ) -> Result<AfterAnswer, Interruption> {
        match sent {
            Sent::Answer { value, head } => self.succeeded(context, value, head, in_doubt).await,
            Sent::Unsent(cause) => {
                let error = self.unreachable(context, &cause, state.tries);
                self.record_not_applied(context, &error).await?;
                context.stopped.may_start().map_err(Interruption::Stopped)?;
                match self.policy().pause(state.tries, None, fastrand::f64()) {
                    Some(pause) => Ok(AfterAnswer::Pause(
                        Delay::NotSent { cause: context.secrets.redact(&cause).into_owned() },
                        pause,
                    )),
                    None => Err(Interruption::Failed(error)),
                }
            }
            Sent::NoConnection(cause) => {
                let error = self.unreachable(context, &cause, state.tries);
                self.record_not_applied(context, &error).await?;
                Err(Interruption::Failed(error))
            }
            Sent::Refused(error) => self.refused(context, state, &error).await,
            Sent::Lost { cause, .. } if self.is_repeatable() => {
                let error = context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, &cause);
                match self.policy().pause(state.tries, None, fastrand::f64()) {
                    Some(pause) => Ok(AfterAnswer::Pause(Delay::Failed { cause: error.message }, pause)),
                    None => {
                        context
                            .journal
                            .append(vec![Record::Unknown { instance: self.instance().clone(), error: error.clone() }])
                            .await?;
                        Err(Interruption::Unknown(error))
                    }
                }
            }
            Sent::Lost { cause, slow, head } => Ok(AfterAnswer::InDoubt(Box::new(InDoubt {
                cause,
                slow,
                attempt: Unanswered { head, ..in_doubt.attempt },
                ..in_doubt
            }))),
            Sent::Left(stop) => Err(Interruption::Stopped(stop)),
        }
    }

    /// Handles a successful answer; one that names a task of another call is no answer to this request.
    async fn succeeded(
        &self,
        context: &RunContext,
        value: Value,
        head: AnswerHead,
        in_doubt: InDoubt,
    ) -> Result<AfterAnswer, Interruption> {
        match tasks_of(&value) {
            Some(tasks) if !tasks.is_empty() => match self.first_owned(context, &tasks) {
                None => self.accept(context, tasks, Some(head.status), None).await.map(AfterAnswer::Done),
                // As below: the answer to another request says nothing of this one.
                Some(task) => {
                    let cause = format!(
                        "the answer (status {}) names task {task}, which is on record for another call: it answers \
                         another request",
                        head.status
                    );
                    Ok(AfterAnswer::InDoubt(Box::new(InDoubt { cause, ..in_doubt })))
                }
            },
            // Its head is not believed either: what it says of the request is about the other one.
            _ if self.names_existing(context, &value) => {
                let cause = format!(
                    "the answer (status {}) names what is on record already: it answers another request",
                    head.status
                );
                Ok(AfterAnswer::InDoubt(Box::new(InDoubt { cause, ..in_doubt })))
            }
            none => match self.names_nothing(&value, none.is_some()) {
                true => {
                    let what = if self.makes_something() { "what was made" } else { "which task carries it out" };
                    let cause = format!("the answer (status {}) does not say {what}", head.status);
                    Ok(AfterAnswer::InDoubt(Box::new(InDoubt {
                        cause,
                        attempt: Unanswered { head: Some(head), ..in_doubt.attempt },
                        ..in_doubt
                    })))
                }
                false => Ok(AfterAnswer::Done(Called::Answered { status: head.status, value })),
            },
        }
    }

    async fn refused(
        &self,
        context: &RunContext,
        state: &mut SendState,
        error: &ApiError,
    ) -> Result<AfterAnswer, Interruption> {
        let meaning = error.meaning();
        if meaning == Meaning::NotFound
            && self.call().method == crate::catalog::Method::Delete
            && !self.earlier(context).is_empty()
        {
            // An earlier attempt without an answer has deleted it.
            return Ok(AfterAnswer::Done(Called::Answered { status: error.status, value: Value::Null }));
        }
        let refusal = context.refusal(&self.about, error);
        let mut records = vec![self.not_applied(&refusal)];
        if meaning == Meaning::Conflict {
            records.extend(self.in_doubt_again(context, &refusal));
        }
        context.journal.append(records).await?;
        let after = error.retry_after.map(Duration::from_secs);
        match meaning {
            Meaning::RateLimited | Meaning::Unavailable if state.postponed < MOST_POSTPONED => {
                state.postponed += 1;
                state.tries = 0;
                let reason = match meaning {
                    Meaning::RateLimited => Delay::RateLimited,
                    _ => Delay::Unavailable { status: error.status },
                };
                let pause = Policy::REQUEST.backoff(state.postponed, after, fastrand::f64());
                Ok(AfterAnswer::Pause(reason, pause))
            }
            Meaning::Locked if !state.locks.are_spent() => Ok(AfterAnswer::WaitForLock(Box::new(error.clone()))),
            Meaning::Conflict => Err(Interruption::Conflict(refusal)),
            _ if self.retry.as_ref().is_some_and(|retry| retry.on.contains(&error.status)) => {
                match self.policy().pause(state.tries, after, fastrand::f64()) {
                    Some(pause) => Ok(AfterAnswer::Pause(Delay::Unavailable { status: error.status }, pause)),
                    None => Err(Interruption::Failed(refusal)),
                }
            }
            _ => Err(Interruption::Failed(refusal)),
        }
    }

    /// Claims the tasks of an answer; returns the first that belongs to another call already, or to another attempt, in
    /// which case none is claimed: a task carries out one call.
    fn first_owned<'t>(&self, context: &RunContext, tasks: &'t [String]) -> Option<&'t String> {
        let is_owned = |task: &&String| context.owners.is_ours(&Claimable::task(task), &context.journal);
        if let Some(task) = tasks.iter().find(is_owned) {
            return Some(task);
        }
        let claims = |task: &String| context.owners.claim(Claimable::task(task), self.instance());
        let at = tasks.iter().position(|task| !claims(task))?;
        tasks[..at].iter().for_each(|task| context.owners.release(&Claimable::task(task), self.instance()));
        Some(&tasks[at])
    }

    /// Whether the call creates nothing, and is answered with the task that carries it out.
    pub(super) fn is_answered_with_tasks(&self) -> bool {
        self.operation.as_ref().is_some_and(|operation| operation.asynchronous && operation.creates.is_none())
    }

    /// Whether the answer of a create names no id, so that its resource could not be recorded, or the answer of another
    /// call no task, in the documented form: nothing is guessed from another form. `no_tasks`: the answer is an empty
    /// list of tasks, with which some calls say that there was nothing to do.
    fn names_nothing(&self, value: &Value, no_tasks: bool) -> bool {
        if self.is_answered_with_tasks() {
            return !no_tasks;
        }
        let Some(operation) = self.operation.as_deref().filter(|operation| operation.creates.is_some()) else {
            return false;
        };
        let idle = no_tasks && operation.may_be_no_op;
        !idle && !results::names_made(operation, self.call(), value)
    }

    /// Whether the answer of a create names something that another call made, by an id that the API gives only once: a
    /// proxy has delivered the answer to another request.
    fn names_existing(&self, context: &RunContext, value: &Value) -> bool {
        let creates = |operation: &&Operation| operation.creates.as_ref().is_some_and(|creates| !creates.or_changes);
        let Some(operation) = self.operation.as_deref().filter(creates) else { return false };
        let ids = results::ids_in_answer(operation, self.call(), value);
        let mut ids = ids.iter().filter(|id| id.as_str().is_some_and(|id| uuid::Uuid::try_parse(id).is_ok()));
        context.journal.with_status(|status| ids.any(|id| status.is_made_by_another(self.instance(), id)))
    }

    /// Whether what exists before the call is listed: as evidence after a lost answer, or to tell what the call has
    /// made.
    pub(super) fn needs_existing(&self) -> bool {
        !self.is_repeatable() || self.or_changes()
    }

    /// Whether the call creates a resource, or changes an existing one.
    pub(super) fn or_changes(&self) -> bool {
        self.intent.update.is_none() && operation::or_changes(self.operation.as_deref())
    }

    /// Records that the API accepted the call, with these tasks.
    pub(super) async fn accept(
        &self,
        context: &RunContext,
        tasks: Vec<String>,
        status: Option<u16>,
        evidence: Option<Evidence>,
    ) -> Result<Called, Interruption> {
        let accepted = Record::Accepted {
            instance: self.instance().clone(),
            tasks: tasks.clone(),
            recovered: evidence.is_some(),
            status,
            evidence,
        };
        context.journal.append(vec![accepted]).await?;
        Ok(Called::Tasks { tasks, status, evidence })
    }
}
