//! The undo call of a step, as its plan says.

use serde_json::{Map, Value, json};

use super::context::RunContext;
use super::instance::Instance;
use super::render::{CallParts, Rendered, step_value};
use super::results;
use super::undo::new_nonce;
use crate::journal::{IntendedUndo, Intent, Marks, RecordedCall, StepResult};
use crate::plan::{CallTemplate, Undo};
use crate::template::{TemplateError, value_of};

impl Instance {
    /// The undo call, as far as it can be rendered before the result is known.
    pub(super) fn intended_undo(&self, rendered: &Rendered) -> IntendedUndo {
        match &self.step().undo {
            Undo::Default => IntendedUndo::Default,
            Undo::Keep => IntendedUndo::Keep,
            Undo::Call(template) => {
                let creates = rendered.operation.as_ref().and_then(|operation| operation.creates.as_ref());
                let kinds = creates.into_iter().flat_map(|creates| creates.also.iter().chain([&creates.kind]));
                let mut marks = Marks::new(new_nonce());
                let created: Map<String, Value> =
                    kinds.map(|kind| (kind.clone(), json!([marks.mark(&format!("/created/{kind}/0"))]))).collect();
                let own = json!({
                    "id": marks.mark("/id"), "ids": [marks.mark("/id")], "name": marks.mark("/name"),
                    "task": marks.mark("/tasks/0"), "created": created,
                });
                // A template that needs more of the result is rendered once the result is known; until then the
                // catalogue's undo applies.
                let open = self.render_undo(template, &own).ok().and_then(|call| marks.open(&call));
                open.map_or(IntendedUndo::Default, |call| IntendedUndo::Open(call.into()))
            }
        }
    }

    /// The undo call for a result.
    pub(super) fn undo_of(&self, result: &StepResult, intent: &Intent) -> IntendedUndo {
        match (&intent.undo, &self.step().undo) {
            (IntendedUndo::Keep, _) | (_, Undo::Keep) => IntendedUndo::Keep,
            (_, Undo::Call(template)) => match self.render_undo(template, &step_value(result, None)) {
                Ok(call) => IntendedUndo::Call(call.into()),
                Err(error) => {
                    self.run.context.warn(format!(
                        "`{}`: its undo cannot be evaluated: {}",
                        self.step().id,
                        error.message
                    ));
                    intent.undo.clone()
                }
            },
            (intended, Undo::Default) => intended.clone(),
        }
    }

    /// The undo call of an action, as far as it can be evaluated before the action is called.
    pub(super) fn undo_of_action(&self, rendered: &Rendered) -> Option<RecordedCall> {
        let Undo::Call(template) = &self.step().undo else { return None };
        let result = results::result_of_answer(rendered.operation.as_deref(), &rendered.recorded, 0, Value::Null);
        self.render_undo(template, &step_value(&StepResult { response: None, ..result }, None)).ok()
    }

    /// The undo call of an adopted resource that `plan destroy` may delete.
    pub(super) fn undo_of_adopted(&self, result: &StepResult) -> IntendedUndo {
        match &self.step().undo {
            Undo::Keep => IntendedUndo::Keep,
            Undo::Default => IntendedUndo::Default,
            Undo::Call(template) => {
                let undo = self.render_undo(template, &step_value(result, None));
                undo.map_or(IntendedUndo::Keep, |call| IntendedUndo::Call(call.into()))
            }
        }
    }

    fn render_undo(&self, template: &CallTemplate, own: &Value) -> Result<RecordedCall, TemplateError> {
        let parts = CallParts { headers: None, ..CallParts::of_template(template, self.step()) };
        let rendered = self.surroundings().render(&parts, Some(&value_of(own)))?;
        match RunContext::request(&rendered.recorded) == rendered.request {
            true => Ok(rendered.recorded.into_owned()),
            // The record has a digest instead of the secret; a digest must not be sent as the value.
            false => Err(TemplateError {
                span: template.call.span,
                message: "an undo cannot hold a secret".to_owned(),
                help: Some("say what to remove by its id".to_owned()),
            }),
        }
    }
}
