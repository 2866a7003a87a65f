//! How many columns of a terminal a text takes (Unicode Standard Annex #11).

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns of a whole text.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The longest beginning that fits into `columns`.
pub fn beginning(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let too_much = text.char_indices().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > columns
    });
    too_much.map_or(text, |(at, _)| &text[..at])
}

/// The longest end that fits into `columns`.
pub fn ending(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let too_much = text.char_indices().rev().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > columns
    });
    too_much.map_or(text, |(at, character)| &text[at + character.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_marks_none() {
        for (text, columns) in [("web", 3), ("東京", 4), ("🚀 up", 5), ("e\u{301}", 1), ("größe", 5)] {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn no_character_is_cut_through() {
        assert_eq!((beginning("東京都", 5), ending("東京都", 5)), ("東京", "京都"));
        assert_eq!(
            (beginning("web", 9), ending("web", 9), beginning("東", 1), ending("東", 1)),
            ("web", "web", "", "")
        );
    }
}
