//! Resources that carry the environment's stamp: whose they are, and which of several is the instance's.

use super::copies::{Facts, objections};
use super::parts::add;
use indexmap::IndexMap;

use super::Work;
use crate::engine::recovery::{RecoveryEvidence, RecoveryInput, Unrecorded};
use crate::engine::results::resource_id;
use crate::engine::stamps::{Stamped, is_findable, stamped};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, id_text};

impl<'a> Work<'a> {
    /// Recovers everything in lists that show tags, also of steps that the plan does not have any more.
    pub async fn by_stamps(&mut self) {
        let RecoveryInput { client, catalog, settings, .. } = *self.search;
        let operations = catalog.operations().filter(|operation| operation.creates.is_some() && is_findable(operation));
        let looked =
            stamped(client, catalog, operations, &self.project_regions, &settings.plan, &settings.environment).await;
        self.lists += looked.lists;
        self.unread.extend(looked.unread.into_iter().map(|(path, error)| (path, error.to_string())));
        let mut found: IndexMap<InstanceId, Vec<Stamped>> = IndexMap::new();
        for stamped in looked.found.into_iter().filter(|stamped| !self.is_on_record(&stamped.status)) {
            found.entry(stamped.instance.clone()).or_default().push(stamped);
        }
        for (instance, stamped) in found {
            self.tell_apart(instance, stamped);
        }
    }

    /// Records the resources with the stamp of an instance that are ours, and notes the others.
    fn tell_apart(&mut self, instance: InstanceId, stamped: Vec<Stamped>) {
        let known = self.status.instances.get(&instance);
        let is_open = known.is_none_or(|known| known.phase == Phase::Absent && !known.may_exist());
        let is_undecided = known.is_some_and(|known| known.phase == Phase::InDoubt && known.made.is_empty());
        let accepted = self.accepted(&instance).filter(|_| is_open || is_undecided);
        let is_accepted = |stamped: &Stamped| accepted.is_some() && resource_id(&stamped.status).as_deref() == accepted;
        let is_decided = stamped.iter().any(is_accepted);
        let facts: Vec<Facts> = stamped.iter().map(|stamped| self.facts(&stamped.status)).collect();
        for (stamped, objection) in stamped.into_iter().zip(objections(&facts)) {
            let why = match () {
                () if is_decided && is_accepted(&stamped) => None,
                () if is_decided => Some("another one was accepted"),
                () if !is_open => objection.or(Some("it carries the stamp, and the record has another one")),
                () => objection,
            };
            match why {
                Some(why) => self.unrecorded.push(Unrecorded {
                    instance: instance.clone(),
                    resource: stamped.status.made.last().cloned().unwrap_or_default(),
                    why: why.to_owned(),
                }),
                None => self.take_stamped(
                    stamped,
                    if is_decided { RecoveryEvidence::Decision } else { RecoveryEvidence::Stamp },
                ),
            }
        }
        if is_open && !self.found.iter().any(|(found, _)| *found == instance) {
            let ids = self.unrecorded.iter().filter(|copy| copy.instance == instance);
            let ids = ids.filter_map(|copy| copy.resource.id.as_deref().map(id_text)).collect();
            self.doubted.insert(instance, ids);
        }
    }

    fn take_stamped(&mut self, stamped: Stamped, trace: RecoveryEvidence) {
        let is_found = self.found.iter().any(|(instance, _)| *instance == stamped.instance);
        match self.status.instances.get(&stamped.instance).filter(|_| is_found) {
            // Two resources of one instance: both are recorded, and the younger one is the result.
            Some(known) => {
                let mut both = InstanceStatus::clone(known);
                add(&mut both, stamped.status);
                self.status.put(stamped.instance, both);
            }
            None => self.put(stamped.instance, trace, stamped.status),
        }
    }

    /// What is known of a resource with a stamp.
    fn facts(&self, found: &InstanceStatus) -> Facts {
        let task = found.result.as_ref().and_then(|result| result.tasks.first().cloned());
        Facts {
            nonce: found.intent.as_ref().map(|intent| intent.nonce.clone()).unwrap_or_default(),
            maker: self.makers.of(resource_id(found).as_deref(), task.as_deref()),
            task,
        }
    }
}
