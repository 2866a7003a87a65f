//! What is replaced together with a resource: everything that was made from it. Each of these has to be allowed to go,
//! and has to be made again by the same run.

use serde::Serialize;

use super::{References, stays};
use crate::hash::HashSet;
use crate::id::{InstanceId, StepId};
use crate::journal::Status;
use crate::order::ordered_set;
use crate::plan::{OnChange, Plan, Selection};

/// The most steps that a help names.
const MOST_NAMES: usize = 8;

/// Recorded instances that exist and depend on this one, directly or through others: they are removed before it. A
/// dependency by order alone counts only if the plan still has it.
pub fn replaced_with(status: &Status, plan: &Plan, instance: &InstanceId) -> Vec<InstanceId> {
    let comes_after = |other: &InstanceId, step: &StepId| {
        plan.steps.get(&other.step).is_none_or(|other| other.after.contains(step) || !plan.steps.contains_key(step))
    };
    let dependants = References::where_after(status, comes_after).dependants(instance);
    let existing = status.existing().map(|(other, _)| other);
    existing.filter(|other| dependants.contains(*other)).cloned().collect()
}

/// The first instance without an undo among a resource that is to be replaced and its dependants.
pub fn staying(status: &Status, instance: &InstanceId, dependants: &[InstanceId]) -> Option<InstanceId> {
    let stays = |one: &&InstanceId| status.instances.get(*one).is_some_and(|known| stays(known));
    std::iter::once(instance).chain(dependants).find(stays).cloned()
}

/// What a run does about a dependant once the resource that it was made from is there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remade {
    /// It is made again.
    Yes,
    /// Nothing: the plan does not have it any more, or its `when` is false.
    Gone,
    /// Nothing: `--target` leaves it out.
    Untargeted,
    /// The plan no longer has it after the resource, so that its turn may be over, or under way.
    Apart,
}

/// Why a dependant keeps a resource from being replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplaceBlocker {
    /// Neither the plan nor a flag allows to replace it.
    NotAllowed,
    /// It is no longer in the plan: it would be removed, and not made again.
    Gone,
    /// It is not targeted: it would be removed, and not made again.
    Untargeted,
    /// In the plan it does not come after the resource.
    Apart,
    /// It has no undo.
    Stays,
    /// It is the resource itself, and has no undo: the call would create a second one.
    Itself,
}

/// What the plan and the flags of a run allow to be removed.
#[derive(Clone, Copy)]
pub struct Allowed<'a> {
    pub plan: &'a Plan,
    /// `--target`
    pub target: &'a Selection,
    /// `--replace`
    pub replace: &'a Selection,
    /// `--prune`
    pub prune: bool,
    /// Instances that were made from a resource which does not exist any more.
    pub orphans: &'a HashSet<InstanceId>,
}

impl Allowed<'_> {
    /// Why a dependant may not be removed together with the resource that it was made from; `None`: it may.
    pub fn blocker(&self, dependant: &InstanceId, remade: Remade) -> Option<ReplaceBlocker> {
        match remade {
            // With `--target` a run prunes nothing.
            Remade::Gone if self.prune && self.target.is_empty() => None,
            Remade::Gone => Some(ReplaceBlocker::Gone),
            Remade::Untargeted => Some(ReplaceBlocker::Untargeted),
            Remade::Apart => Some(ReplaceBlocker::Apart),
            Remade::Yes if self.may_replace(dependant) => None,
            Remade::Yes => Some(ReplaceBlocker::NotAllowed),
        }
    }

    /// Whether an instance may be replaced: by the plan, by `--replace`, or because its resource would be lost anyway.
    fn may_replace(&self, instance: &InstanceId) -> bool {
        self.replace.covers(instance)
            || self.orphans.contains(instance)
            || self.plan.steps.get(&instance.step).is_none_or(|step| {
                // Only a create has a resource that can be lost.
                let creates = step.operation.as_ref().is_some_and(|operation| operation.creates.is_some());
                matches!(step.on_change, Some(OnChange::Replace)) || !creates
            })
    }
}

impl ReplaceBlocker {
    pub fn words(self, dependant: &InstanceId) -> String {
        let step = &dependant.step;
        match self {
            ReplaceBlocker::NotAllowed => format!("`{step}` depends on it, and may not be replaced"),
            ReplaceBlocker::Gone => {
                format!("`{dependant}` depends on it, and is no longer in the plan: it would not be made again")
            }
            ReplaceBlocker::Untargeted => {
                format!("`{dependant}` depends on it, and is not targeted: it would not be made again")
            }
            ReplaceBlocker::Stays => format!("`{dependant}` depends on it, and stays: it has no undo"),
            ReplaceBlocker::Itself => "it has no undo, and a second one would be created beside it".to_owned(),
            ReplaceBlocker::Apart => {
                format!("on record `{dependant}` depends on it, and in the plan it does not come after it any more")
            }
        }
    }

