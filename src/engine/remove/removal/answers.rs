//! The answers to a removal: which of them mean that the resource is gone, and which that the call is repeated.

use std::time::Duration;

use serde_json::Value;

use super::{AfterAttempt, BUDGET, CONTINUES, IN_USE_PAUSE, LONGEST_PAUSE, RemovedWhen, UNRECORDED_BUDGET, UndoCall};
use crate::api::{ApiError, Meaning, Policy, Request, is_about_resource};
use crate::catalog::{CLOUD, Method, root_of};
use crate::engine::effect::{Effect, effect_after};
use crate::engine::interruption::Interruption;
use crate::engine::lock::Refused;
use crate::engine::operation;
use crate::engine::ownership::Claimable;
use crate::engine::remove::access::check_access;
use crate::engine::remove::forget;
use crate::engine::remove::users::Users;
use crate::engine::send::{Sent, tasks_of};
use crate::engine::unseen::unseen_for;
use crate::event::{Delay, EffectKnown, ErrorClass, StepError};
use crate::journal::Intent;
use crate::kind::resource_name;

impl<'a> UndoCall<'a> {
    /// An answer that names a task which is on record for another call answers another request, and says nothing of
    /// this one: a task carries out one call.
    pub(super) fn believed(&self, sent: Sent) -> Sent {
        let Sent::Answer { value, head } = &sent else { return sent };
        let tasks = tasks_of(value).unwrap_or_default();
        let (owners, journal) = (&self.context.owners, &self.context.journal);
        let others = |task: &&String| {
            let claimed = Claimable::task(task);
            !self.tasks.contains(task) && (owners.is_ours(&claimed, journal) || !owners.claim(claimed, self.instance))
        };
        let Some(task) = tasks.iter().find(others) else { return sent };
        let status = head.status;
        let cause = format!(
            "the answer (status {status}) names task {task}, which is on record for another call: it answers another request"
        );
        Sent::Lost { cause, slow: false, head: None }
    }

    pub(super) async fn answered(&mut self, sent: Sent, intent: Option<&Intent>) -> Result<AfterAttempt, Interruption> {
        match sent {
            Sent::Answer { value, head } => match tasks_of(&value) {
                Some(tasks) if !tasks.is_empty() => self.accepted(tasks).await,
                // 204 has no body that could have been lost.
                None if head.status != 204 && self.starts_tasks() => {
                    // It may have been carried out: then the next answer says that there is nothing any more.
                    self.tried_before = true;
                    let cause = "the answer does not name the task that removes it";
                    self.again_or_left(Delay::Failed { cause: cause.to_owned() }, cause, None).await
                }
                _ => Ok(AfterAttempt::Gone(RemovedWhen::Now)),
            },
            Sent::Refused(error) => self.refused(error).await,
            Sent::Unsent(cause) => {
                // Nothing was sent because the run is ending; the network is not at fault.
                self.context.stopped.may_go_on().map_err(Interruption::Stopped)?;
                let words = format!("the API could not be reached: {cause}");
                self.again_or_left(Delay::NotSent { cause }, &words, None).await
            }
            Sent::NoConnection(cause) => {
                let words = format!("the API could not be reached: {cause}");
                // An earlier attempt may have been carried out.
                let effect = if self.tried_before { EffectKnown::Unknown } else { EffectKnown::NotApplied };
                let mut error = self.context.error(&self.about, effect, ErrorClass::Unreachable, words);
                error.help.push(CONTINUES.to_owned());
                Err(self.record_failed_removal(error).await?)
            }
            Sent::Lost { cause, head, .. } => {
                if let Some(intent) = intent
                    && let Some(step) = self.unanswered(intent, &cause, self.context.clock().elapsed(), head).await?
                {
                    return Ok(step);
                }
                self.again_or_left(Delay::Failed { cause: cause.clone() }, &cause, None).await
            }
            Sent::Left(stop) => Err(Interruption::Stopped(stop)),
        }
    }

    /// Whether the call is answered with the tasks that carry it out.
    fn starts_tasks(&self) -> bool {
        let operation = operation::operation_of(self.context.catalog, self.call);
        operation.is_some_and(|(operation, _)| operation.asynchronous && !operation.may_be_no_op)
    }

