//! A run is a fold over its journal: what each record makes of what was known before.
//!
//! Pure. Impossible sequences are errors, in a live run and on resume alike: a journal that says a task was accepted for a
//! call that was never intended is not one to act on.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::owner::Lease;
use super::record::{
    Evidence, Header, Intent, Line, Made, Record, RecordedCall, RecordedOutput, Started, StepResult, Succeeded,
};
use crate::event::{EffectKnown, How, StepError};
use crate::plan::{InstanceId, StepId};

/// Everything a journal says.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub header: Header,
    pub created: Timestamp,
    /// The last command that began, and when.
    pub started: Option<(Timestamp, Started)>,
    /// The exit code of the last command that ended, unless another has begun since.
    pub finished: Option<u8>,
    pub updated: Timestamp,
    /// In the order in which they were first intended.
    pub instances: IndexMap<InstanceId, InstanceStatus>,
    /// How those instances stood when the last command began that have been written about since.
    before: HashMap<InstanceId, InstanceStatus>,
    pub outputs: Vec<RecordedOutput>,
    /// Every task that belongs to one of our calls.
    pub tasks: HashSet<String>,
    /// Type and milliseconds of finished tasks.
    pub durations: Vec<(String, u64)>,
    /// Who has the right to write, where that is written in the record itself.
    pub lease: Option<Lease>,
    /// Lines there have been, also those that were compacted away. Grows with every record.
    pub lines: u64,
}

/// What is known about one instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub phase: Phase,
    pub attempts: u32,
    /// The last intent.
    pub intent: Option<Box<Intent>>,
    pub intended_at: Option<Timestamp>,
    pub result: Option<StepResult>,
    /// The call that the result agrees with.
    pub agrees: Option<RecordedCall>,
    /// What exists because of it, oldest first.
    pub made: Vec<Made>,
    pub after: Vec<StepId>,
    /// The last thing that went wrong.
    pub error: Option<StepError>,
    pub finished_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    /// Tasks that were taken for its own and turned out to be another's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disowned: Vec<String>,
    /// An attempt before the last one was never answered: it may have been carried out as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unanswered: bool,
    /// How the tasks that it waits for were found, when no answer named them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The last call that was to take something away, where it must not be repeated blindly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Box<Intent>>,
}

/// Where an instance stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was done, or it is gone again.
    #[default]
    Absent,
    /// A request was about to leave, and nothing more is known.
    InDoubt,
    /// These tasks run for it.
    Accepted {
        tasks: Vec<String>,
        recovered: bool,
        status: Option<u16>,
    },
    Succeeded,
    /// A task ended in ERROR.
    Failed,
    /// A removal was about to leave.
    Removing,
    /// These tasks remove it.
    RemovalAccepted {
        tasks: Vec<String>,
    },
}

/// A record that cannot follow what was there before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    #[error("the first record is not a header")]
    NoHeader,
    #[error("a second header")]
    SecondHeader,
    #[error("record number {found} where {expected} was due")]
    Number { expected: u64, found: u64 },
    #[error("`{record}` cannot follow for `{instance}`, which is {phase}")]
    Sequence { record: &'static str, instance: InstanceId, phase: &'static str },
}

impl InstanceStatus {
    /// Something exists, or may: a teardown has work to do.
    pub fn may_exist(&self) -> bool {
        !self.made.is_empty()
            || matches!(
                self.phase,
                Phase::InDoubt | Phase::Accepted { .. } | Phase::Removing | Phase::RemovalAccepted { .. }
            )
    }

    /// The call that says what it is: of what was changed in place the create, as it stands now.
    pub fn call(&self) -> Option<&RecordedCall> {
        let updated = self.intent.as_ref().is_some_and(|intent| intent.update.is_some());
        let intended = self.intent.as_ref().map(|intent| &intent.call);
        if updated && self.phase == Phase::Succeeded { self.agrees.as_ref().or(intended) } else { intended }
    }

    /// A call that makes something is under way, or was, and nothing more is known.
    fn is_making(&self) -> bool {
        let creates = self.intent.as_ref().is_some_and(|intent| intent.update.is_none());
        creates && matches!(self.phase, Phase::InDoubt | Phase::Accepted { .. })
    }

