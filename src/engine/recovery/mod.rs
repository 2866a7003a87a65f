//! A lost record, found again in the account: what carries our stamp, what tasks and the audit log say that our calls made,
//! and what stands alone, as the plan says, in something that is ours.
//!
//! A name is no proof. What has only that is put on record as in doubt: no run makes anything there before somebody has
//! decided. `trail` reads the audit log, `work` looks for one instance after another.

mod trail;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use super::context::Settings;
use super::preview::{Preview, Reads};
use super::results::operation_of;
use super::stamps::Spot;
use crate::api::Client;
use crate::catalog::Catalog;
use crate::id::{InstanceId, StepId};
use crate::journal::{Record, Status};
use crate::plan::{Plan, Selection};
use crate::secret::Secrets;

/// Where the audit log is read.
const AUDIT_LOG: &str = "/cloud/v1/user_actions";

/// What is looked for, and where.
pub struct Search<'a> {
    pub client: &'a Client,
    pub catalog: &'a Catalog,
    pub plan: &'a Plan,
    pub settings: &'a Settings,
    pub secrets: &'a Secrets,
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    /// What somebody says is what a step made: instance and id.
    pub accepted: &'a [(String, String)],
    /// What is on record: that is left as it is, but for what is in doubt and accepted.
    pub status: &'a Status,
}

/// By what something is known to be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// It carries the tag of its step.
    Stamp,
    /// The task that made it carries that tag.
    Task,
    /// The audit log tells our `User-Agent` for the call that made it.
    AuditLog,
    /// It is the only thing in what this instance made that is as the plan says.
    Parent(InstanceId),
    /// Somebody said so.
    Decision,
}

impl Trace {
    /// In words, with how sure that is.
    pub fn words(&self) -> String {
        match self {
            Trace::Stamp => "certain: it carries the stamp".to_owned(),
            Trace::Task => "certain: its task carries the stamp".to_owned(),
            Trace::AuditLog => "certain: the audit log tells our call".to_owned(),
            Trace::Parent(parent) => format!("likely: the only one like it in `{parent}`"),
            Trace::Decision => "accepted".to_owned(),
        }
    }
}

/// What a search came to.
#[derive(Debug)]
pub struct Recovered {
    /// The record, with what was found.
    pub status: Status,
    pub found: Vec<(InstanceId, Trace)>,
    /// In doubt: the ids of what has the right name.
    pub in_doubt: Vec<(InstanceId, Vec<String>)>,
    /// Of what was said to be what a step made: instances and ids that cannot be.
    pub refused: Vec<(String, String)>,
    /// Nothing like what the plan says is there.
    pub absent: Vec<InstanceId>,
    /// Not looked for, because it builds on what is in doubt.
    pub not_looked_for: Vec<(InstanceId, Vec<StepId>)>,
    /// Lists that were read.
    pub lists: usize,
    /// What could not be read, and why.
    pub unread: Vec<(String, String)>,
}

impl Recovered {
    /// The lines that put on record what was found, and what is in doubt.
    pub fn records(&self) -> Vec<Record> {
        let found = self.found.iter().map(|(instance, _)| instance);
        let in_doubt = self.in_doubt.iter().map(|(instance, _)| instance);
        let kept = |instance: &InstanceId| Record::Kept {
            instance: instance.clone(),
            status: Box::new(self.status.instances[instance].clone().into_owned()),
        };
        found.chain(in_doubt).map(kept).collect()
    }

    /// Nothing is left to decide, or to look through. An audit log that is closed matters only where something is missing.
    pub fn is_complete(&self) -> bool {
        let only_the_log = self.unread.iter().all(|(path, _)| path == AUDIT_LOG);
        let all_was_read = self.unread.is_empty() || (only_the_log && self.absent.is_empty());
        self.in_doubt.is_empty() && self.not_looked_for.is_empty() && self.refused.is_empty() && all_was_read
    }
}

/// The projects and regions of a plan's calls, as far as inputs tell them.
pub fn spots_of(
    plan: &Plan,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Vec<Spot> {
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
    let spot = |change: super::preview::Change| {
        let (_, parameters) = operation_of(Catalog::embedded(), &change.call?)?;
        let of = |name: &str| parameters.iter().find(|(known, _)| known == name)?.1.parse::<i64>().ok();
        Some((of("project_id").or(settings.project_id)?, of("region_id").or(settings.region_id)?))
    };
    let spots: BTreeSet<Spot> = preview.changes().0.into_iter().filter_map(spot).collect();
    spots.into_iter().collect()
}

/// Looks through the account.
pub async fn recover(search: &Search<'_>) -> Recovered {
    let mut work = work::Work::new(search);
    work.by_stamps().await;
    work.read_audit_log().await;
    while work.round(false).await || work.round(true).await {}
    work.finish()
}
