//! Before the first update of a resource: whether a task of its step made it.

use crate::api::Request;
use crate::engine::context::RunContext;
use crate::engine::instance::Instance;
use crate::engine::interruption::Interruption;
use crate::engine::maker::{only_used, other_maker_of_main};
use crate::engine::{operation, paths};
use crate::event::{EffectKnown, ErrorClass};
use crate::id::InstanceId;
use crate::journal::{Evidence, InstanceStatus, RecordedCall, id_text};
use crate::shared::Shared;

impl Instance {
    /// Reads the resource, where the record does not say that this was done before, and refuses to change one that names
    /// another task as its maker. A read that fails leaves it to the record.
    pub(super) async fn refuse_of_another(
        &self,
        id: &InstanceId,
        known: &InstanceStatus,
        call: &Shared<RecordedCall>,
    ) -> Result<(), Interruption> {
        let context = &self.run.context;
        let Some(path) = (!is_confirmed(known)).then(|| read_of(context, known)).flatten() else { return Ok(()) };
        let reading = context.stopped.or_leave(context.client.read(Request::get(path)));
        let Ok(item) = reading.await.map_err(Interruption::Stopped)? else { return Ok(()) };
        let maker = other_maker_of_main(&context.settings, known, &item);
        maker.map_or(Ok(()), |maker| Err(self.of_another(id, known, call, &maker)))
    }

    /// The error for a change of a resource that another task made.
    pub(super) fn of_another(
        &self,
        id: &InstanceId,
        known: &InstanceStatus,
        call: &Shared<RecordedCall>,
        maker: &str,
    ) -> Interruption {
        let context = &self.run.context;
        let made = known.main_made().cloned().unwrap_or_default();
        let words = format!("not changed: {}", only_used(&made, maker));
        let mut error = context.error(&self.about(call), EffectKnown::NotApplied, ErrorClass::Rejected, words);
        let forget = context.settings.state_command("forget", id, "");
        let own = made.id.as_deref().map(id_text).unwrap_or_default();
        error.help.push(format!("if it is not yours, {forget}, and run again: the step makes one of its own"));
        error.help.push(format!("if it is, do the same with `adopt: {{ id: {own} }}` in the step"));
        error.help.push("what the call of this step made may be on no record: look for it by its name".to_owned());
        Interruption::Failed(error)
    }
}

/// Whether the record says that the resource was read and is the step's: it was found by its stamp, changed before, or a
/// refresh compared it.
fn is_confirmed(known: &InstanceStatus) -> bool {
    let is_changed = known.intent.as_ref().is_none_or(|intent| intent.update.is_some());
    is_changed || !known.drifted.is_empty() || known.evidence == Some(Evidence::Stamp)
}

/// The path that reads a resource which a task made, where it shows which one.
fn read_of(context: &RunContext, known: &InstanceStatus) -> Option<String> {
    known.main_made().filter(|made| !made.tasks.is_empty())?;
    let (create, parameters) = operation::operation_of(context.catalog, known.agreed()?)?;
    create.creates.as_ref()?.resource.as_ref()?.list.as_ref().filter(|list| list.creator_task)?;
    paths::read_path(&create, &parameters, known.result.as_ref()?)
}
