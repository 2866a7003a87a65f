//! Texts about schemas, for messages.

use crate::catalog::schema::{BodySchema, Bound, Schema, Type};

/// The most names in a list.
const MOST_NAMES: usize = 24;

/// A type with its article.
pub(in crate::catalog) fn a_type(r#type: Type) -> &'static str {
    match r#type {
        Type::Boolean => "`true` or `false`",
        Type::Integer => "an integer",
        Type::Number => "a number",
        Type::String => "a string",
        Type::Array => "a list",
        Type::Object => "a mapping",
    }
}

/// A short description of the values that a schema allows.
pub(in crate::catalog) fn wanted(schema: &BodySchema, written: &Schema) -> String {
    let shape = schema.resolve(written);
    if let Some(kind) = shape.kind.as_deref().or(written.kind.as_deref()) {
        let what = if shape.by_name || written.by_name { "name" } else { "id" };
        return format!("the {what} of one of `{kind}`");
    }
    if !shape.variants.is_empty() {
        let mut words: Vec<String> = Vec::new();
        for variant in &shape.variants {
            let variant = wanted(schema, &variant.schema);
            if !words.contains(&variant) {
                words.push(variant);
            }
        }
        return words.join(" or ");
    }
    if !shape.values.is_empty() {
        return one_of(shape.values.iter().map(value));
    }
    if let Some(format) = shape.format.as_deref().and_then(super::format::words) {
        return format.to_owned();
    }
    let types: Vec<&str> = shape.types.iter().map(a_type).collect();
    if types.is_empty() { "any value".to_owned() } else { types.join(" or ") }
}

/// `one of a, b`; just `a` when there is one.
pub(in crate::catalog) fn one_of(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.map(|value| format!("`{value}`")).collect();
    match values.as_slice() {
        [only] => only.clone(),
        _ => format!("one of {}", cut(values)),
    }
}

/// A value as YAML; text without quotes where it cannot be misread.
pub(in crate::catalog) fn yaml(value: &serde_json::Value) -> String {
    const OTHER: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = value.as_str().filter(|text| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.chars().all(|character| character.is_ascii_alphanumeric() || "-_./".contains(character))
            && !OTHER.contains(&text.to_ascii_lowercase().as_str())
    });
    plain.map_or_else(|| value.to_string(), str::to_owned)
}

/// `a`, `b`, `c`
pub(in crate::catalog) fn field_list(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    cut(names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect())
}

/// a, b, c
pub(in crate::catalog) fn plain_list(words: impl Iterator<Item = String>) -> String {
    cut(words.collect())
}

fn cut(words: Vec<String>) -> String {
    let more = words.len().saturating_sub(MOST_NAMES);
    let shown = words[..words.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// A value as YAML on one line.
pub(in crate::catalog) fn value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `1 item`, `2 items`
pub(in crate::catalog) fn count(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// `from 1 to 10`, `at least 1`, `below 10`
pub(in crate::catalog) fn range(minimum: Option<&Bound>, maximum: Option<&Bound>) -> String {
    match (minimum, maximum) {
        (Some(low), Some(high)) if !low.exclusive && !high.exclusive => format!("from {} to {}", low.value, high.value),
        (low, high) => {
            let low = low.map(|low| format!("{} {}", if low.exclusive { "above" } else { "at least" }, low.value));
            let high = high.map(|high| format!("{} {}", if high.exclusive { "below" } else { "at most" }, high.value));
            low.into_iter().chain(high).collect::<Vec<_>>().join(" and ")
        }
    }
}

/// What a text must be to match a pattern.
pub(super) fn pattern_in_words(written: &str) -> String {
    pattern(written).map_or_else(|| format!("it must match `{written}`"), str::to_owned)
}

/// A description of frequent patterns.
pub(in crate::catalog) fn pattern(pattern: &str) -> Option<&'static str> {
    Some(match pattern {
        r"^[a-zA-Z0-9][a-zA-Z 0-9._\-]{1,61}[a-zA-Z0-9._]$" => {
            "3 to 63 characters: letters, digits, spaces, `.`, `_`, `-`; the first a letter or digit, the last no space or `-`"
        }
        r"^[a-zA-Z0-9{][a-zA-Z 0-9._\-}{]{1,61}[a-zA-Z0-9._}]$" => {
            "3 to 63 characters: letters, digits, spaces, `.`, `_`, `-`, `{`, `}`; the first and last no space or `-`"
        }
        "^[a-z][-a-z0-9]{0,24}[a-z0-9]$" => {
            "2 to 26 lower-case letters, digits and `-`; the first a letter, the last no `-`"
        }
        "^[a-z][-a-z0-9]{0,62}[a-z0-9]$" => {
            "2 to 64 lower-case letters, digits and `-`; the first a letter, the last no `-`"
        }
        r"^[a-z][a-z0-9\-]{0,18}[a-z0-9]$" => {
            "2 to 20 lower-case letters, digits and `-`; the first a letter, the last no `-`"
        }
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" => "lower-case letters, digits and `-`; the first and last no `-`",
        r"^[^\s=]+$" => "no spaces and no `=`",
        "^[0-9]{0,12}mCPU-[0-9]{0,12}M[i]?B$" => "such as `256mCPU-256MiB`",
        _ => return None,
    })
}
