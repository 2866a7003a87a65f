//! Taking one instance away again, from the record alone.
//!
//! What is in doubt is resolved first, what runs is waited for; then every thing it made is removed by its recorded call,
//! the youngest first. 404 is done. "In use" and locks are tried again within a budget.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::before::before_delete;
use super::call::{Called, Leaving, Sent, Write, headers_of, send, stamp_value, tasks_of};
use super::context::{About, RunContext};
use super::evidence::tags::{STAMP, tag};
use super::finish::Finishing;
use super::interruption::Interruption;
use super::lock::{Locks, Refused};
use super::made::{along_with, read_of, taken_along, taking_along};
use super::prove::prove;
use super::resolve::Doubt;
use super::results;
use super::teardown::Extent;
use super::turn::parent_turn;
use super::undo::{Became, intent_of, look_for, new_nonce};
use super::update::update_of_result;
use super::watch::{Awaited, TaskEnd};
use crate::api::{ApiError, Meaning, Policy, Request};
use crate::catalog::pace_of;
use crate::event::{Delay, EffectKnown, ErrorClass, Event, Provenance, StepError};
use crate::id::InstanceId;
use crate::journal::{
    Evidence, Head, InstanceStatus, Intent, JournalError, Phase, Record, RecordedCall, RecordedResource, Unanswered,
    may_undo,
};
use crate::plan::Wait;
use crate::shared::Shared;

/// How long "in use" and locks are waited for: what uses it is usually being removed as well.
const BUDGET: Duration = Duration::from_secs(5 * 60);
/// How long, when what uses it is named and no record of ours knows it.
const STRANGERS_BUDGET: Duration = Duration::from_secs(30);
/// What was made this short a time ago may not be found yet, although it is there.
const UNSEEN: SignedDuration = SignedDuration::from_secs(60);
const IN_USE_PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// A task that ended in ERROR is tried again this often: what it stumbled over may be gone by then.
const FAILED_TASKS: u32 = 2;

/// Removes what an instance made. `Ok(true)` when something was there to remove.
///
/// # Errors
///
/// [`Interruption`] when something is left.
pub async fn remove(context: &RunContext, instance: &InstanceId, extent: Extent) -> Result<bool, Interruption> {
    bring_to_an_end(context, instance).await?;
    let Some(status) = status_of(context, instance) else { return Ok(false) };
    let stays = match extent {
        Extent::Whole => 0,
        Extent::ThisRun => context.journal.with_status(|status| status.made_before(instance)),
    };
    let mut removed = false;
    for (at, made) in status.made.iter().enumerate().skip(stays).rev() {
        removed |= remove_made(context, instance, &status, made, at > stays).await?;
    }
    name_what_stays(context, instance, &status);
    let instance = instance.clone();
    let gone = match stays {
        0 => Record::Removed { instance },
        _ => Record::RolledBack { instance },
    };
    context.journal.append(vec![gone]).await?;
    Ok(removed)
}

/// What a create made and no call takes away, and things of the kinds that outlive a step's main thing, that its call only
/// touched and no other step owns: said once.
fn name_what_stays(context: &RunContext, instance: &InstanceId, known: &InstanceStatus) {
    let Some(result) = &known.result else { return };
    let matched = known.agrees.as_ref().and_then(|call| results::operation_of(context.catalog, call));
    if matched.as_ref().is_some_and(|(operation, _)| operation.creates.is_some()) {
        for made in known.made.iter().filter(|made| made.undo.is_none()) {
            let (Some(kind), Some(id)) = (&made.kind, &made.id) else { continue };
            context.warn(format!("`{instance}`: {kind} {} stays: no `undo` takes it away", results::id_text(id)));
        }
    }
    let stays =
        matched.iter().filter_map(|(operation, _)| operation.creates.as_ref()).flat_map(|creates| &creates.stays);
    for kind in stays {
        for id in result.touched.get(kind).and_then(serde_json::Value::as_array).into_iter().flatten() {
            if context.journal.with_status(|status| status.owner_besides(instance, kind, id).is_none()) {
                context.warn(format!("`{instance}`: {} {} stays: it was there before", kind, results::id_text(id)));
            }
        }
    }
}

