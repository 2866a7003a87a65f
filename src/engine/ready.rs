//! Waits until a resource is ready: by what the catalogue knows of its kind, and by the step's own `ready`.

use std::time::Duration;

use serde_json::Value;

use super::context::{About, RunContext};
use super::decide;
use super::finish::Finishing;
use super::instance::Instance;
use super::interruption::Interruption;
use super::operation::parameter;
use super::paths;
use super::render::{Rendered, step_value};
use super::unseen::{UNSEEN, unseen_for};
use crate::api::{ReadError, Request};
use crate::catalog::{Method, parameter_name};
use crate::clock::millis;
use crate::event::{EffectKnown, ErrorClass, Event, Provenance, StepError};
use crate::id::{InstanceId, StepId};
use crate::journal::{RecordedCall, StepResult, id_text};
use crate::plan::Wait;
use crate::secret::Secrets;
use crate::template::{Expression, TemplateError, value_of};

/// The first pause between two reads; it doubles up to a maximum.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest wait for readiness, unless the step's `wait` sets another.
const TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// The most characters of a field's value in a message.
const SHOWN: usize = 60;

/// What one read says about readiness.
enum Judgement {
    Ready,
    /// Not ready yet; with the fields that show it.
    NotYet(Option<String>),
}

/// A resource that is read until it is ready.
struct Readying<'a> {
    instance: &'a InstanceId,
    path: String,
    /// The tasks that made the resource.
    tasks: &'a [String],
    wait: &'a Wait,
    /// The condition, as text for messages.
    until: String,
    /// For this long, 404 means "not ready yet".
    unknown: Duration,
}

impl Readying<'_> {
    /// Reads the resource until `judge` says that it is ready; returns the resource, or why it cannot be read.
    ///
    /// # Errors
    ///
    /// [`Interruption`].
    async fn wait(
        &self,
        context: &RunContext,
        judge: impl Fn(&Value) -> Result<Judgement, Interruption>,
    ) -> Result<Result<Value, ReadError>, Interruption> {
        let started = context.clock().elapsed();
        let timeout = self.wait.timeout.unwrap_or(TIMEOUT);
        let mut pause = self.wait.every.unwrap_or(PAUSE);
        let mut reported = false;
        loop {
            let reading = context.client.read(Request::get(self.path.clone()));
            let read = context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)?;
            let waited = context.clock().elapsed().saturating_sub(started);
            let shown = match read {
                Ok(value) => {
                    context.hide_sensitive(&value);
                    match judge(&value)? {
                        Judgement::Ready => {
                            if reported {
                                let instance = self.instance.clone();
                                context.events.emit(Event::ReadinessReached { instance, waited_ms: millis(waited) });
                            }
                            return Ok(Ok(value));
                        }
                        Judgement::NotYet(shown) => shown,
                    }
                }
                Err(error) if error.is_not_found() && waited < self.unknown => {
                    Some("the API does not know it yet".to_owned())
                }
                Err(error) => return Ok(Err(error)),
            };
            let shown = shown.map(|shown| context.secrets.redact(&shown).into_owned());
            if waited >= timeout {
                let until = shown.map_or_else(|| self.until.clone(), |shown| format!("{}; {shown}", self.until));
                let tasks = self.tasks.to_vec();
                return Err(Interruption::StillWaiting { tasks, waited: timeout, until: Some(until), unread: None });
            }
            if !reported {
                let (instance, until) = (self.instance.clone(), self.until.clone());
                context.events.emit(Event::ReadinessAwaited { instance, until, shown });
                reported = true;
            }
            let _waits = context.gates.start_waiting();
            context.stopped.or_leave(context.clock().sleep(pause)).await.map_err(Interruption::Stopped)?;
            pause = self.wait.every.unwrap_or((pause * 2).min(LONGEST_PAUSE));
        }
    }
}