    /// What to do about it. `dependants`: all that are in the way for this reason; `replaced`: the step that is to be
    /// replaced; `targeted`: `--target` is given; `forget`: the command that takes the first dependant off the record.
    pub fn help(self, dependants: &[InstanceId], replaced: &StepId, targeted: bool, forget: &str) -> String {
        let Some(dependant) = dependants.first() else { return String::new() };
        let step = &dependant.step;
        match self {
            ReplaceBlocker::NotAllowed => {
                let steps = ordered_set(dependants.iter().map(|dependant| &dependant.step));
                let shown = || steps.iter().take(MOST_NAMES);
                let names = shown().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
                let flags = shown().map(|step| format!("--replace {step}")).collect::<Vec<_>>().join(" ");
                let more = match steps.len().saturating_sub(MOST_NAMES) {
                    0 => String::new(),
                    more => format!("; {more} more steps depend on it"),
                };
                format!("say `on_change: replace` in {names}, or add `{flags}`{more}")
            }
            ReplaceBlocker::Gone if targeted => {
                format!("let it go: `--prune`, without `--target`; keep it: take `{step}` back into the plan")
            }
            ReplaceBlocker::Gone => format!("let it go: add `--prune`; keep it: take `{dependant}` back into the plan"),
            ReplaceBlocker::Untargeted => format!("add `--target {step}`"),
            ReplaceBlocker::Stays => format!("keep `{replaced}` as it is: `on_change: ignore`"),
            ReplaceBlocker::Itself => format!("to leave it where it is, and have the step begin anew: {forget}"),
            ReplaceBlocker::Apart => format!(
                "change it first: `--target {step}`; or let it be made again after it: `needs: {replaced}` in `{step}`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::harness::Trial;

    const PLAN: &str = "name: demo\nsteps:\n  - id: fixed\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                        body: { name: net-a }\n  - id: free\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                        body: { name: vol-b, source: new-volume, size: 1 }\n    on_change: replace\n  - id: action\n    undo: none\n    \
                        call: POST /cloud/v1/volumes/{project_id}/{region_id}/{{ steps.free.id }}/extend\n    \
                        body: { size: 2 }\n";

    #[test]
    fn all_that_may_not_be_replaced_is_named_at_once() {
        let named = ["b[0]", "a", "b[1]"].map(Selection::name);
        let help = ReplaceBlocker::NotAllowed.help(&named, &StepId::new("net"), false, "");
        assert_eq!(help, "say `on_change: replace` in `a`, `b`, or add `--replace a --replace b`");
        let many: Vec<InstanceId> = (0..10).map(|n| Selection::name(&format!("s{n}"))).collect();
        let help = ReplaceBlocker::NotAllowed.help(&many, &StepId::new("net"), false, "");
        assert!(help.ends_with("--replace s7`; 2 more steps depend on it"), "{help}");
    }

    #[test]
    fn a_dependant_goes_only_when_it_is_allowed_to_and_made_again_or_pruned() {
        let plan = Trial::plan("plan.yaml", PLAN);
        let (none, one) = (Selection::default(), Selection::from([StepId::new("fixed")]));
        let (found, orphan) = (HashSet::default(), HashSet::from_iter([Selection::name("fixed")]));
        let allowed = Allowed { plan: &plan, target: &none, replace: &none, prune: false, orphans: &found };
        let replaced = Allowed { replace: &one, ..allowed };
        let pruned = Allowed { prune: true, ..allowed };
        let part = Allowed { target: &one, ..pruned };
        let lost = Allowed { orphans: &orphan, ..allowed };
        for (allowed, dependant, remade, blocker) in [
            (allowed, "fixed", Remade::Yes, Some(ReplaceBlocker::NotAllowed)),
            (allowed, "free", Remade::Yes, None),
            (allowed, "action", Remade::Yes, None),
            (replaced, "fixed", Remade::Yes, None),
            (lost, "fixed", Remade::Yes, None),
            // Whatever the plan allows: it would be gone for good.
            (allowed, "free", Remade::Gone, Some(ReplaceBlocker::Gone)),
            (allowed, "action", Remade::Gone, Some(ReplaceBlocker::Gone)),
            (allowed, "former", Remade::Gone, Some(ReplaceBlocker::Gone)),
            (replaced, "fixed", Remade::Gone, Some(ReplaceBlocker::Gone)),
            (lost, "fixed", Remade::Gone, Some(ReplaceBlocker::Gone)),
            (pruned, "former", Remade::Gone, None),
            (pruned, "fixed", Remade::Gone, None),
            (part, "former", Remade::Gone, Some(ReplaceBlocker::Gone)),
            (pruned, "free", Remade::Untargeted, Some(ReplaceBlocker::Untargeted)),
            (replaced, "fixed", Remade::Untargeted, Some(ReplaceBlocker::Untargeted)),
            (pruned, "free", Remade::Apart, Some(ReplaceBlocker::Apart)),
            (lost, "fixed", Remade::Apart, Some(ReplaceBlocker::Apart)),
        ] {
            assert_eq!(allowed.blocker(&Selection::name(dependant), remade), blocker, "{dependant} {remade:?}");
        }
    }
}
