//! What a call accepts of a new value: only larger ones, only later versions.

use serde_json::Value;

use crate::catalog::Operation;
use crate::catalog::update::{Rule, only_grows};
use crate::engine::update::patch::FieldChange;
use crate::journal::id_text;

pub(super) fn rule_allows(rule: Rule, old: &Value, new: &Value) -> bool {
    match rule {
        Rule::Any => true,
        Rule::OnlyLarger => old.as_f64().zip(new.as_f64()).is_some_and(|(old, new)| new > old),
        Rule::LaterVersion => version(new) > version(old),
    }
}

/// The numbers of a version: `v1.31.2` is 1, 31, 2.
pub(super) fn version(value: &Value) -> Vec<u64> {
    let text = id_text(value);
    let words = text.split(|character: char| !character.is_ascii_digit()).filter(|word| !word.is_empty());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The place of a value that would decrease, where the API can only increase it.
pub(super) fn shrinks(operation: &Operation, change: &FieldChange<'_>) -> Option<String> {
    only_grows(operation, change.name).find_map(|place| {
        let below = place.strip_prefix(change.name)?.trim_start_matches('/');
        let pointer = if below.is_empty() { String::new() } else { format!("/{below}") };
        let number = |value: Option<&Value>| value?.pointer(&pointer)?.as_f64();
        let (old, new) = (number(change.before)?, number(change.after)?);
        (new < old).then(|| below.to_owned())
    })
}
