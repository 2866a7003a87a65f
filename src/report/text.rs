//! Makes untrusted text safe to display.
//!
//! Messages of the API, names of resources and file contents may contain terminal escapes, line breaks that would
//! imitate our own lines, and characters that reorder surrounding text. Each becomes a visible mark; none is dropped.

use std::borrow::Cow;

/// The text as one safe line.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    // Most texts are plain, and this comparison takes many bytes at once.
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    let harmful = |character: char| mark(character).is_some();
    if text.as_bytes().iter().all(is_plain) || !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let (before, after) = (cleaned.chars().next_back(), rest.clone().next());
        let kept = character == JOINER && before.is_some_and(is_picture) && after.is_some_and(is_picture);
        cleaned.push(if kept { character } else { mark(character).unwrap_or(character) });
    }
    Cow::Owned(cleaned)
}

/// The text as safe lines, with its line breaks and tabs.
pub fn sanitize_lines(text: &str) -> Cow<'_, str> {
    let harmful = |character: char| !matches!(character, '\n' | '\r' | '\t' | JOINER) && mark(character).is_some();
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let shown = |character| if harmful(character) { mark(character).unwrap_or(character) } else { character };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Between two pictures it makes one of them: 👩‍💻. Elsewhere it is invisible.
const JOINER: char = '\u{200d}';

fn is_picture(character: char) -> bool {
    matches!(character, '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// The mark for a character that would have an effect.
fn mark(character: char) -> Option<char> {
    match character {
        '\n' => Some('⏎'),
        '\t' => Some(' '),
        // The symbols of the C0 controls are in the same order.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
        '\u{7f}' => Some('␡'),
        '\u{80}'..='\u{9f}' => Some(char::REPLACEMENT_CHARACTER),
        '\u{2028}' | '\u{2029}' => Some('⏎'),
        // Marks and overrides of direction; invisible characters that join, split or tag.
        '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => Some(char::REPLACEMENT_CHARACTER),
        '\u{e0000}'..='\u{e007f}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_touched() {
        assert!(matches!(sanitize("größe: 20 GiB ✓"), Cow::Borrowed(_)));
    }

    #[test]
    fn escapes_and_line_breaks_become_visible() {
        assert_eq!(sanitize("a\x1b[31mred\x07\r\nfake line\u{9b}2J"), "a␛[31mred␇␍⏎fake line\u{fffd}2J");
        assert_eq!(sanitize("one\u{2028}two\u{85}three"), "one⏎two\u{fffd}three");
    }

    #[test]
    fn lines_keep_their_breaks_and_nothing_else_that_has_an_effect() {
        assert!(matches!(sanitize_lines("a:\r\n\t- größe\n"), Cow::Borrowed(_)));
        assert_eq!(sanitize_lines("a\u{9b}2J\n\u{200b}b\u{2028}c\x1b"), "a\u{fffd}2J\n\u{fffd}b⏎c␛");
    }

    #[test]
    fn the_direction_of_text_cannot_be_turned() {
        assert_eq!(sanitize("abc\u{202e}def\u{2066}"), "abc\u{fffd}def\u{fffd}");
    }

    #[test]
    fn only_a_joiner_between_two_pictures_stays() {
        for kept in ["👩‍💻", "❤\u{fe0f}\u{200d}🔥", "👨\u{200d}👩\u{200d}👧"] {
            assert_eq!(sanitize(kept), kept);
        }
        assert_eq!(sanitize("#\u{200d}#[set-env]"), "#\u{fffd}#[set-env]");
        assert_eq!(sanitize("👩\u{200d}x \u{200d}👩"), "👩\u{fffd}x \u{fffd}👩");
    }
}
