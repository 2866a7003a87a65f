//! The decision about one instance: send its call, wait, keep its result, or change it.

use serde::Serialize;

use super::is_untouched;
use crate::catalog::Effect;
use crate::journal::{InstanceStatus, Phase};
use crate::plan::{OnChange, Step};

/// What the plan and the flags ask of an instance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The call changes nothing: a GET, or a POST that only computes.
    pub reads: bool,
    /// The call creates a resource.
    pub creates: bool,
    pub on_change: Option<&'a OnChange>,
    /// `--replace`
    pub replace: bool,
    /// `always: true`: the call is sent on every run.
    pub always: bool,
    /// A resource that it was made from does not exist any more.
    pub orphan: bool,
    /// The call that made it is on no record, only what was read when it was recovered.
    pub recovered: bool,
}

impl<'a> Wanted<'a> {
    pub fn of(step: &'a Step, replace: bool, orphan: bool, recovered: bool) -> Self {
        Self {
            reads: reads(step),
            creates: step.operation.as_ref().is_some_and(|operation| operation.creates.is_some()),
            on_change: step.on_change.as_ref(),
            replace,
            always: step.always,
            orphan,
            recovered,
        }
    }
}

/// Whether the call of a step changes nothing, so that it is sent on every run and never recorded.
pub fn reads(step: &Step) -> bool {
    step.operation
        .as_ref()
        .map_or(step.call.method == crate::catalog::Method::Get, |operation| operation.effect == Effect::Read)
}

/// What a run does about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send the read; it is never recorded.
    Read,
    Call,
    Reuse,
    /// Resolve the outcome of a recorded call without an answer.
    Resolve,
    /// Wait for tasks that an earlier run started.
    Wait,
    /// Remove what a failed attempt left behind.
    Clear,
    /// The recorded call differs from the plan's.
    Change(ChangeKind),
}

/// How the recorded call differs from the plan's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differs {
    No,
    /// The API can change all differing fields in place.
    InPlace,
    /// Some differing fields need a new resource.
    Forces,
    /// Another client changed some fields, and the API cannot change them back; the plan is as it was.
    ByOthers,
}

impl Differs {
    /// Whether only a new resource would agree with the plan.
    pub fn needs_new(self) -> bool {
        matches!(self, Differs::Forces | Differs::ByOthers)
    }
}

/// What a run does about an instance whose call differs from the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// The plan does not allow the change: the step fails.
    Error,
    Replace,
    /// Call again: the default for calls that create nothing.
    Rerun,
    /// Change it in place.
    Update,
    /// `on_change: ignore`: keep the result as it is.
    Ignore,
}

/// Decides about one instance. `known`: its recorded status; `differs`: how the plan's call differs from the recorded
/// one.
pub fn instance(wanted: &Wanted<'_>, known: Option<&InstanceStatus>, differs: Differs) -> Decision {
    if wanted.reads {
        return Decision::Read;
    }
    let Some(known) = known else { return Decision::Call };
    match &known.phase {
        Phase::Absent if known.made.is_empty() => Decision::Call,
        Phase::InDoubt if known.intent.is_some() => Decision::Resolve,
        Phase::Accepted { .. } if known.intent.is_some() => Decision::Wait,
        Phase::Succeeded if differs == Differs::No && !wanted.replace && !wanted.always => Decision::Reuse,
        Phase::Succeeded => Decision::Change(match change(wanted, differs) {
            // Nothing could be removed before: a PUT overwrites it, a POST makes another one.
            ChangeKind::Replace if wanted.creates && is_untouched(known) => ChangeKind::Rerun,
            kind => kind,
        }),
        _ => Decision::Clear,
    }
}