fn status_of(context: &RunContext, instance: &InstanceId) -> Option<Shared<InstanceStatus>> {
    context.journal.with_status(|status| status.instances.get(instance).cloned())
}

/// An intent without answer is resolved, accepted tasks are waited for: afterwards it is known what there is to remove.
async fn bring_to_an_end(context: &RunContext, instance: &InstanceId) -> Result<(), Interruption> {
    let Some(status) = status_of(context, instance) else { return Ok(()) };
    let Some(intent) = &status.intent else { return Ok(()) };
    let matched = results::operation_of(context.catalog, &intent.call);
    let (operation, parameters) =
        matched.map_or((None, Vec::new()), |(operation, parameters)| (Some(operation), parameters));
    let about = About { call: Some(intent.call.clone()), place: None };
    let called = match &status.phase {
        // What can be repeated made nothing new, and what is to go need not be known to be changed.
        Phase::InDoubt
            if results::is_repeatable(intent.call.method, operation.as_deref()) || intent.update.is_some() =>
        {
            return not_found(context, instance, &about, false).await;
        }
        Phase::InDoubt => {
            let write = Write {
                operation: operation.clone(),
                parameters: parameters.clone(),
                // Never sent: what is not found will not be made only to be removed.
                request: RunContext::request(&intent.call),
                intent: Intent::clone(intent),
                about: about.clone(),
                retry: None,
                stamp: false,
            };
            let Some(doubt) = Doubt::recorded(context, &status) else { return Ok(()) };
            match write.find(context, &doubt).await? {
                Some(called) => called,
                None => return not_found(context, instance, &about, true).await,
            }
        }
        Phase::Accepted { tasks, recovered, status: answered } => {
            let evidence = recovered.then(|| status.evidence.unwrap_or(Evidence::Likeness));
            Called::Tasks { tasks: tasks.clone(), status: *answered, evidence }
        }
        _ => return Ok(()),
    };
    // An earlier attempt may be the one that was found.
    let found = status_of(context, instance).and_then(|status| status.intent.clone());
    let intent = found.as_ref().unwrap_or(intent);
    let finishing = Finishing {
        intent,
        operation: operation.as_deref(),
        parameters: &parameters,
        about: &about,
        undo: Box::new(|_| intent.undo.clone()),
        wait: &Wait { timeout: intent.timeout_ms.map(Duration::from_millis), ..Wait::default() },
        updates: update_of_result(intent, &status),
        since: context.clock().elapsed(),
        usable: false,
        hopeless: Box::new(|_, _| None),
        resumed: status.intended_at,
    };
    let provenance = if called.is_recovered() { Provenance::Recovered } else { Provenance::Continued };
    match finishing.finish(context, called, provenance).await {
        Ok(Some(_)) => Ok(()),
        // In doubt again, without the tasks that proved to be another's.
        Ok(None) => Box::pin(bring_to_an_end(context, instance)).await,
        // A failed create may have left something, which is on record by now.
        Err(Interruption::Failed(_))
            if status_of(context, instance).is_none_or(|status| !matches!(status.phase, Phase::Accepted { .. })) =>
        {
            Ok(())
        }
        Err(why) => Err(why),
    }
}

