//! What the runner of a GitHub Actions job reads as a command, and how text is kept from being one.
//!
//! The runner reads every line that a step writes to stdout or stderr (actions/runner, `OutputManager`), in two forms:
//!
//! | form | where | parsed by |
//! |---|---|---|
//! | `::name key=value,…::data` | at the start of a line, after white space | `ActionCommand.TryParseV2` |
//! | `##[name key=value;…]data` | anywhere in a line, the first one counts | `ActionCommand.TryParse` |
//!
//! It compares by the rules of the system's language, which may ignore characters without width: `#` and `[` with a
//! soft hyphen between them are treated as adjacent here, too. Lines end at LF and at CR.

use std::borrow::Cow;

/// Changes a line so that the runner sees no command in it: a space is inserted between the first two characters of a
/// command's beginning. Other text is unchanged, also `::1`, which begins no command without a second `::`.
pub fn defuse(line: &str) -> Cow<'_, str> {
    let mut gaps: Vec<usize> = opening(line).into_iter().collect();
    gaps.extend(brackets(line));
    gaps.sort_unstable();
    let mut rest = line;
    let mut safe = String::new();
    let mut written = 0;
    for gap in gaps {
        let (before, after) = rest.split_at(gap - written);
        safe.push_str(before);
        safe.push(' ');
        (rest, written) = (after, gap);
    }
    if safe.is_empty() {
        return Cow::Borrowed(line);
    }
    safe.push_str(rest);
    Cow::Owned(safe)
}

/// Equivalent JSON without commands: `##[` can occur only in strings, where `#` can be escaped.
pub fn defuse_json(json: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    let mut written = 0;
    for gap in brackets(json) {
        safe.push_str(&json[written..gap - 1]);
        safe.push_str("\\u0023");
        written = gap;
    }
    if written == 0 {
        return Cow::Borrowed(json);
    }
    safe.push_str(&json[written..]);
    Cow::Owned(safe)
}

/// The place for a space in a line that begins with `::` and contains another.
fn opening(line: &str) -> Option<usize> {
    let text = line.trim_start_matches(|character: char| character.is_whitespace() || is_invisible(character));
    let second = visible(text.strip_prefix(':')?).strip_prefix(':')?;
    let another = second.char_indices().filter(|(_, character)| *character == ':');
    let mut pairs = another.filter(|(at, _)| visible(&second[at + 1..]).starts_with(':'));
    pairs.next().map(|_| line.len() - text.len() + 1)
}

/// The places after the first `#` of every `##[`.
fn brackets(line: &str) -> impl Iterator<Item = usize> {
    let hashes = line.match_indices('#').map(|(at, _)| at + 1);
    hashes.filter(|at| visible(&line[*at..]).strip_prefix('#').is_some_and(|rest| visible(rest).starts_with('[')))
}

/// The text without leading characters that have no width.
fn visible(text: &str) -> &str {
    text.trim_start_matches(is_invisible)
}

/// Control characters, and what Unicode lets a reader ignore (`Default_Ignorable_Code_Point`).
fn is_invisible(character: char) -> bool {
    match character {
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' => true,
        '\u{feff}' | '\u{ffa0}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fff8}' => true,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_would_be_a_command_is_broken_and_other_text_unchanged() {
        for (text, safe) in [
            ("::error::x", ": :error::x"),
            ("  \t::set-output name=a::b", "  \t: :set-output name=a::b"),
            ("\u{a0}\u{feff}::add-mask::x", "\u{a0}\u{feff}: :add-mask::x"),
            ("::::", ": :::"),
            (":\u{ad}:error:\u{200b}:x", ": \u{ad}:error:\u{200b}:x"),
            ("a ##[add-path]b", "a # #[add-path]b"),
            ("###[group]a##[x]", "## #[group]a# #[x]"),
            ("#\u{ad}#\u{200d}[group]", "# \u{ad}#\u{200d}[group]"),
            ("::x::##[y]", ": :x::# #[y]"),
        ] {
            assert_eq!(defuse(text), safe);
        }
        for harmless in ["::1", "fe80::1::", "a ::error::x", "# [x]", "## [x]", "#[x]", ": :error::x", ""] {
            assert!(matches!(defuse(harmless), Cow::Borrowed(_)), "{harmless}");
        }
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let value = serde_json::json!({ "##[group]": ["a\\##[x]", "#\u{ad}##[y]", "plain"] });
        let text = value.to_string();
        let safe = defuse_json(&text);
        assert!(!safe.contains("##["), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        assert!(matches!(defuse_json("{\"#\":[]}"), Cow::Borrowed(_)));
    }
}
