//! The place in a sent body that an answer objects to: each product writes it in its own way.

use serde_json::Value;

use crate::pointer;

/// The most segments of an objection that are one name with dots in it, as a host has.
const DOTS: usize = 8;

/// The JSON pointer into a body for a place that an answer names, as far as it exists; the place itself when nothing of
/// it does. An element of a list may be named by one of its values (the CDN names origins by their hosts), and a place
/// may be below the one field that holds all others (`video`).
pub fn place_of(named: &str, body: &Value) -> String {
    let segments: Vec<&str> = named.split('/').filter(|segment| !segment.is_empty()).collect();
    let direct = follow(body, &segments);
    if !direct.is_empty() || segments.is_empty() {
        return direct;
    }
    let inside = |(name, inner): (&String, &Value)| {
        let rest = follow(inner, &segments);
        (inner.is_object() && !rest.is_empty()).then(|| format!("{}{rest}", pointer::to_field(name)))
    };
    match &body.as_object().into_iter().flatten().filter_map(inside).collect::<Vec<_>>()[..] {
        [only] => only.clone(),
        _ => named.to_owned(),
    }
}

/// The place of a field with which a message begins (`ttl: must be …`); `None` when it begins with another word.
pub fn place_in_message(message: &str, body: &Value) -> Option<String> {
    let end = message.find(|end: char| end == ':' || end.is_whitespace()).unwrap_or(message.len());
    let word = message[..end].trim_matches(['`', '"', '\'']);
    let named = format!("/{}", word.replace(['.', '['], "/").replace(']', ""));
    let place = place_of(&named, body);
    (!word.is_empty() && body.pointer(&place).is_some() && place.split('/').count() >= named.split('/').count())
        .then_some(place)
}

/// The pointer to the last part of a path that exists.
fn follow(value: &Value, segments: &[&str]) -> String {
    for length in 1..=segments.len().min(DOTS) {
        let (name, rest) = (segments[..length].join("."), &segments[length..]);
        let found = match value {
            Value::Object(fields) => fields.get(&name).map(|inner| (pointer::to_field(&name), inner)),
            Value::Array(items) => {
                let index = name.parse().ok().filter(|index| *index < items.len());
                let index = index.or_else(|| items.iter().position(|item| holds_text(item, &name)));
                index.map(|index| (format!("/{index}"), &items[index]))
            }
            _ => None,
        };
        if let Some((here, inner)) = found {
            return here + &follow(inner, rest);
        }
    }
    String::new()
}

/// Whether a value is this text, or has a field that is.
fn holds_text(value: &Value, text: &str) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| field.as_str() == Some(text)),
        value => value.as_str() == Some(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_name_a_place_leads_to_it() {
        let body = json!({
            "name": "x", "ttl": 5,
            "sources": [{ "source": "a.example" }, { "source": "b.c.example", "backup": true }],
            "env": { "a.b": 1, "c/d": 2 },
            "resource_records": [{ "content": ["192.0.2.1"] }],
        });
        for (named, place) in [
            ("/name", "/name"),
            ("/sources/1/source", "/sources/1/source"),
            ("/sources/b/c/example/source", "/sources/1/source"),
            ("/sources/b/c/example", "/sources/1"),
            ("/sources/5/source", "/sources"),
            ("/sources/d/example/source", "/sources"),
            ("/env/a/b", "/env/a.b"),
            ("/resource_records/0/content/0", "/resource_records/0/content/0"),
            ("/content/0", "/content/0"),
            ("/query/limit", "/query/limit"),
            ("", ""),
        ] {
            assert_eq!(place_of(named, &body), place, "{named}");
        }
        let video = json!({ "video": { "name": "a", "tags": [1] }, "note": "b" });
        assert_eq!(place_of("/name", &video), "/video/name");
        assert_eq!(place_of("/video/tags/0", &video), "/video/tags/0");
        let two = json!({ "live": { "id": 1 }, "vod": { "id": 2 } });
        assert_eq!(place_of("/id", &two), "/id", "it may be either");
    }

    #[test]
    fn a_message_may_begin_with_a_field() {
        let body = json!({ "ttl": 5, "records": [{ "content": ["x"] }], "name": "a" });
        for (message, place) in [
            ("ttl: must be at least 120", Some("/ttl")),
            ("`records[0].content` is bad", Some("/records/0/content")),
            ("records.0.content is bad", Some("/records/0/content")),
            ("records.7.content is bad", None),
            ("zone is not found", None),
            ("name", Some("/name")),
            (": odd", None),
            ("", None),
        ] {
            assert_eq!(place_in_message(message, &body).as_deref(), place, "{message}");
        }
    }
}
