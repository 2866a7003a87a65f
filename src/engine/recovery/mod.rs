//! Recovers a lost record from the account: resources with our stamp, resources that tasks and the audit log
//! attribute to our calls, and the only resource that fits the plan inside a recovered one.
//!
//! A matching name is no proof. An instance with only that is recorded as in doubt, so that no run creates it again
//! before a person has decided. `trail` reads the audit log, `work` searches for one instance after another.

mod trail;
mod work;

use std::collections::BTreeMap;

use super::context::Settings;
use super::evidence::audit::AUDIT_LOG;
use super::operation::operation_of;
use super::ownership::OtherRecords;
use super::preview::{Preview, Reads};
use super::project_region::ProjectRegion;
use super::stamps::ProjectRegionIds;
use crate::api::Client;
use crate::catalog::Catalog;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, Phase, Record, RecordedResource, Status};
use crate::order::ordered_set;
use crate::plan::{Plan, Segment, Selection, Step};
use crate::secret::Secrets;

/// What to recover, and where.
pub struct RecoveryInput<'a> {
    pub client: &'a Client,
    pub catalog: &'a Catalog,
    pub plan: &'a Plan,
    pub settings: &'a Settings,
    pub secrets: &'a Secrets,
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    /// Pairs of instance and id that the user has confirmed.
    pub accepted: &'a [(String, String)],
    /// The existing record, which is kept; only instances that an earlier recovery left in doubt are changed, when the user
    /// has confirmed a resource of theirs.
    pub status: &'a Status,
    /// The other records of the store: what they own is theirs.
    pub other_records: OtherRecords,
}

/// A stamped resource that no record has: its instance has another resource, or the stamped one may be a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Unrecorded {
    pub instance: InstanceId,
    pub resource: RecordedResource,
    pub why: String,
    /// The record has another one for its instance, and nothing else is held against it: it may be that of a step
    /// renamed since.
    pub beside: bool,
}

/// The evidence by which a resource was recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecoveryEvidence {
    /// It has the tag of its step.
    Stamp,
    /// It has the tag of this instance, whose step the plan does not have, and agrees with the call of the one that it
    /// was recovered for: that step was renamed.
    FormerStamp(InstanceId),
    /// The task that made it has that tag.
    Task,
    /// The audit log has our `User-Agent` for the call that made it.
    AuditLog,
    /// Inside the resource of this instance, it is the only one that agrees with the plan.
    Parent(InstanceId),
    /// The user confirmed it.
    Decision,
}

impl RecoveryEvidence {
    /// The evidence as text, with its certainty.
    pub fn words(&self) -> String {
        match self {
            RecoveryEvidence::Stamp => "certain: it carries the stamp".to_owned(),
            RecoveryEvidence::FormerStamp(former) => {
                format!("certain: it carries the stamp of its former name `{former}`")
            }
            RecoveryEvidence::Task => "certain: its task carries the stamp".to_owned(),
            RecoveryEvidence::AuditLog => "certain: the audit log tells our call".to_owned(),
            RecoveryEvidence::Parent(parent) => {
                format!("likely: the only resource in `{parent}` that agrees with the call")
            }
            RecoveryEvidence::Decision => "accepted".to_owned(),
        }
    }
}

/// The outcome of a recovery.
#[derive(Debug)]
pub struct Recovered {
    /// The record with what was recovered.
    pub status: Status,
    pub found: Vec<(InstanceId, RecoveryEvidence)>,
    /// Instances in doubt, with the ids of the resources that have the right name.
    pub in_doubt: Vec<(InstanceId, Vec<String>)>,
    /// Resources with the stamp of this environment that are not recorded.
    pub unrecorded: Vec<Unrecorded>,
    /// Resources that have the right name and are certainly another's: the instance, the id, and whose it is.
    pub of_others: Vec<(InstanceId, String, String)>,
    /// Pairs of instance and id that the user confirmed and that cannot be right.
    pub refused: Vec<(String, String)>,
    /// Instances without any resource that agrees with the plan.
    pub absent: Vec<InstanceId>,
    /// Instances of steps that the plan does not have, or of which another resource was found, each with an instance of
    /// the same call that has no resource: the step may have been renamed.
    pub renamed: Vec<(InstanceId, InstanceId)>,
    /// Instances not searched for, because they depend on instances in doubt.
    pub not_looked_for: Vec<(InstanceId, Vec<StepId>)>,
    /// The number of lists that were read.
    pub lists: usize,
    /// Paths that could not be read, and why.
    pub unread: Vec<(String, String)>,
}

