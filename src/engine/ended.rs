//! The end of an instance: the event that tells it, and the value that templates get. It is on record by then.

use std::time::Duration;

use serde_json::Value;

use super::conceal::{conceal, conceal_names};
use super::did::did;
use super::instance::{Done, Instance, InstanceEnd};
use super::interruption::Interruption;
use super::objection;
use super::refresh::blame;
use super::render::step_value;
use crate::clock::millis;
use crate::event::{Event, Provenance, SkipReason, StepDone, StepError};
use crate::id::InstanceId;
use crate::journal::{JsonText, Phase, RecordedCall, StepResult, id_text};
use crate::shared::Shared;

impl Instance {
    /// Emits the success, with what is new in it.
    pub(super) fn succeeded(
        &self,
        id: &InstanceId,
        call: Shared<RecordedCall>,
        done: Done,
        started: Duration,
    ) -> InstanceEnd {
        let context = &self.run.context;
        let reused = done.provenance == Provenance::Reused;
        let did = context.journal.with_status(|status| {
            let known = status.instances.get(id);
            let made = known.map(|known| known.made.as_slice()).unwrap_or_default();
            let undo = known.and_then(|known| known.intent.as_ref()).map(|intent| &intent.undo);
            did(self.step().operation.as_deref(), call.method, &done.result, made, undo)
        });
        let conceal = |answer: Value| conceal(&context.secrets, answer, self.step().secret);
        context.events.emit(Event::StepSucceeded {
            instance: id.clone(),
            result: StepDone {
                provenance: done.provenance,
                call: call.to_string(),
                did,
                kind: done.result.kind.clone(),
                id: done.result.id.as_ref().map(|id| context.secrets.redact_name(&id_text(id))),
                name: done.result.name.as_ref().map(|name| context.secrets.redact_name(name)),
                tasks: done.result.tasks.iter().map(|task| context.secrets.redact_name(task)).collect(),
                duration_ms: if reused { 0 } else { millis(context.clock().elapsed().saturating_sub(started)) },
            },
        });
        if !self.is_read {
            // What is secret in it is hidden from now on, whether a later step reads it or not.
            if self.step().secret {
                let answer = done.result.response.map(JsonText::into_value);
                answer.into_iter().chain(done.resource).for_each(|answer| drop(conceal(answer)));
            }
            return InstanceEnd::Done { value: None, reused };
        }
        let named = conceal_names(&context.secrets, done.result);
        let result =
            StepResult { response: named.response.clone().map(|answer| conceal(answer.into_value()).into()), ..named };
        InstanceEnd::Done { value: Some(step_value(&result, done.resource.map(conceal).as_ref())), reused }
    }

    /// Emits that there is no call.
    pub(super) fn skipped(&self, id: &InstanceId) -> InstanceEnd {
        let event = Event::StepSkipped { instance: id.clone(), reason: SkipReason::Condition };
        self.run.context.events.emit(event);
        InstanceEnd::Skipped
    }

    /// Emits why there is no result, and what the record says of the cause.
    pub(super) async fn blamed(&self, id: &InstanceId, mut why: Interruption, started: Duration) -> Interruption {
        if let Interruption::Failed(error) = &mut why {
            let known = self.known(id);
            let calls: Vec<&RecordedCall> = known.intent.iter().map(|intent| &*intent.call).collect();
            blame(&self.run.context, id, &calls, error).await;
        }
        let waited = self.run.context.clock().elapsed().saturating_sub(started);
        self.interrupted(id, why, waited)
    }

    /// Emits why there is no result. A stop while tasks are under way is reported as still waiting.
    fn interrupted(&self, id: &InstanceId, why: Interruption, waited: Duration) -> Interruption {
        let instance = id.clone();
        let why = match (why, self.known(id).phase.clone()) {
            (Interruption::Stopped(_), Phase::Accepted { tasks, .. }) => {
                let unread = self.run.context.watcher.unread(&tasks);
                Interruption::StillWaiting { tasks, waited, until: None, unread }
            }
            (Interruption::Stopped(_), Phase::InDoubt) => {
                Interruption::StillWaiting { tasks: Vec::new(), waited, until: None, unread: None }
            }
            (Interruption::Failed(error) | Interruption::Conflict(error) | Interruption::NoAccess(error), _) => {
                Interruption::Failed(self.located(id, error))
            }
            (why, _) => why,
        };
        let event = match &why {
            Interruption::Unknown(error) => Event::StepUnknown { instance, error: error.clone() },
            Interruption::StillWaiting { tasks, waited, until, unread } => Event::StepStillWaiting {
                instance,
                tasks: tasks.clone(),
                waited_ms: millis(*waited),
                until: until.clone(),
                unread: unread.clone(),
            },
            Interruption::Failed(error) | Interruption::Conflict(error) | Interruption::NoAccess(error) => {
                Event::StepFailed { instance, error: error.clone() }
            }
            // The dispatcher reports a stop; a journal error ends the run.
            Interruption::Stopped(_) | Interruption::Journal(_) => return why,
        };
        let is_gone = matches!(&why, Interruption::Failed(error) if error.gone.contains(id));
        if !is_gone {
            self.run.emit_existing(id);
        }
        self.run.context.events.emit(event);
        why
    }

    /// Moves the error to the first field that the API objects to, where the plan has it.
    fn located(&self, id: &InstanceId, mut error: StepError) -> StepError {
        let Some(template) = self.step().body.as_ref().filter(|_| error.status.is_some()) else { return error };
        let known = self.known(id);
        let none = Value::Null;
        let sent = known.call().and_then(|call| call.body.as_deref()).unwrap_or(&none);
        let field = match error.invalid_fields.first() {
            Some((field, _)) => Some(objection::place_of(field, sent)),
            None => objection::place_in_message(&error.message, sent),
        };
        if let Some(field) = field {
            error.place = Some(self.run.plan_span(template.at(&field).span).place());
        }
        error
    }
}
