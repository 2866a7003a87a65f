//! Tokens of JSON pointers (RFC 6901 §3 and §4).

use std::borrow::Cow;

use serde_json::Value;

/// The value at a pointer, as by [`Value::pointer`], which copies each token.
pub fn get<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    if pointer.contains('~') {
        return value.pointer(pointer);
    }
    let mut tokens = pointer.split('/');
    // Before the first slash is nothing.
    tokens.next().filter(|before| before.is_empty())?;
    tokens.try_fold(value, |value, token| match value {
        Value::Object(fields) => fields.get(token),
        Value::Array(_) => value.pointer(&to_field(token)),
        _ => None,
    })
}

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
    fn a_value_is_found_as_by_serde_json() {
        let value = json!({ "": { "a/b": 1 }, "list": [{ "id": 7 }, 2], "a": { "": 3, "~": 4 } });
        for pointer in [
            "",
            "/",
            "//a~1b",
            "/list",
            "/list/0/id",
            "/list/1",
            "/list/2",
            "/list/00",
            "/list/+1",
            "/list/id",
            "/a/",
            "/a/~0",
            "a",
            "a/",
            "/list/0/id/",
            "/list/1/x",
            "/none/id",
        ] {
            assert_eq!(get(&value, pointer), value.pointer(pointer), "{pointer}");
        }
    }

    #[test]
    fn the_pointer_to_a_field_leads_there_and_back_to_its_name() {
        for name in ["", "a", "a/b", "a~b", "~1", "/~0/~"] {
            let pointer = to_field(name);
            assert_eq!(json!({ name: 1 }).pointer(&pointer), Some(&json!(1)), "{name}");
            assert_eq!(name_of(&pointer[1..]), name);
        }
    }
}