impl Finishing<'_> {
    /// Waits for readiness that a finished task does not imply. The step stays recorded as accepted until then.
    ///
    /// # Errors
    ///
    /// [`Interruption`].
    pub(super) async fn await_readiness(&self, context: &RunContext, result: &StepResult) -> Result<(), Interruption> {
        let Some(operation) = self.operation else { return Ok(()) };
        let Some(readiness) = operation.readiness() else { return Ok(()) };
        let path = paths::resource_path(operation, self.call, self.parameters, result);
        let Some(path) = path else { return Ok(()) };
        let readying = Readying {
            instance: &self.intent.instance,
            path,
            tasks: &result.tasks,
            wait: &self.wait,
            until: readiness.words(),
            unknown: UNSEEN,
        };
        let judge = |object: &Value| {
            if let Some(error) = (self.fail_when)(result, object) {
                return Err(Interruption::Failed(error));
            }
            Ok(if readiness.holds(object) { Judgement::Ready } else { Judgement::NotYet(readiness.shown(object)) })
        };
        if let Err(error) = readying.wait(context, judge).await? {
            let instance = &self.intent.instance;
            context.warn(format!("`{instance}`: a read does not show whether {}: {error}", readiness.words()));
        }
        Ok(())
    }
}

impl Instance {
    /// Waits for readiness after a synchronous answer, which is on record already: a CDN resource being deployed, a
    /// binary being compiled. A later run waits again.
    ///
    /// # Errors
    ///
    /// [`Interruption`], also when the resource has failed for good.
    pub(super) async fn await_own_readiness(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        result: &StepResult,
        provenance: Provenance,
    ) -> Result<(), Interruption> {
        let context = &self.run.context;
        let Some(operation) = rendered.operation.as_deref() else { return Ok(()) };
        let Some(ready) = &operation.ready else { return Ok(()) };
        let path = match &ready.read {
            Some(path) => filled_path(path, &rendered.parameters, result),
            None => paths::resource_path(operation, &rendered.recorded, &rendered.parameters, result),
        };
        let Some(path) = path else { return Ok(()) };
        let unknown = if provenance == Provenance::Reused { Duration::ZERO } else { UNSEEN };
        let wait = &self.step().wait;
        let readying = Readying { instance: id, path, tasks: &result.tasks, wait, until: ready.words(), unknown };
        let judge = |object: &Value| match (ready.has_failed(object), ready.holds(object)) {
            (true, _) => {
                let shown = ready.shown(object).map(|shown| format!(": {shown}")).unwrap_or_default();
                let words = format!("it was created, and then failed to become ready{shown}");
                let about = self.about(&rendered.recorded);
                let mut error = context.error(&about, EffectKnown::Applied, ErrorClass::Task, words);
                let step = &self.step().id;
                error.help.push(format!("fix the cause and run with `--replace {step}`"));
                Err(Interruption::Failed(error))
            }
            (false, true) => Ok(Judgement::Ready),
            (false, false) => Ok(Judgement::NotYet(ready.shown(object))),
        };
        // Whether the resource of an earlier run still exists is not checked here.
        if let Err(error) = readying.wait(context, judge).await?
            && provenance != Provenance::Reused
        {
            context.warn(format!("`{id}`: a read does not show whether {}: {error}", ready.words()));
        }
        Ok(())
    }

    /// Reads the resource of the step again, until `ready` holds where the step has one.
    pub(super) async fn resource(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        result: &StepResult,
        provenance: Provenance,
    ) -> Result<Value, Interruption> {
        let context = &self.run.context;
        let about = self.about(&rendered.recorded);
        let path = rendered
            .operation
            .as_ref()
            .and_then(|operation| paths::resource_path(operation, &rendered.recorded, &rendered.parameters, result));
        let Some(path) = path else {
            let mut error = context.error(
                &about,
                EffectKnown::Applied,
                ErrorClass::Template,
                "the API has no call that reads what this step made: there is no `resource`",
            );
            error.help.push("use a GET step that looks for it".to_owned());
            return Err(Interruption::Failed(error));
        };
        let ready = self.step().ready.condition();
        let readying = Readying {
            instance: id,
            path,
            tasks: &result.tasks,
            wait: &self.step().wait,
            until: ready.and_then(until_words).unwrap_or_else(|| "it can be read".to_owned()),
            unknown: match (ready, provenance) {
                // Of what an earlier run made a 404 means that it is gone, unless that was a moment ago.
                (_, Provenance::Reused) => unseen_for(self.known(id).finished_at, context.now()),
                (Some(_), _) => self.step().wait.timeout.unwrap_or(TIMEOUT),
                (None, _) => UNSEEN,
            },
        };
        readying.wait(context, |value| self.judge(ready, result, value)).await?.map_err(|error| {
            let read = RecordedCall::new(Method::Get, readying.path.clone());
            self.unreadable(&About { call: Some(read.into()), ..about.clone() }, &error, provenance)
        })
    }

