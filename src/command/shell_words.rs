//! Words of the commands that messages tell a user to type.

use crate::store::EnvironmentRecord;

/// The flags that name a record, each after a space.
pub fn record_flags(record: &EnvironmentRecord) -> String {
    let (plan, environment) = (quoted(record.plan()), quoted(record.environment()));
    format!(" --plan {plan} --environment {environment} --state {}", quoted(&record.store.name()))
}

/// A word of a command line, quoted for a shell where needed.
pub fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:@%+,".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        assert_eq!(quoted("plans/web.yaml"), "plans/web.yaml");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
