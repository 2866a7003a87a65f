//! Texts for numbers, lists, durations and kinds of resources.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

/// `3 errors`, `1 error`, `0 errors`: the noun in the singular, its plural made with `s`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {}", plural(number, noun))
}

/// The form of the noun after `number`.
pub fn plural(number: usize, noun: &str) -> Cow<'_, str> {
    if number == 1 {
        Cow::Borrowed(noun)
    } else if let Some(stem) = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Cow::Owned(format!("{stem}ies"))
    } else {
        Cow::Owned(format!("{noun}s"))
    }
}

/// The most names in a hint or message.
pub const MOST_NAMES: usize = 10;

/// `a`, `a and b`, `a, b and c`; beyond `most` items the rest is counted: `a, b and 7 more`.
pub fn list(items: impl IntoIterator<Item = impl Display>, most: usize) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let shown = if items.len() > most { most } else { items.len() };
    let rest = items.len() - shown;
    let mut parts = items;
    parts.truncate(shown);
    if rest > 0 {
        parts.push(format!("{rest} more"));
    }
    match parts.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}

/// `350 ms`, `4.2 s`, `42 s`, `1m 20s`, `2h 5m`.
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let seconds = (millis + 500) / 1000;
    match millis {
        0..1000 => format!("{millis} ms"),
        // Rounded down: 9.99 s must not become 10.0 s next to 10 s.
        1000..10_000 if !millis.is_multiple_of(1000) => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ if seconds < 60 => format!("{seconds} s"),
        _ if seconds < 3600 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ if seconds < 3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ if seconds % 3600 < 60 => format!("{}h", seconds / 3600),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A range of durations: `15 s to 30 s`, `up to 2 s`, or one when both read the same.
pub fn span(earliest: Duration, latest: Duration) -> String {
    let (from, to) = (duration(earliest), duration(latest));
    if earliest.is_zero() && !latest.is_zero() {
        return format!("up to {to}");
    }
    if from == to { from } else { format!("{from} to {to}") }
}

/// Time since the start, as a column: `0:07`, `12:40`, `1:02:03`.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The order that readers expect: `web[2]` before `web[10]`.
pub fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, u64)> = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| character.is_ascii_digit()).unwrap_or(rest.len());
        let (words, after) = rest.split_at(digits);
        let end = after.find(|character: char| !character.is_ascii_digit()).unwrap_or(after.len());
        parts.push((words.to_owned(), after[..end].parse().unwrap_or(u64::MAX)));
        rest = &after[end..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(count(0, "error"), "0 errors");
        assert_eq!(count(1, "error"), "1 error");
        assert_eq!(count(2, "retry"), "2 retries");
        assert_eq!(count(2, "day"), "2 days");
    }

    #[test]
    fn lists_end_with_and() {
        assert_eq!(list(Vec::<&str>::new(), 3), "");
        assert_eq!(list(["a"], 3), "a");
        assert_eq!(list(["a", "b"], 3), "a and b");
        assert_eq!(list(["a", "b", "c"], 3), "a, b and c");
        assert_eq!(list(["a", "b", "c", "d", "e"], 3), "a, b, c and 2 more");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (millis, words) in [
            (0, "0 ms"),
            (350, "350 ms"),
            (1000, "1 s"),
            (4250, "4.2 s"),
            (9990, "9.9 s"),
            (42_400, "42 s"),
            (59_600, "1m"),
            (80_000, "1m 20s"),
            (3_599_700, "1h"),
            (7_500_000, "2h 5m"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), words, "{millis}");
        }
        assert_eq!(span(Duration::from_secs(15), Duration::from_secs(30)), "15 s to 30 s");
        assert_eq!(span(Duration::from_secs(15), Duration::from_secs(15)), "15 s");
    }

    #[test]
    fn the_clock_is_a_column() {
        assert_eq!(clock(Duration::from_millis(7900)), "0:07");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
    }

    #[test]
    fn numbers_in_names_are_ordered_as_numbers() {
        let mut names = ["web[10]", "web[2]", "db", "web[2]a", "step_9_b", "step_10_a"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["db", "step_9_b", "step_10_a", "web[2]", "web[2]a", "web[10]"]);
    }
}
