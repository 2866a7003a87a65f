//! What stands in the way of a create: the resource of another step, or the work of an earlier attempt that was never
//! answered.

use serde_json::Value;

use super::Write;
use crate::catalog::Catalog;
use crate::engine::context::{RunContext, Settings};
use crate::engine::holder::holder;
use crate::engine::{operation, results};
use crate::event::{EffectKnown, StepError};
use crate::id::InstanceId;
use crate::journal::{Record, Status, Unanswered, id_text};
use crate::kind::resource_name;

/// That an attempt may have made what a later one was refused for.
pub fn in_the_way(catalog: &Catalog, attempt: &Unanswered) -> String {
    let call = &attempt.intent.call;
    let (operation, _) = operation::matched(catalog, call);
    let asked = results::result_of_answer(operation.as_deref(), call, 0, Value::Null);
    let name = asked.name.map(|name| format!("`{name}`")).or(asked.id.as_deref().map(id_text)).unwrap_or_default();
    format!(
        "nothing was found of attempt {}, which was never answered, and a later one was refused (status {}) because of what it \
         may have made: {}",
        attempt.intent.attempt,
        attempt.head.as_ref().map_or(0, |head| head.status),
        resource_name(asked.kind.as_deref(), &name).trim_end(),
    )
}

/// How that is decided.
pub fn decisions(settings: &Settings, instance: &InstanceId) -> Vec<String> {
    let resolve = |decision: &str| settings.state_command("resolve", instance, decision);
    vec![
        format!("decide with {} (it made that)", resolve("--id ID")),
        format!("or {} (it made nothing)", resolve("--not-applied")),
    ]
}

impl Write {
    /// The records for a refusal because something exists: an attempt without an answer may have made that, and is in
    /// doubt again, because the refusal says nothing about it. They are written before anything is searched for, so that
    /// every later command knows it.
    pub(super) fn in_doubt_again(&self, context: &RunContext, refusal: &StepError) -> Vec<Record> {
        let open = context.journal.with_status(|status| {
            status.instances.get(self.instance()).and_then(|known| self.open_attempts(known).pop())
        });
        let Some(open) = open.filter(|_| self.holder(context).is_none()) else { return Vec::new() };
        let (instance, attempt) = (self.instance().clone(), open.intent.attempt);
        let message = format!("{}; attempt {attempt}, which was never answered, may have made that", refusal.message);
        let help = decisions(&context.settings, &instance);
        let error = StepError { effect: EffectKnown::Unknown, message, help, ..refusal.clone() };
        vec![Record::Found { instance: instance.clone(), attempt }, Record::Unknown { instance, error }]
    }

    /// Another instance of this record that has the resource which the call would change or create.
    pub(in crate::engine) fn holder(&self, context: &RunContext) -> Option<InstanceId> {
        let look = |status: &Status| holder(status, self.instance(), self.operation.as_deref(), self.call());
        context.journal.with_status(look)
    }
}
