//! What stands in a previewed call in the place of what is known only later, and how it is found again.

use serde_json::Value;

/// How such a part begins.
pub(super) const LATER: &str = "(known after ";
/// How one begins that only has to be read.
const UNREAD: &str = "(known after reading ";

/// What is known once these are: ``(known after `network`)``.
pub fn known_after(names: &str) -> String {
    format!("{LATER}{names})")
}

/// What is known once these have been read.
pub fn known_after_reading(names: &str) -> String {
    format!("{UNREAD}{names})")
}

/// Something in the text is known only later.
pub fn is_known_later(text: &str) -> bool {
    text.contains(LATER)
}

/// Something in the text has to be read first, and is taken to be what it was.
pub fn is_unread(text: &str) -> bool {
    text.contains(UNREAD)
}

/// Something in the value is known only later.
pub fn holds_later(value: &Value) -> bool {
    match value {
        Value::String(text) => is_known_later(text),
        Value::Array(items) => items.iter().any(holds_later),
        Value::Object(fields) => fields.values().any(holds_later),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_found_again() {
        let (later, unread) = (known_after("`network`"), known_after_reading("`images`"));
        assert_eq!((later.as_str(), unread.as_str()), ("(known after `network`)", "(known after reading `images`)"));
        assert!(is_known_later(&later) && is_known_later(&unread) && is_unread(&unread) && !is_unread(&later));
        assert!(
            holds_later(&json!({ "a": [format!("net-{later}")] })) && !holds_later(&json!({ "a": [1, "b", null] }))
        );
    }
}
