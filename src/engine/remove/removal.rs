//! One call that removes a resource, retried until the resource is gone or the time is used up.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::access::check_access;
use super::identity::{created_later, digest, read_of_named};
use super::listed::{Listed, listed_at};
use super::users::Users;
use super::{forget, status_of};
use crate::api::{ApiError, Meaning, Policy, ReadError, Request, speaks_of_a_resource};
use crate::catalog::{CLOUD, Catalog, Method, pace_of, root_of};
use crate::clock::millis;
use crate::engine::conceal;
use crate::engine::context::{About, RunContext};
use crate::engine::effect::{Effect, effect_after};
use crate::engine::interruption::Interruption;
use crate::engine::lock::{Locks, Refused};
use crate::engine::made::read_of;
use crate::engine::operation;
use crate::engine::ownership::Claimable;
use crate::engine::send::{Leaving, Sent, headers_of, send, tasks_of};
use crate::engine::undo::{UndoOutcome, intent_of, new_nonce, resolve_undo};
use crate::engine::unseen::unseen_for;
use crate::engine::watch::{Awaited, Place, TaskEnd};
use crate::event::{Delay, EffectKnown, ErrorClass, Event, StepError};
use crate::id::InstanceId;
use crate::journal::{
    Few, Head, InstanceStatus, Intent, JournalError, Phase, Record, RecordedCall, RecordedResource, Unanswered,
};
use crate::kind::resource_name;

/// How long "in use" and locks are retried: the user of a resource is usually being removed as well.
const BUDGET: Duration = Duration::from_secs(5 * 60);
/// How long "in use" is retried when the refusal names only resources that are not on record.
const UNRECORDED_BUDGET: Duration = Duration::from_secs(30);
const IN_USE_PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// How often a removal is repeated whose task ended in ERROR: its cause may be temporary.
const FAILED_TASKS: u32 = 2;

/// When the resource was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    Already,
    Now,
    /// By a task whose end was not seen: what else it was to remove may be left.
    Unseen,
}

/// The path that reads what a call deletes, where that is the same.
fn read_at(catalog: &Catalog, call: &RecordedCall) -> Option<String> {
    catalog.matching(Method::Get, &call.path).map(|_| call.path.clone())
}

pub(super) struct Removal<'a> {
    context: &'a RunContext,
    instance: &'a InstanceId,
    call: &'a RecordedCall,
    about: About,
    /// How the resource is read.
    read: Option<String>,
    /// The list that shows the resource, where it cannot be read by itself.
    listed: Option<Listed>,
    /// The resource, when it goes by its name, and how it is read.
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

enum Step {
    Gone(Gone),
    Again(Delay, Duration),
    /// The task that held the lock has ended.
    AgainNow,
}