/// Whether a recovery left the instance in doubt: no attempt of a run is.
pub fn is_left_in_doubt(known: &InstanceStatus) -> bool {
    let is_recovered = known.intent.as_ref().is_some_and(|intent| intent.mark.user_agent.is_none());
    is_recovered && known.phase == Phase::InDoubt
}

/// Whether something is on record of the instance that no recovery changes: what it made, a task that it waits for, or an
/// attempt of a run without an answer.
pub fn is_settled(known: &InstanceStatus) -> bool {
    !known.made.is_empty()
        || match known.phase {
            Phase::Absent | Phase::Failed => false,
            Phase::InDoubt => !is_left_in_doubt(known),
            _ => true,
        }
}

impl Recovered {
    /// The records for what was recovered and for what is in doubt.
    pub fn records(&self) -> Vec<Record> {
        let found = self.found.iter().map(|(instance, _)| instance);
        let in_doubt = self.in_doubt.iter().map(|(instance, _)| instance);
        let kept = |instance: &InstanceId| Record::Kept {
            instance: instance.clone(),
            status: Box::new(self.status.instances[instance].clone().into_owned()),
        };
        found.chain(in_doubt).map(kept).collect()
    }

    /// Instances that an earlier recovery left in doubt, and that are not decided yet.
    pub fn undecided(&self) -> impl Iterator<Item = &InstanceId> {
        let is_told = |instance: &InstanceId| self.in_doubt.iter().any(|(told, _)| told == instance);
        let open = self.status.instances.iter().filter(move |(id, known)| is_left_in_doubt(known) && !is_told(id));
        open.map(|(id, _)| id)
    }

    /// Whether the recovery is complete: nothing is left to decide or to read. A closed audit log matters only when
    /// an instance is missing.
    pub fn is_complete(&self) -> bool {
        let only_the_log = self.unread.iter().all(|(path, _)| path == AUDIT_LOG);
        let all_was_read = self.unread.is_empty() || (only_the_log && self.absent.is_empty());
        let is_decided = self.in_doubt.is_empty() && self.undecided().next().is_none();
        is_decided
            && self.renamed.is_empty()
            && self.not_looked_for.is_empty()
            && self.refused.is_empty()
            && self.unrecorded.is_empty()
            && all_was_read
    }
}

/// The projects and regions of a plan's calls, as far as they are known from its inputs.
pub fn project_regions_of(
    plan: &Plan,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Vec<ProjectRegionIds> {
    if plan.steps.values().all(is_in_usual_place) {
        return settings.project_id.zip(settings.region_id).into_iter().collect();
    }
    let none = Selection::default();
    let preview = Preview {
        plan,
        catalog: Catalog::embedded(),
        settings,
        secrets,
        digest_key: b"",
        inputs,
        status: None,
        replace: &none,
        target: &none,
        reads: &Reads::default(),
        prune: false,
    };
    let project_region = |change: super::preview::Change| {
        let (_, parameters) = operation_of(Catalog::embedded(), &change.call?)?;
        let named = ProjectRegion::of(&parameters);
        Some((named.project_id.or(settings.project_id)?, named.region_id.or(settings.region_id)?))
    };
    let project_regions = ordered_set(preview.changes().0.into_iter().filter_map(project_region));
    project_regions.into_iter().collect()
}

/// Whether the project and region of a step's call are those of the run, whatever its templates give.
fn is_in_usual_place(step: &Step) -> bool {
    let Some(operation) = &step.operation else { return false };
    let names = operation.route.path.split('/').skip(1);
    step.project_id.is_none()
        && step.region_id.is_none()
        && names.zip(&*step.call.segments).all(|(name, segment)| match name {
            "{project_id}" => matches!(segment, Segment::ProjectId),
            "{region_id}" => matches!(segment, Segment::RegionId),
            _ => true,
        })
}

/// Searches the account and recovers the record.
pub async fn recover(search: &RecoveryInput<'_>) -> Recovered {
    let mut work = work::Work::new(search);
    work.read_audit_log().await;
    work.by_stamps().await;
    while work.round(false).await || work.round(true).await {}
    work.complete_not_in_plan().await;
    work.finish()
}

#[cfg(test)]
mod tests;
