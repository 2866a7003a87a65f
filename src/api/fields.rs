//! The request fields that an error answer names, with the reason; every product has its own form.
//!
//! | | |
//! |---|---|
//! | Cloud | `{"invalid_fields": {"volumes": {"0": {"size": ["too small"]}}}}` |
//! | CDN, streaming, IAM | `{"errors": {"name": ["should be unique"]}}`, `{"errors": ["…"]}`, or the fields alone |
//! | IAM | a list of such, or of sentences: `[{"errors": {"new_email": "…"}}]`, `["…"]` |
//! | DDoS protection | `{"detail": [{"loc": ["body", "name"], "msg": "…"}]}` |
//! | WAAP | `{"errors": [{"loc": ["body", "name"], "detail": "…"}]}` |

use serde_json::Value;

/// The longest message, in characters.
const LONGEST_MESSAGE: usize = 600;
/// Keys under which Django reports errors of the whole body, not of a field.
const NO_FIELDS: [&str; 2] = ["non_field_errors", "__all__"];
/// The most reasons in a combined message.
const MOST_REASONS: usize = 3;

/// JSON pointers into the body, and what is wrong there.
pub(super) fn invalid_fields(body: &Value) -> Vec<(String, String)> {
    if let Value::Array(several) = body {
        return several.iter().flat_map(invalid_fields).collect();
    }
    let mut found = Vec::new();
    for name in ["invalid_fields", "errors", "detail"] {
        match body.get(name) {
            Some(Value::Array(places)) => found.extend(places.iter().filter_map(placed)),
            Some(fields @ Value::Object(_)) => walk("", fields, &mut found),
            _ => continue,
        }
        return without_general(found);
    }
    let alone = |fields: &serde_json::Map<String, Value>| !fields.is_empty() && fields.values().all(is_list_of_texts);
    if body.as_object().is_some_and(alone) {
        walk("", body, &mut found);
    }
    without_general(found)
}

fn without_general(mut found: Vec<(String, String)>) -> Vec<(String, String)> {
    found.retain(|(at, _)| !NO_FIELDS.iter().any(|word| at.ends_with(word)));
    found
}

/// A message for an answer without one: its reasons combined.
pub(super) fn combined_message(body: &Value, fields: &[(String, String)]) -> Option<String> {
    let alone = body.as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut complaints: Vec<String> = alone.map(str::to_owned).collect();
    for name in ["errors", "detail"] {
        let listed = body.get(name).and_then(Value::as_array).into_iter().flatten();
        complaints.extend(listed.filter_map(Value::as_str).map(str::to_owned));
        let general = NO_FIELDS.iter().filter_map(|word| body.get(name)?.get(word)?.as_array()).flatten();
        complaints.extend(general.filter_map(Value::as_str).map(str::to_owned));
    }
    complaints.extend(fields.iter().map(|(at, wrong)| {
        let field = at.trim_start_matches('/').replace('/', ".");
        if field.is_empty() { wrong.clone() } else { format!("`{field}`: {wrong}") }
    }));
    let more = complaints.len().saturating_sub(MOST_REASONS);
    complaints.truncate(MOST_REASONS);
    if more > 0 {
        complaints.push(format!("and {more} more"));
    }
    (!complaints.is_empty()).then(|| complaints.join("; "))
}

/// `{"loc": ["body", "name"], "msg": "…"}`
fn placed(complaint: &Value) -> Option<(String, String)> {
    let words = ["detail", "msg", "message"].iter().find_map(|name| complaint.get(name)?.as_str())?;
    let path = complaint.get("loc")?.as_array()?;
    let path: Vec<String> =
        path.iter().map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
    let inside = path.strip_prefix(&["body".to_owned()]).unwrap_or(&path);
    Some((inside.iter().map(|part| format!("/{part}")).collect(), shorten(words)))
}

/// A list of sentences.
fn is_list_of_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_string))
}

