//! Resources that carry the environment's stamp: whose they are, and which of several is the instance's.

use super::copies::{Facts, objections};
use super::renamed::Attribution;

use super::Work;
use crate::engine::preview::Change;
use crate::engine::recovery::{RecoveryEvidence, RecoveryInput, Unrecorded};
use crate::engine::results::resource_id;
use crate::engine::stamps::{Stamped, is_findable, stampable, stamped};
use crate::hash::IndexMap;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, id_text};

impl<'a> Work<'a> {
    /// Finds all stamped resources in lists that show tags, also of steps that the plan does not have any more; and in
    /// lists of products whose resources have a text for the stamp, where the plan makes some.
    pub async fn by_stamps(&mut self) {
        let RecoveryInput { client, catalog, settings, plan, .. } = *self.search;
        let tagged = catalog.operations().filter(|operation| operation.takes_tags && operation.creates.is_some());
        let operations = tagged.filter(|operation| is_findable(operation)).chain(stampable(plan.steps.values()));
        let looked =
            stamped(client, catalog, operations, &self.project_regions, &settings.plan, &settings.environment).await;
        self.lists += looked.lists;
        self.unread.extend(looked.unread.into_iter().map(|(path, error)| (path, error.to_string())));
        let found = looked.found.into_iter().filter(|stamped| !self.is_on_record(&stamped.status));
        self.stamped = found.collect();
    }

    /// Records what was found, as soon as the calls say whose it is; with `partly`, all of it. Returns whether anything
    /// was.
    pub(super) fn record_stamped(&mut self, changes: &[Change], partly: bool) -> bool {
        let stamped = std::mem::take(&mut self.stamped);
        self.awaited.clear();
        let mut groups: IndexMap<InstanceId, Vec<(Stamped, Option<String>)>> = IndexMap::default();
        let (mut later, mut doubts) = (Vec::new(), Vec::new());
        for (stamped, whose) in self.attribute(stamped, changes, partly) {
            let by_name = &stamped.instance;
            match whose {
                Attribution::Later(others) => {
                    self.awaited.extend(others.into_iter().chain([by_name.clone()]));
                    later.push(stamped);
                }
                Attribution::Stamped => groups.entry(by_name.clone()).or_default().push((stamped, None)),
                Attribution::Of(instance) => groups.entry(instance).or_default().push((stamped, None)),
                Attribution::Doubted(instances) => {
                    let why = format!("it agrees with the call of `{}`, and not with that of its step", instances[0]);
                    let made = stamped.status.main_made().cloned().unwrap_or_default();
                    doubts.extend(instances.into_iter().map(|instance| (instance, by_name.clone(), made.clone())));
                    groups.entry(by_name.clone()).or_default().push((stamped, Some(why)));
                }
            }
        }
        // All resources of one instance are decided together, so that copies are recognised.
        for stamped in later {
            for (stamped, _) in groups.shift_remove(&stamped.instance).into_iter().flatten() {
                self.stamped.push(stamped);
            }
            self.stamped.push(stamped);
        }
        let is_any = !groups.is_empty();
        for (instance, stamped) in groups {
            self.record_own(instance, stamped);
        }
        for (instance, former, resource) in doubts {
            if !self.found.iter().any(|(found, _)| *found == instance) {
                let id = resource.id.as_deref().map(id_text);
                self.doubted.entry(instance.clone()).or_default().extend(id);
                let why = format!("it agrees with the call, and carries the stamp of `{former}`");
                self.unrecorded.push(Unrecorded { instance, resource, why, beside: false });
            }
        }
        is_any
    }

    /// Records the resources that belong to an instance, and notes the others. Each comes with an objection, if there
    /// is one.
    fn record_own(&mut self, instance: InstanceId, stamped: Vec<(Stamped, Option<String>)>) {
        let known = self.status.instances.get(&instance);
        let is_open = known.is_none_or(|known| known.phase == Phase::Absent && !known.may_exist());
        let is_undecided = known.is_some_and(|known| known.phase == Phase::InDoubt && known.made.is_empty());
        let accepted = self.accepted(&instance).filter(|_| is_open || is_undecided);
        let is_accepted = |stamped: &Stamped| accepted.is_some() && resource_id(&stamped.status).as_deref() == accepted;
        let is_decided = stamped.iter().any(|(stamped, _)| is_accepted(stamped));
        let facts: Vec<Facts> = stamped.iter().map(|(stamped, _)| self.facts(&stamped.status)).collect();
        for ((mut stamped, doubt), objection) in stamped.into_iter().zip(objections(&facts)) {
            let objection = doubt.or(objection.map(str::to_owned));
            let beside = !is_decided && !is_open && objection.is_none();
            let why = match () {
                () if is_decided && is_accepted(&stamped) => None,
                () if is_decided => Some("another one was accepted".to_owned()),
                () if beside => Some("it carries the stamp, and the record has another one".to_owned()),
                () => objection,
            };
            match why {
                Some(why) => self.unrecorded.push(Unrecorded {
                    instance: instance.clone(),
                    resource: stamped.status.made.last().cloned().unwrap_or_default(),
                    why,
                    beside,
                }),
                None => {
                    let former = std::mem::replace(&mut stamped.instance, instance.clone());
                    let trace = match () {
                        () if is_decided => RecoveryEvidence::Decision,
                        () if former != instance => RecoveryEvidence::FormerStamp(former),
                        () => RecoveryEvidence::Stamp,
                    };
                    self.take_stamped(stamped, trace);
                }
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
        match is_found {
            // Two resources of one instance: both are recorded, and the younger one is the result.
            true => self.record(stamped.instance, stamped.status),
            false => self.put(stamped.instance, trace, stamped.status),
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
