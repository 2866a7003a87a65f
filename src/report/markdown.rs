//! Untrusted text in GitHub's Markdown.

use std::fmt::Write;

use crate::report::sanitize;

/// Escapes a text so that it contains no markup, link, mention, formula, emoji code or HTML.
///
/// A character with a possible meaning at its place becomes a numeric entity, which is always text, in paragraphs,
/// table cells and HTML. Other characters stay readable in the source.
pub fn text(words: &str) -> String {
    escape(words, false)
}

/// The text in monospace. Not with backticks: no number of them is safe for every text.
pub fn code(words: &str) -> String {
    format!("<code>{}</code>", escape(words, true))
}

fn escape(words: &str, code: bool) -> String {
    let words = sanitize(words);
    let mut out = String::with_capacity(words.len());
    let (mut before, mut in_words) = (None, false);
    let mut characters = words.chars().peekable();
    while let Some(character) = characters.next() {
        let neighbours = Neighbours { before, after: characters.peek().copied(), in_words, in_code: code };
        if is_only_text(character, &neighbours) && !(character == '.' && ends_with_www(&out)) {
            out.push(character);
        } else {
            let _ = write!(out, "&#{};", u32::from(character));
        }
        in_words |= character.is_alphanumeric();
        before = Some(character);
    }
    out
}

/// What stands beside a character.
struct Neighbours {
    before: Option<char>,
    after: Option<char>,
    /// After the first letter or digit no list, rule or heading can begin.
    in_words: bool,
    in_code: bool,
}

fn is_only_text(character: char, near: &Neighbours) -> bool {
    let alphanumeric = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    match character {
        ' ' | '/' | '=' | ',' | '?' | ';' | '(' | '{' | '}' | '\'' | '"' => true,
        '-' | '+' => near.in_words,
        '_' => alphanumeric(near.before) && alphanumeric(near.after),
        // After a number it would begin a list.
        '.' => alphanumeric(near.after),
        ')' => near.after.is_some_and(|after| after != ' ') || !near.before.is_some_and(char::is_numeric),
        // Between letters it could end an emoji code, which is escaped; before a slash it makes a link.
        ':' => {
            alphanumeric(near.before)
                && (matches!(near.after, None | Some(' ')) || (near.in_code && alphanumeric(near.after)))
        }
        character => character.is_alphanumeric() || !character.is_ascii(),
    }
}

/// Whether a dot would make a link of the text.
fn ends_with_www(out: &str) -> bool {
    let tail = out.as_bytes();
    tail.len() >= 3 && tail[tail.len() - 3..].eq_ignore_ascii_case(b"www")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_has_a_meaning_in_markdown() {
        for hostile in [
            "<img src=x onerror=alert(1)>",
            "[click](https://evil.example)",
            "![](//evil.example/pixel.png)",
            "https://evil.example www.evil.example WWW.evil.example a@evil.example",
            "| a | b |",
            "# title",
            "- item",
            "-",
            "--- ",
            "+ item",
            "1. item",
            "1) item",
            "`code` ``` ~~~",
            "**bold** _it_ __it__ ~~no~~ $x$",
            "@team #1 :smile: a:100:b &lt; &amp",
            "-->\n<!-- -->",
            "\\|",
        ] {
            let safe = text(hostile);
            let left = safe.replace("&#", "").replace(';', "");
            assert!(
                !left.contains(['<', '>', '[', ']', '|', '#', '`', '~', '*', '$', '@', '&', '\\', '\n', '!']),
                "{safe}"
            );
            for code in [":s", ":1", "://", "www.", "WWW.", "_it", "it_", "1. ", "1) "] {
                assert!(!safe.contains(code), "{code}: {safe}");
            }
            assert!(!safe.starts_with(['-', '+']), "{safe}");
            assert!(!super::code(hostile).contains("://"), "{safe}");
        }
    }

    #[test]
    fn words_stay_readable() {
        for plain in [
            "größe 20, ok?",
            "QuotaLimitExceed: no more (request_id 7b5c-1f)",
            "plan run infra/web.yaml --environment pr-7",
        ] {
            assert_eq!(text(plain), plain);
        }
        assert_eq!(code("plans/web.yaml:12:5"), "<code>plans/web.yaml:12:5</code>");
        assert_eq!(code("name: \"{{ environment }}-net\""), "<code>name: \"{{ environment }}-net\"</code>");
        assert_eq!(code("a|b"), "<code>a&#124;b</code>");
    }
}
