//! Adopts an existing resource (Terraform: import): reads it, compares it with the plan, and records it as the result
//! of the step, without sending the create.

use serde_json::Value;

use super::change::one_step_help;
use super::collection::{items, list_call, result_of_item};
use super::conceal::{self, conceal};
use super::differences::differences;
use super::find::{they_are, what_there_is};
use super::instance::Instance;
use super::interruption::Interruption;
use super::made::made;
use super::names::is_same_name;
use super::operation::Parameters;
use super::ownership::Claimable;
use super::paths::{self, fill_path};
use super::refresh::as_it_stands;
use super::render::Rendered;
use super::results;
use super::secondary::with_secondary;
use super::update::{UpdatedResource, split};
use crate::api::Request;
use crate::catalog::update::shown_at;
use crate::catalog::{Operation, Resource};
use crate::event::{EffectKnown, ErrorClass, Provenance};
use crate::id::InstanceId;
use crate::journal::{Adopted, IntendedUndo, JsonText, Record, RecordedCall, RecordedResource, StepResult, id_text};
use crate::plan::AdoptBy;
use crate::shared::Shared;
use crate::template::{Template, TemplateError};

/// What identifies the resource to adopt.
enum By {
    Id(String),
    Name(String),
}

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
        let mut result = result_of_item(Some(create), &rendered.recorded, &item);
        if let (By::Id(wanted), false) = (&by, resource.by_name) {
            let is_it = result.id.as_deref().map(id_text).as_deref() == Some(wanted);
            if !is_it {
                result.set_ids([Value::String(wanted.clone())]);
            }
        }
        if result.id.is_none() {
            let words = "the API's list does not show its id: give it with `adopt: { id: … }`".to_owned();
            return Err(self.refused(rendered, words));
        }
        let claimed = self.claim_adopted(id, &rendered.recorded, (create, &rendered.parameters), &result)?;
        let journal = &self.run.context.journal;
        let agrees = journal.with_status(|status| as_it_stands(status, id, &rendered.recorded, create, &item));
        let updated = UpdatedResource::of(self.run.context.catalog, &agrees, &result);
        let catalog = self.run.context.catalog;
        let forced = split(catalog, updated.as_ref(), &agrees, &rendered.recorded, None, false).forced;
        if !forced.is_empty() {
            let words: Vec<String> = differences(&agrees, &rendered.recorded);
            let reasons: Vec<String> =
                forced.iter().map(|forced| format!("`{}`: {}", forced.field, forced.reason)).collect();
            let words = format!(
                "it differs from the plan, and cannot be updated: {} ({})",
                words.join("; "),
                reasons.join("; ")
            );
            claimed.iter().for_each(|claimed| self.run.context.owners.release(claimed, id));
            return Err(self.refused(rendered, words));
        }
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

    fn adopted_by(&self, id: &InstanceId) -> Result<(By, bool), Interruption> {
        if let Some(import) = self.run.options.import.as_ref().filter(|import| import.instance == *id) {
            return Ok((By::Id(import.id.clone()), import.own));
        }
        let adopt = self.step().adopt.as_ref().expect("only a step that adopts comes here");
        let surroundings = self.surroundings();
        let scope = surroundings.scope();
        let text = |template: &Template| {
            let text = template.evaluate_text(&scope).map_err(|error| self.run.template_failed(&error))?;
            if !text.trim().is_empty() {
                return Ok(text);
            }
            // A path that ends where an id should be is that of the whole list.
            let message = "the id or name of the resource to adopt is empty".to_owned();
            Err(self.run.template_failed(&TemplateError { span: template.span, message, help: None }))
        };
        let by = match &adopt.by {
            AdoptBy::Id(template) => By::Id(text(template)?),
            AdoptBy::Name(template) => By::Name(text(template)?),
        };
        Ok((by, adopt.own))
    }

    /// Reads the one existing resource with that id or name.
    async fn existing(
        &self,
        rendered: &Rendered,
        create: &Operation,
        resource: &Resource,
        by: &By,
    ) -> Result<Value, Interruption> {
        let read = match by {
            By::Id(id) => {
                resource.read.as_ref().and_then(|path| fill_path(path, &rendered.parameters, &resource.parameter, id))
            }
            By::Name(name) if resource.by_name => {
                resource.read.as_ref().and_then(|path| fill_path(path, &rendered.parameters, &resource.parameter, name))
            }
            By::Name(_) => None,
        };
        let Some(path) = read else { return self.listed(rendered, resource, by).await };
        let context = &self.run.context;
        let object = context.client.read(Request::get(path)).await.map_err(|error| {
            let mut failed = context.read_failed(&self.about(&rendered.recorded), &error);
            if error.is_not_found() {
                failed.message = format!("the resource to adopt was not found: {}", failed.message);
            }
            Interruption::Failed(failed)
        })?;
        let below = shown_at(create).and_then(|pointer| object.pointer(pointer).cloned());
        Ok(below.unwrap_or(object))
    }

    /// Finds the one existing resource with that id or name in its list.
    async fn listed(&self, rendered: &Rendered, resource: &Resource, by: &By) -> Result<Value, Interruption> {
        let context = &self.run.context;
        let list = resource.list.as_ref();
        let Some((list, mut request)) = list.and_then(|list| Some((list, list_call(list, &rendered.parameters)?)))
        else {
            return Err(self.refused(rendered, "the API has no list to find it in".to_owned()));
        };
        let (wanted, key) = match by {
            By::Id(id) => (id, list.id_field.as_str()),
            By::Name(name) => (name, list.name_field.as_deref().unwrap_or("name")),
        };
        if let (By::Name(name), Some(parameter)) = (by, &list.name_parameter) {
            request = request.query(parameter, name);
        }
        let found = items(context, list, request)
            .await
            .map_err(|error| Interruption::Failed(context.read_failed(&self.about(&rendered.recorded), &error)))?;
        let (mut fitting, others): (Vec<Value>, Vec<Value>) = found.into_iter().partition(|item| {
            let wanted = Value::from(wanted.as_str());
            item.get(key).is_some_and(|shown| {
                id_text(shown) == id_text(&wanted) || is_same_name(&list.path, key, shown, &wanted)
            })
        });
        match (fitting.pop(), fitting.len()) {
            (Some(item), 0) => Ok(item),
            (None, _) => {
                // The list was filtered by name: the help names what an unfiltered one has.
                let others = match &list.name_parameter {
                    Some(_) => {
                        let all = list_call(list, &rendered.parameters);
                        match all {
                            Some(request) => items(context, list, request).await.unwrap_or_default(),
                            None => Vec::new(),
                        }
                    }
                    None => others,
                };
                let shown = list.name_field.as_deref().filter(|_| matches!(by, By::Name(_))).unwrap_or(key);
                let names = others.iter().filter_map(|item| item.get(shown)).map(id_text).collect();
                let words = format!("the resource to adopt was not found: no {key} is `{wanted}`");
                Err(self.refused_with(rendered, words, what_there_is(wanted, names)))
            }
            (Some(last), _) => {
                fitting.push(last);
                let words = format!("{} resources have the {key} `{wanted}`", fitting.len());
                let ids = fitting.iter().filter_map(|item| item.get(&list.id_field)).map(id_text).collect();
                let help = vec![they_are(ids), "name one of them: `adopt: { id: … }`".to_owned()];
                Err(self.refused_with(rendered, words, help))
            }
        }
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

    fn refused_with(&self, rendered: &Rendered, message: String, help: Vec<String>) -> Interruption {
        let context = &self.run.context;
        let mut error =
            context.error(&self.about(&rendered.recorded), EffectKnown::NotApplied, ErrorClass::Rejected, message);
        error.help.extend(help.iter().map(|help| context.secrets.redact(help).into_owned()));
        Interruption::Failed(error)
    }
}