fn change(wanted: &Wanted<'_>, differs: Differs) -> ChangeKind {
    match (wanted.on_change, differs) {
        _ if wanted.replace => ChangeKind::Replace,
        _ if wanted.always => ChangeKind::Rerun,
        (Some(OnChange::Ignore), _) => ChangeKind::Ignore,
        // A comparison with what a read shows is too weak a ground to remove or send anything.
        (_, differs) if differs.needs_new() && wanted.recovered && !wanted.orphan => ChangeKind::Error,
        (Some(OnChange::Update(_)), _) => ChangeKind::Update,
        (Some(OnChange::Rerun), _) => ChangeKind::Rerun,
        (Some(OnChange::Error), _) => ChangeKind::Error,
        (None | Some(OnChange::Auto), _) if !wanted.creates => ChangeKind::Rerun,
        (None | Some(OnChange::Auto | OnChange::Replace), Differs::InPlace) => ChangeKind::Update,
        // Permission to replace what the plan changes: not to delete what another client made of the resource.
        (None | Some(OnChange::Auto | OnChange::Replace), Differs::ByOthers) if !wanted.orphan => ChangeKind::Error,
        (Some(OnChange::Replace), _) => ChangeKind::Replace,
        (None | Some(OnChange::Auto), differs) if differs.needs_new() && wanted.orphan => ChangeKind::Replace,
        (None | Some(OnChange::Auto), _) => ChangeKind::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{InstanceId, StepId};
    use crate::journal::{IntendedUndo, Intent, RecordedCall, RecordedResource};

    fn known(phase: Phase, made: usize) -> InstanceStatus {
        let call = RecordedCall::new(crate::catalog::Method::Post, "/x");
        let intent: Intent = serde_json::from_value(serde_json::json!({
            "instance": InstanceId::new(StepId::new("a"), None), "call": call, "attempt": 1, "nonce": "n",
            "stamped": false, "after": [], "undo": IntendedUndo::Default,
        }))
        .unwrap();
        InstanceStatus {
            phase,
            intent: Some(intent.into()),
            made: vec![RecordedResource::default(); made],
            ..InstanceStatus::default()
        }
    }

    #[test]
    fn the_record_decides() {
        let tasks = vec!["t".to_owned()];
        let accepted = Phase::Accepted { tasks: tasks.clone(), recovered: false, status: None };
        let create = Wanted { creates: true, ..Wanted::default() };
        for (phase, made, differs, decision) in [
            (Phase::Absent, 0, Differs::Forces, Decision::Call),
            (Phase::Absent, 1, Differs::Forces, Decision::Clear),
            (Phase::InDoubt, 0, Differs::No, Decision::Resolve),
            (accepted, 0, Differs::No, Decision::Wait),
            (Phase::Succeeded, 1, Differs::No, Decision::Reuse),
            (Phase::Succeeded, 1, Differs::Forces, Decision::Change(ChangeKind::Error)),
            (Phase::Failed, 0, Differs::No, Decision::Clear),
            (Phase::Removing, 1, Differs::No, Decision::Clear),
            (Phase::RemovalAccepted { tasks }, 1, Differs::No, Decision::Clear),
        ] {
            let known = known(phase, made);
            assert_eq!(instance(&create, Some(&known), differs), decision, "{:?}", known.phase);
            let read = Wanted { reads: true, ..create };
            assert_eq!(instance(&read, Some(&known), differs), Decision::Read);
        }
        assert_eq!(instance(&create, None, Differs::Forces), Decision::Call);
    }

    /// A record that was put together by hand can lack the call: there is nothing to resolve or to wait for then.
    #[test]
    fn without_its_call_an_attempt_is_cleared() {
        let accepted = Phase::Accepted { tasks: vec!["t".to_owned()], recovered: false, status: None };
        let create = Wanted { creates: true, ..Wanted::default() };
        for phase in [Phase::InDoubt, accepted] {
            let known = InstanceStatus { intent: None, ..known(phase, 0) };
            assert_eq!(instance(&create, Some(&known), Differs::No), Decision::Clear, "{:?}", known.phase);
        }
    }

    #[test]
    fn a_call_reads_by_its_operation_or_else_by_its_method() {
        let text = "name: reads\nsteps:\n  - { id: one, call: GET /cloud/v1/regions }\n  \
                    - { id: two, call: GET /acme/things }\n  \
                    - { id: three, call: POST /acme/things, undo: none }\n";
        let plan = crate::plan::load(&std::sync::Arc::new(crate::source::Source::new("reads.yaml", text)));
        assert_eq!(plan.unwrap().steps.values().map(reads).collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn plan_and_flags_decide_about_a_change() {
        let create = Wanted { creates: true, ..Wanted::default() };
        let done = known(Phase::Succeeded, 1);
        let of = |wanted: Wanted<'_>, differs| instance(&wanted, Some(&done), differs);
        for (on_change, in_place, forces) in [
            (OnChange::Auto, ChangeKind::Update, ChangeKind::Error),
            (OnChange::Error, ChangeKind::Error, ChangeKind::Error),
            (OnChange::Replace, ChangeKind::Update, ChangeKind::Replace),
            (OnChange::Rerun, ChangeKind::Rerun, ChangeKind::Rerun),
            (OnChange::Ignore, ChangeKind::Ignore, ChangeKind::Ignore),
        ] {
            let wanted = Wanted { on_change: Some(&on_change), ..create };
            assert_eq!(of(wanted, Differs::InPlace), Decision::Change(in_place), "{on_change:?}");
            assert_eq!(of(wanted, Differs::Forces), Decision::Change(forces), "{on_change:?}");
            let by_others = if matches!(on_change, OnChange::Replace) { ChangeKind::Error } else { forces };
            assert_eq!(of(wanted, Differs::ByOthers), Decision::Change(by_others), "{on_change:?}");
            assert_eq!(of(Wanted { replace: true, ..wanted }, Differs::No), Decision::Change(ChangeKind::Replace));
        }
        assert_eq!(of(create, Differs::InPlace), Decision::Change(ChangeKind::Update));
        assert_eq!(of(create, Differs::Forces), Decision::Change(ChangeKind::Error));
        for differs in [Differs::Forces, Differs::ByOthers] {
            assert_eq!(of(Wanted { orphan: true, ..create }, differs), Decision::Change(ChangeKind::Replace));
        }
        assert_eq!(of(Wanted { creates: false, ..create }, Differs::Forces), Decision::Change(ChangeKind::Rerun));
        let always = Wanted { creates: false, always: true, ..create };
        for always in [always, Wanted { creates: true, on_change: Some(&OnChange::Error), ..always }] {
            assert_eq!(of(always, Differs::No), Decision::Change(ChangeKind::Rerun));
        }
    }
}
