//! Adopts an existing resource (Terraform: import): reads it, compares it with the plan, and records it as the result
//! of the step, without sending the create.

mod existing;

use serde_json::Value;

use super::collection::{items, list_call};
use super::conceal::{self, conceal};
use super::holder::one_step_help;
use super::instance::Instance;
use super::interruption::Interruption;
use super::made::made;
use super::operation::Parameters;
use super::ownership::Claimable;
use super::paths;
use super::refresh::as_it_stands;
use super::render::Rendered;
use super::results;
use super::secondary::with_secondary;
use crate::api::Request;
use crate::catalog::{Operation, Resource};
use crate::event::{EffectKnown, ErrorClass, Provenance};
use crate::id::InstanceId;
use crate::journal::{Adopted, IntendedUndo, JsonText, Record, RecordedCall, RecordedResource, StepResult, id_text};
use crate::shared::Shared;

pub use existing::{AdoptKey, Adoptable, shown_in};

/// Why a resource of another owner is not adopted.
pub fn taken_words(id: &str, owner: &str) -> String {
    format!("{id} is on record already: it belongs to {owner}")
}

impl Instance {
    /// Whether this instance adopts an existing resource instead of creating one: by its `adopt`, or by `plan state
    /// import`.
    pub(super) fn adopts(&self, id: &InstanceId) -> bool {
        self.step().adopt.is_some() || self.run.options.import.as_ref().is_some_and(|import| import.instance == *id)
    }

    /// Finds the resource to adopt and records it as the result of this instance.
    pub(super) async fn adopt(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        provenance: &mut Provenance,
    ) -> Result<StepResult, Interruption> {
        let (by, own) = self.adopted_by(id)?;
        let create = rendered.operation.as_deref();
        let resource = create.and_then(|create| create.creates.as_ref()?.resource.as_ref());
        let (Some(create), Some(resource)) = (create, resource) else {
            return Err(self.refused(rendered, "the call creates no resource that could be adopted".to_owned()));
        };
        let item = self.existing(rendered, create, resource, &by).await?;
        self.run.context.hide_sensitive(&item);
        let catalog = self.run.context.catalog;
        let agrees = || {
            self.run.context.journal.with_status(|status| {
                let is_owned_by_another = |other: &Value| status.is_made_by_another(id, other);
                let key = status.header.key.as_bytes();
                as_it_stands(key, &is_owned_by_another, &rendered.recorded, create, &item)
            })
        };
        let found = Adoptable::of(&by, create, &rendered.recorded, &item, agrees);
        let found = found.map_err(|why| self.refused(rendered, why))?;
        let claimed = self.claim_adopted(id, &rendered.recorded, (create, &rendered.parameters), &found.result)?;
        if let Some(why) = found.obstacle(catalog, &rendered.recorded) {
            claimed.iter().for_each(|claimed| self.run.context.owners.release(claimed, id));
            return Err(self.refused(rendered, why));
        }
        let Adoptable { mut result, agrees } = found;
        if own && let Some(creates) = &create.creates {
            let context = &self.run.context;
            result = with_secondary(context, id, creates, &rendered.parameters, &item, result)
                .await
                .map_err(|error| Interruption::Failed(context.read_failed(&self.about(&rendered.recorded), &error)))?;
        }
        for (kind, resource) in results::secondary_of_answer(Some(create), &rendered.recorded, &item) {
            if own && !self.run.context.is_owned_by_another(id, &kind, &resource) {
                result.touched.insert(kind, vec![resource.into()]);
            }
        }
        let undo = if own { self.undo_of_adopted(&result) } else { IntendedUndo::Keep };
        let made = made(catalog, &rendered.recorded, &result, &undo);
        let response = result.response.as_ref().map(conceal::recordable);
        let kept = StepResult { response, ..result };
        let after = self.step().after.to_vec();
        let adopted = Adopted { instance: id.clone(), after, result: kept.clone(), made, agrees: agrees.into() };
        self.run.context.journal.append(vec![Record::Adopted(Box::new(adopted))]).await?;
        *provenance = Provenance::Adopted;
        let conceal =
            |answer: JsonText| conceal(&self.run.context.secrets, answer.into_value(), self.step().secret).into();
        Ok(StepResult { response: kept.response.map(conceal), ..kept })
    }

    fn adopted_by(&self, id: &InstanceId) -> Result<(AdoptKey, bool), Interruption> {
        if let Some(import) = self.run.options.import.as_ref().filter(|import| import.instance == *id) {
            return Ok((AdoptKey::Id(import.id.clone()), import.own));
        }
        let adopt = self.step().adopt.as_ref().expect("only a step that adopts comes here");
        let by = AdoptKey::of(&adopt.by, &self.surroundings().scope());
        Ok((by.map_err(|error| self.run.template_failed(&error))?, adopt.own))
    }

