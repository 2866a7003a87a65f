//! A write: recorded before it is sent and when it is answered; sent again only when that cannot act twice.

mod answer;
mod existing;
mod in_doubt;
mod in_the_way;

use std::sync::Arc;

use serde_json::Value;
use tracing::Instrument as _;

use super::called::Called;
use super::context::{About, RunContext};
use super::evidence::tags::{remark, stamp, stamp_value};
use super::interruption::Interruption;
use super::lock::{Locks, Refused};
use super::operation::{self, Parameters, route_of};
use super::project_region::ProjectRegion;
use super::resolve::InDoubt;
use super::send::{Leaving, headers_of, send};
use super::uploads;
use crate::api::{Policy, Request, trace, tried};
use crate::catalog::Operation;
use crate::clock::millis;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::id::InstanceId;
use crate::journal::{Few, Intent, JournalError, Mark, Record, RecordedCall, Unanswered};
use crate::plan::Retry;
use crate::random::random_id;
use crate::shared::Shared;
use answer::AfterAnswer;
use existing::Existing;

pub use in_the_way::{decisions, in_the_way};

/// How many refusals with a request to come back later are accepted before the step fails.
const MOST_POSTPONED: u32 = 40;
/// How often a write is sent again after a search has shown that it was not carried out.
const RESENDS: u32 = 6;

/// A write, ready to be sent.
pub struct Write {
    pub operation: Option<Arc<Operation>>,
    /// Path parameters, by name.
    pub parameters: Parameters,
    /// With the secrets, without the stamp.
    pub request: Request,
    /// The intent of the next attempt, except `attempt` and `nonce`.
    pub intent: Intent,
    pub about: About,
    pub retry: Option<Retry>,
    /// Whether to send our tag, where the operation takes tags.
    pub stamp: bool,
}

impl Write {
    fn instance(&self) -> &InstanceId {
        &self.intent.instance
    }

    fn call(&self) -> &RecordedCall {
        &self.intent.call
    }

    fn is_repeatable(&self) -> bool {
        operation::is_repeatable(self.call().method, self.operation.as_deref())
    }

    /// The route of the call: writes on one route can be mistaken for each other in a search.
    fn route(&self) -> String {
        route_of(self.operation.as_deref(), self.call())
    }

