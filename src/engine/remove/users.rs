//! Who uses a resource that the API refuses to delete, by the words of the refusal.

use crate::engine::context::RunContext;
use crate::event::RemovedResource;
use crate::journal::RecordedCall;
use crate::order::ordered_set;

/// The users of a resource that a refusal names, when none of them is on record.
#[derive(Default)]
pub(super) struct Users {
    /// The ids of those that the record knows nothing of.
    pub unrecorded: Vec<String>,
    /// Those that were removed within the last minutes: the API notices it late.
    pub removed: Vec<RemovedResource>,
}

impl Users {
    /// The users that the message of a refusal names by their ids. `call`: the refused delete, whose own ids are none.
    pub(super) fn named(context: &RunContext, call: &RecordedCall, message: &str) -> Self {
        let words = message.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
        let ids = words.filter(|word| uuid::Uuid::try_parse(word).is_ok() && !call.path.contains(word));
        let ids = ordered_set(ids);
        let now = context.now();
        context.journal.with_status(|status| {
            // If one of them is on record it will be removed soon, and the others may depend on it.
            if ids.iter().any(|id| status.knows(id)) {
                return Self::default();
            }
            let (removed, unrecorded): (Vec<_>, Vec<_>) =
                ids.into_iter().map(|id| status.departed.find(id, now).ok_or(id)).partition(Result::is_ok);
            Self {
                unrecorded: unrecorded.into_iter().filter_map(Result::err).map(str::to_owned).collect(),
                removed: removed.into_iter().filter_map(Result::ok).cloned().collect(),
            }
        })
    }
}
