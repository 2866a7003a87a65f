//! Text of others inside GitHub's Markdown.

use std::fmt::Write;

use crate::report::sanitize;

/// The text as words: no markup, link, mention, formula, emoji code or HTML comes of it.
///
/// Every character that could mean something becomes a numeric entity: those are text by definition, in paragraphs, table
/// cells and HTML alike.
pub fn text(words: &str) -> String {
    let words = sanitize(words);
    let mut out = String::with_capacity(words.len());
    let mut before = ' ';
    for character in words.chars() {
        match character {
            // Inside words, as in an id, a hyphen is a hyphen. A dot is not: `www.example.com` would be a link.
            '-' if before.is_alphanumeric() => out.push(character),
            ' ' | '/' | '=' | ',' | '?' | '…' | '⏎' => out.push(character),
            character if character.is_alphanumeric() || !character.is_ascii() => out.push(character),
            character => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
        }
        before = character;
    }
    out
}

/// The text in a fixed-width face. Not with backticks: no number of them is safe for every text.
pub fn code(words: &str) -> String {
    format!("<code>{}</code>", text(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_means_anything() {
        for hostile in [
            "<img src=x onerror=alert(1)>",
            "[click](https://evil.example)",
            "![](//evil.example/pixel.png)",
            "https://evil.example www.evil.example a@evil.example",
            "| a | b |",
            "# title",
            "`code` ``` ~~~",
            "**bold** _it_ ~~no~~ $x$",
            "@team #1 :smile: &lt;",
            "-->\n<!-- -->",
            "\\|",
        ] {
            let safe = text(hostile);
            let left = safe.replace("&#", "").replace(';', "");
            assert!(
                !left.contains([
                    '<', '>', '[', ']', '(', ')', '|', '#', '`', '~', '*', '_', '$', '@', ':', '.', '&', '\\', '\n',
                    '!', '-'
                ]),
                "{safe}"
            );
        }
    }

    #[test]
    fn words_stay_readable() {
        assert_eq!(text("größe 20, ok?"), "größe 20, ok?");
        assert_eq!(code("a|b"), "<code>a&#124;b</code>");
    }
}
