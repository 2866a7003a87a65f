//! What a run works on: the plan, its inputs and options; and what every step of it needs of them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::context::{About, PlanSpan, RunContext};
use super::decide::{self, FormerSteps};
use super::interruption::Interruption;
use super::removals::RemovedToReplace;
use super::remove::{self, Extent};
use super::render::{RenderContext, Rendered};
use super::stop::Stopper;
use super::teardown::teardown;
use crate::catalog::Partial;
use crate::diagnostic::Severity;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::id::{InstanceId, StepId};
use crate::journal::{Status, id_text};
use crate::plan::{Plan, Selection, Step};
use crate::source::Span;
use crate::template::{Each, TemplateError};

/// An existing resource to be recorded as the result of one instance, from `plan state import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub instance: InstanceId,
    pub id: String,
    /// Whether `plan destroy` deletes the resource, as if the step had created it.
    pub own: bool,
}

/// What a run, a rehearsal, a preview or an import is told to do: which instances, and what it may do to them.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// `--target`: only these steps and what they depend on.
    pub target: Selection,
    /// `--replace`: create these again, even when they are unchanged.
    pub replace: Selection,
    /// Take down recorded instances that the plan no longer has.
    pub prune: bool,
    /// When the run fails, delete what it created.
    pub rollback: bool,
    /// After a failure, start no further step.
    pub fail_fast: bool,
    /// For `plan state import`: adopt this one resource, and make no other write.
    pub import: Option<Import>,
    /// It is the first run of a record that does not outlive its job: other runs of the environment have other records.
    pub for_the_job: bool,
}

/// A run in progress.
pub struct Run {
    pub plan: Arc<Plan>,
    pub context: Arc<RunContext>,
    /// Inputs by name; secret inputs as secret markers.
    pub inputs: BTreeMap<String, minijinja::Value>,
    /// What the command line asks of the run.
    pub options: RunOptions,
    /// Ends the run from inside, for `--fail-fast`.
    pub stopper: Stopper,
    /// What the record holds of steps that the plan does not have; read at the first call.
    pub former_steps: OnceLock<FormerSteps>,
    /// What it has removed to make it again.
    pub removals: RemovedToReplace,
}

impl Run {
    pub(super) fn surroundings<'a>(
        &'a self,
        values: &'a BTreeMap<StepId, minijinja::Value>,
        each: Option<&'a Each>,
    ) -> RenderContext<'a> {
        RenderContext {
            settings: &self.context.settings,
            secrets: &self.context.secrets,
            digest_key: &self.context.digest_key,
            folder: &self.plan.folder,
            body_files: &self.plan.body_files,
            inputs: &self.inputs,
            steps: values,
            each,
        }
    }

    /// A part of the plan, for messages.
    pub fn plan_span(&self, span: Span) -> PlanSpan {
        PlanSpan { plan: self.plan.clone(), span }
    }

    /// Emits what the record has of the instance, the newest of several.
    pub(super) fn emit_existing(&self, id: &InstanceId) {
        let context = &self.context;
        let hide = |text: &str| context.secrets.redact_name(text);
        let newest = |status: &Status| status.instances.get(id).and_then(|known| known.made.last().cloned());
        let Some(made) = context.journal.with_status(newest) else { return };
        let Some(made_id) = &made.id else { return };
        context.events.emit(Event::ResourceExists {
            instance: id.clone(),
            kind: made.kind.clone(),
            id: hide(&id_text(made_id)),
            name: made.name.as_deref().map(hide),
        });
    }

    pub(super) fn template_failed(&self, error: &TemplateError) -> Interruption {
        Interruption::Failed(self.template_error(error))
    }

    /// The error of a step whose template has no value, at its place in the plan.
    pub(super) fn template_error(&self, error: &TemplateError) -> StepError {
        let message = self.context.secrets.redact(&error.message).into_owned();
        StepError {
            place: Some(self.plan_span(error.span).place()),
            help: error.help.clone().into_iter().collect(),
            ..StepError::new(EffectKnown::NotApplied, ErrorClass::Template, message)
        }
    }

    /// Checks the rendered body against the catalogue, because the values of templates can make a valid plan invalid.
    pub(super) fn check_rendered(&self, step: &Step, rendered: &Rendered) -> Result<(), StepError> {
        let Some(operation) = rendered.operation.as_ref().filter(|_| !step.is_written_out()) else { return Ok(()) };
        let body = rendered.request.body.as_deref().map(Partial::from);
        let findings = match &rendered.request.body_file {
            Some(upload) => operation.check_file(Some(&upload.file.content_type)),
            None => {
                let mut findings = self.context.catalog.check_request(operation, body.as_ref(), &step.allow_unknown);
                findings.extend(operation.check_records(&rendered.parameters, body.as_ref()));
                findings
            }
        };
        let mut errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        let Some(first) = errors.next() else { return Ok(()) };
        let pointer: String = first.at.iter().map(|segment| format!("/{segment}")).collect();
        let span = step.body.as_ref().map_or(step.call.span, |body| body.at(&pointer).span);
        let about = About { call: Some(rendered.recorded.clone()), place: Some(self.plan_span(span)) };
        let more = match errors.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!("the body would be wrong: {}{more}", first.message);
        let mut error = self.context.error(&about, EffectKnown::NotApplied, ErrorClass::Template, message);
        error.help = first.help.iter().map(|help| self.context.secrets.redact(help).into_owned()).collect();
        Err(error)
    }

    /// Removes one instance, with its secondary resources.
    pub(super) async fn remove(&self, instance: &InstanceId) -> Result<(), Interruption> {
        let removed = remove::remove(&self.context, instance, Extent::Whole).await?;
        self.removals.note(instance, removed);
        Ok(())
    }

    /// Removes several instances, dependants first; fails with the first that is left.
    pub(super) async fn remove_all(&self, instances: &[InstanceId]) -> Result<(), Interruption> {
        let torn = teardown(&self.context, instances, Extent::Whole).await?;
        torn.gone.iter().for_each(|(instance, removed)| self.removals.note(instance, *removed));
        match (torn.left.into_iter().next(), torn.stopped) {
            (Some((_, error)), _) => Err(Interruption::Failed(error)),
            (None, Some(stop)) => Err(Interruption::Stopped(stop)),
            (None, None) => Ok(()),
        }
    }

    /// Recorded instances that depend on this one, directly or through others.
    pub(super) fn recorded_dependants(&self, instance: &InstanceId) -> Vec<InstanceId> {
        self.context.journal.with_status(|status| decide::replaced_with(status, &self.plan, instance))
    }

    /// Whether the instance was made from a resource that does not exist any more: then it is created again without
    /// being allowed to by the plan.
    pub(super) fn is_orphan(&self, instance: &InstanceId) -> bool {
        self.context.journal.with_status(decide::orphans).contains(instance)
    }
}