    /// What was made since is gone.
    fn roll_back(&mut self, before: &InstanceStatus) {
        *self = Self { attempts: self.attempts, error: None, ..before.clone() };
        if matches!(self.phase, Phase::InDoubt | Phase::Accepted { .. }) {
            self.settle_back();
        }
    }

    /// One of the things it made is gone.
    fn part_with(&mut self, kind: Option<&String>, id: Option<&Value>) {
        let tasks = self.result.iter().flat_map(|result| result.tasks.clone()).collect::<Vec<_>>();
        for made in &mut self.made {
            made.beside.retain(|beside| beside.kind.as_ref() != kind || beside.id.as_ref() != id);
            if made.kind.as_ref() == kind && made.id.as_ref() == id {
                // What was made beside it is told by the tasks that made both.
                let tasks = if made.tasks.is_empty() { tasks.clone() } else { std::mem::take(&mut made.tasks) };
                *made = Made { beside: std::mem::take(&mut made.beside), tasks, ..Made::default() };
                self.result = None;
                self.agrees = None;
            }
        }
        self.made.retain(|made| made.undo.is_some() || made.id.is_some() || !made.beside.is_empty());
    }

    fn settle_back(&mut self) {
        self.phase = if self.result.is_some() { Phase::Succeeded } else { Phase::Absent };
    }
}

impl Phase {
    /// In a word.
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

impl Status {
    /// The fold over a whole journal.
    ///
    /// # Errors
    ///
    /// The index of the record that cannot follow, and why.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Result<Self, (usize, Impossible)> {
        let mut lines = lines.into_iter().enumerate();
        let (_, first) = lines.next().ok_or((0, Impossible::NoHeader))?;
        let Record::Header(header) = &first.record else { return Err((0, Impossible::NoHeader)) };
        let mut status = Self::new(header.clone(), first.at);
        for (index, line) in lines {
            if line.n != index as u64 {
                return Err((index, Impossible::Number { expected: index as u64, found: line.n }));
            }
            status.apply(line.at, &line.record).map_err(|why| (index, why))?;
        }
        Ok(status)
    }

    pub fn new(header: Header, created: Timestamp) -> Self {
        Self {
            header,
            created,
            started: None,
            finished: None,
            updated: created,
            instances: IndexMap::new(),
            before: HashMap::new(),
            outputs: Vec::new(),
            tasks: HashSet::new(),
            durations: Vec::new(),
            lease: None,
            lines: 1,
        }
    }

    /// One step of the fold.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when the record cannot follow; nothing is changed then.
    pub fn apply(&mut self, at: Timestamp, record: &Record) -> Result<(), Impossible> {
        match record {
            Record::Header(_) => return Err(Impossible::SecondHeader),
            Record::Leased(lease) => self.lease = Some(lease.clone()),
            Record::Released => self.lease = None,
            Record::Beat => {}
            Record::Started(started) => {
                self.started = Some((at, started.clone()));
                self.finished = None;
                self.before.clear();
            }
            Record::Outputs { values } => self.outputs.clone_from(values),
            Record::Finished { exit } => {
                self.finished = Some(*exit);
                self.lease = None;
            }
            Record::Compacted { tasks, durations, lines } => {
                self.lines = self.lines.max(lines.saturating_sub(1));
                self.tasks.extend(tasks.iter().cloned());
                self.durations.extend(durations.iter().cloned());
            }
            Record::Kept { instance, status } => {
                self.instances.insert(instance.clone(), (**status).clone());
            }
            Record::Intent(intent) => {
                let instance = self.instances.entry(intent.instance.clone()).or_default();
                self.before.entry(intent.instance.clone()).or_insert_with(|| instance.clone());
                instance.intend(at, intent)?;
            }
            other => {
                let id = other.instance().expect("every other record is about an instance");
                let Some(instance) = self.instances.get_mut(id) else {
                    return Err(sequence(other, id, &Phase::Absent));
                };
                let before = self.before.entry(id.clone()).or_insert_with(|| instance.clone());
                match other {
                    Record::RolledBack { .. } => instance.roll_back(before),
                    Record::Removed { .. } | Record::Forgotten { .. } => {
                        instance.apply(at, other, id)?;
                        before.clone_from(instance);
                    }
                    _ => instance.apply(at, other, id)?,
                }
            }
        }
        match record {
            Record::Accepted { tasks, .. } | Record::RemovalAccepted { tasks, .. } => {
                self.tasks.extend(tasks.iter().cloned())
            }
            Record::Disowned { tasks, .. } => self.tasks.retain(|task| !tasks.contains(task)),
            Record::Succeeded(done) => {
                self.tasks.extend(done.result.tasks.iter().cloned());
                self.durations.extend(done.durations.iter().cloned());
            }
            _ => {}
        }
        self.lines += 1;
        if !matches!(record, Record::Leased(_) | Record::Beat | Record::Released) {
            self.updated = at;
        }
        Ok(())
    }

