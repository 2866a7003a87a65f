//! Attributes a stamped resource to an instance when the plan has steps that were renamed since: the stamp keeps the
//! former name, which another step of the plan may have now.

use serde_json::Value;

use super::Work;
use super::former::{agrees, name_in};
use super::parts::{is_whole, known_part};
use crate::engine::operation::operation_of;
use crate::engine::placeholder::is_known_later;
use crate::engine::preview::{Action, Change};
use crate::engine::results::resource_id;
use crate::engine::stamps::Stamped;
use crate::id::InstanceId;
use crate::journal::RecordedCall;

/// The instance that a stamped resource belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribution {
    /// That of the instance in its stamp.
    Stamped,
    /// That of another step's instance, with whose whole call it agrees, and not with that of its stamp.
    Of(InstanceId),
    /// One of these, or that of its stamp.
    Doubted(Vec<InstanceId>),
    /// The calls of these are not known yet.
    Later(Vec<InstanceId>),
}

/// How a resource agrees with the calls of a plan.
struct Agreeing {
    /// Whether it belongs to the instance in its stamp: the call of that does not say otherwise.
    own: bool,
    /// The other instances that nothing is recorded for; with whether all of their call is known.
    others: Vec<(InstanceId, bool)>,
}

impl Work<'_> {
    /// Attributes these resources to instances.
    pub(super) fn attribute(
        &self,
        stamped: Vec<Stamped>,
        changes: &[Change],
        partly: bool,
    ) -> Vec<(Stamped, Attribution)> {
        let agreeing: Vec<Agreeing> = stamped.iter().map(|stamped| self.agreeing(stamped, changes)).collect();
        let instances: Vec<&InstanceId> = stamped.iter().map(|stamped| &stamped.instance).collect();
        let attributions = attributions(&instances, &agreeing, partly);
        stamped.into_iter().zip(attributions).collect()
    }

    fn agreeing(&self, stamped: &Stamped, changes: &[Change]) -> Agreeing {
        let id = resource_id(&stamped.status);
        let is_accepted =
            |instance: &InstanceId| self.accepted(instance).is_some_and(|accepted| id.as_deref() == Some(accepted));
        let is_of = |call: &RecordedCall| self.agrees_with(stamped, call);
        let own =
            changes.iter().find(|change| change.instance == stamped.instance).and_then(|change| change.call.as_ref());
        if is_accepted(&stamped.instance) || own.is_none_or(|call| is_known_later(&call.path) || is_of(call).is_some())
        {
            return Agreeing { own: true, others: Vec::new() };
        }
        let is_other =
            |change: &&Change| change.action == Action::Call && change.instance.step != stamped.instance.step;
        let others = changes.iter().filter(is_other).filter_map(|change| {
            let call = change.call.as_ref()?;
            let is_named = is_of(call)?;
            is_named.then(|| (change.instance.clone(), is_whole(call)))
        });
        let mut others: Vec<_> = others.collect();
        if let Some(accepted) = others.iter().position(|(other, _)| is_accepted(other)) {
            others = vec![(others.swap_remove(accepted).0, true)];
        }
        Agreeing { own: false, others }
    }

    /// Whether a resource agrees with what is known of a call, and then whether that has its name.
    fn agrees_with(&self, stamped: &Stamped, call: &RecordedCall) -> Option<bool> {
        let (operation, _) = operation_of(self.search.catalog, call)?;
        let creates = operation.creates.as_ref()?;
        let list = creates.resource.as_ref()?.list.as_ref()?;
        let call = known_part(call.clone());
        agrees(&stamped.status, creates, list, &call).then(|| name_in(creates, &call).is_some_and(Value::is_string))
    }
}

