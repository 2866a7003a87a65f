//! What was removed a short while ago: for some minutes the API may count it as there, and name it as the user of what
//! it was made from.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::instance::InstanceStatus;
use super::record::Record;
use super::result::RecordedResource;
use crate::catalog::Method;
use crate::event::RemovedResource;

/// For how long a removed resource is remembered: as long as the removal of what it may still use is retried, twice.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(10 * 60);

/// The resources that were removed within the last minutes, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Departed(VecDeque<(Timestamp, RemovedResource)>);

impl Departed {
    /// Notes what a record says is removed of an instance, which has this status before it.
    pub(super) fn note(&mut self, at: Timestamp, known: &InstanceStatus, record: &Record, kept: usize) {
        let gone = |made: &RecordedResource| match record {
            Record::PartRemoved { kind, id, .. } => made.kind == *kind && made.id.as_deref() == id.as_ref(),
            // What another removal keeps of it is not deleted.
            _ => made.undo.as_ref().is_some_and(|undo| undo.method == Method::Delete),
        };
        let parts = known.made.iter().skip(kept);
        let all: Vec<&RecordedResource> = match record {
            Record::PartRemoved { .. } => parts.flat_map(|made| std::iter::once(made).chain(&made.secondary)).collect(),
            // A secondary resource may have been kept; those that are removed by themselves have a record of their own.
            Record::Removed { .. } | Record::RolledBack { .. } => parts.collect(),
            _ => return,
        };
        while self.0.front().is_some_and(|(then, _)| *then + REMEMBERED < at) {
            self.0.pop_front();
        }
        for made in all.iter().filter(|made| gone(made)) {
            let Some(id) = made.id.as_deref() else { continue };
            let resource = RemovedResource { kind: made.kind.clone(), id: text(id), name: made.name.clone() };
            self.0.push_back((at, resource));
            let is_main = known.result.as_ref().filter(|result| result.id.as_deref() == Some(id));
            // Such as the ports of a machine: what is made with it, and cannot outlive it.
            let Some(created) = is_main.map(|result| &result.created) else { continue };
            let outlives = |id: &Value| made.secondary.iter().any(|secondary| secondary.id.as_deref() == Some(id));
            for (kind, ids) in created.iter() {
                let parts = ids.iter().filter(|part| ***part != *id && !outlives(part));
                let resources =
                    parts.map(|part| RemovedResource { kind: Some(kind.clone()), id: text(part), name: None });
                self.0.extend(resources.map(|resource| (at, resource)));
            }
        }
    }

    /// The resource of this id, if it was removed within the last minutes.
    pub fn find(&self, id: &str, now: Timestamp) -> Option<&RemovedResource> {
        let known = self.0.iter().rev().find(|(_, resource)| resource.id == id)?;
        (known.0 + REMEMBERED >= now).then_some(&known.1)
    }
}

/// As in the messages of the API.
fn text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}