    /// Whether calls of this record were made with secrets, or answered with some.
    pub fn held_secrets(&self) -> bool {
        let intents = self.instances.values().filter_map(|instance| instance.intent.as_ref());
        intents.into_iter().any(|intent| intent.secret || intent.call.lacks_a_secret())
    }

    /// Records that fold to the same status, as few as there can be.
    pub fn compacted(&self) -> Vec<(Timestamp, Record)> {
        let mut tasks: Vec<_> = self.tasks.iter().cloned().collect();
        tasks.sort();
        let mut records = Vec::new();
        records.extend(self.started.iter().map(|(at, started)| (*at, Record::Started(started.clone()))));
        for (instance, status) in &self.instances {
            let kept = Record::Kept { instance: instance.clone(), status: Box::new(status.clone()) };
            records.push((status.finished_at.or(status.intended_at).unwrap_or(self.created), kept));
        }
        records.push((self.updated, Record::Outputs { values: self.outputs.clone() }));
        records.extend(self.finished.map(|exit| (self.updated, Record::Finished { exit })));
        let before = self.lines.saturating_sub(records.len() as u64);
        let compacted = Record::Compacted { tasks, durations: self.durations.clone(), lines: before };
        let head = [Record::Header(self.header.clone()), compacted].map(|record| (self.created, record));
        head.into_iter().chain(records).collect()
    }

    /// Instances for which something exists, or may, in recorded order.
    pub fn existing(&self) -> impl Iterator<Item = (&InstanceId, &InstanceStatus)> {
        self.instances.iter().filter(|(_, instance)| instance.may_exist())
    }

    /// How many things an instance had made when the last command began.
    pub fn made_before(&self, instance: &InstanceId) -> usize {
        let now = self.instances.get(instance).map_or(0, |known| known.made.len());
        self.before.get(instance).map_or(now, |before| before.made.len())
    }

    /// Instances for which the last command made something, or may have.
    pub fn made_since_started(&self) -> Vec<InstanceId> {
        self.called_since_started()
            .filter(|(_, before, known)| known.made.len() > before.made.len() || known.is_making())
            .map(|(instance, _, _)| instance.clone())
            .collect()
    }

    /// Instances whose call the last command made to change something that is there, and stays changed.
    pub fn changed_since_started(&self) -> Vec<InstanceId> {
        self.called_since_started()
            .filter(|(_, before, known)| known.made.len() == before.made.len() && !known.is_making())
            .filter(|(_, _, known)| !matches!(known.phase, Phase::Absent | Phase::Failed))
            .map(|(instance, _, _)| instance.clone())
            .collect()
    }

    fn called_since_started(&self) -> impl Iterator<Item = (&InstanceId, &InstanceStatus, &InstanceStatus)> {
        self.instances.iter().filter_map(|(instance, known)| {
            let before = self.before.get(instance)?;
            (known.attempts > before.attempts).then_some((instance, before, known))
        })
    }