    /// Reads the one existing resource with that id or name.
    async fn existing(
        &self,
        rendered: &Rendered,
        create: &Operation,
        resource: &Resource,
        by: &AdoptKey,
    ) -> Result<Value, Interruption> {
        let Some(path) = by.own_path(resource, &rendered.parameters) else {
            return self.listed(rendered, resource, by).await;
        };
        let context = &self.run.context;
        let object = context.client.read(Request::get(path)).await.map_err(|error| {
            let mut failed = context.read_failed(&self.about(&rendered.recorded), &error);
            if error.is_not_found() {
                failed.message = format!("the resource to adopt was not found: {}", failed.message);
            }
            Interruption::Failed(failed)
        })?;
        Ok(shown_in(create, object))
    }

    /// Finds the one existing resource with that id or name in its list.
    async fn listed(&self, rendered: &Rendered, resource: &Resource, by: &AdoptKey) -> Result<Value, Interruption> {
        let context = &self.run.context;
        let list = resource.list.as_ref();
        let request = list.and_then(|list| Some((list, by.list_request(list, &rendered.parameters)?)));
        let Some((list, request)) = request else {
            return Err(self.refused(rendered, "the API has no list to find it in".to_owned()));
        };
        let is_filtered = !request.query.is_empty();
        let found = items(context, list, request)
            .await
            .map_err(|error| Interruption::Failed(context.read_failed(&self.about(&rendered.recorded), &error)))?;
        let none_fits = !found.iter().any(|item| by.fits(list, item));
        let not_one = match by.one_of(list, found) {
            Ok(item) => return Ok(item),
            Err(_)
                if is_filtered
                    && none_fits
                    && let Some(all) = list_call(list, &rendered.parameters) =>
            {
                // The list was filtered by name: the help names what an unfiltered one has.
                by.none(list, &items(context, list, all).await.unwrap_or_default())
            }
            Err(not_one) => not_one,
        };
        Err(self.refused_with(rendered, not_one.message, not_one.help))
    }

    /// Claims what is adopted, so that no other step of this run adopts it as well.
    ///
    /// # Errors
    ///
    /// [`Interruption`] when another step or record has it.
    fn claim_adopted(
        &self,
        id: &InstanceId,
        call: &Shared<RecordedCall>,
        (create, parameters): (&Operation, &Parameters),
        result: &StepResult,
    ) -> Result<Option<Claimable>, Interruption> {
        let context = &self.run.context;
        let Some((kind, resource)) = result.kind.as_ref().zip(result.id.as_deref()) else { return Ok(None) };
        let own = paths::own_path(create, parameters, &id_text(resource));
        let claimed = Claimable::resource_at(kind, &id_text(resource), own.as_deref());
        let is_it = |made: &RecordedResource| Claimable::of(made).is_some_and(|held| held.is(&claimed));
        let holder = context.journal.with_status(|status| {
            let mut owners = status.owners_of(resource).filter(|(owner, made)| *owner != id && is_it(made));
            owners.next().map(|(owner, _)| owner.clone())
        });
        let elsewhere = || context.owners.other_record(&claimed);
        let taken =
            || (!context.owners.claim(claimed.clone(), id)).then(|| context.owners.claimant(&claimed)).flatten();
        let (owner, holder) = match holder {
            Some(holder) => (format!("step `{holder}`"), Some(holder)),
            None => match elsewhere() {
                Some(record) => (record, None),
                None => match taken() {
                    Some(other) => (format!("step `{other}`"), Some(other)),
                    None => return Ok(Some(claimed)),
                },
            },
        };
        let words = taken_words(&id_text(resource), &owner);
        let mut error = context.error(&self.about(call), EffectKnown::NotApplied, ErrorClass::Rejected, words);
        error.help.extend(holder.map(|holder| match self.run.plan.steps.contains_key(&holder.step) {
            true => one_step_help(&holder, id),
            false => self.rename_help(&holder, id),
        }));
        Err(Interruption::Failed(error))
    }

    pub(super) fn refused(&self, rendered: &Rendered, message: String) -> Interruption {
        self.refused_with(rendered, message, Vec::new())
    }

    pub(super) fn refused_with(&self, rendered: &Rendered, message: String, help: Vec<String>) -> Interruption {
        let context = &self.run.context;
        let mut error =
            context.error(&self.about(&rendered.recorded), EffectKnown::NotApplied, ErrorClass::Rejected, message);
        error.help.extend(help.iter().map(|help| context.secrets.redact(help).into_owned()));
        Interruption::Failed(error)
    }
}
