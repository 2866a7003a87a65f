//! What is to be done about one instance.

use serde::Serialize;

use crate::catalog::Effect;
use crate::journal::{InstanceStatus, Phase};
use crate::plan::{OnChange, Step};

/// What the plan and the flags want of an instance.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The call changes nothing: a GET, or a POST that only computes.
    pub reads: bool,
    /// The call makes something.
    pub creates: bool,
    pub on_change: Option<&'a OnChange>,
    /// `--replace`
    pub replace: bool,
    /// `always: true`: made on every run.
    pub always: bool,
}

impl<'a> Wanted<'a> {
    pub fn of(step: &'a Step, replace: bool) -> Self {
        Self {
            reads: reads(step),
            creates: step.operation.as_ref().is_some_and(|operation| operation.creates.is_some()),
            on_change: step.on_change.as_ref(),
            replace,
            always: step.always,
        }
    }
}

/// Whether a step's call changes nothing: it is made every time, and leaves nothing on record.
pub fn reads(step: &Step) -> bool {
    step.operation
        .as_ref()
        .map_or(step.call.method == crate::catalog::Method::Get, |operation| operation.effect == Effect::Read)
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Made every time.
    Read,
    Call,
    Keep,
    /// A call without answer: what became of it is found out first.
    Settle,
    /// Tasks of an earlier run are waited for.
    Wait,
    /// Something of an earlier attempt is removed first.
    Clear,
    /// It was made by another call than the plan's.
    Change(ChangeKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// `on_change: error`: the run would stop here.
    Error,
    Replace,
    Rerun,
    Update,
    /// `on_change: ignore`: nothing is done.
    Ignore,
}

/// Decides about one instance. `known`: what the record says of it; `agrees`: the recorded call is the plan's.
pub fn instance(wanted: &Wanted<'_>, known: Option<&InstanceStatus>, agrees: bool) -> Decision {
    if wanted.reads {
        return Decision::Read;
    }
    let Some(known) = known else { return Decision::Call };
    match &known.phase {
        Phase::Absent if known.made.is_empty() => Decision::Call,
        Phase::InDoubt if known.intent.is_some() => Decision::Settle,
        Phase::Accepted { .. } if known.intent.is_some() => Decision::Wait,
        Phase::Succeeded if agrees && !wanted.replace && !wanted.always => Decision::Keep,
        Phase::Succeeded => Decision::Change(change(wanted)),
        _ => Decision::Clear,
    }
}

fn change(wanted: &Wanted<'_>) -> ChangeKind {
    match wanted.on_change {
        _ if wanted.replace => ChangeKind::Replace,
        _ if wanted.always => ChangeKind::Rerun,
        Some(OnChange::Replace) => ChangeKind::Replace,
        Some(OnChange::Ignore) => ChangeKind::Ignore,
        Some(OnChange::Update(_)) => ChangeKind::Update,
        Some(OnChange::Rerun) => ChangeKind::Rerun,
        None if !wanted.creates => ChangeKind::Rerun,
        Some(OnChange::Error) | None => ChangeKind::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{IntendedUndo, Intent, Made, RecordedCall};
    use crate::plan::{InstanceId, StepId};

    fn known(phase: Phase, made: usize) -> InstanceStatus {
        let call = RecordedCall {
            method: crate::catalog::Method::Post,
            path: "/x".to_owned(),
            query: vec![],
            headers: vec![],
            body: None,
        };
        let intent: Intent = serde_json::from_value(serde_json::json!({
            "instance": InstanceId::new(StepId::new("a"), None), "call": call, "attempt": 1, "nonce": "n",
            "stamped": false, "after": [], "undo": IntendedUndo::Default,
        }))
        .unwrap();
        InstanceStatus {
            phase,
            intent: Some(Box::new(intent)),
            made: vec![Made::default(); made],
            ..InstanceStatus::default()
        }
    }

    #[test]
    fn what_the_record_says_decides() {
        let tasks = vec!["t".to_owned()];
        let accepted = Phase::Accepted { tasks: tasks.clone(), recovered: false, status: None };
        let create = Wanted { reads: false, creates: true, on_change: None, replace: false, always: false };
        for (phase, made, agrees, decision) in [
            (Phase::Absent, 0, false, Decision::Call),
            (Phase::Absent, 1, false, Decision::Clear),
            (Phase::InDoubt, 0, true, Decision::Settle),
            (accepted, 0, true, Decision::Wait),
            (Phase::Succeeded, 1, true, Decision::Keep),
            (Phase::Succeeded, 1, false, Decision::Change(ChangeKind::Error)),
            (Phase::Failed, 0, true, Decision::Clear),
            (Phase::Removing, 1, true, Decision::Clear),
            (Phase::RemovalAccepted { tasks }, 1, true, Decision::Clear),
        ] {
            let known = known(phase, made);
            assert_eq!(instance(&create, Some(&known), agrees), decision, "{:?}", known.phase);
            let read = Wanted { reads: true, ..create };
            assert_eq!(instance(&read, Some(&known), agrees), Decision::Read);
        }
        assert_eq!(instance(&create, None, false), Decision::Call);
    }

    #[test]
    fn the_plan_and_the_flags_say_what_a_change_means() {
        let create = Wanted { reads: false, creates: true, on_change: None, replace: false, always: false };
        let done = known(Phase::Succeeded, 1);
        let of = |wanted: Wanted<'_>, agrees| instance(&wanted, Some(&done), agrees);
        for (on_change, kind) in [
            (OnChange::Error, ChangeKind::Error),
            (OnChange::Replace, ChangeKind::Replace),
            (OnChange::Rerun, ChangeKind::Rerun),
            (OnChange::Ignore, ChangeKind::Ignore),
        ] {
            assert_eq!(of(Wanted { on_change: Some(&on_change), ..create }, false), Decision::Change(kind));
            let flagged = Wanted { on_change: Some(&on_change), replace: true, ..create };
            assert_eq!(of(flagged, true), Decision::Change(ChangeKind::Replace));
        }
        assert_eq!(of(Wanted { creates: false, ..create }, false), Decision::Change(ChangeKind::Rerun));
        let always = Wanted { creates: false, always: true, ..create };
        assert_eq!(of(always, true), Decision::Change(ChangeKind::Rerun));
    }
}
