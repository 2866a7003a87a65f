//! The write of one instance: up to the tasks that it started, and from their end to the result.
//!
//! While it waits, an instance holds the ids of its tasks, the operation and the lock of the parent; what else is
//! needed afterwards is on record.

use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::call::Write;
use super::called::Called;
use super::context::About;
use super::finish::{Finishing, PendingTasks, TaskEnds};
use super::instance::{Instance, Intended};
use super::interruption::Interruption;
use super::operation::{self, Matched};
use super::permits::parent_lock;
use super::project_region::ProjectRegion;
use super::resolve::InDoubt;
use super::turn::{Accepted, TurnEnd};
use super::update::update_of_result;
use super::watch::TaskEnd;
use crate::event::Provenance;
use crate::id::InstanceId;
use crate::journal::{Evidence, InstanceStatus, Intent, Phase, RecordedCall, StepResult};
use crate::plan::Wait;
use crate::shared::Shared;

impl Instance {
    /// Waits for the lock of the parent that the API locks; held until the tasks of the write are done.
    async fn enter(
        &self,
        id: &InstanceId,
        call: &RecordedCall,
        (operation, parameters): &Matched,
    ) -> Result<Option<OwnedMutexGuard<()>>, Interruption> {
        let lock = operation.as_ref().and_then(|operation| operation::lock_value(operation, call, parameters));
        parent_lock(&self.run.context, id, lock.as_deref()).await.map_err(Interruption::Stopped)
    }

    /// Sends a write, and completes it unless it started tasks.
    pub(super) async fn make(
        &self,
        write: &Write,
        known: &InstanceStatus,
        in_doubt: Option<InDoubt>,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<TurnEnd, Interruption> {
        let matched = operation::matched(self.run.context.catalog, &write.intent.call);
        let lock = Box::pin(self.enter(&write.intent.instance, &write.intent.call, &matched)).await?;
        let called = match Box::pin(write.make(&self.run.context, known.attempts, in_doubt)).await {
            Ok(called) => called,
            Err(Interruption::Conflict(refusal)) => {
                return Box::pin(self.conflict(write, refusal, provenance, started)).await.map(TurnEnd::from);
            }
            Err(why) => return Err(why),
        };
        // However the outcome was found, a change in place is reported as an update.
        if called.is_recovered() && write.intent.update.is_none() {
            *provenance = Provenance::Recovered;
        }
        // The recovered outcome may be that of an earlier attempt: its recorded intent is used.
        let known = self.known(&write.intent.instance);
        let recorded = known.intent.as_deref().unwrap_or(&write.intent);
        let same = recorded.call == write.intent.call;
        let call = if same { &write.intent.call } else { &recorded.call };
        let matched = if same { matched } else { operation::matched(self.run.context.catalog, call) };
        let called = match called {
            Called::Tasks { tasks, .. } if !self.step().wait.skip => {
                return Ok(TurnEnd::Accepted(Accepted { tasks, matched, resumed: false, lock }.into()));
            }
            called => called,
        };
        let intended = Intended { intent: recorded, call, matched };
        Box::pin(self.finish(&known, intended, called, *provenance, started)).await.map(TurnEnd::from)
    }

    /// Continues with a write that the record has as accepted.
    pub(super) async fn resume(
        &self,
        intent: &Intent,
        tasks: &[String],
        provenance: Provenance,
        started: Duration,
    ) -> Result<TurnEnd, Interruption> {
        let matched = operation::matched(self.run.context.catalog, &intent.call);
        let lock = self.enter(&intent.instance, &intent.call, &matched).await?;
        let accepted = Accepted { tasks: tasks.to_vec(), matched, resumed: true, lock };
        if !self.step().wait.skip {
            return Ok(TurnEnd::Accepted(accepted.into()));
        }
        self.completed(&intent.instance, accepted, None, provenance, started).await.map(TurnEnd::from)
    }

    /// Begins to wait for the tasks of an accepted write.
    pub(super) fn begin_to_wait<'s>(&'s self, id: &InstanceId, accepted: &Accepted) -> TaskEnds<'s> {
        let known = self.known(id);
        let (operation, parameters) = &accepted.matched;
        let pending = PendingTasks {
            instance: id,
            tasks: &accepted.tasks,
            task_type: operation.as_ref().and_then(|operation| operation.task_types.first()),
            project_region: ProjectRegion::of(parameters),
            wait: &self.step().wait,
            intended_at: known.intended_at.filter(|_| accepted.resumed),
        };
        pending.begin(&self.run.context)
    }

    /// Records the result of an accepted write. `ends`: those of its tasks; `None` when the step does not wait for
    /// them.
    pub(super) async fn completed(
        &self,
        id: &InstanceId,
        Accepted { tasks, matched, resumed, lock: _lock }: Accepted,
        ends: Option<Vec<TaskEnd>>,
        provenance: Provenance,
        started: Duration,
    ) -> Result<Option<StepResult>, Interruption> {
        let known = self.known(id);
        let (Some(intent), Phase::Accepted { recovered, status, .. }) = (known.intent.clone(), &known.phase) else {
            return Ok(None);
        };
        // Earlier versions attributed results by likeness; without recorded evidence that is assumed.
        let evidence = recovered.then(|| known.evidence.unwrap_or(Evidence::Likeness));
        let called = Called::Tasks { tasks, status: *status, evidence };
        // What is read in it is not kept by the record.
        let call = Shared::from(RecordedCall::clone(&intent.call));
        let intended = Intended { intent: &intent, call: &call, matched };
        let about = self.about(&call);
        let finishing = self.finishing(&known, &intended, &about, started);
        let finishing = Finishing { intended_at: known.intended_at.filter(|_| resumed), ..finishing };
        // Released first: as long as it is held, the journal copies the status to change it.
        drop(known);
        match ends {
            Some(ends) => finishing.finish_ended(&self.run.context, called, ends, provenance).await,
            None => finishing.finish(&self.run.context, called, provenance).await,
        }
    }

    /// Completes an answered or found write and records the result; waits for its tasks.
    pub(super) async fn finish(
        &self,
        known: &InstanceStatus,
        intended: Intended<'_>,
        called: Called,
        provenance: Provenance,
        started: Duration,
    ) -> Result<Option<StepResult>, Interruption> {
        let about = self.about(intended.call);
        self.finishing(known, &intended, &about, started).finish(&self.run.context, called, provenance).await
    }

    fn finishing<'a>(
        &'a self,
        known: &InstanceStatus,
        intended: &'a Intended<'a>,
        about: &'a About,
        started: Duration,
    ) -> Finishing<'a> {
        let Intended { intent, call, matched: (operation, parameters) } = intended;
        Finishing {
            intent,
            call,
            operation: operation.as_deref(),
            parameters,
            about,
            undo: Box::new(|result| self.undo_of(result, intent)),
            wait: Wait::clone(&self.step().wait),
            updates: update_of_result(intent, known),
            since: started,
            until_ready: !self.step().ready.is_off(),
            fail_when: Box::new(|result, object| self.fail_when(result, object)),
            intended_at: None,
        }
    }

    pub(super) fn intended<'a>(&self, intent: &'a Intent) -> Intended<'a> {
        Intended { intent, call: &intent.call, matched: operation::matched(self.run.context.catalog, &intent.call) }
    }
}