    /// Everything that is on record as somebody's: the instance, and kind and id of what it made.
    pub fn owned(&self) -> impl Iterator<Item = (&InstanceId, &str, &Value)> {
        self.instances.iter().flat_map(|(instance, known)| {
            let things = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.beside));
            things.filter_map(move |thing| Some((instance, thing.kind.as_deref()?, thing.id.as_ref()?)))
        })
    }

    /// Whether an id stands anywhere on record as something that a step made or touched.
    pub fn knows(&self, id: &str) -> bool {
        let is = |value: &Value| value.as_str() == Some(id);
        self.owned().any(|(_, _, owned)| is(owned))
            || self.instances.values().filter_map(|known| known.result.as_ref()).any(|result| {
                let listed = result.created.values().chain(result.touched.values()).filter_map(Value::as_array);
                result.id.iter().chain(&result.ids).any(is) || listed.flatten().any(is)
            })
    }

    /// The instance that a thing belongs to, when it is another than this one.
    pub fn owner_besides(&self, instance: &InstanceId, kind: &str, id: &Value) -> Option<&InstanceId> {
        let owners = self.owned().filter(|(owner, _, _)| *owner != instance);
        owners.filter(|(_, other, owned)| *other == kind && *owned == id).map(|(owner, _, _)| owner).next()
    }

    /// Whether another instance made something of this id, of whatever kind.
    pub fn is_made_elsewhere(&self, instance: &InstanceId, id: &Value) -> bool {
        self.owned().any(|(owner, _, owned)| owner != instance && owned == id)
    }

    /// Whether the id of a resource is already one of ours.
    pub fn claims(&self, id: &Value) -> bool {
        self.instances.values().any(|instance| {
            instance.made.iter().any(|made| {
                made.id.as_ref() == Some(id) || made.beside.iter().any(|other| other.id.as_ref() == Some(id))
            })
        })
    }
}

impl InstanceStatus {
    fn intend(&mut self, at: Timestamp, intent: &Intent) -> Result<(), Impossible> {
        match self.phase {
            Phase::Absent | Phase::Succeeded | Phase::Failed => {}
            // An intent that was settled as "never arrived" is followed by the next attempt.
            Phase::InDoubt if intent.attempt > self.attempts => {}
            _ => {
                let record = Record::Intent(intent.clone());
                return Err(sequence(&record, &intent.instance, &self.phase));
            }
        }
        self.unanswered |= self.phase == Phase::InDoubt;
        self.phase = Phase::InDoubt;
        self.evidence = None;
        self.attempts = intent.attempt;
        self.after.clone_from(&intent.after);
        self.intent = Some(Box::new(intent.clone()));
        self.intended_at = Some(at);
        self.error = None;
        Ok(())
    }

    fn apply(&mut self, at: Timestamp, record: &Record, id: &InstanceId) -> Result<(), Impossible> {
        match (&self.phase, record) {
            // `Accepted`: the task that was found turned out to be another's.
            (Phase::InDoubt | Phase::Accepted { recovered: true, .. }, Record::NotApplied { error, .. }) => {
                self.settle_back();
                self.error = Some(error.clone());
            }
            (Phase::InDoubt, Record::Unknown { error, .. }) => self.error = Some(error.clone()),
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
            // `Absent` and `Succeeded`: adopted by hand or because it existed, or agreed to anew without a call.
            (
                Phase::InDoubt | Phase::Accepted { .. } | Phase::Absent | Phase::Succeeded | Phase::Failed,
                Record::Succeeded(done),
            ) => {
                self.succeed(at, done);
            }
            (Phase::Accepted { .. }, Record::Failed { error, leftover, .. }) => {
                let updated = self.intent.as_ref().is_some_and(|intent| intent.update.is_some());
                self.phase = if updated { Phase::Succeeded } else { Phase::Failed };
                self.error = Some(error.clone());
                self.made.extend(leftover.as_deref().cloned());
            }
            // Repeated, or the next of several things it made.
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
                self.part_with(kind.as_ref(), id.as_ref());
            }
            (Phase::Removing | Phase::RemovalAccepted { .. }, Record::RemovalFailed { error, .. }) => {
                self.settle_back();
                // What may have been carried out is looked for before it is made again.
                self.removal = self.removal.take().filter(|_| error.effect == EffectKnown::Unknown);
                self.error = Some(error.clone());
            }
            (_, Record::Removed { .. } | Record::Forgotten { .. }) => {
                *self = Self { attempts: self.attempts, finished_at: Some(at), ..Self::default() };
            }
            (phase, record) => return Err(sequence(record, id, phase)),
        }
        Ok(())
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
        self.unanswered = false;
        self.disowned.clear();
        self.evidence = done.evidence;
        // Earlier versions took for theirs what was like it, and did not say by what.
        let certain = done.how != How::Recovered || done.evidence.is_some_and(Evidence::is_certain);
        let made = Made { uncertain: !certain, ..done.made.clone() };
        if !update && done.made != Made::default() && self.made.last() != Some(&made) {
            self.made.push(made);
        }
    }
}

fn sequence(record: &Record, instance: &InstanceId, phase: &Phase) -> Impossible {
    Impossible::Sequence { record: record.name(), instance: instance.clone(), phase: phase.name() }
}
