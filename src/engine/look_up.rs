//! Steps that only read (a GET, or a POST that changes nothing): sent on every run, followed through all pages, never
//! recorded; with `find`, the result is one item.

use serde_json::Value;

use super::context::About;
use super::find::{NotOne, looked_up};
use super::instance::{Done, Instance};
use super::interruption::Interruption;
use super::pages::{ListReader, Missing, ReadFailure};
use super::render::{Rendered, identifier};
use super::results;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::template::Template;

impl Instance {
    /// Sends the step's read: a GET, or another call that changes nothing. It is repeated on every run.
    pub(super) async fn read(&self, rendered: &Rendered) -> Result<Done, Interruption> {
        let context = &self.run.context;
        context.stopped.may_start().map_err(Interruption::Stopped)?;
        let retried_statuses = self.step().retry.as_ref().map(|retry| retry.on.as_slice()).unwrap_or_default();
        let reader = ListReader {
            client: &context.client,
            retried_statuses,
            permits: Some(context.gates.requests()),
            most_items: context.settings.max_items,
        };
        let reading = reader.read_all(&rendered.request, rendered.operation.as_deref());
        let read = context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)?;
        let about = self.about(&rendered.recorded);
        let complete = read.map_err(|error| Interruption::Failed(self.unread(&about, error)))?;
        context.hide_sensitive(&complete.answer);
        if let Some(Missing { came, count }) = complete.missing {
            context.warn(format!("`{}`: the list has {count} items, and {came} came", self.id()));
        }
        if let Some(find) = &self.step().find {
            return self.found(find, rendered, complete.status, &complete.answer).map_err(Interruption::Failed);
        }
        let operation = rendered.operation.as_deref();
        let step = self.step();
        let is_awaited = step.ready.condition().is_some() || step.fail_when.is_some();
        // What a GET answers is the resource. One that is waited for is read again.
        let resource = (step.resource_used && !is_awaited).then(|| complete.answer.clone());
        let result = results::result_of_answer(operation, &rendered.recorded, complete.status, complete.answer);
        Ok(Done { result, provenance: Provenance::Called, resource })
    }

    /// The item that `find` selects, as if it had been the whole answer.
    fn found(&self, find: &Template, rendered: &Rendered, status: u16, answer: &Value) -> Result<Done, StepError> {
        let context = &self.run.context;
        let about = About { place: Some(self.run.plan_span(find.span)), ..self.about(&rendered.recorded) };
        let failed = |NotOne { message, help }: NotOne| {
            let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Template, message);
            error.help = help.iter().map(|line| context.secrets.redact(line).into_owned()).collect();
            error
        };
        let surroundings = self.surroundings();
        let mut scope = surroundings.scope();
        let place = |template: &Option<Box<Template>>, default| {
            identifier(template.as_deref(), &surroundings.scope(), default)
                .map_err(|error| self.run.template_error(&error))
        };
        scope.project_id = place(&self.step().project_id, scope.project_id)?;
        scope.region_id = place(&self.step().region_id, scope.region_id)?;
        let wanted = find.evaluate(&scope).map_err(|error| self.run.template_error(&error))?;
        let wanted = context.secrets.reveal(&wanted).map_err(|broken| {
            failed(NotOne { message: broken.to_string(), help: vec!["use the secret as a whole".to_owned()] })
        })?;
        let operation = rendered.operation.as_deref();
        let found = looked_up(operation, context.catalog, (status, answer), &wanted);
        let found = found.map_err(|not_one| if self.step().secret { not_one.without_items() } else { not_one });
        let result = found.map_err(failed)?;
        let resource = result.response.as_deref().cloned();
        Ok(Done { result, provenance: Provenance::Called, resource })
    }

    fn unread(&self, about: &About, error: ReadFailure) -> StepError {
        let context = &self.run.context;
        match error {
            ReadFailure::Read(error) => context.read_failed(about, &error),
            ReadFailure::TooMany { most, count } => {
                let message = format!("the list has {count} items, more than the {most} that may come");
                let mut error = context.error(about, EffectKnown::NotApplied, ErrorClass::Template, message);
                error.help =
                    vec!["ask for less with `query:`".to_owned(), "or let more come: `--max-items N`".to_owned()];
                error
            }
        }
    }
}