/// `expected`: it may be carried out yet, and would make something.
async fn not_found(
    context: &RunContext,
    instance: &InstanceId,
    about: &About,
    expected: bool,
) -> Result<(), Interruption> {
    let words = "never answered, and nothing was found of it";
    let error = context.error(about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
    let record = Record::NotApplied { instance: instance.clone(), error, unanswered: expected };
    Ok(context.journal.append(vec![record]).await?)
}

/// Removes one thing and what was made beside it: nothing that cannot be shown to be made by the same call. A router is
/// taken away before its network, which it keeps in use; what else is beside goes along where the API can do that, or
/// afterwards, as a volume does once its machine is gone.
async fn remove_made(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    more: bool,
) -> Result<bool, Interruption> {
    if made.uncertain && made.undo.is_some() && !carries_our_stamp(context, instance, made).await {
        return Err(Interruption::Failed(kept(context, instance, made)));
    }
    let along = made.undo.as_ref().map(|undo| along_with(context.catalog, made.kind.as_deref(), undo));
    let along = along.unwrap_or_default();
    let main = made.undo.as_ref().map(|undo| taken_along(context.catalog, &along, undo));
    let (undo, taken) = main.map_or((None, Vec::new()), |(undo, taken)| (Some(undo), taken));
    let secondary = made.secondary.iter().cloned().chain(taken).collect();
    let proven = context
        .stopped
        .or_leave(prove(context, instance, known, made, secondary))
        .await
        .map_err(Interruption::Stopped)?;
    for (kind, id, why) in &proven.theirs {
        context.warn(format!("`{instance}`: {} {} stays: {why}", kind, results::id_text(id)));
    }

    let goes_along = |secondary: &RecordedResource| {
        undo.is_some() && along.iter().any(|also| secondary.kind.as_ref() == Some(&also.kind))
    };
    let (before, after): (Vec<&RecordedResource>, Vec<&RecordedResource>) =
        proven.ours.iter().partition(|secondary| secondary.kind.as_deref() == Some("routers"));
    let (mut with, mut after): (Vec<&RecordedResource>, Vec<&RecordedResource>) =
        after.into_iter().partition(|secondary| goes_along(secondary));
    for secondary in before {
        remove_one(context, instance, secondary, None).await?;
    }
    if let Some(delete) = &undo {
        prepare(context, instance, known, delete).await?;
    }
    let main =
        RecordedResource { undo: undo.map(|undo| taking_along(&undo, &along, with.iter().copied())), ..made.clone() };
    let removed = remove_one(context, instance, &main, made.lock.as_deref()).await?;
    if removed == Some(Gone::Already) {
        // Nobody took them along.
        after.append(&mut with);
    }
    if removed.is_some() && (more || !after.is_empty() || !proven.unclear.is_empty()) {
        part_removed(context, instance, made).await?;
    }
    for secondary in after {
        remove_one(context, instance, secondary, None).await?;
        part_removed(context, instance, secondary).await?;
    }
    match proven.unclear.into_iter().next() {
        Some((_, error)) => Err(Interruption::Failed(error)),
        None => Ok(removed.is_some()),
    }
}

/// Whether what was once taken for ours by likeness shows by its tag that it is.
async fn carries_our_stamp(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> bool {
    let (Some(kind), Some(id), Some(undo)) = (&made.kind, &made.id, &made.undo) else { return false };
    let Some(path) = read_of(context.catalog, kind, id, undo) else { return false };
    let owner = stamp_value(&context.settings.plan, &context.settings.environment, instance);
    let read = context.client.read(Request::get(path)).await;
    read.is_ok_and(|item| tag(&item, None, STAMP) == Some(owner))
}

/// Why something that another may own stays.
fn kept(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let words = "kept: it was taken for this step's by its likeness alone, and may be somebody else's";
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
    error.help.push(format!("if it is yours, delete it by hand; then `plan state forget '{instance}'`"));
    error
}

/// Makes the calls without which a delete would be refused. One that is refused itself may have been made before: whether
/// it matters, the delete tells.
async fn prepare(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    delete: &RecordedCall,
) -> Result<(), Interruption> {
    let intended = known.intent.as_ref().filter(|intent| intent.update.is_none()).map(|intent| &intent.call);
    let Some(create) = known.agrees.as_ref().or(intended) else { return Ok(()) };
    for call in before_delete(context.catalog, create, delete) {
        match Removal::new(context, instance, &call).run().await {
            Ok(_) | Err(Interruption::Failed(_) | Interruption::Unknown(_)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// What is gone is on record before anything else is tried: whatever fails then, it is not taken for there any more.
async fn part_removed(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
) -> Result<(), JournalError> {
    let record = Record::PartRemoved { instance: instance.clone(), kind: made.kind.clone(), id: made.id.clone() };
    context.journal.append(vec![record]).await
}

/// How something came to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Already,
    Now,
}

async fn remove_one(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
    lock: Option<&str>,
) -> Result<Option<Gone>, Interruption> {
    let Some(call) = &made.undo else { return Ok(None) };
    let known = status_of(context, instance).and_then(|known| known.intent.clone());
    let why = match () {
        () if call.lacks_a_secret() => Some("needs a secret, and the record holds none"),
        // Written by an earlier version, for a result that had no id.
        () if call.path.split('/').any(|segment| segment == "null") => Some("does not say what it is about"),
        () if !may_undo(context.catalog, known.as_ref().map(|intent| &*intent.call), call) => {
            Some("is none of the API's")
        }
        () => None,
    };
    if let Some(why) = why {
        let about = About { call: Some(call.clone().into()), place: None };
        let words = format!("the call that would take it back {why}: it is not sent");
        let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
        error.help.push(format!("remove it by hand, then `plan state forget '{instance}'`"));
        return Err(Interruption::Failed(error));
    }
    let _alone = parent_turn(context, instance, lock).await.map_err(Interruption::Stopped)?;
    let mut removal = Removal::new(context, instance, call);
    let gone = match removal.resumed().await? {
        Some(gone) => gone,
        None => removal.run().await?,
    };
    context.events.emit(Event::ResourceRemoved {
        instance: instance.clone(),
        kind: made.kind.clone(),
        id: made.id.as_ref().map(results::id_text),
        already_gone: gone == Gone::Already,
    });
    Ok(Some(gone))
}

/// Ids that a refusal names, of things that this record does not know.
fn strangers(context: &RunContext, call: &RecordedCall, message: &str) -> Vec<String> {
    let words = message.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
    let ids = words.filter(|word| uuid::Uuid::try_parse(word).is_ok() && !call.path.contains(word));
    let ids: std::collections::BTreeSet<&str> = ids.collect();
    context.journal.with_status(|status| {
        let strangers = ids.iter().filter(|id| !status.knows(id)).map(|id| (*id).to_owned());
        let strangers: Vec<String> = strangers.collect();
        // One of ours among them will be gone soon, and perhaps the others with it.
        if strangers.len() == ids.len() { strangers } else { Vec::new() }
    })
}

struct Removal<'a> {
    context: &'a RunContext,
    instance: &'a InstanceId,
    call: &'a RecordedCall,
    about: About,
    /// When what is to be removed was made.
    made_at: Option<Timestamp>,
    /// An earlier removal may have taken it away.
    tried_before: bool,
    /// Attempts that were looked for and not found, and must not do their work besides another.
    lost: Vec<Unanswered>,
    attempt: u32,
    failed_tasks: u32,
    locks: Locks,
    started: Duration,
}

enum Step {
    Gone(Gone),
    Again(Delay, Duration),
    /// What held it is gone.
    AgainNow,
}

impl<'a> Removal<'a> {
    fn new(context: &'a RunContext, instance: &'a InstanceId, call: &'a RecordedCall) -> Self {
        let (made_at, tried_before) = context.journal.with_status(|status| {
            let known = status.instances.get(instance).map(|known| &**known);
            let removing =
                |known: &InstanceStatus| matches!(known.phase, Phase::Removing | Phase::RemovalAccepted { .. });
            (known.and_then(|known| known.finished_at.or(known.intended_at)), known.is_some_and(removing))
        });
        Self {
            context,
            instance,
            call,
            about: About { call: Some(call.clone().into()), place: None },
            made_at,
            tried_before,
            lost: Vec::new(),
            attempt: 0,
            failed_tasks: 0,
            locks: Locks::default(),
            started: context.clock().elapsed(),
        }
    }

    /// What an earlier run began and must not be repeated blindly: its tasks are waited for, its lost answer looked for.
    /// `None`: there is nothing of it, and the call may be made.
    async fn resumed(&mut self) -> Result<Option<Gone>, Interruption> {
        let Some(status) = status_of(self.context, self.instance) else { return Ok(None) };
        let Some(intent) = status.removal.clone().filter(|intent| *intent.call == *self.call) else { return Ok(None) };
        let step = match &status.phase {
            Phase::RemovalAccepted { tasks } => Some(self.wait(tasks.clone()).await?),
            _ => self.unanswered(&intent, "no answer is on record", Duration::ZERO, None).await?,
        };
        Ok(match step {
            Some(Step::Gone(gone)) => Some(gone),
            Some(Step::Again(..) | Step::AgainNow) | None => None,
        })
    }

    /// An attempt that has no answer, and would do its work twice if it were made again. `None`: it did nothing.
    async fn unanswered(
        &mut self,
        intent: &Intent,
        cause: &str,
        since: Duration,
        head: Option<Head>,
    ) -> Result<Option<Step>, Interruption> {
        // Where nobody can tell, it stays in doubt.
        let attempt = Unanswered { intent: intent.clone().into(), at: self.context.now(), head };
        let looking = look_for(self.context, attempt.clone(), &self.lost, &self.about, cause, since);
        match self.context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)?? {
            Became::Tasks(tasks) => self.accepted(tasks).await.map(Some),
            Became::Done => Ok(Some(Step::Gone(Gone::Now))),
            Became::Nothing => {
                self.lost.push(attempt);
                Ok(None)
            }
        }
    }

    async fn run(&mut self) -> Result<Gone, Interruption> {
        loop {
            self.context.stopped.may_go_on().map_err(Interruption::Stopped)?;
            self.attempt += 1;
            let intent = intent_of(self.context, self.instance, self.call, self.attempt);
            let removing = Record::Removing {
                instance: self.instance.clone(),
                call: self.call.clone(),
                attempt: self.attempt,
                intent: intent.clone().map(Box::new),
            };
            self.context.journal.append(vec![removing]).await?;
            let mut request = RunContext::request(self.call);
            let mark = intent.as_ref().map(|intent| intent.mark.clone());
            let mark = mark.unwrap_or_else(|| self.context.mark(self.instance, &new_nonce()));
            request.headers.extend(headers_of(&mark));
            let leaving = Leaving { instance: self.instance, call: self.call, attempt: self.attempt };
            let sent = send(self.context, leaving, request).await;
            let lost = matches!(sent, Sent::Lost { .. });
            let step = self.answered(sent, intent.as_ref()).await?;
            self.tried_before |= lost;
            match step {
                Step::Gone(gone) => return Ok(gone),
                Step::AgainNow => {}
                Step::Again(reason, pause) => {
                    let pause_ms = super::finish::millis(pause);
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

    async fn answered(&mut self, sent: Sent, intent: Option<&Intent>) -> Result<Step, Interruption> {
        match sent {
            Sent::Answer { value, .. } => match tasks_of(&value) {
                Some(tasks) if !tasks.is_empty() => self.accepted(tasks).await,
                _ => Ok(Step::Gone(Gone::Now)),
            },
            Sent::Refused(error) => self.refused(error).await,
            Sent::Unsent(cause) => {
                // Nothing was sent because the run ends: not a matter of the network.
                self.context.stopped.may_go_on().map_err(Interruption::Stopped)?;
                let words = format!("the API could not be reached: {cause}");
                self.again_or_left(Delay::NotSent { cause }, &words, None).await
            }
            Sent::NoConnection(cause) => {
                let words = format!("the API could not be reached: {cause}");
                // An earlier try may have been carried out.
                let effect = if self.tried_before { EffectKnown::Unknown } else { EffectKnown::NotApplied };
                let mut error = self.context.error(&self.about, effect, ErrorClass::Unreachable, words);
                error.help.push("run `plan destroy` again: it continues where it stopped".to_owned());
                Err(self.left(error).await?)
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
            _ => {
                let refusal = self.refusal(&error);
                Err(self.left(refusal).await?)
            }
        }
    }

    /// 404 is gone, when the key can see where it was, and it is not too young to be seen.
    async fn not_found(&mut self, error: &ApiError) -> Result<Step, Interruption> {
        let seen = self.context.sight.of(self.context, self.call);
        if let Err(blind) = self.context.stopped.or_leave(seen).await.map_err(Interruption::Stopped)? {
            self.left(blind.clone()).await?;
            return Err(Interruption::Blind(blind));
        }
        let young = self.made_at.is_some_and(|made| self.context.now().duration_since(made) < UNSEEN);
        if young && !self.tried_before {
            let cause = format!("made a moment ago, and not to be found yet: {}", error.story());
            return Ok(Step::Again(Delay::Failed { cause }, IN_USE_PAUSE));
        }
        Ok(Step::Gone(Gone::Already))
    }

    /// Something uses it. What this record knows is usually being removed as well; what others made will not go by itself.
    async fn in_use(&mut self, error: &ApiError, after: Option<Duration>) -> Result<Step, Interruption> {
        let strangers = strangers(self.context, self.call, &error.message);
        let budget = if strangers.is_empty() { BUDGET } else { STRANGERS_BUDGET };
        let help = match strangers.is_empty() {
            true => "run `plan destroy` again once nothing uses it any more".to_owned(),
            false => format!("this record knows nothing of {}: once that is gone, try again", strangers.join(", ")),
        };
        self.again_within(budget, Delay::InUse { by: strangers }, error, after, help).await
    }

    async fn wait_for_lock(&mut self, error: &ApiError) -> Result<Step, Interruption> {
        let matched = results::operation_of(self.context.catalog, self.call);
        let (operation, parameters) = matched.map_or((None, Vec::new()), |(found, values)| (Some(found), values));
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
        let help = "run `plan destroy` again: it continues where it stopped".to_owned();
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
            return Err(self.left(refusal).await?);
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
                let mut error = self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unreachable, cause);
                error.help.push("run `plan destroy` again: it continues where it stopped".to_owned());
                Err(self.left(error).await?)
            }
        }
    }

    async fn accepted(&mut self, tasks: Vec<String>) -> Result<Step, Interruption> {
        let accepted = Record::RemovalAccepted { instance: self.instance.clone(), tasks: tasks.clone() };
        self.context.journal.append(vec![accepted]).await?;
        self.wait(tasks).await
    }

    async fn wait(&mut self, tasks: Vec<String>) -> Result<Step, Interruption> {
        let matched = results::operation_of(self.context.catalog, self.call);
        let (task_type, place) = matched.map_or((None, super::watch::Place::default()), |(operation, parameters)| {
            (operation.task_types.first().cloned(), super::call::place_of(&parameters))
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
                let words = format!("its removal still runs: task {}", tasks.join(", "));
                let error = self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
                return Err(self.left(error).await?);
            }
        };
        for end in ends {
            match end {
                TaskEnd::Finished(_) => {}
                TaskEnd::Failed(task) => {
                    results::hide_data(&self.context.secrets, &task);
                    let words = format!("task {} ended in ERROR: {}", task.id, self.context.words_of(&task));
                    let mut error = self.context.error(&self.about, EffectKnown::NotApplied, ErrorClass::Task, words);
                    error.task = Some(task.id.clone());
                    self.failed_tasks += 1;
                    if self.failed_tasks > FAILED_TASKS {
                        return Err(self.left(error).await?);
                    }
                    let record = Record::RemovalFailed { instance: self.instance.clone(), error };
                    self.context.journal.append(vec![record]).await?;
                    return Ok(Step::Again(Delay::InUse { by: Vec::new() }, IN_USE_PAUSE * self.failed_tasks));
                }
                TaskEnd::Refused(error) => {
                    let refusal = self.refusal(&error);
                    return Err(self.left(refusal).await?);
                }
            }
        }
        Ok(Step::Gone(Gone::Now))
    }

    /// An undo that was refused: what helps a create does not help here.
    fn refusal(&self, error: &ApiError) -> StepError {
        let mut refusal = self.context.refusal(&self.about, error);
        if error.meaning() == Meaning::Conflict {
            refusal.help =
                vec!["take away what stands in the way, then destroy again: it continues where it stopped".to_owned()];
        }
        refusal
    }

    async fn left(&self, error: StepError) -> Result<Interruption, JournalError> {
        let record = Record::RemovalFailed { instance: self.instance.clone(), error: error.clone() };
        self.context.journal.append(vec![record]).await?;
        Ok(Interruption::Failed(error))
    }
}
