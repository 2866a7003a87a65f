//! Recognises refusals because of a lock, and the task that holds it. Facts: observed.md §3.

use jiff::Timestamp;

use super::timestamp;

/// The task that holds a lock, as named by a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    pub task: String,
    pub task_type: Option<String>,
    /// When it took the lock, on the server's clock.
    pub since: Option<Timestamp>,
}

/// Whether the message of a 409 is about a lock.
pub fn is_lock(message: &str) -> bool {
    !exists(message)
        && ["locked by running task", "locked by another task", "is locked", "repeat request a little later"]
            .iter()
            .any(|words| message.contains(words))
}

/// Whether the message is about a temporary state of the resource. The status of such answers is not known for
/// certain.
pub fn is_passing(message: &str) -> bool {
    !exists(message) && ["immutable state", "is not allowed to process"].iter().any(|words| message.contains(words))
}

/// Whether the message says that the resource exists: a name in it may contain any words.
fn exists(message: &str) -> bool {
    message.contains("already exist")
}

/// The task in `… locked by running task `create_subnet` with id `7714d837-…` (2025-10-29 17:46:56.153319) …`.
pub fn holder(message: &str) -> Option<LockHolder> {
    let (_, rest) = message.split_once("locked by running task")?;
    let (before, rest) = rest.split_once("with id")?;
    let unquoted = |text: &str| text.trim().trim_matches(['`', '\'', '"']).trim().to_owned();
    let end =
        rest.trim_start().find([' ', '(', ',']).map_or(rest.len(), |at| at + rest.len() - rest.trim_start().len());
    let task = unquoted(&rest[..end]);
    let is_id = task.len() >= 8 && task.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
    let task_type = Some(unquoted(before)).filter(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    let since = rest[end..].trim_start().strip_prefix('(').and_then(|time| timestamp(time.split_once(')')?.0));
    is_id.then_some(LockHolder { task, task_type, since })
}

/// The message without quoted parts, which are names.
pub fn without_quoted(message: &str) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(['`', '"', '\'']) {
        let (before, quoted) = rest.split_at(at);
        kept.push_str(before);
        let quote = &quoted[..1];
        // An apostrophe inside a word is no quote, nor is a quote without an end.
        let in_word = quote == "'" && before.ends_with(char::is_alphanumeric);
        match quoted[1..].split_once(quote).filter(|_| !in_word) {
            Some((_, after)) => rest = after,
            None => {
                kept.push_str(quote);
                rest = &quoted[1..];
            }
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_read_with_its_type_and_time() {
        let text = "Operation on resource `net` currently locked by running task `create_subnet` with id \
                    `7714d837-0c0b-4c8e-8f5e-d43d0a5a3d1f` (2025-10-29 17:46:56.153319) to prevent concurrent operations. \
                    Repeat request a little later.";
        assert_eq!(
            holder(text),
            Some(LockHolder {
                task: "7714d837-0c0b-4c8e-8f5e-d43d0a5a3d1f".to_owned(),
                task_type: Some("create_subnet".to_owned()),
                since: Some("2025-10-29T17:46:56.153319Z".parse().unwrap()),
            })
        );
        let bare = "Operation on resource locked by running task with id 7714d837-0c0b";
        let found = holder(bare).unwrap();
        assert_eq!((found.task.as_str(), found.task_type, found.since), ("7714d837-0c0b", None, None));
    }

    #[test]
    fn no_holder_is_made_up() {
        for text in [
            "Resource `X` is already locked by another task. Please try again later.",
            "Operation on resource currently locked by running task to prevent concurrent operations.",
            "locked by running task `x` with id `../../v1/projects` now",
        ] {
            assert_eq!(holder(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_left_out_and_apostrophes_are_no_quotes() {
        assert_eq!(
            without_quoted("the key `is locked` doesn't exist in 'x' or \"y\""),
            "the key  doesn't exist in  or "
        );
        assert_eq!(without_quoted("a ` alone"), "a ` alone");
    }
}
