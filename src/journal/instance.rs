//! The status of one instance: its part of the fold over the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::intent::{Evidence, Head, Intent, RecordedCall, Unanswered};
use super::record::{Adopted, Drifted, Record, RecordedResource, StepResult, Succeeded};
use super::status::Impossible;
use crate::event::{EffectKnown, Provenance, StepError};
use crate::id::{InstanceId, StepId};

/// All that the journal says about one instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub phase: Phase,
    pub attempts: u32,
    /// The intent of the last call.
    pub intent: Option<Box<Intent>>,
    pub intended_at: Option<Timestamp>,
    pub result: Option<StepResult>,
    /// The call that the result agrees with.
    pub agrees: Option<RecordedCall>,
    /// The resources that exist because of it, oldest first.
    pub made: Vec<RecordedResource>,
    pub after: Vec<StepId>,
    /// The last error.
    pub error: Option<StepError>,
    pub finished_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    /// Tasks that were attributed to this instance and proved to be another's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disowned: Vec<String>,
    /// The head of the last attempt's answer, if one arrived, while the outcome is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// Attempts before the last that were never answered, oldest first. If one of them is carried out, no record
    /// names what it makes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Unanswered>,
    /// The evidence for the tasks that it waits for, when they were found rather than answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Ids of its resources that were found to be gone: instances whose calls mention them were made from a missing
    /// resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Value>,
    /// Fields changed outside of `plan`, as found since the last call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drifted: Vec<Drifted>,
    /// The last undo call that is not idempotent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Box<Intent>>,
}

/// The state of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was made, or it is removed.
    #[default]
    Absent,
    /// An intent is recorded, and no outcome.
    InDoubt,
    /// These tasks are running for it.
    Accepted {
        tasks: Vec<String>,
        recovered: bool,
        status: Option<u16>,
    },
    Succeeded,
    /// A task ended in ERROR.
    Failed,
    /// A removal is recorded, and no outcome.
    Removing,
    /// These tasks are running for its removal.
    RemovalAccepted {
        tasks: Vec<String>,
    },
}

impl InstanceStatus {
    /// Whether something exists, or may exist, so that a teardown has work to do.
    pub fn may_exist(&self) -> bool {
        !self.made.is_empty()
            || matches!(
                self.phase,
                Phase::InDoubt | Phase::Accepted { .. } | Phase::Removing | Phase::RemovalAccepted { .. }
            )
    }

    /// The create's call, as the resource stands after later updates.
    pub fn call(&self) -> Option<&RecordedCall> {
        let updated = self.intent.as_ref().is_some_and(|intent| intent.update.is_some());
        let intended = self.intent.as_ref().map(|intent| &intent.call);
        let stands = self.phase == Phase::Succeeded && (updated || intended.is_none());
        if stands { self.agrees.as_ref().or(intended) } else { intended }
    }

    /// Whether a call that creates something is under way or in doubt.
    pub(super) fn is_making(&self) -> bool {
        let creates = self.intent.as_ref().is_some_and(|intent| intent.update.is_none());
        creates && matches!(self.phase, Phase::InDoubt | Phase::Accepted { .. })
    }

    /// The last attempt, while its outcome is unknown.
    pub fn in_doubt(&self) -> Option<Unanswered> {
        if self.phase != Phase::InDoubt {
            return None;
        }
        Some(Unanswered {
            intent: self.intent.as_deref()?.clone(),
            at: self.intended_at?,
            head: self.head.clone(),
            failed: Vec::new(),
        })
    }

    /// Removes what was made since `before`.
    pub(super) fn roll_back(&mut self, before: &InstanceStatus) {
        let earlier = std::mem::take(&mut self.earlier);
        *self = Self { attempts: self.attempts, error: None, earlier, ..before.clone() };
        if matches!(self.phase, Phase::InDoubt | Phase::Accepted { .. }) {
            self.fall_back();
        }
    }

    /// Removes one of its resources.
    fn remove_resource(&mut self, kind: Option<&String>, id: Option<&Value>) {
        let tasks = self.result.iter().flat_map(|result| result.tasks.clone()).collect::<Vec<_>>();
        for made in &mut self.made {
            made.secondary.retain(|secondary| secondary.kind.as_ref() != kind || secondary.id.as_ref() != id);
            if made.kind.as_ref() == kind && made.id.as_ref() == id {
                // The tasks that made a resource also list its secondary resources.
                let tasks = if made.tasks.is_empty() { tasks.clone() } else { std::mem::take(&mut made.tasks) };
                *made = RecordedResource {
                    secondary: std::mem::take(&mut made.secondary),
                    tasks,
                    ..RecordedResource::default()
                };
                self.result = None;
                self.agrees = None;
            }
        }
        self.made.retain(|made| made.undo.is_some() || made.id.is_some() || !made.secondary.is_empty());
    }