    fn unreadable(&self, about: &About, error: &ReadError, provenance: Provenance) -> Interruption {
        let mut failed = self.run.context.read_failed(about, error);
        failed.effect = EffectKnown::Applied;
        if provenance == Provenance::Reused && error.is_not_found() {
            // This GET is the only call that was sent.
            failed.effect = EffectKnown::NotApplied;
            failed.call = about.call.as_ref().map(ToString::to_string);
            failed.message = format!("what an earlier run made is not there any more: {}", failed.message);
            failed.gone = vec![self.id().clone()];
            let (step, forget) = (&self.step().id, self.run.context.settings.state_command("forget", &self.id(), ""));
            failed.help = vec![
                format!("replace it: run with `--replace {step}`"),
                format!("or, if the plan does without it, {forget}"),
            ];
        }
        Interruption::Failed(failed)
    }

    fn judge(
        &self,
        ready: Option<&Expression>,
        result: &StepResult,
        resource: &Value,
    ) -> Result<Judgement, Interruption> {
        // `fail_when` is evaluated before `ready`.
        if let Some(error) = self.fail_when(result, resource) {
            return Err(Interruption::Failed(error));
        }
        let Some(ready) = ready else { return Ok(Judgement::Ready) };
        match self
            .holds(ready, result, resource)
            .map_err(|error| Interruption::Failed(self.condition_failed(&error)))?
        {
            true => Ok(Judgement::Ready),
            false => Ok(Judgement::NotYet(self.shown(ready, resource))),
        }
    }

    /// The error of `fail_when` when it holds, or when it cannot be evaluated.
    pub(super) fn fail_when(&self, result: &StepResult, resource: &Value) -> Option<StepError> {
        let fail_when = self.step().fail_when.as_ref()?;
        match self.holds(fail_when, result, resource) {
            Ok(true) => Some(self.never_ready(fail_when, resource)),
            Ok(false) => None,
            Err(error) => Some(self.condition_failed(&error)),
        }
    }

    /// The error for a condition on the created resource that cannot be evaluated; the call was carried out.
    fn condition_failed(&self, error: &TemplateError) -> StepError {
        let (call, error) = (&self.step().call, self.run.template_error(error));
        match decide::reads(self.step()) {
            true => StepError { call: Some(format!("{} {}", call.method, call.written)), ..error },
            false => StepError { effect: EffectKnown::Applied, ..error },
        }
    }

    /// Evaluates a condition on the step's result and the resource.
    fn holds(&self, condition: &Expression, result: &StepResult, resource: &Value) -> Result<bool, TemplateError> {
        let own = value_of(&step_value(result, Some(resource)));
        let surroundings = self.surroundings();
        let mut scope = surroundings.scope();
        scope.this = Some(&own);
        scope.resource = Some(resource);
        condition.is_true(&scope)
    }

    /// The values that a condition looks at, unless all of the answer is secret.
    fn shown(&self, condition: &Expression, resource: &Value) -> Option<String> {
        if self.step().secret { None } else { shown(condition, resource, &self.run.context.secrets) }
    }

    fn never_ready(&self, fail_when: &Expression, resource: &Value) -> StepError {
        let shown = self.shown(fail_when, resource).map(|shown| format!(": {shown}")).unwrap_or_default();
        let about = About { call: None, place: Some(self.run.plan_span(fail_when.span)) };
        let message = format!("{}{shown}", never_ready_words(fail_when));
        let mut error = self.run.context.error(&about, EffectKnown::Applied, ErrorClass::Task, message);
        error.help = vec![never_ready_help(&self.step().id)];
        error
    }
}

/// The message when `fail_when` holds.
pub(super) fn never_ready_words(fail_when: &Expression) -> String {
    let words = match fail_when.program() {
        Some(condition) => format!("`{}` holds", condition.source().trim()),
        None => "`fail_when` is plainly true".to_owned(),
    };
    format!("it can never become ready: {words}")
}

pub(super) fn never_ready_help(step: &StepId) -> String {
    format!("the resource stays on record: repair it, or replace it with `--replace {step}`")
}

