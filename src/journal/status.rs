//! The status of an environment: a fold over the records of its journal.
//!
//! Pure. Impossible sequences are errors, in a live run and on resume alike: a journal that says a task was accepted
//! for a call that was never intended is not one to act on.

use jiff::Timestamp;
use serde_json::Value;

use super::departed::Departed;
use super::durations::Durations;
use super::fold::{Impossible, sequence};
use super::instance::{InstanceStatus, Phase};
use super::line::Line;
use super::owner::Lease;
use super::owners::Owners;
use super::record::{Header, Record, RecordedOutput, Started, VERSION};
use super::result::RecordedResource;
use crate::hash::{HashSet, IndexMap};
use crate::id::InstanceId;
use crate::shared::Shared;

/// Everything that the records of a journal say.
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
    pub instances: IndexMap<InstanceId, Shared<InstanceStatus>>,
    /// The status that an instance had when the last command began, if it has records since; by its place in
    /// `instances`.
    before: Vec<Option<Shared<InstanceStatus>>>,
    /// The status of every instance that is not on record.
    absent: Shared<InstanceStatus>,
    owners: Owners,
    pub outputs: Vec<RecordedOutput>,
    /// Every task that belongs to one of our calls.
    pub tasks: HashSet<String>,
    /// How long tasks took.
    pub durations: Durations,
    /// What was removed within the last minutes; a compacted journal does not say.
    pub departed: Departed,
    /// Who has the right to write, where that is written in the record itself.
    pub lease: Option<Lease>,
    /// Lines there have been, also those that were compacted away. Grows with every record.
    pub lines: u64,
}

impl Status {
    /// The fold over a whole journal.
    ///
    /// # Errors
    ///
    /// The index of the record that cannot follow, and why.
    pub fn of(lines: impl IntoIterator<Item = Line>) -> Result<Self, (usize, Impossible)> {
        let mut status = None;
        for (index, line) in lines.into_iter().enumerate() {
            Self::follow(&mut status, index as u64, line).map_err(|why| (index, why))?;
        }
        status.ok_or((0, Impossible::NoHeader))
    }

    /// The next line of a journal, which must have this number; the first makes the status.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when it cannot follow.
    pub fn follow(status: &mut Option<Self>, expected: u64, line: Line) -> Result<(), Impossible> {
        match (&mut *status, line.record) {
            (Some(_), _) if line.n != expected => Err(Impossible::Number { expected, found: line.n }),
            (Some(status), record) => status.apply(line.at, record),
            (None, Record::Header(header)) => {
                *status = Some(Self::new(header, line.at));
                Ok(())
            }
            (None, _) => Err(Impossible::NoHeader),
        }
    }

    /// The status after the header alone.
    pub fn new(header: Header, created: Timestamp) -> Self {
        Self {
            header,
            created,
            started: None,
            finished: None,
            updated: created,
            instances: IndexMap::default(),
            before: Vec::new(),
            absent: Shared::default(),
            owners: Owners::default(),
            outputs: Vec::new(),
            tasks: HashSet::default(),
            durations: Durations::default(),
            departed: Departed::default(),
            lease: None,
            lines: 1,
        }
    }

    /// Whether a record can follow.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when it cannot.
    pub fn check(&self, record: &Record) -> Result<(), Impossible> {
        self.check_at(self.place_of(record), record)
    }

    /// The place of the instance that a record is about; `None` when it is about none, or about one not on record yet.
    fn place_of(&self, record: &Record) -> Option<usize> {
        record.instance().and_then(|id| self.instances.get_index_of(id))
    }

    /// The same as [`Self::check`]; `place`: that of the record's instance.
    fn check_at(&self, place: Option<usize>, record: &Record) -> Result<(), Impossible> {
        match record {
            Record::Header(_) => Err(Impossible::SecondHeader),
            Record::Moved { instance, to } => {
                let taken = self.instances.get(to).is_some_and(|known| known.may_exist());
                match place.is_some() && !taken {
                    true => Ok(()),
                    false => Err(sequence(record, instance, &Phase::Absent)),
                }
            }
            Record::Kept { .. } => Ok(()),
            record => match record.instance() {
                None => Ok(()),
                Some(id) => self.standing(place, record, id)?.check(record, id),
            },
        }
    }