    fn fall_back(&mut self) {
        self.phase = if self.result.is_some() { Phase::Succeeded } else { Phase::Absent };
    }

    pub(super) fn intend(&mut self, at: Timestamp, intent: &Intent) -> Result<(), Impossible> {
        match self.phase {
            Phase::Absent | Phase::Succeeded | Phase::Failed => {}
            // After an intent that was resolved as not carried out comes the next attempt.
            Phase::InDoubt if intent.attempt > self.attempts => {}
            _ => {
                let record = Record::Intent(intent.clone());
                return Err(sequence(&record, &intent.instance, &self.phase));
            }
        }
        self.earlier.extend(self.in_doubt());
        self.phase = Phase::InDoubt;
        self.head = None;
        self.evidence = None;
        self.attempts = intent.attempt;
        self.after.clone_from(&intent.after);
        self.intent = Some(Box::new(intent.clone()));
        self.intended_at = Some(at);
        self.error = None;
        Ok(())
    }

    pub(super) fn apply(&mut self, at: Timestamp, record: &Record, id: &InstanceId) -> Result<(), Impossible> {
        match (&self.phase, record) {
            // From `Accepted`: the task that was found proved to be another's.
            (
                Phase::InDoubt | Phase::Accepted { recovered: true, .. },
                Record::NotApplied { error, unanswered, .. },
            ) => {
                if *unanswered {
                    self.phase = Phase::InDoubt;
                    self.earlier.extend(self.in_doubt());
                }
                self.fall_back();
                self.error = Some(error.clone());
            }
            (Phase::InDoubt, Record::Unknown { error, .. }) => {
                let head = error.status.map(|status| Head { status, request_id: error.request_id.clone() });
                self.head = head.or(self.head.take());
                self.error = Some(error.clone());
            }
            (Phase::InDoubt, Record::Found { attempt, .. }) => {
                let Some(found) = self.take_earlier(*attempt) else { return Err(sequence(record, id, &self.phase)) };
                self.earlier.extend(self.in_doubt());
                self.intent = Some(Box::new(found.intent));
                self.intended_at = Some(found.at);
                self.head = found.head;
            }
            (_, Record::Resolved { attempt, made, .. }) => {
                if self.take_earlier(*attempt).is_none() {
                    return Err(sequence(record, id, &self.phase));
                }
                self.made.extend(made.as_deref().cloned());
            }
            (Phase::InDoubt, Record::Accepted { tasks, recovered, status, evidence, .. }) => {
                self.phase = Phase::Accepted { tasks: tasks.clone(), recovered: *recovered, status: *status };
                self.evidence = *evidence;
                self.error = None;
            }
            (Phase::Accepted { recovered: true, .. }, Record::Disowned { tasks, error, .. }) => {
                self.phase = Phase::InDoubt;
                self.evidence = None;
                self.disowned.extend(tasks.iter().cloned());
                self.error = Some(error.clone());
            }
            // From `Absent` and `Succeeded`: adopted, or recorded as in agreement without a call.
            (
                Phase::InDoubt | Phase::Accepted { .. } | Phase::Absent | Phase::Succeeded | Phase::Failed,
                Record::Succeeded(done),
            ) => {
                self.succeed(at, done);
            }
            (Phase::Accepted { tasks, .. }, Record::Failed { error, leftover, unclear, .. }) => {
                let failed = tasks.clone();
                if *unclear {
                    self.phase = Phase::InDoubt;
                    self.earlier.extend(self.in_doubt().map(|attempt| Unanswered { failed, ..attempt }));
                }
                let updated = self.intent.as_ref().is_some_and(|intent| intent.update.is_some());
                self.phase = if updated { Phase::Succeeded } else { Phase::Failed };
                self.error = Some(error.clone());
                self.made.extend(leftover.as_deref().cloned());
            }
            // A repeated record, or one for the next of several resources.
            (
                Phase::Succeeded | Phase::Failed | Phase::Absent | Phase::Removing | Phase::RemovalAccepted { .. },
                Record::Removing { intent, .. },
            ) => {
                self.phase = Phase::Removing;
                self.removal.clone_from(intent);
                self.error = None;
            }
            (Phase::Removing, Record::RemovalAccepted { tasks, .. }) => {
                self.phase = Phase::RemovalAccepted { tasks: tasks.clone() };
            }
            (Phase::Removing | Phase::RemovalAccepted { .. }, Record::PartRemoved { kind, id, .. }) => {
                self.removal = None;
                self.remove_resource(kind.as_ref(), id.as_ref());
            }
            (Phase::Removing | Phase::RemovalAccepted { .. }, Record::RemovalFailed { error, .. }) => {
                self.fall_back();
                // An undo call that may have been carried out stays recorded, to be resolved before it is sent again.
                self.removal = self.removal.take().filter(|_| error.effect == EffectKnown::Unknown);
                self.error = Some(error.clone());
            }
            (Phase::Succeeded, Record::Gone { .. }) => {
                let mut lost = std::mem::take(&mut self.lost);
                let things = self.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
                lost.extend(things.filter_map(|thing| thing.id.clone()));
                let earlier = std::mem::take(&mut self.earlier);
                *self = Self { attempts: self.attempts, lost, earlier, ..Self::default() };
            }
            (Phase::Succeeded, Record::Drifted { fields, .. }) => self.drift(fields),
            (_, Record::Removed { .. }) => {
                let earlier = std::mem::take(&mut self.earlier);
                *self = Self { attempts: self.attempts, finished_at: Some(at), earlier, ..Self::default() };
            }
            (_, Record::Forgotten { .. }) => {
                *self = Self { attempts: self.attempts, finished_at: Some(at), ..Self::default() };
            }
            (phase, record) => return Err(sequence(record, id, phase)),
        }
        Ok(())
    }

