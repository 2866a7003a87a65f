//! Attempts without an answer that were given up: sent again, or taken for lost. If one is carried out late, it makes a
//! resource that no step knows of; so does one whose task ended in ERROR, when lists show late what it left. Each is
//! searched for at the end of every run and before and after every teardown, for a quarter of an hour after it was
//! sent; what is certainly its work is recorded as a further resource of its step.

use jiff::SignedDuration;
use serde_json::Value;

use super::call::{decisions, in_the_way};
use super::called::Called;
use super::context::{About, RunContext};
use super::evidence::HELD_BACK;
use super::finish::{Ended, Finishing};
use super::interruption::Interruption;
use super::leftover::leftover;
use super::made::made;
use super::operation;
use super::ownership::Claimable;
use super::resolve::resolve_late;
use super::results;
use super::search::Resolved;
use crate::catalog::Operation;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, Record, RecordedResource, StepResult, Unanswered, id_text};
use crate::kind::resource_name;

/// Searches for every such attempt on record, except for those of steps that have just ended as unknown. Returns those
/// whose resource may exist, or may be another client's.
///
/// # Errors
///
/// [`Interruption`] when the run ends, or the record cannot be written.
pub async fn look_for_unanswered(
    context: &RunContext,
    except: &HashSet<InstanceId>,
) -> Result<Vec<(InstanceId, StepError)>, Interruption> {
    let open = context.journal.with_status(|status| {
        let open = status.unanswered();
        let open = open.filter(|(instance, known)| known.phase != Phase::InDoubt && !except.contains(*instance));
        open.map(|(instance, known)| (instance.clone(), known.clone())).collect::<Vec<_>>()
    });
    let mut undecided = Vec::new();
    for (instance, known) in open {
        for attempt in &known.earlier {
            let late = OpenAttempt { context, instance: &instance, known: &known, attempt };
            let looked = context.stopped.or_leave(late.look()).await.map_err(Interruption::Stopped)?;
            undecided.extend(looked?.map(|error| (instance.clone(), error)));
        }
    }
    Ok(undecided)
}

/// Warns about attempts of which nothing was found and that may still be carried out after the command, however it
/// ends. `unknown`: instances of which that is said already.
pub fn warn_of_open(context: &RunContext, unknown: &HashSet<InstanceId>) {
    let open = context.journal.with_status(|status| {
        let open = status.unanswered().filter(|(instance, _)| !unknown.contains(*instance));
        let left = open.map(|(instance, known)| {
            // One whose task ended in ERROR is not carried out any more.
            let unanswered = known.earlier.iter().filter(|attempt| attempt.failed.is_empty());
            (instance.clone(), unanswered.map(|attempt| expected_for(context, attempt)).max())
        });
        left.filter_map(|(instance, left)| Some((instance, left?))).collect::<Vec<_>>()
    });
    let Some(longest) = open.iter().map(|(_, left)| *left).max().filter(|left| left.is_positive()) else { return };
    let names: Vec<String> = open.iter().map(|(instance, _)| format!("`{instance}`")).collect();
    context.warn(format!(
        "never answered, and nothing was found of it: a call of {}; it may still be carried out within {} min: \
         another run, or {}, searches once more",
        names.join(", "),
        longest.as_secs().div_euclid(60) + 1,
        context.settings.destroy_command()
    ));
}

/// For how much longer the API may carry an attempt out; not positive when that time is over.
fn expected_for(context: &RunContext, attempt: &Unanswered) -> SignedDuration {
    let client = &context.client;
    let sent = attempt.intent.mark.server_time.unwrap_or_else(|| client.server_time(attempt.at));
    HELD_BACK - client.server_time(context.now()).duration_since(sent)
}

/// An attempt that was given up.
struct OpenAttempt<'a> {
    context: &'a RunContext,
    instance: &'a InstanceId,
    known: &'a InstanceStatus,
    attempt: &'a Unanswered,
}

