//! Quotas in error answers, as text. Facts: observed.md §8.

use serde_json::Value;

use super::lock::without_quoted;

/// Whether the message of a failed task is about a quota; names in it do not count.
pub fn is_about_quota(words: &str) -> bool {
    let words = without_quoted(words).to_lowercase();
    words.contains("quota") && (words.contains("exceed") || words.contains("limit"))
}

/// The limits in an error's `info`: one object, or a list of them.
pub fn limits(info: &Value) -> Vec<String> {
    match info {
        Value::Array(limits) => limits.iter().filter_map(limit).collect(),
        one => limit(one).into_iter().collect(),
    }
}

fn limit(info: &Value) -> Option<String> {
    let attribute = info.get("attribute")?.as_str()?;
    let numbers: Vec<String> = [("current_usage", "usage"), ("requested_usage", "requested"), ("limit", "limit")]
        .into_iter()
        .filter_map(|(field, word)| Some(format!("{word} {}", info.get(field).filter(|number| number.is_number())?)))
        .collect();
    Some(format!("`{attribute}` {}", numbers.join(", ")).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_recognised_in_the_message_of_a_failed_task() {
        for (words, quota) in [
            ("Quota exceeded for instances", true),
            ("the quota limit of the region", true),
            ("Quota of the project is unknown", false),
            ("exceeded the limit of ports", false),
            ("cannot create `quota limit exceeded`", false),
            ("no valid host was found", false),
        ] {
            assert_eq!(is_about_quota(words), quota, "{words}");
        }
    }
}
