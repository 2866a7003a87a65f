//! Placeholder texts in a previewed call for values that are known only later.
//!
//! A mark in front distinguishes a placeholder from the same words in a plan or an answer: characters that these cannot
//! contain, and a random word. It is left out wherever a preview is shown
//! ([`Secrets::redact`](crate::secret::Secrets::redact)).

use std::sync::LazyLock;

use serde_json::Value;

use crate::secret::invisible_mark;

/// The mark in front of every placeholder of this process.
static MARK: LazyLock<String> = LazyLock::new(invisible_mark);
/// The words after the mark for a value that only has to be read.
const UNREAD: &str = "(known after reading ";

/// The placeholder for a value known after these steps: ``(known after `network`)``.
pub fn known_after(names: &str) -> String {
    format!("{}(known after {names})", *MARK)
}

/// The placeholder for a value known once these steps have been read.
pub fn known_after_reading(names: &str) -> String {
    format!("{}{UNREAD}{names})", *MARK)
}

/// Whether the text has a placeholder.
pub fn is_known_later(text: &str) -> bool {
    text.contains(&*MARK)
}

/// Whether the text has a placeholder for a value that only has to be read, and is assumed unchanged.
pub fn is_unread(text: &str) -> bool {
    text.match_indices(&*MARK).any(|(at, mark)| text[at + mark.len()..].starts_with(UNREAD))
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
    use crate::secret::{Secrets, is_reserved};

    #[test]
    fn placeholders_are_recognised() {
        let (later, unread) = (known_after("`network`"), known_after_reading("`images`"));
        assert!(is_known_later(&later) && is_known_later(&unread) && is_unread(&unread) && !is_unread(&later));
        assert!(
            has_placeholder(&json!({ "a": [format!("net-{later}")] }))
                && !has_placeholder(&json!({ "a": [1, "b", null] }))
        );
    }

    #[test]
    fn the_same_words_of_others_are_no_placeholder_and_look_alike() {
        let unread = known_after_reading("`images`");
        let shown = Secrets::default().redact(&format!("a {unread}"));
        assert_eq!(shown, "a (known after reading `images`)");
        assert!(!is_known_later(&shown) && !is_unread(&shown) && is_reserved(&unread));
    }
}