impl OpenAttempt<'_> {
    /// Searches for it. `Some` when its outcome stays unknown.
    async fn look(&self) -> Result<Option<StepError>, Interruption> {
        let call = &self.attempt.intent.call;
        let matched = operation::operation_of(self.context.catalog, call);
        let operation = matched.as_ref().map(|(operation, _)| operation.as_ref());
        // A repeated call has replaced what the earlier attempt did, and will do.
        let is_replaced = !operation::or_changes(operation) || self.known.phase == Phase::Succeeded;
        if !makes_something(operation) || (operation::is_repeatable(call.method, operation) && is_replaced) {
            return self.record_resolved(Vec::new(), None).await;
        }
        if !self.attempt.failed.is_empty() {
            return self.left_behind().await;
        }
        match resolve_late(self.context, self.attempt, &[], &self.known.disowned).await {
            Resolved::Task { task, evidence, .. } => {
                let called = Called::Tasks { tasks: vec![task], status: None, evidence: Some(evidence) };
                self.complete(called).await
            }
            Resolved::Resource { item, evidence, .. } => {
                self.complete(Called::Found { item, evidence: Some(evidence) }).await
            }
            Resolved::Undecided(candidates) => Ok(Some(self.undecided(&candidates))),
            Resolved::NoCandidate | Resolved::Done if self.attempt.may_stand_in_the_way() => {
                let words = in_the_way(self.context.catalog, self.attempt);
                Ok(Some(self.unknown(words, decisions(&self.context.settings, self.instance))))
            }
            Resolved::NoCandidate | Resolved::Done if self.is_over() => self.record_resolved(Vec::new(), None).await,
            Resolved::NoCandidate | Resolved::Done => Ok(None),
            // The next search may have an answer.
            Resolved::CannotTell(error) => {
                let (instance, number) = (self.instance, self.attempt.intent.attempt);
                self.context.warn(format!(
                    "`{instance}`: attempt {number} was never answered, and its outcome could not be resolved: \
                     {error}"
                ));
                Ok(None)
            }
        }
    }

    /// Searches for resources that the attempt made although its task ended in ERROR, and records them. `Some` when the
    /// outcome stays unknown.
    async fn left_behind(&self) -> Result<Option<StepError>, Interruption> {
        let intent = &self.attempt.intent;
        let Some((operation, parameters)) = operation::operation_of(self.context.catalog, &intent.call) else {
            return self.record_resolved(Vec::new(), None).await;
        };
        let answered = results::result_of_answer(Some(&operation), &intent.call, 0, Value::Null);
        let tasks = self.attempt.failed.clone();
        let result = StepResult { kind: answered.kind, name: answered.name, tasks, ..StepResult::default() };
        match leftover(self.context, self.attempt, &operation, &parameters, result, None).await {
            Some(found) if found.result.id.is_some() => {
                let made = made(self.context.catalog, &intent.call, &found.result, &intent.undo);
                self.record_resolved(found.result.tasks.into(), Some(made)).await
            }
            Some(found) if !found.candidates.is_empty() => Ok(Some(self.undecided(&found.candidates))),
            // Lists may be late, whatever they show now.
            Some(_) if !self.is_over() => Ok(None),
            _ => self.record_resolved(Vec::new(), None).await,
        }
    }

    /// Waits for the tasks of the attempt and records what they made.
    async fn complete(&self, called: Called) -> Result<Option<StepError>, Interruption> {
        let intent = &self.attempt.intent;
        let matched = operation::matched(self.context.catalog, &intent.call);
        let about = self.about();
        let since = self.context.clock().elapsed();
        let finishing = Finishing::of_record(intent, &matched, &about, since, Some(self.attempt.at));
        if self.is_only_attempt_with_effect() {
            return self.take_as_result(&finishing, called).await;
        }
        let ended = match finishing.await_end(self.context, called).await {
            Err(Interruption::StillWaiting { tasks, unread, .. }) => {
                return Ok(Some(self.still_running(&tasks, unread)));
            }
            Err(Interruption::Failed(error)) => return Ok(Some(error)),
            ended => ended?,
        };
        match ended {
            Ended::Succeeded(result, _) => {
                let made = finishing.made(self.context, &result);
                self.record_resolved(result.tasks.into(), Some(made)).await
            }
            Ended::InError { tasks, .. } => {
                let left = finishing.leftover(self.context, &tasks).await;
                match left.made.is_none() && !left.candidates.is_empty() {
                    true => Ok(Some(self.undecided(&left.candidates))),
                    false => self.record_resolved(tasks.into_iter().map(|task| task.id).collect(), left.made).await,
                }
            }
            Ended::Missing { tasks, .. } => {
                let attempt = Unanswered { missing: tasks.clone().into(), ..self.attempt.clone() };
                match resolve_late(self.context, &attempt, &[], &self.known.disowned).await {
                    Resolved::Resource { item, evidence, .. } => {
                        Box::pin(self.complete(Called::Found { item, evidence: Some(evidence) })).await
                    }
                    _ => Ok(Some(self.undecided(&tasks.iter().map(|task| format!("task {task}")).collect::<Vec<_>>()))),
                }
            }
            Ended::NotOurs(tasks) => {
                for task in &tasks {
                    self.context.owners.release(&Claimable::task(task), self.instance);
                }
                Ok(Some(self.undecided(&tasks.iter().map(|task| format!("task {task}")).collect::<Vec<_>>())))
            }
        }
    }

    /// Whether no later attempt made anything: each was refused.
    fn is_only_attempt_with_effect(&self) -> bool {
        matches!(self.known.phase, Phase::Failed | Phase::Absent) && self.known.made.is_empty()
    }

    /// Completes the attempt as the one whose result is that of the step, so that no run sends the call again.
    async fn take_as_result(
        &self,
        finishing: &Finishing<'_>,
        called: Called,
    ) -> Result<Option<StepError>, Interruption> {
        let attempt = self.attempt.intent.attempt;
        let mut records = vec![Record::Found { instance: self.instance.clone(), attempt }];
        if let Called::Tasks { tasks, status, evidence } = &called {
            records.push(Record::Accepted {
                instance: self.instance.clone(),
                tasks: tasks.clone(),
                recovered: true,
                status: *status,
                evidence: *evidence,
            });
        }
        self.context.journal.append(records).await?;
        let result = match finishing.finish(self.context, called, Provenance::Recovered).await {
            Err(Interruption::StillWaiting { tasks, unread, .. }) => {
                return Ok(Some(self.still_running(&tasks, unread)));
            }
            Err(Interruption::Failed(error)) => return Ok(Some(error)),
            result => result?,
        };
        if let Some(result) = result {
            let id = result.id.as_deref().map(id_text).unwrap_or_default();
            self.context.warn(format!(
                "`{}`: attempt {attempt}, which was never answered, was carried out after all: {} is on record as the \
                 result of the step, and no run sends the call again",
                self.instance,
                resource_name(result.kind.as_deref(), &id)
            ));
        }
        Ok(None)
    }

    /// Records the outcome of the attempt, and emits what exists of it.
    async fn record_resolved(
        &self,
        tasks: Vec<String>,
        made: Option<RecordedResource>,
    ) -> Result<Option<StepError>, Interruption> {
        let (instance, attempt) = (self.instance.clone(), self.attempt.intent.attempt);
        let words = made
            .as_ref()
            .map(|made| resource_name(made.kind.as_deref(), &made.id.as_deref().map(id_text).unwrap_or_default()));
        let record = Record::Resolved { instance, attempt, tasks, made: made.map(Box::new) };
        self.context.journal.append(vec![record]).await?;
        if let Some(made) = words {
            let why = match self.attempt.failed.is_empty() {
                true => "which was never answered, was carried out after all",
                false => "which ended in ERROR, left a resource behind",
            };
            self.context.warn(format!(
                "`{}`: attempt {attempt}, {why}: {made} is on record as well, and is removed with the step",
                self.instance
            ));
        }
        Ok(None)
    }

    fn undecided(&self, candidates: &[String]) -> StepError {
        let attempt = self.attempt.intent.attempt;
        let words = match candidates {
            [] => format!("what attempt {attempt} made is not known, and the API has no list that would show it"),
            some => format!(
                "what attempt {attempt} made is not known; these may be its work, or another client's: {}",
                some.join(", ")
            ),
        };
        let settings = &self.context.settings;
        let resolve = |decision: &str| settings.state_command("resolve", self.instance, decision);
        let help = vec![
            format!("decide with {} (it made that, too)", resolve("--id ID")),
            format!("or {} (it made none of them)", resolve("--not-applied")),
        ];
        self.unknown(words, help)
    }

    fn unknown(&self, words: String, help: Vec<String>) -> StepError {
        let error = self.context.error(&self.about(), EffectKnown::Unknown, ErrorClass::Unknown, words);
        StepError { help, ..error }
    }

    fn still_running(&self, tasks: &[String], unread: Option<String>) -> StepError {
        let tasks = tasks.join(", ");
        let now = match unread {
            None => format!("its task still runs: {tasks}"),
            Some(answer) => format!("its task {tasks} cannot be read: {answer}"),
        };
        let attempt = self.attempt.intent.attempt;
        let words = format!("attempt {attempt}, which was never answered, was carried out after all, and {now}");
        let mut error = self.context.error(&self.about(), EffectKnown::Applied, ErrorClass::Unknown, words);
        let destroy = self.context.settings.destroy_command();
        error.help.push(format!("run again, or {destroy}: it is waited for"));
        error
    }

    /// Whether it was sent too long ago to be carried out now.
    fn is_over(&self) -> bool {
        expected_for(self.context, self.attempt).is_negative()
    }

    fn about(&self) -> About {
        About { call: Some(self.attempt.intent.call.clone()), place: None }
    }
}

fn makes_something(operation: Option<&Operation>) -> bool {
    operation.is_none_or(|operation| operation.creates.is_some())
}

#[cfg(test)]
mod tests;
