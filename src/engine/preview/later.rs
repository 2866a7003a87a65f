//! Placeholder texts in a previewed call for values that are known only later.

use serde_json::Value;

/// The beginning of a placeholder.
pub(super) const LATER: &str = "(known after ";
/// The beginning of a placeholder for a value that only has to be read.
const UNREAD: &str = "(known after reading ";

/// The placeholder for a value known after these steps: ``(known after `network`)``.
pub fn known_after(names: &str) -> String {
    format!("{LATER}{names})")
}

/// The placeholder for a value known once these steps have been read.
pub fn known_after_reading(names: &str) -> String {
    format!("{UNREAD}{names})")
}

/// Whether the text has a placeholder.
pub fn is_known_later(text: &str) -> bool {
    text.contains(LATER)
}

/// Whether the text has a placeholder for a value that only has to be read, and is assumed unchanged.
pub fn is_unread(text: &str) -> bool {
    text.contains(UNREAD)
}

/// Whether the value has a placeholder.
pub fn has_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => is_known_later(text),
        Value::Array(items) => items.iter().any(has_placeholder),
        Value::Object(fields) => fields.values().any(has_placeholder),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_are_recognised() {
        let (later, unread) = (known_after("`network`"), known_after_reading("`images`"));
        assert_eq!((later.as_str(), unread.as_str()), ("(known after `network`)", "(known after reading `images`)"));
        assert!(is_known_later(&later) && is_known_later(&unread) && is_unread(&unread) && !is_unread(&later));
        assert!(
            has_placeholder(&json!({ "a": [format!("net-{later}")] }))
                && !has_placeholder(&json!({ "a": [1, "b", null] }))
        );
    }
}