impl<'a> Removal<'a> {
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
        Self { read: self.read.or_else(read), listed, named, seen, ..self }
    }

    /// What goes by the name now, before it is removed. An attempt that may have been carried out is repeated only when
    /// this is still what it was then: another client may have made it anew.
    async fn look(&self) -> Result<Option<String>, Interruption> {
        let Some((made, path)) = &self.named else { return Ok(None) };
        let reading = self.context.client.read(Request::get(path.clone()));
        let words = match self.context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)? {
            Ok(item) => {
                if let Some(created) = self.is_made_anew(made, &item) {
                    let words = format!(
                        "kept: the resource of this name was created on {created}, after this step's, and may be another client's"
                    );
                    return Err(Interruption::Failed(self.kept(words, EffectKnown::NotApplied)));
                }
                let now = digest(self.context, made.id.as_deref(), &item);
                if self.seen.as_ref().is_none_or(|seen| *seen == now) {
                    return Ok(Some(now));
                }
                "kept: its removal was begun before, and may have been carried out; the resource of this name is not what \
                 it was then, and may be another client's"
                    .to_owned()
            }
            Err(error) if self.seen.is_none() || error.is_not_found() => return Ok(self.seen.clone()),
            Err(error) => format!(
                "kept: its removal was begun before, and may have been carried out; whether the resource of this name is \
                 still the same could not be read: {error}"
            ),
        };
        // Its DELETE stays on record as one that may have been carried out.
        Err(Interruption::Failed(self.kept(words, EffectKnown::Unknown)))
    }

    /// The time at which what goes by the name now was created, when that was after the step's resource was made.
    fn is_made_anew<'i>(&self, made: &RecordedResource, item: &'i Value) -> Option<&'i str> {
        let known = status_of(self.context, self.instance)?;
        let is_main = known.main_made().is_some_and(|main| main.id == made.id);
        created_later(item, known.existed_on.filter(|_| is_main && self.seen.is_none())?)
    }

    fn kept(&self, words: String, effect: EffectKnown) -> StepError {
        let mut error = self.context.error(&self.about, effect, ErrorClass::Unknown, words);
        let forget = forget(self.context, self.instance);
        error.help.push(format!("if it is yours, delete it by hand, and destroy again; if not, {forget}"));
        error
    }

    /// Resumes a removal of an earlier run that is not idempotent: waits for its tasks, or resolves its lost answer.
    /// `None`: it was not carried out, and the call may be sent.
    pub(super) async fn resumed(&mut self) -> Result<Option<Gone>, Interruption> {
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
            Some(Step::Gone(gone)) => Some(gone),
            Some(Step::Again(..) | Step::AgainNow) | None => None,
        })
    }

    /// Resolves an attempt without an answer of a call that is not idempotent. `None`: it was not carried out.
    async fn unanswered(
        &mut self,
        intent: &Intent,
        cause: &str,
        since: Duration,
        head: Option<Head>,
    ) -> Result<Option<Step>, Interruption> {
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
            UndoOutcome::Done => Ok(Some(Step::Gone(Gone::Now))),
            UndoOutcome::Nothing => {
                self.lost.push(attempt);
                Ok(None)
            }
        }
    }

    pub(super) async fn run(&mut self) -> Result<Gone, Interruption> {
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
                Step::Gone(gone) => return Ok(gone),
                Step::AgainNow => {}
                Step::Again(reason, pause) => {
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

    /// An answer that names a task which is on record for another call answers another request, and says nothing of this
    /// one: a task carries out one call.
    fn believed(&self, sent: Sent) -> Sent {
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

    async fn answered(&mut self, sent: Sent, intent: Option<&Intent>) -> Result<Step, Interruption> {
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
                _ => Ok(Step::Gone(Gone::Now)),
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
                let destroy = self.context.settings.destroy_command();
                error.help.push(format!("run {destroy} again: it continues where it stopped"));
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

    async fn refused(&mut self, error: ApiError) -> Result<Step, Interruption> {
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
            _ if self.is_taken_back().await? => Ok(Step::Gone(Gone::Already)),
            _ => {
                let refusal = self.refusal(&error);
                Err(self.record_failed_removal(refusal).await?)
            }
        }
    }

    /// Whether a read shows that nothing is there any more of what the step did, where the undo is no DELETE: another client
    /// took it back, or an attempt whose task ended in ERROR.
    async fn is_taken_back(&self) -> Result<bool, Interruption> {
        if self.call.method == Method::Delete {
            return Ok(false);
        }
        let looking = effect_after(self.context, self.instance, self.call);
        let effect = self.context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)?;
        Ok(effect == Effect::Gone)
    }

    /// Whether a 404 means that the resource is gone: the key can read its project, and it was not made just now.
    async fn not_found(&mut self, error: &ApiError) -> Result<Step, Interruption> {
        let seen = check_access(self.context, self.call);
        if let Err(blind) = self.context.stopped.or_leave(seen).await.map_err(Interruption::Stopped)? {
            self.record_failed_removal(blind.clone()).await?;
            return Err(Interruption::NoAccess(blind));
        }
        if !unseen_for(self.made_at, self.context.now()).is_zero() && !self.tried_before {
            let cause = format!("made a moment ago, and not to be found yet: {}", error.story());
            return Ok(Step::Again(Delay::Failed { cause }, IN_USE_PAUSE));
        }
        match self.still_there(error).await? {
            Some(cause) => self.again_or_left(Delay::Failed { cause: cause.clone() }, &cause, None).await,
            None => Ok(Step::Gone(Gone::Already)),
        }
    }

    /// Why a 404 that is not certainly the API's does not mean that the resource is gone: it is shown, or whether it is
    /// there cannot be read. A gateway may have had no route for a moment.
    async fn still_there(&self, error: &ApiError) -> Result<Option<String>, Interruption> {
        if root_of(&self.call.path) == CLOUD || speaks_of_a_resource(&error.message) {
            return Ok(None);
        }
        let context = self.context;
        let (is_there, by) = match (&self.read, &self.listed) {
            (Some(path), _) => {
                let reading = async { context.client.read(Request::get(path.clone())).await.map(|_| true) };
                (context.stopped.or_leave(reading).await, "a read shows it")
            }
            (None, Some(listed)) => (context.stopped.or_leave(listed.shows(context)).await, "its list shows it"),
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

    /// Handles "in use": resources on record are usually being removed as well, others are not.
    async fn in_use(&mut self, error: &ApiError, after: Option<Duration>) -> Result<Step, Interruption> {
        let Users { unrecorded, removed } = Users::named(self.context, self.call, &error.message);
        let budget = if unrecorded.is_empty() || !removed.is_empty() { BUDGET } else { UNRECORDED_BUDGET };
        let destroy = self.context.settings.destroy_command();
        let help = match (unrecorded.as_slice(), removed.as_slice()) {
            ([], []) => format!("run {destroy} again once nothing uses it any more"),
            (_, [removed, ..]) => format!(
                "{} has been removed, which the API has not noticed yet: run {destroy} again later",
                resource_name(removed.kind.as_deref(), &removed.id)
            ),
            (unrecorded, []) => {
                format!("this record knows nothing of {}: once that is gone, try again", unrecorded.join(", "))
            }
        };
        self.again_within(budget, Delay::InUse { by: unrecorded, removed }, error, after, help).await
    }

    async fn wait_for_lock(&mut self, error: &ApiError) -> Result<Step, Interruption> {
        let (operation, parameters) = operation::matched(self.context.catalog, self.call);
        let refused = Refused {
            instance: self.instance,
            operation: operation.as_deref(),
            call: self.call,
            parameters: &parameters,
        };
        self.locks.wait(self.context, &refused, error).await.map_err(Interruption::Stopped)?;
        Ok(Step::AgainNow)
    }

    fn is_spent(&self) -> bool {
        self.context.clock().elapsed().saturating_sub(self.started) > BUDGET
    }

    async fn again_within_budget(
        &mut self,
        reason: Delay,
        error: &ApiError,
        after: Option<Duration>,
    ) -> Result<Step, Interruption> {
        let help = format!("run {} again: it continues where it stopped", self.context.settings.destroy_command());
        self.again_within(BUDGET, reason, error, after, help).await
    }

    async fn again_within(
        &mut self,
        budget: Duration,
        reason: Delay,
        error: &ApiError,
        after: Option<Duration>,
        help: String,
    ) -> Result<Step, Interruption> {
        if self.context.clock().elapsed().saturating_sub(self.started) > budget {
            let mut refusal = self.context.refusal(&self.about, error);
            refusal.help = vec![help];
            return Err(self.record_failed_removal(refusal).await?);
        }
        let pause = IN_USE_PAUSE.mul_f64(1.5_f64.powi(self.attempt.min(8) as i32 - 1)).min(LONGEST_PAUSE);
        Ok(Step::Again(reason, after.map_or(pause, |after| after.max(pause))))
    }

    async fn again_or_left(
        &mut self,
        reason: Delay,
        cause: &str,
        after: Option<Duration>,
    ) -> Result<Step, Interruption> {
        match Policy::REQUEST.pause(self.attempt, after, fastrand::f64()) {
            Some(pause) => Ok(Step::Again(reason, pause)),
            None => {
                let unsent = matches!(reason, Delay::NotSent { .. }) && !self.tried_before;
                let effect = if unsent { EffectKnown::NotApplied } else { EffectKnown::Unknown };
                let mut error = self.context.error(&self.about, effect, ErrorClass::Unreachable, cause);
                let destroy = self.context.settings.destroy_command();
                error.help.push(format!("run {destroy} again: it continues where it stopped"));
                Err(self.record_failed_removal(error).await?)
            }
        }
    }

    async fn accepted(&mut self, tasks: Vec<String>) -> Result<Step, Interruption> {
        self.tasks.extend(tasks.iter().cloned());
        let accepted = Record::RemovalAccepted { instance: self.instance.clone(), tasks: tasks.clone() };
        self.context.journal.append(vec![accepted]).await?;
        self.wait(tasks).await
    }

    async fn wait(&mut self, tasks: Vec<String>) -> Result<Step, Interruption> {
        let matched = operation::operation_of(self.context.catalog, self.call);
        let (task_type, place) = matched.map_or((None, Place::default()), |(operation, parameters)| {
            (operation.task_types.first().cloned(), Place::of(&parameters))
        });
        let timeout = pace_of(task_type.as_deref().unwrap_or_default()).timeout;
        let since = self.context.now();
        let ends = futures_util::future::join_all(tasks.iter().map(|task| {
            let awaited = Awaited {
                task: task.clone(),
                place: place.clone(),
                task_type: task_type.clone(),
                since,
                first: None,
                every: None,
            };
            self.context.watcher.wait(awaited)
        }));
        let limited = tokio::time::timeout(self.context.clock().real(timeout), ends);
        let ends = match self.context.stopped.or_leave(limited).await.map_err(Interruption::Stopped)? {
            Ok(ends) => ends,
            Err(_) => {
                let words = match self.context.watcher.unread(&tasks) {
                    None => format!("its removal still runs: task {}", tasks.join(", ")),
                    Some(answer) => {
                        format!("its removal was accepted, and task {} cannot be read: {answer}", tasks.join(", "))
                    }
                };
                let error = self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
                return Err(self.record_failed_removal(error).await?);
            }
        };
        for end in ends {
            match end {
                TaskEnd::Finished(_) => {}
                TaskEnd::Failed(task) => {
                    conceal::hide_data(&self.context.secrets, &task);
                    let words = format!("task {} ended in ERROR: {}", task.id, self.context.words_of(&task));
                    let mut error = self.context.error(&self.about, EffectKnown::NotApplied, ErrorClass::Task, words);
                    error.task = Some(task.id.clone());
                    if self.is_taken_back().await? {
                        return Ok(Step::Gone(Gone::Now));
                    }
                    self.failed_tasks += 1;
                    if self.failed_tasks > FAILED_TASKS {
                        return Err(self.record_failed_removal(error).await?);
                    }
                    let record = Record::RemovalFailed { instance: self.instance.clone(), error };
                    self.context.journal.append(vec![record]).await?;
                    return Ok(Step::Again(
                        Delay::InUse { by: Vec::new(), removed: Vec::new() },
                        IN_USE_PAUSE * self.failed_tasks,
                    ));
                }
                TaskEnd::Missing(error) => return self.missing(&tasks, &error).await,
                TaskEnd::Refused(error) => {
                    let unseen = self.unseen(&tasks, &error);
                    return Err(self.record_failed_removal(unseen).await?);
                }
            }
        }
        Ok(Step::Gone(Gone::Now))
    }

    /// The API does not know the task of an accepted removal any more: the resource itself says what came of it.
    async fn missing(&mut self, tasks: &[String], error: &ApiError) -> Result<Step, Interruption> {
        // It may have been carried out: then the next answer says that there is nothing any more.
        self.tried_before = true;
        self.seen = self.seen.take().or_else(|| self.shown.clone());
        let cause = format!(
            "its removal was accepted, and how it ended is not known: task {}: {}",
            tasks.join(", "),
            error.story()
        );
        let unknown = |words: String| self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        let read = match &self.read {
            _ if self.call.method != Method::Delete => return self.missing_undo(tasks, cause).await,
            // Its DELETE says whether it is gone.
            None => None,
            Some(path) => {
                let reading = self.context.client.read(Request::get(path.clone()));
                Some(self.context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)?)
            }
        };
        match read {
            Some(Err(ReadError::Refused(error))) if error.meaning() == Meaning::NotFound => {
                self.not_found(&error).await.map(|step| match step {
                    Step::Gone(_) => Step::Gone(Gone::Unseen),
                    again => again,
                })
            }
            Some(Err(error)) => {
                let mut error = unknown(format!("{cause}; whether it is gone could not be read: {error}"));
                let destroy = self.context.settings.destroy_command();
                error.help.push(format!("run {destroy} again: it continues where it stopped"));
                Err(self.record_failed_removal(error).await?)
            }
            read @ (None | Some(Ok(_))) => {
                let still = if read.is_some() { "; it is still there" } else { "" };
                let mut error = unknown(format!("{cause}{still}"));
                self.failed_tasks += 1;
                if self.failed_tasks > FAILED_TASKS {
                    let destroy = self.context.settings.destroy_command();
                    error.help.push(format!("run {destroy} again: it continues where it stopped"));
                    return Err(self.record_failed_removal(error).await?);
                }
                Ok(Step::Again(Delay::Failed { cause: error.message }, IN_USE_PAUSE * self.failed_tasks))
            }
        }
    }

    /// The same of an undo that is no DELETE: what the step did to other resources says what came of it. It is not sent
    /// again unless that is still there.
    async fn missing_undo(&mut self, tasks: &[String], cause: String) -> Result<Step, Interruption> {
        let looking = effect_after(self.context, self.instance, self.call);
        let still = match self.context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)? {
            Effect::Gone => return Ok(Step::Gone(Gone::Unseen)),
            Effect::There => true,
            Effect::CannotTell => false,
        };
        self.failed_tasks += 1;
        let words = if still { format!("{cause}; what it takes back is still there") } else { cause };
        let mut error = self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        if still && self.failed_tasks <= FAILED_TASKS {
            return Ok(Step::Again(Delay::Failed { cause: error.message }, IN_USE_PAUSE * self.failed_tasks));
        }
        // The next command waits for it before anything is sent.
        error.task = tasks.first().cloned();
        let destroy = self.context.settings.destroy_command();
        let forget = forget(self.context, self.instance);
        error.help.push(format!("look whether `{}` was carried out; if it was, {forget}", self.call));
        error.help.push(format!("if not, take it back by hand, and do the same; {destroy} does not send it again"));
        Err(self.record_failed_removal(error).await?)
    }

    /// The error for a refused undo; without the hints that apply to creates. Its call is on record: a destroy reads no
    /// plan.
    fn refusal(&self, error: &ApiError) -> StepError {
        let mut refusal = self.context.refusal(&self.about, error);
        let destroy = self.context.settings.destroy_command();
        match error.meaning() {
            Meaning::NotFound => {
                refusal.help =
                    vec![format!("check that the key is of the account of the record, and run {destroy} again")];
            }
            Meaning::Rejected if !error.is_foreign() => {
                let forget = forget(self.context, self.instance);
                refusal.help = vec![
                    format!("mend what the API names, and run {destroy} again: it continues where it stopped"),
                    format!("or take it back by hand: then {forget}"),
                ];
            }
            _ => {}
        }
        if error.meaning() == Meaning::Conflict {
            refusal.help = vec![
                "remove the resource that the message names, then destroy again: it continues where it stopped"
                    .to_owned(),
            ];
            if self.call.method != Method::Delete {
                let drift = self.context.settings.drift_command();
                refusal.help.push(format!("if the change of the step is gone, {drift} records that"));
            }
        }
        refusal
    }

    /// The error for tasks of an accepted removal that the key may not read: it was not the removal that was refused.
    fn unseen(&self, tasks: &[String], error: &ApiError) -> StepError {
        let mut refusal = self.refusal(error);
        let tasks = tasks.join(", ");
        refusal.message = format!("its removal was accepted, and task {tasks} cannot be read: {}", refusal.message);
        refusal.effect = EffectKnown::Unknown;
        let destroy = self.context.settings.destroy_command();
        refusal.help.push(format!("run {destroy} again with a key that can read it: it continues where it stopped"));
        refusal
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
