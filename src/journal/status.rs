//! The status of an environment: a fold over its journal.
//!
//! Pure. A sequence of records that cannot happen is an error, in a live run and on resume alike: a journal in which
//! a task was accepted for a call that was never intended must not be acted on.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use super::instance::{InstanceStatus, Phase, sequence};
use super::owner::Lease;
use super::record::{Header, Line, Record, RecordedOutput, Started};
use crate::id::InstanceId;

/// All that a journal says.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub header: Header,
    pub created: Timestamp,
    /// The last command that began, and when.
    pub started: Option<(Timestamp, Started)>,
    /// The exit code of the last command, when it has ended.
    pub finished: Option<u8>,
    pub updated: Timestamp,
    /// In the order of their first intents.
    pub instances: IndexMap<InstanceId, InstanceStatus>,
    /// Of instances with records since the last command began: their status at that time.
    before: HashMap<InstanceId, InstanceStatus>,
    pub outputs: Vec<RecordedOutput>,
    /// Every task that was started by one of our calls.
    pub tasks: HashSet<String>,
    /// Type and milliseconds of finished tasks.
    pub durations: Vec<(String, u64)>,
    /// The current lease, when the record is in an object store.
    pub lease: Option<Lease>,
    /// The number of lines written so far, including compacted ones. Grows with every record.
    pub lines: u64,
}

/// Why a record cannot follow the earlier ones.
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

impl Status {
    /// Folds a whole journal.
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

    /// Applies one record.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when the record cannot follow; what is known of the instances is unchanged then.
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
            Record::Adopted(adopted) => {
                let instance = self.instances.entry(adopted.instance.clone()).or_default();
                self.before.entry(adopted.instance.clone()).or_insert_with(|| instance.clone());
                if instance.phase != Phase::Absent || !instance.made.is_empty() {
                    return Err(sequence(record, &adopted.instance, &instance.phase));
                }
                instance.take_over(at, adopted);
            }
            Record::Moved { instance, to } => self.rename(instance, to)?,
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
            Record::Accepted { tasks, .. } | Record::RemovalAccepted { tasks, .. } | Record::Resolved { tasks, .. } => {
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

    /// Renames an instance, which keeps its place in the order.
    fn rename(&mut self, from: &InstanceId, to: &InstanceId) -> Result<(), Impossible> {
        let taken = self.instances.get(to).is_some_and(InstanceStatus::may_exist);
        let moved = Record::Moved { instance: from.clone(), to: to.clone() };
        let Some(at) = self.instances.get_index_of(from).filter(|_| !taken) else {
            return Err(sequence(&moved, from, &Phase::Absent));
        };
        self.instances.shift_remove(to);
        let at = self.instances.get_index_of(from).unwrap_or(at);
        if let Some((_, mut known)) = self.instances.shift_remove_index(at) {
            known.intent.iter_mut().chain(&mut known.removal).for_each(|intent| intent.instance = to.clone());
            self.instances.shift_insert(at, to.clone(), known);
        }
        if let Some(before) = self.before.remove(from) {
            self.before.insert(to.clone(), before);
        }
        // When all instances of a step are renamed, references to the step are renamed as well.
        if from.step != to.step && !self.instances.keys().any(|other| other.step == from.step) {
            for known in self.instances.values_mut() {
                known.after.iter_mut().filter(|step| **step == from.step).for_each(|step| *step = to.step.clone());
            }
        }
        Ok(())
    }

    /// Whether the plans of this record had secrets. In records of earlier versions, which do not say so: whether a
    /// call had secrets, or a secret answer.
    pub fn held_secrets(&self) -> bool {
        let intents = self.instances.values().filter_map(|instance| instance.intent.as_ref());
        self.started.as_ref().is_some_and(|(_, started)| started.secrets)
            || intents.into_iter().any(|intent| intent.secret || intent.call.lacks_a_secret())
    }

    /// The fewest records that fold to the same status.
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

    /// Instances of which something exists, or may exist, in recorded order.
    pub fn existing(&self) -> impl Iterator<Item = (&InstanceId, &InstanceStatus)> {
        self.instances.iter().filter(|(_, instance)| instance.may_exist())
    }

    /// Instances with attempts that were never answered and were given up.
    pub fn unanswered(&self) -> impl Iterator<Item = (&InstanceId, &InstanceStatus)> {
        self.instances.iter().filter(|(_, instance)| !instance.earlier.is_empty())
    }

    /// How many resources an instance had when the last command began.
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

    /// Instances whose existing resource the last command changed.
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

    /// Every owned resource: the instance, its kind and its id.
    pub fn owned(&self) -> impl Iterator<Item = (&InstanceId, &str, &Value)> {
        self.instances.iter().flat_map(|(instance, known)| {
            let things = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
            things.filter_map(move |thing| Some((instance, thing.kind.as_deref()?, thing.id.as_ref()?)))
        })
    }

    /// Whether an id is recorded as that of a resource which a step made or used.
    pub fn knows(&self, id: &str) -> bool {
        let is = |value: &Value| value.as_str() == Some(id);
        self.owned().any(|(_, _, owned)| is(owned))
            || self.instances.values().filter_map(|known| known.result.as_ref()).any(|result| {
                let listed = result.created.values().chain(result.touched.values()).filter_map(Value::as_array);
                result.id.iter().chain(&result.ids).any(is) || listed.flatten().any(is)
            })
    }

    /// The instance that owns a resource, when it is another than this one.
    pub fn other_owner(&self, instance: &InstanceId, kind: &str, id: &Value) -> Option<&InstanceId> {
        let owners = self.owned().filter(|(owner, _, _)| *owner != instance);
        owners.filter(|(_, other, owned)| *other == kind && *owned == id).map(|(owner, _, _)| owner).next()
    }

    /// Whether another instance made a resource with this id, of any kind.
    pub fn is_made_by_another(&self, instance: &InstanceId, id: &Value) -> bool {
        self.owned().any(|(owner, _, owned)| owner != instance && owned == id)
    }

    /// Whether the id is that of a recorded resource.
    pub fn claims(&self, id: &Value) -> bool {
        self.instances.values().any(|instance| {
            instance.made.iter().any(|made| {
                made.id.as_ref() == Some(id) || made.secondary.iter().any(|other| other.id.as_ref() == Some(id))
            })
        })
    }
}
