//! Detects a list of `for_each` that lost an element: all later elements move up by one, and each looks changed.

use crate::engine::record_flags::RecordFlags;
use crate::id::{InstanceId, StepId};
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

/// How many instances of a step are on record with an effect.
pub fn recorded_of(status: &Status, step: &StepId) -> usize {
    status.instances.iter().filter(|(instance, known)| instance.step == *step && known.has_effect()).count()
}

/// The warning that elements moved up, with the remedy. `flags`: those that name the record to `plan state`.
pub fn words(first: &InstanceId, flags: &RecordFlags) -> String {
    format!(
        "the list of `{}` lost its element {}: those behind it move up by one, and each counts as changed; \
         `plan state mv{flags} OLD NEW` renames what is on record; a mapping (`for_each: {{ name: … }}`) keeps each by its key",
        first.step,
        first.key.as_deref().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Method;
    use crate::journal::{Header, InstanceStatus};

    fn id(key: Option<&str>) -> InstanceId {
        InstanceId::new(StepId::new("net"), key.map(str::to_owned))
    }

    fn call(name: &str) -> RecordedCall {
        RecordedCall::new(Method::Post, format!("/{name}"))
    }

    #[test]
    fn only_an_element_that_moved_up_shifts_a_list() {
        for (recorded, planned, first) in [
            (&[("0", "a"), ("1", "b"), ("2", "c")][..], &[("0", "b"), ("1", "c")][..], Some("0")),
            (&[("0", "a"), ("1", "b"), ("2", "c")], &[("0", "a"), ("1", "c")], Some("1")),
            (&[("0", "a"), ("1", "b")], &[("0", "a")], None),
            (&[("0", "a"), ("1", "b")], &[("0", "z"), ("1", "b")], None),
            (&[("0", "a"), ("1", "a")], &[("0", "a"), ("1", "a")], None),
            (&[("1", "b")], &[("0", "b")], None),
            (&[("x", "a"), ("y", "b")], &[("x", "b")], None),
        ] {
            let mut status = Status::new(Header::new("demo", "default"), jiff::Timestamp::UNIX_EPOCH);
            for (key, name) in recorded {
                let known = InstanceStatus { agrees: Some(call(name).into()), ..InstanceStatus::default() };
                status.instances.insert(id(Some(key)), known.into());
            }
            let planned: Vec<_> = planned.iter().map(|(key, name)| (id(Some(key)), call(name))).collect();
            let found = shifted(&status, planned.iter().map(|(id, call)| (id, call)));
            assert_eq!(found, first.map(|key| id(Some(key))), "{recorded:?} {planned:?}");
        }
    }
}