    fn take_earlier(&mut self, attempt: u32) -> Option<Unanswered> {
        let at = self.earlier.iter().position(|earlier| earlier.intent.attempt == attempt)?;
        Some(self.earlier.remove(at))
    }

    /// Sets the changed values in the recorded call, so that the plan's call differs from it.
    fn drift(&mut self, fields: &[Drifted]) {
        let body = self.agrees.as_mut().and_then(|agrees| agrees.body.as_mut()?.as_object_mut());
        let Some(body) = body else { return };
        for drifted in fields {
            match &drifted.now {
                Some(now) => drop(body.insert(drifted.field.clone(), now.clone())),
                None => drop(body.shift_remove(&drifted.field)),
            }
            self.drifted.retain(|known| known.field != drifted.field);
            self.drifted.push(drifted.clone());
        }
    }

    pub(super) fn take_over(&mut self, at: Timestamp, adopted: &Adopted) {
        self.phase = Phase::Succeeded;
        self.intent = None;
        self.error = None;
        self.after.clone_from(&adopted.after);
        self.result = Some(adopted.result.clone());
        self.agrees = Some(adopted.agrees.clone());
        self.made = vec![adopted.made.clone()];
        self.finished_at = Some(at);
    }

    fn succeed(&mut self, at: Timestamp, done: &Succeeded) {
        let update = self.intent.as_ref().is_some_and(|intent| intent.update.is_some()) && self.result.is_some();
        if let (true, Some(made)) = (update && self.made.len() == 1, self.made.last_mut()) {
            made.name.clone_from(&done.result.name);
        }
        self.agrees = done.agrees.clone().or_else(|| self.intent.as_ref().map(|intent| intent.call.clone()));
        self.phase = Phase::Succeeded;
        self.error = None;
        self.finished_at = Some(at);
        self.duration_ms = Some(done.duration_ms);
        self.result = Some(done.result.clone());
        self.head = None;
        if done.made == RecordedResource::default()
            && let Some(intent) = &self.intent
        {
            // A call that creates nothing is complete, however often it was carried out.
            self.earlier.retain(|earlier| earlier.intent.call != intent.call);
        }
        self.drifted.clear();
        self.disowned.clear();
        self.evidence = done.evidence;
        // Earlier versions attributed results by likeness, and recorded no evidence.
        let certain = done.provenance != Provenance::Recovered || done.evidence.is_some_and(Evidence::is_certain);
        let made = RecordedResource { uncertain: !certain, ..done.made.clone() };
        if !update && done.made != RecordedResource::default() && self.made.last() != Some(&made) {
            self.made.push(made);
        }
    }
}

impl Phase {
    /// The name of the phase.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Absent => "absent",
            Phase::InDoubt => "in doubt",
            Phase::Accepted { .. } => "waiting",
            Phase::Succeeded => "done",
            Phase::Failed => "failed",
            Phase::Removing | Phase::RemovalAccepted { .. } => "being removed",
        }
    }
}

pub(super) fn sequence(record: &Record, instance: &InstanceId, phase: &Phase) -> Impossible {
    Impossible::Sequence { record: record.name(), instance: instance.clone(), phase: phase.name() }
}
