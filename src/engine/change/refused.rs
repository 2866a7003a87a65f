//! A change that may not be made: the call differs from the recorded one, or would act on the resource of another
//! instance.

use std::time::Duration;

use serde_json::Value;

use crate::catalog::Operation;
use crate::engine::call::Write;
use crate::engine::called::Called;
use crate::engine::collection::{adoptable, result_of_item};
use crate::engine::differences::differences;
use crate::engine::evidence::tags::stamp_value;
use crate::engine::holder::{WOULD_CHANGE, former_holder, held_words, one_step_help, rename_help};
use crate::engine::instance::Instance;
use crate::engine::interruption::Interruption;
use crate::engine::ownership::Claimable;
use crate::engine::paths;
use crate::engine::render::Rendered;
use crate::engine::update::Changing;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, IntendedUndo, Intent, Phase, Status, StepResult, id_text};
use crate::plan::OnConflict;

impl Instance {
    /// The error for a change that the plan does not allow: what differs, and which fields need a new resource.
    pub(in crate::engine) fn change_refused(
        &self,
        rendered: &Rendered,
        known: &InstanceStatus,
        change: &Changing<'_>,
    ) -> StepError {
        let differing = known.agrees.as_ref().map(|agrees| differences(agrees, &rendered.recorded)).unwrap_or_default();
        let forced: Vec<String> =
            change.split.forced.iter().map(|forced| format!("`{}`: {}", forced.field, forced.reason)).collect();
        let by_others: Vec<(&str, &Value)> =
            change.split.forced.iter().filter_map(|forced| changed_by_others(known, &forced.field)).collect();
        let is_recovered = self.known(&self.id()).agrees.is_none();
        let message = match forced.as_slice() {
            forced if is_recovered => format!(
                "what was recovered differs from the plan's call, and would have to be replaced: {} ({})",
                differing.join("; "),
                forced.join("; ")
            ),
            [] => {
                format!(
                    "the plan's call differs from the recorded one, and may not change the resource: {}",
                    differing.join("; ")
                )
            }
            forced if by_others.len() == forced.len() => format!(
                "another client changed it, and the API cannot change it back: {} ({})",
                differing.join("; "),
                forced.join("; ")
            ),
            forced => format!(
                "the plan's call differs from the recorded one, which needs a new resource: {} ({})",
                differing.join("; "),
                forced.join("; ")
            ),
        };
        let about = self.about(&rendered.recorded);
        let mut error = self.run.context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, message);
        let fields: Vec<&str> = change.split.forced.iter().map(|forced| forced.field.as_str()).collect();
        let ignore = match fields.as_slice() {
            [] | ["call"] => "`on_change: ignore`".to_owned(),
            fields => format!("`on_change: {{ ignore: [{}] }}`", fields.join(", ")),
        };
        error.help.extend(by_others.iter().map(|(field, now)| {
            let words = format!("leave it as it is now: write `{field}: {now}` in the plan");
            self.run.context.secrets.redact(&words).into_owned()
        }));
        let step = &self.step().id;
        error.help.extend(match is_recovered {
            true => [format!("keep it as it is: {ignore}"), format!("replace it: `--replace {step}`")],
            // A change by another client is no change of the plan, which `on_change: replace` allows.
            false if by_others.len() == forced.len() && !forced.is_empty() => {
                [format!("keep it as it is: {ignore}"), format!("replace it: `--replace {step}`")]
            }
            false => [
                format!("keep it as it is: {ignore}; change it: `on_change: {{ update: {{ call: … }} }}`"),
                format!("replace it: `on_change: replace`, or `--replace {step}`"),
            ],
        });
        error
    }

    /// Handles a refusal because the resource exists already or is in use, as `on_conflict` says.
    pub(in crate::engine) async fn conflict(
        &self,
        write: &Write,
        refusal: StepError,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<Option<StepResult>, Interruption> {
        let context = &self.run.context;
        let id = &write.intent.instance;
        if let Some(holder) = write.holder(&self.run.context) {
            let help = self.rename_help(&holder, id);
            return Err(Interruption::Failed(held_by(&holder, refusal, help)));
        }
        let Some(operation) = write.operation.as_deref().filter(|_| self.step().on_conflict == OnConflict::Adopt)
        else {
            return Err(self.refused_by_what_exists(id, refusal, None));
        };
        let owner = stamp_value(&context.settings.plan, &context.settings.environment, id);
        match adoptable(context, operation, &write.intent.call, &write.parameters, &owner).await {
            Ok((item, ours)) => {
                if let Some(other) = self.claimed_by_another(operation, write, &item) {
                    let help = one_step_help(&other, id);
                    return Err(Interruption::Failed(held_by(&other, refusal, help)));
                }
                *provenance = Provenance::Adopted;
                // A resource that this plan did not create is used, and never deleted.
                let undo = if ours { write.intent.undo.clone() } else { IntendedUndo::Keep };
                let intent = Intent { undo, ..write.intent.clone() };
                self.finish(
                    &self.known(id),
                    self.intended(&intent),
                    Called::Found { item, evidence: None },
                    Provenance::Adopted,
                    started,
                )
                .await
            }
            Err(why) => Err(self.refused_by_what_exists(id, refusal, Some(why))),
        }
    }

    /// How a step ends that was refused because something exists: in doubt, where the record says that an attempt without an
    /// answer may have made that. `not_adopted`: why that cannot be adopted.
    fn refused_by_what_exists(&self, id: &InstanceId, refusal: StepError, not_adopted: Option<String>) -> Interruption {
        let known = self.known(id);
        let in_doubt = known.error.as_deref().filter(|_| known.phase == Phase::InDoubt).cloned();
        let is_in_doubt = in_doubt.is_some();
        let mut error = in_doubt.unwrap_or(refusal);
        if let Some(why) = not_adopted {
            error.message = format!("{}; it cannot be adopted: {why}", error.message);
        }
        if is_in_doubt { Interruption::Unknown(error) } else { Interruption::Failed(error) }
    }

    /// Claims what a conflict adopts; returns the other step of this run that has claimed it.
    fn claimed_by_another(&self, operation: &Operation, write: &Write, item: &Value) -> Option<InstanceId> {
        let result = result_of_item(Some(operation), &write.intent.call, item);
        let (kind, id) = (result.kind?, id_text(result.id.as_deref()?));
        let own = paths::own_path(operation, &write.parameters, &id);
        let (owners, claimed) = (&self.run.context.owners, Claimable::resource_at(&kind, &id, own.as_deref()));
        (!owners.claim(claimed.clone(), &write.intent.instance)).then(|| owners.claimant(&claimed)).flatten()
    }

    /// How an instance takes over what another instance of this record has.
    pub(in crate::engine) fn rename_help(&self, holder: &InstanceId, id: &InstanceId) -> String {
        rename_help(&self.run.plan, &self.run.context.settings.record_flags, holder, id)
    }

    /// Refuses a call that would change the resource of an instance that is no longer in the plan, as after a rename:
    /// the API would not refuse it, and `--prune` would then delete the resource.
    pub(in crate::engine) fn refuse_if_held(&self, write: &Write) -> Result<(), Interruption> {
        let (id, operation) = (&write.intent.instance, write.operation.as_deref());
        let look = |status: &Status| former_holder(&self.run.plan, status, id, operation, &write.intent.call);
        match self.run.context.journal.with_status(look) {
            Some(holder) => {
                let error =
                    self.run.context.error(&write.about, EffectKnown::NotApplied, ErrorClass::Rejected, WOULD_CHANGE);
                let help = self.rename_help(&holder, id);
                Err(Interruption::Failed(held_by(&holder, error, help)))
            }
            None => Ok(()),
        }
    }
}

/// The error for a call that asks for what another instance of this record has.
fn held_by(holder: &InstanceId, mut error: StepError, help: String) -> StepError {
    error.message = held_words(&error.message, holder);
    error.help = vec![help];
    error
}

/// The top field of a place, and the value that another client gave it; `None` without drift, and when the field is
/// absent now.
fn changed_by_others<'c>(known: &'c InstanceStatus, place: &'c str) -> Option<(&'c str, &'c Value)> {
    let field = place.strip_prefix("body/").filter(|field| !field.contains('/'))?;
    let drifted = known.drifted.iter().find(|drifted| drifted.field == field)?;
    Some((field, drifted.now.as_ref()?))
}
