//! Characters that only texts of this program may contain: those around markers of secrets and other marks.

use serde_json::{Map, Value};

use super::REDACTED;

/// Whether a text contains a reserved character, of those around a marker, an open place of an undo, or a placeholder
/// of a preview. Plans, inputs, files and decoded texts must not contain any; in answers they are replaced.
pub fn is_reserved(text: &str) -> bool {
    !text.is_ascii() && text.contains(RESERVED)
}

/// Whether any text in a value, including keys, contains a reserved character.
pub fn is_reserved_value(value: &Value) -> bool {
    match value {
        Value::String(text) => is_reserved(text),
        Value::Array(items) => items.iter().any(is_reserved_value),
        Value::Object(fields) => fields.iter().any(|(name, field)| is_reserved(name) || is_reserved_value(field)),
        _ => false,
    }
}

/// An answer with its reserved characters replaced by U+FFFD.
pub fn without_reserved(value: Value) -> Value {
    if !is_reserved_value(&value) {
        return value;
    }
    let clean = |text: String| text.replace(RESERVED, "\u{FFFD}");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.into_iter().map(without_reserved).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (clean(name), without_reserved(field))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

const RESERVED: [char; 6] = [OPEN, CLOSE, '\u{E002}', '\u{E003}', INVISIBLE_OPEN, INVISIBLE_CLOSE];
pub(super) const OPEN: char = '\u{E000}';
pub(super) const CLOSE: char = '\u{E001}';
/// Characters around a mark that is left out of what is shown.
const INVISIBLE_OPEN: char = '\u{E004}';
const INVISIBLE_CLOSE: char = '\u{E005}';

/// A mark with a random word, which no text of others can hold, and which is left out of what is shown.
pub fn invisible_mark() -> String {
    format!("{INVISIBLE_OPEN}{}{INVISIBLE_CLOSE}", random_word())
}

/// Digits, because templates may change the case of letters.
pub(super) fn random_word() -> String {
    format!("{:039}", uuid::Uuid::new_v4().as_u128())
}

/// Replaces the markers of secrets, and leaves out invisible marks.
pub(super) fn redact_markers(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for character in text.chars() {
        match character {
            OPEN => {
                out.push_str(REDACTED);
                inside = true;
            }
            INVISIBLE_OPEN => inside = true,
            CLOSE | INVISIBLE_CLOSE => inside = false,
            digit if inside && digit.is_ascii_digit() => {}
            other => {
                inside = false;
                out.push(other);
            }
        }
    }
    out
}
