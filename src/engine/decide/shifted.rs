//! Detects a list of `for_each` that lost an element: all later elements move up by one, and each looks changed.

use crate::id::InstanceId;
use crate::journal::{RecordedCall, Status};

/// The first instance whose planned call is the recorded call of the next one: the element before it was removed from
/// the list. `calls`: the plan's, by instance.
pub fn shifted<'c>(
    status: &Status,
    calls: impl IntoIterator<Item = (&'c InstanceId, &'c RecordedCall)>,
) -> Option<InstanceId> {
    let recorded = |instance: &InstanceId| status.instances.get(instance).and_then(|known| known.agrees.as_deref());
    let mut found = calls.into_iter().filter(|(instance, call)| {
        let number = instance.key.as_ref().and_then(|key| key.parse::<usize>().ok());
        let next = number.map(|number| InstanceId::new(instance.step.clone(), Some((number + 1).to_string())));
        recorded(instance).is_some_and(|own| own != *call) && next.is_some_and(|next| recorded(&next) == Some(*call))
    });
    found.next().map(|(instance, _)| instance.clone())
}

/// The message about it, with the remedy.
pub fn words(first: &InstanceId) -> String {
    format!(
        "the list of `{}` lost its element {}: those behind it move up by one, and each counts as changed; a mapping \
         (`for_each: {{ name: … }}`) keeps each by its key, and `moved` renames what is on record",
        first.step,
        first.key.as_deref().unwrap_or_default()
    )
}
