//! The part of the fold that is about one instance: which record can follow, and the status after it.

use jiff::Timestamp;
use serde_json::Value;

use super::call::{fields_of, fields_of_mut};
use super::few::Few;
use super::instance::{Asked, InstanceStatus, Phase};
use super::intent::{AnswerHead, Evidence, IntendedUndo, Intent, Unanswered};
use super::record::{Adopted, Amended, Record, Succeeded};
use super::result::{Drifted, RecordedResource};
use crate::event::{EffectKnown, Provenance, StepError};
use crate::id::InstanceId;
use crate::shared::Shared;

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
    /// Sets the status back to that of before the last command: what it made is removed.
    pub(super) fn roll_back(&mut self, before: &InstanceStatus) {
        let earlier = std::mem::take(&mut self.earlier);
        let stays = self.staying(before.made.len());
        *self = Self { attempts: self.attempts, error: None, earlier, stays, ..before.clone() };
        if matches!(self.phase, Phase::InDoubt | Phase::Accepted { .. }) {
            self.fall_back();
        }
    }

    /// Removes one of its resources.
    fn remove_resource(&mut self, kind: Option<&String>, id: Option<&Value>) {
        let tasks = self.result.iter().flat_map(|result| result.tasks.to_vec()).collect::<Few<_>>();
        for made in &mut self.made {
            made.secondary.retain(|secondary| secondary.kind.as_ref() != kind || secondary.id.as_deref() != id);
            if made.kind.as_ref() == kind && made.id.as_deref() == id {
                // The tasks of the removed resource are kept: they show what made its secondary resources.
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

    /// Remembers the ids of its resources as missing.
    fn lose(&mut self) {
        let resources = self.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
        self.lost.extend(resources.filter_map(|resource| resource.id.as_deref().cloned()));
    }

    /// Kind and id of its main resource.
    fn main(&self) -> Option<(Option<String>, Option<Value>)> {
        let id = self.result.as_ref()?.id.as_ref();
        let made = self.made.iter().rev().find(|made| made.id.as_ref() == id)?;
        Some((made.kind.clone(), made.id.as_deref().cloned()))
    }

    /// Its resources that may still exist when the main one is found to be gone. For one attributed by likeness it is
    /// not known whose the secondary resources are.
    pub fn outliving(&self) -> impl Iterator<Item = &RecordedResource> {
        let main = self.main();
        let is_main = move |made: &RecordedResource| {
            main.as_ref().is_some_and(|(kind, id)| made.kind == *kind && made.id.as_deref() == id.as_ref())
        };
        self.made.iter().flat_map(move |made| {
            let secondary = made.secondary.iter().filter(|_| !made.uncertain);
            let own = Some(made).filter(|made| made.id.is_some() && !is_main(made));
            own.into_iter().chain(secondary)
        })
    }

    fn fall_back(&mut self) {
        self.phase = if self.result.is_some() { Phase::Succeeded } else { Phase::Absent };
    }

    /// Whether a record about it, by the name of `id`, can follow.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when it cannot.
    pub(super) fn check(&self, record: &Record, id: &InstanceId) -> Result<(), Impossible> {
        if self.may_precede(record) { Ok(()) } else { Err(sequence(record, id, &self.phase)) }
    }

    /// Whether a record about it can follow what is known.
    fn may_precede(&self, record: &Record) -> bool {
        match (&self.phase, record) {
            (Phase::Absent | Phase::Succeeded | Phase::Failed, Record::Intent(_)) => true,
            // An intent that was resolved as "never arrived" is followed by the next attempt.
            (Phase::InDoubt, Record::Intent(intent)) => intent.attempt > self.attempts,
            (Phase::Absent, Record::Adopted(_)) => self.made.is_empty(),
            // Besides `InDoubt`: a later attempt was refused, and an earlier one carried out.
            (Phase::InDoubt | Phase::Absent | Phase::Succeeded | Phase::Failed, Record::Found { attempt, .. })
            | (_, Record::Resolved { attempt, .. }) => {
                self.earlier.iter().any(|earlier| earlier.intent.attempt == *attempt)
            }
            // `Accepted`: the task that was found turned out to be another's.
            (Phase::InDoubt | Phase::Accepted { recovered: true, .. }, Record::NotApplied { .. }) => true,
            (Phase::InDoubt, Record::Unknown { .. } | Record::Accepted { .. }) => true,
            (Phase::Accepted { recovered: true, .. }, Record::Disowned { .. }) => true,
            (Phase::Accepted { .. }, Record::TasksMissing { .. }) => true,
            // `Absent` and `Succeeded`: adopted after a conflict. `Succeeded`: also when what was recovered is compared
            // with the plan. Nothing appends it after `Failed`.
            (Phase::InDoubt | Phase::Accepted { .. }, Record::Succeeded(_)) => true,
            (Phase::Absent | Phase::Succeeded | Phase::Failed, Record::Succeeded(_)) => true,
            // `InDoubt`: its resource was found, but the lost answer alone contained its secret.
            (Phase::InDoubt | Phase::Accepted { .. }, Record::Failed { .. }) => true,
            (Phase::Succeeded | Phase::Failed | Phase::Absent, Record::Removing { .. }) => true,
            // Repeated, or the next of several resources.
            (Phase::Removing | Phase::RemovalAccepted { .. }, Record::Removing { .. }) => true,
            (Phase::Removing, Record::RemovalAccepted { .. }) => true,
            (Phase::Removing | Phase::RemovalAccepted { .. }, Record::PartRemoved { .. }) => true,
            (Phase::Removing | Phase::RemovalAccepted { .. }, Record::RemovalFailed { .. }) => true,
            (Phase::Succeeded, Record::Gone { .. } | Record::MainGone { .. }) => true,
            (Phase::Succeeded, Record::Drifted { .. } | Record::Amended(_)) => true,
            (_, Record::Removed { .. } | Record::RolledBack { .. } | Record::Forgotten { .. }) => true,
            _ => false,
        }
    }

    /// One step of the fold, for a record that may follow; `RolledBack` is handled by [`Self::roll_back`].
    pub(super) fn apply(&mut self, at: Timestamp, record: Record) {
        match record {
            Record::Intent(intent) => self.intend(at, intent),
            Record::Adopted(adopted) => self.take_over(at, *adopted),
            Record::Amended(amended) => {
                let settled = amended.settled;
                self.amend(*amended);
                if settled {
                    self.settle_drift();
                }
            }
            Record::NotApplied { error, unanswered, .. } => self.not_applied(error, unanswered),
            Record::Unknown { error, .. } => {
                let head = error.status.map(|status| AnswerHead { status, request_id: error.request_id.clone() });
                self.head = head.or(self.head.take());
                self.error = Some(error.into());
            }
            Record::Found { attempt, .. } => self.return_to(attempt),
            Record::Resolved { attempt, made, .. } => {
                drop(self.take_earlier(attempt));
                self.made.extend(made.map(|made| *made));
            }
            Record::Accepted { tasks, recovered, status, evidence, .. } => {
                self.phase = Phase::Accepted { tasks, recovered, status };
                self.evidence = evidence;
                self.error = None;
            }
            Record::Disowned { tasks, error, .. } => {
                self.phase = Phase::InDoubt;
                self.evidence = None;
                self.disowned.extend(tasks);
                self.error = Some(error.into());
            }
            Record::TasksMissing { tasks, error, .. } => self.miss_tasks(tasks, error),
            Record::Succeeded(done) => self.succeed(at, *done),
            Record::Failed { error, leftover, unclear, .. } => {
                self.fail(error, unclear);
                self.made.extend(leftover.map(|leftover| *leftover));
            }
            Record::Removing { intent, call, seen, .. } => {
                self.phase = Phase::Removing;
                self.removal = intent;
                self.asked = seen.map(|seen| Asked { call, seen }.into());
                self.error = None;
            }
            Record::RemovalAccepted { tasks, .. } => self.phase = Phase::RemovalAccepted { tasks },
            Record::PartRemoved { kind, id, .. } => {
                (self.removal, self.asked) = (None, None);
                self.remove_resource(kind.as_ref(), id.as_ref());
            }
            Record::RemovalFailed { error, .. } => self.fail_removal(error),
            Record::Gone { .. } => self.lose_all(),
            Record::MainGone { .. } => self.lose_main(),
            Record::Drifted { fields, .. } => self.drift(fields),
            Record::Removed { .. } => self.remove_all(at),
            Record::Forgotten { .. } => {
                let mut forgotten = std::mem::take(&mut self.forgotten);
                let stay = self.made.iter().chain(self.stays.iter());
                forgotten.extend(stay.filter_map(|made| made.id.as_deref().cloned()));
                *self = Self { attempts: self.attempts, finished_at: Some(at), forgotten, ..Self::default() };
            }
            // Records that leave the status of a single instance as it is.
            Record::Header(_)
            | Record::Started(_)
            | Record::RolledBack { .. }
            | Record::Moved { .. }
            | Record::Outputs { .. }
            | Record::Finished { .. }
            | Record::Compacted { .. }
            | Record::Kept { .. }
            | Record::Leased(_)
            | Record::Beat
            | Record::Released => {}
        }
    }

    fn not_applied(&mut self, error: StepError, unanswered: bool) {
        if unanswered {
            self.phase = Phase::InDoubt;
            self.earlier.extend(self.in_doubt());
        }
        self.fall_back();
        self.missing.clear();
        self.error = Some(error.into());
    }

    /// An earlier attempt was carried out: it takes the place of the last one.
    fn return_to(&mut self, attempt: u32) {
        let Some(found) = self.take_earlier(attempt) else { return };
        self.earlier.extend(self.in_doubt());
        self.phase = Phase::InDoubt;
        self.evidence = None;
        self.error = None;
        self.after.clone_from(&found.intent.after);
        self.intent = Some(found.intent);
        self.intended_at = Some(found.at);
        self.head = found.head;
        self.missing = found.missing;
    }

    /// The API does not know its tasks any more.
    fn miss_tasks(&mut self, tasks: Vec<String>, error: StepError) {
        let answered = match self.phase {
            Phase::Accepted { status, .. } => status,
            _ => None,
        };
        self.phase = Phase::InDoubt;
        self.evidence = None;
        // Whatever became of its tasks, the API had started them.
        self.head = Some(AnswerHead { status: answered.unwrap_or(200), request_id: None });
        let tasks = tasks.into_iter().filter(|task| !self.missing.contains(task)).collect::<Vec<_>>();
        self.missing.extend(tasks);
        self.error = Some(error.into());
    }

    fn fail(&mut self, error: StepError, unclear: bool) {
        if let Phase::Accepted { tasks, .. } = &self.phase
            && unclear
        {
            let failed = tasks.clone();
            self.phase = Phase::InDoubt;
            self.earlier.extend(self.in_doubt().map(|attempt| Unanswered { failed: failed.into(), ..attempt }));
        }
        let updated = self.intent.as_ref().is_some_and(|intent| intent.update.is_some());
        self.phase = if updated { Phase::Succeeded } else { Phase::Failed };
        self.error = Some(error.into());
    }

    fn fail_removal(&mut self, error: StepError) {
        self.fall_back();
        // A removal that may have been carried out is resolved before it is sent again.
        if error.effect != EffectKnown::Unknown {
            (self.removal, self.asked) = (None, None);
        }
        self.error = Some(error.into());
    }

    /// All of its resources were found to be gone.
    fn lose_all(&mut self) {
        self.lose();
        let (earlier, stays) = (std::mem::take(&mut self.earlier), std::mem::take(&mut self.stays));
        let (lost, forgotten) = (std::mem::take(&mut self.lost), std::mem::take(&mut self.forgotten));
        *self = Self { attempts: self.attempts, lost, forgotten, earlier, stays, ..Self::default() };
    }

    /// The main resource was found to be gone, while secondary resources still exist.
    fn lose_main(&mut self) {
        self.lose();
        let uncertain = self.made.iter_mut().filter(|made| made.uncertain);
        uncertain.for_each(|made| made.secondary = Few::default());
        if let Some((kind, id)) = self.main() {
            self.remove_resource(kind.as_ref(), id.as_ref());
        }
        (self.result, self.agrees, self.evidence) = (None, None, None);
        (self.removal, self.asked) = (None, None);
        self.drifted.clear();
        self.fall_back();
    }

    /// All of its resources that have an undo were removed.
    fn remove_all(&mut self, at: Timestamp) {
        let (earlier, stays) = (self.earlier_beside_kept(), self.staying(0));
        // Only what was left behind is removed: what was found missing is still missing.
        let lost = if self.result.is_none() { std::mem::take(&mut self.lost) } else { Few::default() };
        let forgotten = std::mem::take(&mut self.forgotten);
        *self =
            Self { attempts: self.attempts, finished_at: Some(at), lost, forgotten, earlier, stays, ..Self::default() };
    }

    /// The resources that stay when it is removed: those without an undo that its calls made, from `made[from]` on.
    /// Adopted ones existed before.
    fn staying(&mut self, from: usize) -> Few<RecordedResource> {
        let mut stays = std::mem::take(&mut self.stays);
        if self.intent.is_some() {
            let made = self.made.iter().skip(from).filter(|made| made.undo.is_none() && made.id.is_some());
            let plain = |made: &RecordedResource| RecordedResource {
                kind: made.kind.clone(),
                id: made.id.clone(),
                name: made.name.clone(),
                ..RecordedResource::default()
            };
            stays.extend(made.map(plain));
        }
        stays
    }

    fn intend(&mut self, at: Timestamp, intent: Shared<Intent>) {
        self.earlier.extend(self.in_doubt());
        self.phase = Phase::InDoubt;
        self.head = None;
        self.missing.clear();
        self.evidence = None;
        self.attempts = intent.attempt;
        self.after.clone_from(&intent.after);
        self.intent = Some(intent.into_recorded());
        self.intended_at = Some(at);
        self.error = None;
    }

    fn take_earlier(&mut self, attempt: u32) -> Option<Unanswered> {
        let at = self.earlier.iter().position(|earlier| earlier.intent.attempt == attempt)?;
        Some(self.earlier.remove(at))
    }

    /// The attempts without an answer, with the resources that a removal keeps (no undo) added to what was there before
    /// them, so that these are not taken for their work.
    fn earlier_beside_kept(&mut self) -> Few<Unanswered> {
        let mut earlier = std::mem::take(&mut self.earlier);
        let stays = self.made.iter().filter(|made| made.undo.is_none()).filter_map(|made| made.id.as_ref());
        let stays: Vec<String> = stays.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).collect();
        for before in earlier.iter_mut().filter_map(|attempt| attempt.intent.mark.before.as_mut()) {
            before.extend_from_slice(&stays);
        }
        earlier
    }

    /// Puts the drift into the recorded call, so that the plan differs from it and the next run corrects it.
    fn drift(&mut self, fields: Vec<Drifted>) {
        let body = self.agrees.as_mut().and_then(|agrees| agrees.body.as_mut());
        let Some(body) = body.filter(|body| fields_of(body).is_some()) else { return };
        body.edit(|body| {
            let Some(body) = fields_of_mut(body) else { return };
            for drifted in &fields {
                match &drifted.now {
                    Some(now) => drop(body.insert(drifted.field.clone(), now.clone())),
                    None => drop(body.shift_remove(&drifted.field)),
                }
            }
        });
        for drifted in fields {
            self.drifted.retain(|known| known.field != drifted.field);
            self.drifted.push(drifted);
        }
    }

    fn take_over(&mut self, at: Timestamp, adopted: Adopted) {
        self.phase = Phase::Succeeded;
        self.intent = None;
        self.error = None;
        self.after = adopted.after;
        self.result = Some(adopted.result);
        self.agrees = Some(adopted.agrees);
        self.made = vec![adopted.made];
        (self.called, self.existed_on) = (false, None);
        self.finished_at = Some(at);
    }

    /// Whether a task is one of those that made this resource, by the record.
    pub fn has_task(&self, made: &RecordedResource, task: &str) -> bool {
        let result = self.result.iter().flat_map(|result| &result.tasks);
        let failed = self.error.as_ref().and_then(|error| error.task.as_ref());
        made.tasks.iter().chain(result).chain(failed).any(|known| known == task)
    }

    /// Its main resource: the one that its result is about, or else the last that it made.
    pub fn main_made(&self) -> Option<&RecordedResource> {
        self.made.get(self.place_of_main()?)
    }

    fn place_of_main(&self) -> Option<usize> {
        let id = self.result.as_ref().and_then(|result| result.id.as_ref());
        let place = self.made.iter().rposition(|made| made.id.as_ref() == id);
        place.or_else(|| self.made.len().checked_sub(1))
    }

    fn amend(&mut self, amended: Amended) {
        if let Some(after) = amended.after {
            self.after = after;
        }
        if let Some(agrees) = amended.agrees {
            let former = self.agrees.replace(agrees.clone());
            if let Some(intent) = &mut self.intent {
                let intent = &mut **intent;
                let sent = intent.update.as_mut().unwrap_or(&mut intent.call);
                if former.as_ref() == Some(&*sent) {
                    *sent = agrees;
                }
            }
        }
        let Some(made) = amended.made else { return };
        if let (Some(intent), Some(_)) = (&mut self.intent, &made.id) {
            match (&made.undo, &intent.undo) {
                (None, _) => intent.undo = IntendedUndo::Keep,
                (Some(_), IntendedUndo::Keep) => intent.undo = IntendedUndo::Default,
                (Some(_), _) => {}
            }
        }
        match (self.place_of_main(), made == RecordedResource::default()) {
            (Some(place), true) => drop(self.made.remove(place)),
            (Some(place), false) => self.made[place] = made,
            (None, true) => {}
            (None, false) => self.made.push(made),
        }
    }

    /// What another client changed is as it shall be.
    fn settle_drift(&mut self) {
        if let (Some(name), Some(result)) = (self.drifted_name().map(str::to_owned), &mut self.result)
            && result.name.is_some()
        {
            result.name = Some(name.clone());
            let place = self.place_of_main();
            place.into_iter().for_each(|place| self.made[place].name = Some(name.clone()));
        }
        self.drifted.clear();
    }

    fn succeed(&mut self, at: Timestamp, mut done: Succeeded) {
        done.shrink();
        // A resource found by a conflict is adopted although a call of ours was recorded before it.
        let by_call = matches!(self.phase, Phase::InDoubt | Phase::Accepted { .. });
        let Succeeded { result, made, agrees, evidence, provenance, duration_ms, existed_on, .. } = done;
        let update = self.intent.as_ref().is_some_and(|intent| intent.update.is_some()) && self.result.is_some();
        if let (true, Some(made)) = (update && self.made.len() == 1, self.made.last_mut()) {
            made.name.clone_from(&result.name);
        }
        self.agrees = agrees.or_else(|| self.intent.as_ref().map(|intent| intent.call.clone()));
        self.phase = Phase::Succeeded;
        self.error = None;
        self.finished_at = Some(at);
        self.duration_ms = Some(duration_ms);
        self.result = Some(result);
        self.head = None;
        let makes_nothing = made == RecordedResource::default();
        if !update && !makes_nothing {
            self.existed_on = existed_on;
        }
        if !update && (by_call || !makes_nothing) {
            self.called = by_call && provenance != Provenance::Adopted;
        }
        if let Some(intent) = &mut self.intent {
            // What stood in the way of this call does not any more.
            let same = self.earlier.iter_mut().filter(|earlier| earlier.intent.call == intent.call);
            same.filter(|earlier| earlier.may_stand_in_the_way()).for_each(|earlier| earlier.head = None);
            if makes_nothing && (by_call || update) {
                // A call that makes nothing is done, however often it was carried out.
                self.earlier.retain(|earlier| earlier.intent.call != intent.call);
            }
            // Its outcome is known: no search needs it any more.
            intent.forget_mark();
        }
        self.asked = None;
        if !update || !self.drifted.is_empty() {
            self.corrected = std::mem::take(&mut self.drifted);
        }
        self.disowned.clear();
        self.missing.clear();
        self.evidence = evidence;
        // Earlier versions attributed resources by likeness, and recorded no evidence.
        let certain = provenance != Provenance::Recovered || evidence.is_some_and(Evidence::is_certain);
        let made = RecordedResource { uncertain: !certain, ..made };
        if update || makes_nothing {
            return;
        }
        if let Some(former) = self.made.iter_mut().find(|former| is_undone_alike(former, &made)) {
            // One undo reverts both calls.
            *former = RecordedResource { uncertain: former.uncertain && made.uncertain, ..made };
        } else if self.made.last() != Some(&made) {
            // Most instances make one resource, and a vector would hold room for four.
            self.made.reserve_exact(1);
            self.made.push(made);
        }
    }
}

/// Whether one undo reverts two calls: an action that was called again, or a create whose resource is identified by its
/// name.
fn is_undone_alike(one: &RecordedResource, other: &RecordedResource) -> bool {
    let is_alone = one.secondary.is_empty() && other.secondary.is_empty();
    is_alone && one.undo.is_some() && one.undo == other.undo && one.kind == other.kind && one.id == other.id
}

pub(super) fn sequence(record: &Record, instance: &InstanceId, phase: &Phase) -> Impossible {
    Impossible::Sequence { record: record.name(), instance: instance.clone(), phase: phase.name() }
}
