//! The audit log as evidence: the entry of an attempt, and the entries that exclude a candidate.

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::{AttemptSearch, Candidate, LOG_RESOURCES, Resolved};
use crate::api::{ReadError, Request, Task};
use crate::engine::collection::{creator_task, items, list_call};
use crate::engine::evidence::audit::{AUDIT_LOG, AuditEvidence};
use crate::engine::evidence::{Verdict, audit, tags};
use crate::engine::ownership::Claimable;
use crate::engine::pages::{Paging, pages};
use crate::engine::project_region::ProjectRegion;
use crate::journal::{Evidence, id_text};

impl<'a> AttemptSearch<'a> {
    /// The outcome according to the audit log, which may be late or closed to this key.
    pub(super) async fn by_audit_log(&self) -> Option<Resolved> {
        let agent = self.agent();
        let entries = self.log(self.log_since().query("user_agents", &agent)).await?;
        match audit::trail(&entries, &agent)? {
            AuditEvidence::Task(task) if self.is_missing(&task) => {
                let id = audit::resource(&entries, &agent).filter(|_| self.creates().is_some())?;
                let item = self.read_by_id(&id).await?;
                self.claim_item(&id_text(&id), item, Evidence::AuditLog)
            }
            AuditEvidence::Task(task) => Some(self.claim_task(&task, Evidence::AuditLog)),
            AuditEvidence::Resource(id) if self.creates().is_some() => {
                let item = self.read_by_id(&id).await?;
                self.claim_item(&id_text(&id), item, Evidence::AuditLog)
            }
            // The API has said so itself: what counts is the end of the task that it starts.
            AuditEvidence::Resource(_) | AuditEvidence::Nothing if self.is_carried_out() && self.may_start_tasks() => {
                None
            }
            AuditEvidence::Resource(_) | AuditEvidence::Nothing if self.only_changes() => Some(Resolved::Done),
            AuditEvidence::Resource(_) | AuditEvidence::Nothing => None,
        }
    }

    /// The request for entries of the audit log since the intent, by whichever clock of the API.
    pub(super) fn log_since(&self) -> Request {
        let from = self.by_any_clock().since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Request::get(AUDIT_LOG).query("from_timestamp", from)
    }

    /// The audit log's entries about these candidates: for resources of any age, for tasks since the intent.
    async fn log_about(&self, candidates: &[Candidate]) -> Option<Vec<Value>> {
        let items = candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Item { id, .. } => Some(id),
            Candidate::Task(_) => None,
        });
        let items: Vec<&String> = items.collect();
        let mut entries = Vec::new();
        if items.len() < candidates.len() {
            let ProjectRegion { project_id, region_id } = self.project_region();
            let ids = [("project_id", project_id), ("region_id", region_id)];
            let known = ids.into_iter().filter_map(|(name, id)| Some((name, id?)));
            entries
                .extend(self.log(known.fold(self.log_since(), |request, (name, id)| request.query(name, id))).await?);
        }
        for some in items.chunks(LOG_RESOURCES) {
            let request = some.iter().fold(Request::get(AUDIT_LOG), |request, id| request.query("resource_id", *id));
            entries.extend(self.log(request).await?);
        }
        Some(entries)
    }

    /// Reads the audit log; `None` when the key may not, or it does not answer.
    pub(super) async fn log(&self, request: Request) -> Option<Vec<Value>> {
        if self.log_is_closed.load(Ordering::Relaxed) {
            return None;
        }
        match pages(&self.context.client, &request, "/results", Paging::CLOUD).await {
            Ok(entries) => Some(entries),
            Err(error) => {
                let closed = matches!(&error, ReadError::Refused(error) if matches!(error.status, 401 | 403 | 404));
                self.log_is_closed.store(closed, Ordering::Relaxed);
                None
            }
        }
    }

    /// The candidates that remain after the resources, the audit log and the other records have been read.
    pub(super) async fn without_others(&self, mut open: Vec<Candidate>) -> Result<Vec<Candidate>, ReadError> {
        if !open.is_empty() {
            open = self.without_other_tags(open).await?;
        }
        if !open.is_empty()
            && let Some(entries) = self.log_about(&open).await
        {
            let agent = self.agent();
            // A recovered record does not name the attempt.
            let may_be_ours =
                |agent: &str| self.intent().mark.user_agent.is_none() && self.context.may_have_sent(agent);
            let verdict = |one: &Candidate| audit::verdict(&entries, &self.claimable(one), &agent, may_be_ours);
            open.retain(|one| verdict(one) != Verdict::NotOurs);
        }
        if !open.is_empty() {
            self.context.owners.read_other_records().await;
            open.retain(|one| self.context.owners.other_record(&self.claimable(one)).is_none());
        }
        Ok(open)
    }

    fn claimable(&self, candidate: &Candidate) -> Claimable {
        match candidate {
            Candidate::Task(task) => Claimable::task(&task.id),
            Candidate::Item { id, .. } => self.resource(self.creates().map_or("", |creates| creates.kind.as_str()), id),
        }
    }

    /// Excludes tasks whose resource carries another attempt's tag, or none although ours was sent.
    async fn without_other_tags(&self, open: Vec<Candidate>) -> Result<Vec<Candidate>, ReadError> {
        let list = self.list().filter(|list| self.intent().stamped && list.shows_stamps());
        let Some((list, request)) = list.and_then(|list| Some((list, list_call(list, &self.parameters)?))) else {
            return Ok(open);
        };
        let made = items(self.context, list, request).await?;
        let kind = self.creates().map(|creates| creates.kind.as_str()).unwrap_or_default();
        let is_made_by = |item: &Value, task: &Task| {
            let listed = task.created.get(kind).and_then(Value::as_array).into_iter().flatten();
            let id = item.get(&list.id_field);
            creator_task(item).as_ref() == Some(&task.id) || listed.into_iter().any(|made| Some(made) == id)
        };
        let is_owned_by_another = |candidate: &Candidate| match candidate {
            Candidate::Task(task) => made.iter().any(|item| {
                is_made_by(item, task) && tags::verdict_of_item(item, Some(list), self.intent()) == Verdict::NotOurs
            }),
            Candidate::Item { .. } => false,
        };
        Ok(open.into_iter().filter(|candidate| !is_owned_by_another(candidate)).collect())
    }
}