/// `{"volumes": {"0": {"size": ["too small"]}}, "name": ["required"]}` and flatter forms.
fn walk(at: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('.', "/");
                walk(&format!("{at}/{name}"), field, found);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let words: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            found.push((at.to_owned(), shorten(&words.join("; "))));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{at}/{index}"), item, found);
            }
        }
        Value::String(words) => found.push((at.to_owned(), shorten(words))),
        Value::Null => {}
        other => found.push((at.to_owned(), other.to_string())),
    }
}

/// A message of the API, at most as long as people read.
pub(super) fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST_MESSAGE {
        return text.to_owned();
    }
    text.chars().take(LONGEST_MESSAGE).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_complaints_only_when_each_field_is_a_list_of_sentences() {
        for (body, fields) in [
            (json!({ "name": ["required"] }), vec![("/name", "required")]),
            (json!({ "name": [] }), vec![]),
            (json!({ "name": ["required"], "count": 3 }), vec![]),
            (json!({ "name": ["required", 3] }), vec![]),
            (
                json!({ "errors": { "hosts": [{ "ip": ["bad"] }, "odd"], "size": 5, "none": null } }),
                vec![("/hosts/0/ip", "bad"), ("/hosts/1", "odd"), ("/size", "5")],
            ),
        ] {
            let fields: Vec<_> = fields.iter().map(|(at, why)| ((*at).to_owned(), (*why).to_owned())).collect();
            assert_eq!(invalid_fields(&body), fields, "{body}");
        }
    }

    #[test]
    fn every_product_names_fields_in_its_own_way() {
        let name = |words: &str| vec![("/name".to_owned(), words.to_owned())];
        for (body, fields, message) in [
            (
                json!({ "errors": { "name": ["Origin Group name should be unique."] } }),
                name("Origin Group name should be unique."),
                "`name`: Origin Group name should be unique.",
            ),
            (
                json!({ "errors": { "sources": { "a.example": { "source": ["cannot be resolved"] } } } }),
                vec![("/sources/a/example/source".to_owned(), "cannot be resolved".to_owned())],
                "`sources.a.example.source`: cannot be resolved",
            ),
            (json!({ "errors": ["It cannot be deleted."] }), vec![], "It cannot be deleted."),
            (json!(["The user is a member already."]), vec![], "The user is a member already."),
            (json!([{ "errors": { "name": "Not allowed." } }]), name("Not allowed."), "`name`: Not allowed."),
            (json!({ "errors": { "non_field_errors": ["Neither."] } }), vec![], "Neither."),
            (
                json!({ "name": ["There are rules using this group"] }),
                name("There are rules using this group"),
                "`name`: There are rules using this group",
            ),
            (
                json!({ "detail": [{ "loc": ["body", "name"], "msg": "Field required", "type": "missing" }] }),
                name("Field required"),
                "`name`: Field required",
            ),
            (
                json!({ "title": "Wrong.", "errors": [
                    { "loc": ["body", "conditions", 0, "ip"], "detail": "no address" }, { "loc": ["query", "limit"], "detail": "too many" },
                ] }),
                vec![
                    ("/conditions/0/ip".to_owned(), "no address".to_owned()),
                    ("/query/limit".to_owned(), "too many".to_owned()),
                ],
                "`conditions.0.ip`: no address; `query.limit`: too many",
            ),
        ] {
            let found = invalid_fields(&body);
            assert_eq!(found, fields, "{body}");
            assert_eq!(combined_message(&body, &found).as_deref(), Some(message), "{body}");
        }
        assert_eq!(invalid_fields(&json!({ "error": "zone is not found" })), []);
        assert_eq!(invalid_fields(&json!({ "detail": "Not found." })), []);
    }

    #[test]
    fn a_long_row_of_complaints_is_cut() {
        let body = json!({ "errors": { "a": ["1"], "b": ["2"], "c": ["3"], "d": ["4"], "e": ["5"] } });
        assert_eq!(
            combined_message(&body, &invalid_fields(&body)).as_deref(),
            Some("`a`: 1; `b`: 2; `c`: 3; and 2 more")
        );
    }
}