    async fn refused(&mut self, error: ApiError) -> Result<AfterAttempt, Interruption> {
        let after = error.retry_after.map(Duration::from_secs);
        match error.meaning() {
            Meaning::NotFound => self.not_found(&error).await,
            Meaning::RateLimited => self.again_within_budget(Delay::RateLimited, &error, after).await,
            Meaning::Unavailable => {
                self.again_within_budget(Delay::Unavailable { status: error.status }, &error, after).await
            }
            Meaning::Locked if !self.is_spent() => self.wait_for_lock(&error).await,
            Meaning::Locked => self.again_within_budget(Delay::Locked { task: None }, &error, after).await,
            _ if error.is_in_use() => self.in_use(&error, after).await,
            // It is refused because there is nothing to take back.
            _ if self.is_taken_back().await? => Ok(AfterAttempt::Gone(RemovedWhen::Already)),
            _ => {
                let refusal = self.refusal(&error);
                Err(self.record_failed_removal(refusal).await?)
            }
        }
    }

    /// Whether a read shows that nothing is there any more of what the step did, where the undo is no DELETE: another
    /// client took it back, or an attempt whose task ended in ERROR.
    pub(super) async fn is_taken_back(&self) -> Result<bool, Interruption> {
        if self.call.method == Method::Delete {
            return Ok(false);
        }
        let looking = effect_after(self.context, self.instance, self.call);
        let effect = self.context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)?;
        Ok(effect == Effect::Gone)
    }

    /// Whether a 404 means that the resource is gone: the key can read its project, and it was not made just now.
    pub(super) async fn not_found(&mut self, error: &ApiError) -> Result<AfterAttempt, Interruption> {
        let seen = check_access(self.context, self.call);
        if let Err(blind) = self.context.stopped.or_leave(seen).await.map_err(Interruption::Stopped)? {
            self.record_failed_removal(blind.clone()).await?;
            return Err(Interruption::NoAccess(blind));
        }
        if !unseen_for(self.made_at, self.context.now()).is_zero() && !self.tried_before {
            let cause = format!("made a moment ago, and not to be found yet: {}", error.story());
            return Ok(AfterAttempt::Again(Delay::Failed { cause }, IN_USE_PAUSE));
        }
        match self.still_there(error).await? {
            Some(cause) => {
                let again = self.again_or_left(Delay::Failed { cause: cause.clone() }, &cause, None).await;
                again.map_err(|why| match why {
                    Interruption::Failed(mut error) => {
                        error.help.push(format!("if it is gone, {}", forget(self.context, self.instance)));
                        Interruption::Failed(error)
                    }
                    why => why,
                })
            }
            None => Ok(AfterAttempt::Gone(RemovedWhen::Already)),
        }
    }

    /// Why a 404 does not mean that the resource is gone: it is shown, or whether it is there cannot be read. A single
    /// one may be wrong, and a gateway may have had no route for a moment.
    async fn still_there(&self, error: &ApiError) -> Result<Option<String>, Interruption> {
        let is_of_cloud = root_of(&self.call.path) == CLOUD;
        let is_believed = if is_of_cloud { !self.shows_itself() } else { is_about_resource(&error.message) };
        if is_believed {
            return Ok(None);
        }
        let context = self.context;
        let (is_there, by) = match (&self.read, &self.listed) {
            (Some(path), _) => {
                let reading = async {
                    let read = context.client.read(Request::get(path.clone())).await;
                    read.map(|item| self.is_in(&item))
                };
                (context.stopped.or_leave(reading).await, "a read shows it")
            }
            (None, Some(listed)) => (context.stopped.or_leave(listed.shows(context)).await, "its list shows it"),
            (None, None) if is_of_cloud => return Ok(None),
            (None, None) => {
                context.warn(format!(
                    "`{}`: {} counts as gone because of that answer alone: the API has no call that reads it",
                    self.instance, self.call.path
                ));
                return Ok(None);
            }
        };
        Ok(match is_there.map_err(Interruption::Stopped)? {
            Ok(true) => Some(format!("{}, and {by}", error.story())),
            Ok(false) => None,
            Err(read) if read.is_not_found() => None,
            Err(read) => Some(format!("{}, and whether it is there could not be read: {read}", error.story())),
        })
    }

    /// Whether a read of what the call deletes shows that alone: what is at its path, or in its parent. Other reads, as
    /// for a tag, show a resource that stays.
    fn shows_itself(&self) -> bool {
        let route = || operation::operation_of(self.context.catalog, self.call);
        let has_id = || route().is_some_and(|(operation, _)| operation.route.path.ends_with('}'));
        self.call.method == Method::Delete && (self.part.is_some() || has_id())
    }

    /// Whether an answer shows the resource. That of a deleted project says so.
    fn is_in(&self, item: &Value) -> bool {
        let is_there = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
        self.part.is_none_or(|part| is_there(item.pointer(part))) && !is_there(item.get("deleted_at"))
    }

    /// Handles "in use": resources on record are usually being removed as well, others are not.
    async fn in_use(&mut self, error: &ApiError, after: Option<Duration>) -> Result<AfterAttempt, Interruption> {
        let Users { unrecorded, removed } = Users::named(self.context, self.call, &error.message);
        let budget = if unrecorded.is_empty() || !removed.is_empty() { BUDGET } else { UNRECORDED_BUDGET };
        let help = match (unrecorded.as_slice(), removed.as_slice()) {
            ([], []) => "try again once nothing uses it any more".to_owned(),
            (_, [removed, ..]) => format!(
                "{} has been removed, which the API has not noticed yet: try again later",
                resource_name(removed.kind.as_deref(), &removed.id)
            ),
            (unrecorded, []) => {
                format!("this record knows nothing of {}: once that is gone, try again", unrecorded.join(", "))
            }
        };
        self.again_within(budget, Delay::InUse { by: unrecorded, removed }, error, after, help).await
    }

    async fn wait_for_lock(&mut self, error: &ApiError) -> Result<AfterAttempt, Interruption> {
        let (operation, parameters) = operation::matched(self.context.catalog, self.call);
        let refused = Refused {
            instance: self.instance,
            operation: operation.as_deref(),
            call: self.call,
            parameters: &parameters,
        };
        self.locks.wait(self.context, &refused, error).await.map_err(Interruption::Stopped)?;
        Ok(AfterAttempt::AgainNow)
    }

    fn is_spent(&self) -> bool {
        self.context.clock().elapsed().saturating_sub(self.started) > BUDGET
    }

    async fn again_within_budget(
        &mut self,
        reason: Delay,
        error: &ApiError,
        after: Option<Duration>,
    ) -> Result<AfterAttempt, Interruption> {
        self.again_within(BUDGET, reason, error, after, CONTINUES.to_owned()).await
    }

    async fn again_within(
        &mut self,
        budget: Duration,
        reason: Delay,
        error: &ApiError,
        after: Option<Duration>,
        help: String,
    ) -> Result<AfterAttempt, Interruption> {
        if self.context.clock().elapsed().saturating_sub(self.started) > budget {
            let mut refusal = self.context.refusal(&self.about, error);
            refusal.help = vec![help];
            return Err(self.record_failed_removal(refusal).await?);
        }
        let pause = IN_USE_PAUSE.mul_f64(1.5_f64.powi(self.attempt.min(8) as i32 - 1)).min(LONGEST_PAUSE);
        Ok(AfterAttempt::Again(reason, after.map_or(pause, |after| after.max(pause))))
    }

    async fn again_or_left(
        &mut self,
        reason: Delay,
        cause: &str,
        after: Option<Duration>,
    ) -> Result<AfterAttempt, Interruption> {
        match Policy::REQUEST.pause(self.attempt, after, fastrand::f64()) {
            Some(pause) => Ok(AfterAttempt::Again(reason, pause)),
            None => {
                let unsent = matches!(reason, Delay::NotSent { .. }) && !self.tried_before;
                let effect = if unsent { EffectKnown::NotApplied } else { EffectKnown::Unknown };
                let mut error = self.context.error(&self.about, effect, ErrorClass::Unreachable, cause);
                error.help.push(CONTINUES.to_owned());
                Err(self.record_failed_removal(error).await?)
            }
        }
    }

    /// The error for a refused undo; without the hints that apply to creates. Its call is on record: a destroy reads no
    /// plan.
    pub(super) fn refusal(&self, error: &ApiError) -> StepError {
        let mut refusal = self.context.refusal(&self.about, error);
        match error.meaning() {
            Meaning::NotFound => {
                refusal.help = vec!["check that the key is of the account of the record, and try again".to_owned()];
            }
            Meaning::Rejected if !error.is_foreign() => {
                let forget = forget(self.context, self.instance);
                refusal.help = vec![
                    "mend what the API names, and try again: it continues where it stopped".to_owned(),
                    format!("or take it back by hand: then {forget}"),
                ];
            }
            _ => {}
        }
        if error.meaning() == Meaning::Conflict {
            refusal.help = vec![
                "remove the resource that the message names, then try again: it continues where it stopped".to_owned(),
            ];
            if self.call.method != Method::Delete {
                let drift = self.context.settings.drift_command();
                refusal.help.push(format!("if the change of the step is gone, {drift} records that"));
            }
        }
        refusal
    }
}
