//! What goes together: dependants with the resource that they were made from, and what the plan does not have any more.

use super::unknown::KnownValues;
use super::{Action, Change, Preview};
use crate::engine::decide::{self, Allowed, ChangeKind, RemovalOutcome, removal};
use crate::engine::differences::differences;
use crate::engine::remade::ReplacementCheck;
use crate::engine::update::{in_form_of, wanted_call};
use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::journal::{RecordedCall, Status};
use crate::plan::{Graph, Step};
use crate::template::Reference;

impl Preview<'_> {
    /// The instance is removed with the one that it was made from, and created again.
    pub(super) fn replaced_with(&self, id: &InstanceId, step: &Step, call: &RecordedCall, cause: InstanceId) -> Action {
        let known = self.recorded(id);
        let reformed = known.and_then(|known| in_form_of(known, call, self.digest_key));
        let before = reformed.as_ref().or(known).and_then(|known| known.agrees.as_deref());
        let fields = before.map(|before| differences(before, &wanted_call(before, call, &step.ignored_changes)));
        Action::Change {
            how: ChangeKind::Replace,
            fields: fields.unwrap_or_default(),
            calls: Vec::new(),
            removes: Vec::new(),
            forced: Vec::new(),
            because_of: Some(cause),
            blocker: None,
        }
    }

    /// With a resource everything that was made from it is replaced as well; the run fails where one of these may not
    /// be removed.
    pub(super) fn with_dependants(&self, id: &InstanceId, mut action: Action, known: &mut KnownValues) -> Action {
        let change = match &mut action {
            Action::Continue { then: Some(then), .. } => &mut **then,
            action => action,
        };
        let (
            Some(status),
            Action::Change { how: how @ ChangeKind::Replace, because_of: because_of @ None, blocker, .. },
        ) = (self.status, change)
        else {
            return action;
        };
        let graph = Graph::of(self.plan);
        let earlier: HashSet<&StepId> = graph.all_dependencies(&id.step).into_iter().collect();
        let changed = known.changed.iter().filter(|(other, _)| earlier.contains(&other.step));
        let status = self.record_after(status, changed);
        let dependants = decide::replaced_with(&status, self.plan, id);
        let staying = decide::staying(&status, id, &dependants);
        let is_known = |reference: &Reference| {
            self.plan.steps[&id.step].after.contains(&reference.step)
                && known.values.contains_key(&reference.step)
                && known.unknown_in(std::iter::once(reference)).is_none()
        };
        let turn = ReplacementCheck {
            allowed: Allowed {
                plan: self.plan,
                target: self.target,
                replace: self.replace,
                prune: self.prune,
                orphans: &known.orphans,
            },
            replaced: id,
            staying: staying.as_ref(),
            surroundings: self.surroundings(known, None),
            is_known: &is_known,
        };
        match turn.blockers(&dependants).first() {
            Some((dependant, why)) => {
                *how = ChangeKind::Error;
                *because_of = Some(InstanceId::clone(dependant));
                *blocker = Some(*why);
            }
            None => known.replaced.extend(dependants.into_iter().map(|other| (other, id.clone()))),
        }
        action
    }

    /// The record as it will be once these instances agree with these calls.
    fn record_after<'c>(
        &self,
        status: &Status,
        changed: impl Iterator<Item = &'c (InstanceId, RecordedCall)>,
    ) -> Status {
        let mut later = status.clone();
        for (instance, call) in changed {
            let (Some(known), Some(step)) = (later.instances.get_mut(instance), self.plan.steps.get(&instance.step))
            else {
                continue;
            };
            known.intent = None;
            known.after = step.after.to_vec();
            known.agrees = Some(call.clone().into());
        }
        later
    }

    /// Recorded instances that the plan does not have any more.
    pub(super) fn gone(&self, changes: &[Change], known: &KnownValues) -> Vec<Change> {
        let Some(status) = self.status else { return Vec::new() };
        let undecided = changes
            .iter()
            .filter(|change| matches!(change.action, Action::Depends { .. } | Action::Wrong { .. }))
            .map(|change| change.instance.step.clone())
            .collect();
        // What a step made before it became a read is no longer part of the plan.
        let present = changes.iter().filter(|change| !matches!(change.action, Action::Skip | Action::Read));
        let present = present.map(|change| change.instance.clone()).collect();
        let missing = decide::missing(status, &present, &undecided).into_iter();
        let missing = missing.map(|instance| Change { instance, action: Action::Missing, call: None });
        let gone = decide::gone(status, &present, &undecided);
        if gone.is_empty() {
            return missing.collect();
        }
        // They go at the end of the run: what it changes or makes again does not need them any more.
        let kept = removal(&self.record_after(status, known.changed.iter()), &gone).kept;
        let kept: HashMap<InstanceId, InstanceId> =
            kept.into_iter().map(|kept| (kept.instance, kept.because_of)).collect();
        let going: HashSet<InstanceId> = gone.iter().filter(|one| !kept.contains_key(*one)).cloned().collect();
        gone.into_iter()
            .map(|instance| {
                let known = &status.instances[&instance];
                let RemovalOutcome { goes, stays, obstacle } = decide::fate(self.catalog, status, &instance, &going);
                let stays_for = kept.get(&instance).filter(|_| self.prune).cloned();
                let obstacle = obstacle.filter(|_| self.prune && stays_for.is_none());
                let taken_off = self.prune && stays_for.is_none() && obstacle.is_none();
                let (pruned, forgotten) = (taken_off && goes, taken_off && !goes);
                let made = known.made.clone();
                let action = match decide::is_only_in_doubt(known) {
                    true => Action::Continue { phase: known.phase.name().to_owned(), then: None },
                    false => Action::Gone { pruned, forgotten, stays_for, obstacle, made, stays, goes },
                };
                Change { action, call: known.agreed().cloned(), instance }
            })
            .chain(missing)
            .collect()
    }
}
