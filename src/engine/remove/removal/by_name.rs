//! A resource that is identified by its name, read before its removal: another client may have created it again.

use serde_json::Value;

use super::UndoCall;
use crate::api::Request;
use crate::engine::interruption::Interruption;
use crate::engine::remove::identity::{created_later, digest};
use crate::engine::remove::{forget, status_of};
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::journal::RecordedResource;

impl<'a> UndoCall<'a> {
    /// Reads what has the name now, before it is removed. An attempt that may have been carried out is repeated only
    /// when this is still what it was then: another client may have made it anew.
    pub(super) async fn look(&self) -> Result<Option<String>, Interruption> {
        let Some((made, path)) = &self.named else { return Ok(None) };
        let reading = self.context.client.read(Request::get(path.clone()));
        let words = match self.context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)? {
            Ok(item) => {
                if let Some(created) = self.created_again(made, &item) {
                    let words = format!(
                        "kept: the resource of this name was created on {created}, after this step's, and may be another client's"
                    );
                    return Err(Interruption::Failed(self.kept(words, EffectKnown::NotApplied)));
                }
                let now = digest(self.context, made.id.as_deref(), &item);
                if self.seen.as_ref().is_none_or(|seen| *seen == now) {
                    return Ok(Some(now));
                }
                "kept: its removal was begun before, and may have been carried out; the resource of this name is not what \
                 it was then, and may be another client's"
                    .to_owned()
            }
            Err(error) if self.seen.is_none() || error.is_not_found() => return Ok(self.seen.clone()),
            Err(error) => format!(
                "kept: its removal was begun before, and may have been carried out; whether the resource of this name is \
                 still the same could not be read: {error}"
            ),
        };
        // Its DELETE stays on record as one that may have been carried out.
        Err(Interruption::Failed(self.kept(words, EffectKnown::Unknown)))
    }

    /// The time at which the resource that has the name now was created, when that was after the step's resource was
    /// made.
    fn created_again<'i>(&self, made: &RecordedResource, item: &'i Value) -> Option<&'i str> {
        let known = status_of(self.context, self.instance)?;
        let is_main = known.main_made().is_some_and(|main| main.id == made.id);
        created_later(item, known.existed_on.filter(|_| is_main && self.seen.is_none())?)
    }

    fn kept(&self, words: String, effect: EffectKnown) -> StepError {
        let mut error = self.context.error(&self.about, effect, ErrorClass::Unknown, words);
        let forget = forget(self.context, self.instance);
        error.help.push(format!("if it is yours, delete it by hand, and try again; if not, {forget}"));
        error
    }
}