/// The attribution of each resource; `instances`: those in the stamps.
fn attributions(instances: &[&InstanceId], agreeing: &[Agreeing], partly: bool) -> Vec<Attribution> {
    // An instance whose stamped resource agrees with its call needs no other.
    let has_its_own = |other: &InstanceId| {
        instances.iter().zip(agreeing).any(|(instance, agreeing)| agreeing.own && *instance == other)
    };
    let open = |agreeing: &Agreeing| -> Vec<(InstanceId, bool)> {
        agreeing.others.iter().filter(|(other, _)| !has_its_own(other)).cloned().collect()
    };
    let is_single = |instance: &InstanceId| {
        agreeing.iter().filter(|agreeing| agreeing.others.iter().any(|(other, _)| other == instance)).count() == 1
    };
    let names = |others: &[(InstanceId, bool)]| others.iter().map(|(other, _)| other.clone()).collect();
    let one = |agreeing: &Agreeing| match &open(agreeing)[..] {
        [] => Attribution::Stamped,
        [(other, true)] if is_single(other) => Attribution::Of(other.clone()),
        others if !partly && others.iter().any(|(_, is_whole)| !is_whole) => Attribution::Later(names(others)),
        others => Attribution::Doubted(names(others)),
    };
    agreeing.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StepId;

    fn named(name: &str) -> InstanceId {
        InstanceId::new(StepId::new(name), None)
    }

    #[test]
    fn what_agrees_with_the_whole_call_of_one_other_step_is_that_steps() {
        // By resource: the stamp, whether the call of that agrees, the other calls that agree, and whose it is, before
        // and after the last round.
        let (of, doubted) = (
            |name| Attribution::Of(named(name)),
            |names: &[&str]| Attribution::Doubted(names.iter().map(|name| named(name)).collect()),
        );
        type Case = (&'static str, bool, &'static [(&'static str, bool)]);
        let cases: [(&[Case], Vec<[Attribution; 2]>); 8] = [
            (&[("a", true, &[])], vec![[Attribution::Stamped, Attribution::Stamped]]),
            // The plan's call was changed since.
            (&[("a", false, &[])], vec![[Attribution::Stamped, Attribution::Stamped]]),
            // Renamed, and another step has the name now.
            (
                &[("a", false, &[("b", true)]), ("a", true, &[])],
                vec![[of("b"), of("b")], [Attribution::Stamped, Attribution::Stamped]],
            ),
            // Swapped.
            (
                &[("a", false, &[("b", true)]), ("b", false, &[("a", true)])],
                vec![[of("b"), of("b")], [of("a"), of("a")]],
            ),
            // The other step has its own.
            (
                &[("a", false, &[("b", true)]), ("b", true, &[])],
                vec![[Attribution::Stamped, Attribution::Stamped], [Attribution::Stamped, Attribution::Stamped]],
            ),
            // Two agree with one call, or one with two.
            (
                &[("a", false, &[("b", true)]), ("a", false, &[("b", true)])],
                vec![[doubted(&["b"]), doubted(&["b"])], [doubted(&["b"]), doubted(&["b"])]],
            ),
            (&[("a", false, &[("b", true), ("c", true)])], vec![[doubted(&["b", "c"]), doubted(&["b", "c"])]]),
            // Part of the call depends on what is not recovered yet.
            (&[("a", false, &[("b", false)])], vec![[Attribution::Later(vec![named("b")]), doubted(&["b"])]]),
        ];
        for (found, expected) in cases {
            let names: Vec<InstanceId> = found.iter().map(|(name, _, _)| named(name)).collect();
            let agreeing = found.iter().map(|(_, own, others)| Agreeing {
                own: *own,
                others: others.iter().map(|(other, is_whole)| (named(other), *is_whole)).collect(),
            });
            let agreeing: Vec<Agreeing> = agreeing.collect();
            for (at, partly) in [false, true].into_iter().enumerate() {
                let told = attributions(&names.iter().collect::<Vec<_>>(), &agreeing, partly);
                let expected: Vec<Attribution> = expected.iter().map(|both| both[at].clone()).collect();
                assert_eq!(told, expected, "{partly}");
            }
        }
    }
}