    /// The same status with these instances alone.
    pub fn of_instances<'i>(&self, instances: impl Iterator<Item = &'i InstanceId>) -> Self {
        let mut part = Self::new(self.header.clone(), self.created);
        for id in instances {
            let Some((place, id, known)) = self.instances.get_full(id) else { continue };
            let (place_in_part, _) = part.instances.insert_full(id.clone(), known.clone());
            if let Some(before) = self.before(place) {
                part.remember(place_in_part, before.clone());
            }
        }
        part
    }

    /// The status of the instance that a record is about.
    fn standing(
        &self,
        place: Option<usize>,
        record: &Record,
        id: &InstanceId,
    ) -> Result<&Shared<InstanceStatus>, Impossible> {
        match (place, record) {
            (Some(place), _) => Ok(&self.instances[place]),
            (None, Record::Intent(_) | Record::Adopted(_)) => Ok(&self.absent),
            (None, _) => Err(sequence(record, id, &Phase::Absent)),
        }
    }

    /// One step of the fold.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when the record cannot follow; nothing is changed then.
    pub fn apply(&mut self, at: Timestamp, record: Record) -> Result<(), Impossible> {
        let place = self.place_of(&record);
        self.check_at(place, &record)?;
        self.note(&record);
        self.lines += 1;
        if !matches!(record, Record::Leased(_) | Record::Beat | Record::Released) {
            self.updated = at;
        }
        match record {
            Record::Header(_) | Record::Beat => {}
            Record::Leased(lease) => self.lease = Some(lease),
            Record::Released => self.lease = None,
            Record::Started(started) => {
                self.started = Some((at, started));
                self.finished = None;
                self.before.clear();
            }
            Record::Outputs { values } => self.outputs = values,
            Record::Finished { exit } => {
                self.finished = Some(exit);
                self.lease = None;
            }
            Record::Compacted { tasks, durations, lines } => {
                // This line has been counted.
                self.lines = self.lines.max(lines);
                self.tasks.extend(tasks);
                self.durations.extend(durations);
            }
            Record::Kept { instance, status } => {
                self.put(instance, *status);
            }
            Record::Moved { instance, to } => self.rename(&instance, &to),
            record => self.apply_to_instance(at, place, record),
        }
        Ok(())
    }

    /// Puts an instance on record with this status.
    pub fn put(&mut self, id: InstanceId, known: InstanceStatus) {
        let (place, _) = self.instances.insert_full(id, known.into());
        self.owners.note(place, &self.instances[place]);
    }

    /// The status that the instance at this place had when the last command began, if it has records since.
    fn before(&self, place: usize) -> Option<&Shared<InstanceStatus>> {
        self.before.get(place)?.as_ref()
    }

    /// Remembers the status from before the last command, unless it is remembered already.
    fn remember(&mut self, place: usize, known: Shared<InstanceStatus>) {
        if self.before.len() <= place {
            self.before.resize(place + 1, None);
        }
        self.before[place].get_or_insert(known);
    }

    fn apply_to_instance(&mut self, at: Timestamp, place: Option<usize>, mut record: Record) {
        let Some(id) = record.instance() else { return };
        let place = place.unwrap_or_else(|| self.instances.insert_full(self.sharing(id), self.absent.clone()).0);
        if let (Record::Intent(intent), Some((id, _))) = (&mut record, self.instances.get_index(place))
            && !intent.is_shared()
        {
            intent.instance = id.clone();
        }
        self.remember(place, self.instances[place].clone());
        let (known, before) = (&mut self.instances[place], &mut self.before[place]);
        let kept = match (&record, &before) {
            (Record::RolledBack { .. }, Some(before)) => before.made.len(),
            _ => 0,
        };
        self.departed.note(at, known, &record, kept);
        match (record, before) {
            (Record::RolledBack { .. }, Some(before)) => known.roll_back(before),
            (record @ (Record::Removed { .. } | Record::Forgotten { .. }), before) => {
                known.apply(at, record);
                *before = Some(known.clone());
            }
            (record, _) => known.apply(at, record),
        }
        self.owners.note(place, &self.instances[place]);
    }

    /// The id of an instance that is not on record yet; it shares the name of the step with the one before.
    fn sharing(&self, id: &InstanceId) -> InstanceId {
        match self.instances.last() {
            Some((last, _)) if last.step == id.step => InstanceId { step: last.step.clone(), key: id.key.clone() },
            _ => id.clone(),
        }
    }

    /// Remembers tasks and how long they took.
    fn note(&mut self, record: &Record) {
        match record {
            Record::Accepted { tasks, .. } | Record::RemovalAccepted { tasks, .. } | Record::Resolved { tasks, .. } => {
                self.tasks.extend(tasks.iter().cloned());
            }
            Record::Disowned { tasks, .. } => self.tasks.retain(|task| !tasks.contains(task)),
            Record::Succeeded(done) => {
                self.tasks.extend(done.result.tasks.iter().cloned());
                self.durations.extend(done.durations.iter().cloned());
            }
            _ => {}
        }
    }

    /// Renames an instance, which keeps its position.
    fn rename(&mut self, from: &InstanceId, to: &InstanceId) {
        if !self.instances.contains_key(from) {
            return;
        }
        let dropped = give_name(&mut self.instances, from, to);
        if let Some((place, _)) = dropped
            && place < self.before.len()
        {
            self.before.remove(place);
        }
        if let Some(known) = self.instances.get_mut(to) {
            if let Some((_, dropped)) = dropped {
                known.inherit(dropped.into_owned());
            }
            let InstanceStatus { intent, removal, earlier, .. } = &mut **known;
            intent.iter_mut().for_each(|intent| intent.instance = to.clone());
            removal.iter_mut().for_each(|intent| intent.instance = to.clone());
            earlier.iter_mut().for_each(|attempt| attempt.intent.instance = to.clone());
        }
        self.owners = Owners::default();
        // Once all instances of a step are renamed, what came after it comes after the new step.
        let is_left =
            |(other, known): (&InstanceId, &Shared<InstanceStatus>)| other.step == from.step && !known.is_over();
        if from.step != to.step && !self.instances.iter().rev().any(is_left) {
            for known in self.instances.values_mut().filter(|known| known.after.contains(&from.step)) {
                known.after.iter_mut().filter(|step| **step == from.step).for_each(|step| *step = to.step.clone());
            }
        }
    }

    /// Whether the plans of this record had secrets. Earlier versions did not write that down: there, whether calls
    /// were made with secrets, or answered with some.
    pub fn held_secrets(&self) -> bool {
        let intents = self.instances.values().filter_map(|instance| instance.intent.as_ref());
        self.started.as_ref().is_some_and(|(_, started)| started.secrets)
            || intents.into_iter().any(|intent| intent.secret || intent.call.lacks_a_secret())
    }

    /// Records that fold to the same status, as few as there can be.
    pub fn compacted(&self) -> Vec<(Timestamp, Record)> {
        let mut tasks: Vec<_> = self.tasks.iter().cloned().collect();
        tasks.sort_unstable();
        let mut records = Vec::new();
        records.extend(self.started.iter().map(|(at, started)| (*at, Record::Started(started.clone()))));
        for (instance, status) in &self.instances {
            let kept = Record::Kept { instance: instance.clone(), status: Box::new((**status).clone()) };
            records.push((status.finished_at.or(status.intended_at).unwrap_or(self.created), kept));
        }
        records.push((self.updated, Record::Outputs { values: self.outputs.clone() }));
        records.extend(self.finished.map(|exit| (self.updated, Record::Finished { exit })));
        let before = self.lines.saturating_sub(records.len() as u64);
        let compacted = Record::Compacted { tasks, durations: self.durations.iter().collect(), lines: before };
        let header = Header { version: VERSION, ..self.header.clone() };
        let head = [Record::Header(header), compacted].map(|record| (self.created, record));
        head.into_iter().chain(records).collect()
    }

    /// Whether it says nothing: no command has begun, and no call is on record.
    pub fn is_blank(&self) -> bool {
        let is_unused = self.instances.is_empty() && self.tasks.is_empty() && self.outputs.is_empty();
        is_unused && self.started.is_none() && self.finished.is_none()
    }

    /// Instances with a resource that exists, or may exist, in recorded order.
    pub fn existing(&self) -> impl Iterator<Item = (&InstanceId, &InstanceStatus)> {
        self.instances.iter().map(|(id, known)| (id, &**known)).filter(|(_, known)| known.may_exist())
    }

    /// Instances with an attempt without an answer that the run no longer waits for.
    pub fn unanswered(&self) -> impl Iterator<Item = (&InstanceId, &InstanceStatus)> {
        self.instances.iter().map(|(id, known)| (id, &**known)).filter(|(_, known)| !known.earlier.is_empty())
    }

    /// How many resources an instance had made when the last command began.
    pub fn made_before(&self, instance: &InstanceId) -> usize {
        let Some((place, _, known)) = self.instances.get_full(instance) else { return 0 };
        self.before(place).unwrap_or(known).made.len()
    }

    /// Instances for which the last command created a resource, or may have.
    pub fn made_since_started(&self) -> Vec<InstanceId> {
        self.called_since_started()
            .filter(|(_, before, known)| known.made.len() > before.made.len() || known.is_making())
            .map(|(instance, _, _)| instance.clone())
            .collect()
    }

    /// Instances whose call the last command made to change an existing resource, and succeeded.
    pub fn changed_since_started(&self) -> Vec<InstanceId> {
        self.called_since_started()
            .filter(|(_, before, known)| known.made.len() == before.made.len() && !known.is_making())
            .filter(|(_, _, known)| !matches!(known.phase, Phase::Absent | Phase::Failed))
            .map(|(instance, _, _)| instance.clone())
            .collect()
    }

    /// Instances that exist, and that the last command made no call for.
    pub fn not_called_since_started(&self) -> impl Iterator<Item = &InstanceId> {
        let existing = self.instances.iter().enumerate().filter(|(_, (_, known))| known.may_exist());
        let is_as_before = |place: usize, known: &InstanceStatus| {
            self.before(place).is_none_or(|before| before.attempts == known.attempts)
        };
        existing.filter(move |(place, (_, known))| is_as_before(*place, known)).map(|(_, (instance, _))| instance)
    }

    fn called_since_started(&self) -> impl Iterator<Item = (&InstanceId, &InstanceStatus, &InstanceStatus)> {
        self.instances.iter().zip(&self.before).filter_map(|((instance, known), before)| {
            let before = before.as_ref()?;
            (known.attempts > before.attempts).then_some((instance, &**before, &**known))
        })
    }

    /// All owned resources: the instance, and kind and id of its resource.
    pub fn owned(&self) -> impl Iterator<Item = (&InstanceId, &str, &Value)> {
        let resources = self.resources();
        resources
            .filter_map(|(instance, resource)| Some((instance, resource.kind.as_deref()?, resource.id.as_deref()?)))
    }

    /// Everything that the instances made, with secondary resources.
    pub fn resources(&self) -> impl Iterator<Item = (&InstanceId, &RecordedResource)> {
        self.instances.iter().flat_map(|(instance, known)| {
            let resources = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
            resources.map(move |resource| (instance, resource))
        })
    }

    /// Whether an id is recorded as a resource that a step created or touched.
    pub fn knows(&self, id: &str) -> bool {
        let is = |value: &Value| value.as_str() == Some(id);
        self.owned().any(|(_, _, owned)| is(owned))
            || self.instances.values().filter_map(|known| known.result.as_ref()).any(|result| {
                let own = result.id.iter().chain(&result.ids).map(|id| &**id);
                own.chain(result.created.ids()).chain(result.touched.ids()).any(is)
            })
    }

    /// The instance that owns a resource, when it is another than this one.
    pub fn other_owner(&self, instance: &InstanceId, kind: &str, id: &Value) -> Option<&InstanceId> {
        let others = self.owners_of(id).filter(|(owner, _)| *owner != instance);
        others.filter(|(_, other)| other.kind.as_deref() == Some(kind)).map(|(owner, _)| owner).next()
    }

    /// Whether another instance owns a resource with this id, of any kind.
    pub fn is_made_by_another(&self, instance: &InstanceId, id: &Value) -> bool {
        self.owners_of(id).any(|(owner, made)| owner != instance && made.kind.is_some())
    }

    /// The instances that own a resource with this id, each with that resource.
    pub fn owners_of(&self, id: &Value) -> impl Iterator<Item = (&InstanceId, &RecordedResource)> {
        let places = self.owners.of(id, self.instances.values().map(|known| &**known));
        let places = places.filter_map(|place| self.instances.get_index(place));
        places.flat_map(move |(instance, known)| {
            let resources = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
            resources
                .filter(move |resource| resource.id.as_deref() == Some(id))
                .map(move |resource| (instance, resource))
        })
    }
}

/// Gives an instance another name, in its place. Returns what had that name, which is dropped, and its place.
pub fn give_name(
    instances: &mut IndexMap<InstanceId, Shared<InstanceStatus>>,
    from: &InstanceId,
    to: &InstanceId,
) -> Option<(usize, Shared<InstanceStatus>)> {
    let dropped = instances.shift_remove_full(to).map(|(place, _, known)| (place, known));
    let at = instances.get_index_of(from)?;
    let (_, known) = instances.swap_remove_index(at)?;
    let (last, _) = instances.insert_full(to.clone(), known);
    instances.swap_indices(at, last);
    dropped
}
