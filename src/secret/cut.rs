//! Finds what a cut has left of a secret: a text that was shortened before it got here ends with the beginning of a
//! secret and an ellipsis, or begins with an ellipsis and the end of one.
//!
//! What is shown is redacted before it is cut; this is for texts that others cut, such as the API.

use std::ops::Range;

use secrecy::ExposeSecret as _;

use super::SHORTEST;
use super::finder::Pattern;

const ELLIPSES: [&str; 2] = ["…", "..."];
/// Parts of a secret are looked for no farther than this from the ellipsis.
const FARTHEST: usize = 4096;
/// The most brackets and spaces between an ellipsis and a part.
const MOST_BETWEEN: usize = 2;
/// A part behind brackets or spaces is looked for from this length on: shorter ones occur in ordinary words.
const LONG_PART: usize = 8;

/// The places of the parts of secrets beside each ellipsis of a text.
pub(super) fn places(text: &str, patterns: &[Pattern]) -> Vec<Range<usize>> {
    if patterns.is_empty() || !has_ellipsis(text) {
        return Vec::new();
    }
    let secrets = || patterns.iter().map(|pattern| pattern.text.expose_secret().as_bytes());
    let beside = |(at, mark): (usize, &str)| {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + mark.len()..]);
        let brackets = before.iter().rev().take(MOST_BETWEEN).take_while(|byte| b" [(<".contains(byte)).count();
        let closing = after.iter().take(MOST_BETWEEN).take_while(|byte| b" ])>".contains(byte)).count();
        // `[…]` and `hunter…`: what is not beside the sign itself must be longer.
        let beginnings = [(0, SHORTEST), (brackets, LONG_PART)].into_iter().filter_map(|(gap, least)| {
            let lengths = secrets().filter_map(|secret| beginning(&before[..at - gap], secret));
            lengths.filter(|length| *length >= least).max().map(|length| at - gap - length..at - gap)
        });
        let from = at + mark.len();
        let ends = [(0, SHORTEST), (closing, LONG_PART)].into_iter().filter_map(|(gap, least)| {
            let lengths = secrets().filter_map(|secret| end(after.get(gap..)?, secret));
            lengths.filter(|length| *length >= least).max().map(|length| from + gap..from + gap + length)
        });
        beginnings.chain(ends).collect::<Vec<_>>()
    };
    let found = |mark: &'static str| memchr::memmem::find_iter(text.as_bytes(), mark).map(move |at| (at, mark));
    ELLIPSES.into_iter().flat_map(found).flat_map(beside).collect()
}

/// Whether there is an ellipsis at all: a search for two bytes, since most texts have none.
pub(super) fn has_ellipsis(text: &str) -> bool {
    let [sign, dots] = ELLIPSES.map(str::as_bytes);
    let mut starts = memchr::memchr2_iter(sign[0], dots[0], text.as_bytes()).map(|at| &text.as_bytes()[at..]);
    starts.any(|rest| rest.starts_with(sign) || rest.starts_with(dots))
}

/// The length of the longest beginning of a secret that the text ends with.
fn beginning(text: &[u8], secret: &[u8]) -> Option<usize> {
    let tail = &text[text.len() - text.len().min(secret.len()).min(FARTHEST)..];
    let starts = memchr::memchr_iter(*secret.first()?, tail).map(|start| &tail[start..]);
    starts.take_while(|rest| rest.len() >= SHORTEST).find(|rest| secret.starts_with(rest)).map(<[u8]>::len)
}

/// The length of the longest end of a secret that the text begins with.
fn end(text: &[u8], secret: &[u8]) -> Option<usize> {
    let tail = &secret[secret.len() - text.len().min(secret.len()).min(FARTHEST)..];
    let starts = memchr::memchr_iter(*text.first()?, tail).map(|start| &tail[start..]);
    starts.take_while(|rest| rest.len() >= SHORTEST).find(|rest| text.starts_with(rest)).map(<[u8]>::len)
}

#[cfg(test)]
mod tests {
    use crate::secret::Secrets;

    #[test]
    fn what_a_cut_left_of_a_secret_is_hidden() {
        let secrets = Secrets::default();
        secrets.hide("AAAAB3NzaC1yc2EAAAA-größe-hunter2");
        for (text, shown) in [
            ("is `AAAAB3Nza…`, not `x`", "is `[secret]…`, not `x`"),
            ("AAAAB3NzaC1yc2EAAAA-grö… (33 characters)", "[secret]… (33 characters)"),
            ("key …-hunter2 is wrong", "key …[secret] is wrong"),
            ("AAAAB3…unter2", "[secret]…[secret]"),
            ("AAAAB3NzaC..., hidden", "[secret]..., hidden"),
            ("key ...-hunter2", "key ...[secret]"),
            ("is AAAAB3Nza[…], not `x`", "is [secret][…], not `x`"),
            ("AAAAB3Nza(...)", "[secret](...)"),
            ("AAAAB3NzaC1yc … (truncated)", "[secret] … (truncated)"),
            ("[...]-hunter2", "[...][secret]"),
            ("AAAAB3 [...]", "AAAAB3 [...]"),
            ("AAA…", "AAA…"),
            ("AAAAB3 …", "AAAAB3 …"),
            ("a name that was cut…", "a name that was cut…"),
        ] {
            assert_eq!(secrets.redact(text), *shown, "{text}");
        }
    }
}
