//! Tokens of JSON pointers (RFC 6901 §3 and §4).

use std::borrow::Cow;

/// The pointer to a field, relative to its mapping: `/a~1b` for `a/b`.
pub fn to_field(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The name of the field, or the index, that a token of a pointer stands for.
pub fn name_of(token: &str) -> Cow<'_, str> {
    match token.contains('~') {
        true => token.replace("~1", "/").replace("~0", "~").into(),
        false => token.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_pointer_to_a_field_leads_there_and_back_to_its_name() {
        for name in ["", "a", "a/b", "a~b", "~1", "/~0/~"] {
            let pointer = to_field(name);
            assert_eq!(json!({ name: 1 }).pointer(&pointer), Some(&json!(1)), "{name}");
            assert_eq!(name_of(&pointer[1..]), name);
        }
    }
}