/// What a step waits for, as text.
pub(super) fn until_words(ready: &Expression) -> Option<String> {
    Some(format!("`{}` holds", ready.program()?.source().trim()))
}

/// A documented path with the call's parameters filled in, and for `{answer::id}` the value at `/id` of its answer.
fn filled_path(path: &str, parameters: &[(String, String)], result: &StepResult) -> Option<String> {
    let segment = |segment: &str| {
        let Some(name) = parameter_name(segment) else { return Some(segment.to_owned()) };
        let value = match name.strip_prefix("answer:") {
            Some(pointer) => id_text(result.response.as_ref()?.pointer(&pointer.replace(':', "/"))?),
            None => parameter(parameters, name)?.to_owned(),
        };
        Some(paths::encode(&value))
    };
    path.split('/').map(segment).collect::<Option<Vec<_>>>().map(|segments| segments.join("/"))
}

/// The fields that a condition refers to, with their current values. Secrets are redacted before a value is cut.
fn shown(condition: &Expression, resource: &Value, secrets: &Secrets) -> Option<String> {
    let program = condition.program()?;
    let looked_at = program.uses().names.iter().filter(|used| used.name == "resource" && !used.path.is_empty());
    let mut words: Vec<String> = looked_at
        .map(|used| {
            let value = used.path.iter().try_fold(resource, |value, field| value.get(field.as_str()));
            let short = |text: &str| format!("is `{}`", shortened(&secrets.redact(text)));
            let text = match value {
                None => "is not there".to_owned(),
                Some(Value::String(text)) => short(text),
                Some(other) => short(&other.to_string()),
            };
            format!("`resource.{}` {text}", used.path.iter().map(|field| field.as_str()).collect::<Vec<_>>().join("."))
        })
        .collect();
    words.dedup();
    (!words.is_empty()).then(|| words.join(", "))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        text.to_owned()
    } else {
        text.chars().take(SHOWN).chain("…".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::tests::harness::Trial;

    #[test]
    fn a_path_is_filled_from_the_call_and_from_its_answer() {
        let parameters = [("project_id".to_owned(), "1".to_owned()), ("name".to_owned(), "a b".to_owned())];
        let result = StepResult { response: Some(json!({ "a": { "id": 7 } }).into()), ..StepResult::default() };
        for (path, expected) in [
            ("/x/{project_id}/{name}", Some("/x/1/a%20b")),
            ("/x/{answer:a:id}", None),
            ("/x/{answer::a:id}/y", Some("/x/7/y")),
            ("/x/{answer::b}", None),
            ("/x/{region_id}", None),
        ] {
            assert_eq!(filled_path(path, &parameters, &result).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_condition_is_shown_with_the_values_that_it_looks_at() {
        let condition = |words: &str| {
            let text = format!(
                "name: demo\nsteps:\n  - id: it\n    call: POST /cloud/v1/networks/1/7\n    body: {{ name: net-1 }}\n    \
                 ready: {words:?}\n"
            );
            let plan = Trial::plan("plan.yaml", &text);
            let secrets = Secrets::default();
            let shown = |resource: Value| shown(plan.steps[0].ready.condition().unwrap(), &resource, &secrets);
            [json!({ "state": "NEW", "a": { "b": 7 } }), json!({})].map(shown)
        };
        let words = |text: &str| Some(text.to_owned());
        assert_eq!(
            condition("resource.state == 'UP' and resource.a.b > 5"),
            [
                words("`resource.state` is `NEW`, `resource.a.b` is `7`"),
                words("`resource.state` is not there, `resource.a.b` is not there")
            ]
        );
        assert_eq!(condition("resource"), [None, None]);
    }

    #[test]
    fn a_value_that_is_cut_shows_nothing_of_a_secret_in_it() {
        let text = "name: demo\nsteps:\n  - id: it\n    call: POST /cloud/v1/networks/1/7\n    body: { name: net-1 }\n    \
                    ready: resource.key == 'x'\n";
        let plan = Trial::plan("plan.yaml", text);
        let secrets = Secrets::default();
        let key = format!("ssh-rsa {}", "AAAAB3NzaC1yc2E".repeat(10));
        secrets.hide(&key);
        let shown = shown(plan.steps[0].ready.condition().unwrap(), &json!({ "key": key }), &secrets);
        assert_eq!(shown.unwrap(), "`resource.key` is `[secret]`");
    }
}