    /// Sends the write, starting with `attempts` on record. `in_doubt`: the last of those has no recorded answer.
    ///
    /// # Errors
    ///
    /// [`Interruption`]; all that is known is recorded.
    pub async fn make(
        &self,
        context: &RunContext,
        attempts: u32,
        in_doubt: Option<InDoubt>,
    ) -> Result<Called, Interruption> {
        let mut state = SendState { attempt: attempts, ..SendState::default() };
        if self.needs_existing() {
            let project_region = ProjectRegion::of(&self.parameters);
            context
                .stopped
                .or_leave(Box::pin(context.contact(&project_region)))
                .await
                .map_err(Interruption::Stopped)?;
            // The list from before the first attempt: a later one may include the work of that attempt.
            if let Some(in_doubt) = &in_doubt {
                let existing = Box::pin(self.still_existing(context, &in_doubt.attempt.intent));
                state.existing = Some(context.stopped.or_leave(existing).await.map_err(Interruption::Stopped)?);
            }
        }
        let mut in_doubt = in_doubt;
        loop {
            let called = match in_doubt.take() {
                // What a task carries out is read back: to send it again would not say how that ended.
                Some(in_doubt) if in_doubt.is_carried_out() && self.is_answered_with_tasks() => {
                    Box::pin(self.resolve(context, &in_doubt, &mut state)).await?
                }
                _ if self.is_repeatable() => None,
                Some(in_doubt) => Box::pin(self.resolve(context, &in_doubt, &mut state)).await?,
                None if Box::pin(self.is_done_in_error(context)).await? => Some(Called::done()),
                // A refusal of the last attempt says nothing about those before it.
                None => Box::pin(self.resolve_earlier(context)).await?,
            };
            if let Some(called) = called {
                return Ok(called);
            }
            match self.attempt(context, &mut state).await {
                Ok(AttemptEnd::Called(called)) => return Ok(called),
                Ok(AttemptEnd::Again) => {}
                Ok(AttemptEnd::InDoubt(next)) => in_doubt = Some(*next),
                Err(Interruption::Failed(refusal) | Interruption::Conflict(refusal))
                    if Box::pin(self.is_done_before(context, &refusal)).await? =>
                {
                    return Ok(Called::done());
                }
                // What stands in the way may be the work of an earlier attempt.
                Err(Interruption::Conflict(refusal)) if !self.is_repeatable() => {
                    let called = Box::pin(self.resolve_earlier(context)).await?;
                    return called.ok_or(Interruption::Conflict(refusal));
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// Resolves the outcome of an earlier attempt without sending the write. `None`: it was not carried out.
    ///
    /// # Errors
    ///
    /// As for [`Write::make`].
    pub async fn find(&self, context: &RunContext, in_doubt: &InDoubt) -> Result<Option<Called>, Interruption> {
        let found = self.resolve(context, in_doubt, &mut SendState::default()).await?;
        match in_doubt.attempts().find(|attempt| attempt.may_stand_in_the_way()) {
            // To send it would tell what exists.
            Some(open) if found.is_none() && self.intent.update.is_none() => {
                let error = self.in_doubt_error(context, in_doubt, in_the_way(context.catalog, open));
                let error = StepError { help: decisions(&context.settings, self.instance()), ..error };
                self.end_unknown(context, error).await
            }
            _ => Ok(found),
        }
    }

    async fn attempt(&self, context: &RunContext, state: &mut SendState) -> Result<AttemptEnd, Interruption> {
        context.stopped.may_start().map_err(Interruption::Stopped)?;
        uploads::verify(context, &self.about, &self.request).await.map_err(Interruption::Failed)?;
        let place = context.stopped.or_leave(context.gates.intent()).await.map_err(Interruption::Stopped)?;
        if self.needs_existing() && state.existing.is_none() {
            let existing = context.stopped.or_leave(Box::pin(self.existing(context))).await;
            state.existing = Some(existing.map_err(Interruption::Stopped)?);
        }
        let (request, in_doubt) = self.intend(context, state).await?;

        // Held until the answer is recorded, so that a search on this route cannot attribute this call's task to
        // another call.
        let gate = context.gates.sending(&self.route()).await;
        let leaving = Leaving { instance: self.instance(), call: self.call(), attempt: state.attempt };
        let sent = send(context, leaving, request).instrument(trace::attempt(state.attempt)).await;
        let outcome = self.answered(context, state, sent, in_doubt).await;
        // Released before any pause, so that other writes can be sent.
        drop((gate, place));
        match outcome? {
            AfterAnswer::Pause(reason, pause) => {
                let pause_ms = millis(pause);
                context.events.emit(Event::CallDelayed { instance: self.instance().clone(), reason, pause_ms });
                let _waits = context.gates.start_waiting();
                context.stopped.or_leave(context.clock().sleep(pause)).await.map_err(Interruption::Stopped)?;
                Ok(AttemptEnd::Again)
            }
            AfterAnswer::WaitForLock(error) => {
                let refused = Refused {
                    instance: self.instance(),
                    operation: self.operation.as_deref(),
                    call: self.call(),
                    parameters: &self.parameters,
                };
                let _waits = context.gates.start_waiting();
                Box::pin(state.locks.wait(context, &refused, &error)).await.map_err(Interruption::Stopped)?;
                state.tries = 0;
                Ok(AttemptEnd::Again)
            }
            AfterAnswer::Done(called) => Ok(AttemptEnd::Called(called)),
            AfterAnswer::InDoubt(in_doubt) => {
                if in_doubt.attempt.head.is_some() {
                    // A later search needs to know that the head of an answer arrived.
                    let error = self.in_doubt_error(context, &in_doubt, in_doubt.cause.clone());
                    let record = Record::Unknown { instance: self.instance().clone(), error };
                    context.journal.append(vec![record]).await?;
                }
                Ok(AttemptEnd::InDoubt(Box::new(InDoubt { since: context.clock().elapsed(), ..*in_doubt })))
            }
        }
    }

    /// Records the intent of the next attempt. Returns its request, and the attempt as it is until an answer arrives.
    async fn intend(&self, context: &RunContext, state: &mut SendState) -> Result<(Request, InDoubt), JournalError> {
        state.attempt += 1;
        state.tries += 1;
        let nonce = random_id();
        let (intended_at, since) = (context.now(), context.clock().elapsed());
        let Existing { before, secondary_before } = state.existing.clone().unwrap_or_default();
        let mark = Mark { before, secondary_before, ..context.mark(self.instance(), &nonce) };
        let (request, stamped) = self.marked_request(context, &nonce, &mark);
        let intent =
            Shared::from(Intent { attempt: state.attempt, nonce, stamped, mark: mark.into(), ..self.intent.clone() });
        let appending = context.clock().elapsed();
        context.journal.append(vec![Record::Intent(intent.clone())]).await?;
        context.gates.appended(context.clock().elapsed().saturating_sub(appending));
        let in_doubt = InDoubt {
            attempt: Unanswered {
                intent,
                at: intended_at,
                head: None,
                failed: Few::default(),
                missing: Few::default(),
            },
            earlier: self.earlier(context),
            since,
            cause: String::new(),
            slow: false,
            disowned: Vec::new(),
        };
        Ok((request, in_doubt))
    }

    fn makes_something(&self) -> bool {
        self.operation.as_ref().is_none_or(|operation| operation.creates.is_some())
    }

    /// Earlier attempts that may have been carried out: neither answered nor resolved.
    fn earlier(&self, context: &RunContext) -> Vec<Unanswered> {
        let known = |status: &crate::journal::Status| {
            status.instances.get(self.instance()).map(|known| known.earlier.to_vec()).unwrap_or_default()
        };
        context.journal.with_status(known)
    }

    fn not_applied(&self, error: &StepError) -> Record {
        Record::NotApplied { instance: self.instance().clone(), error: error.clone(), unanswered: false }
    }

    async fn record_not_applied(&self, context: &RunContext, error: &StepError) -> Result<(), JournalError> {
        context.journal.append(vec![self.not_applied(error)]).await
    }

    fn unreachable(&self, context: &RunContext, cause: &str, tries: u32) -> StepError {
        let mut error = context.error(
            &self.about,
            EffectKnown::NotApplied,
            ErrorClass::Unreachable,
            format!("the API could not be reached: {cause}{}", tried(tries)),
        );
        error.help.push("check the network, the proxy and `GCORE_BASE_URL`, then run again".to_owned());
        error
    }

    fn policy(&self) -> Policy {
        let attempts = self.retry.as_ref().map_or(Policy::REQUEST.attempts, |retry| retry.attempts);
        Policy { attempts, ..Policy::REQUEST }
    }

    /// The request of one attempt, with its nonce in the headers, and tags where the operation takes them.
    fn marked_request(&self, context: &RunContext, nonce: &str, mark: &Mark) -> (Request, bool) {
        let mut request = self.request.clone();
        request.headers.extend(headers_of(mark));
        let stamped =
            self.is_stamped(context) && self.leave_stamp(request.body.as_deref_mut(), self.owner(context), nonce);
        (request, stamped)
    }

    fn leave_stamp(&self, body: Option<&mut Value>, owner: String, nonce: &str) -> bool {
        match self.remark_at() {
            Some(pointer) => remark(body, pointer, &owner, nonce),
            None => stamp(body, owner, nonce),
        }
    }

    fn remark_at(&self) -> Option<&str> {
        self.operation.as_ref()?.creates.as_ref()?.remark_at.as_deref()
    }

    fn owner(&self, context: &RunContext) -> String {
        stamp_value(&context.settings.plan, &context.settings.environment, self.instance())
    }

    /// Whether our stamp is sent with this write.
    fn is_stamped(&self, context: &RunContext) -> bool {
        let takes_tags =
            self.operation.as_ref().is_some_and(|operation| operation.takes_tags && operation.creates.is_some());
        let takes_stamp = takes_tags || self.remark_at().is_some();
        self.stamp && context.settings.stamp && takes_stamp && self.intent.update.is_none()
    }
}

#[derive(Default)]
struct SendState {
    /// Over all runs.
    attempt: u32,
    /// Since the last answer that asked for a pause.
    tries: u32,
    /// Answers that asked to send it later.
    postponed: u32,
    resends: u32,
    locks: Locks,
    /// Once it is known.
    existing: Option<Existing>,
}

enum AttemptEnd {
    Called(Called),
    Again,
    InDoubt(Box<InDoubt>),
}

#[cfg(test)]
mod tests;
