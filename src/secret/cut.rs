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

/// The places of the parts of secrets beside each ellipsis of a text.
pub(super) fn places(text: &str, patterns: &[Pattern]) -> Vec<Range<usize>> {
    if patterns.is_empty() || !has_ellipsis(text) {
        return Vec::new();
    }
    let beside = |(at, mark): (usize, &str)| {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + mark.len()..]);
        let secrets = || patterns.iter().map(|pattern| pattern.text.expose_secret().as_bytes());
        let beginning = secrets().filter_map(|secret| beginning(before, secret)).max();
        let end = secrets().filter_map(|secret| end(after, secret)).max();
        let from = at + mark.len();
        [beginning.map(|length| at - length..at), end.map(|length| from..from + length)]
    };
    let found = |mark: &'static str| memchr::memmem::find_iter(text.as_bytes(), mark).map(move |at| (at, mark));
    ELLIPSES.into_iter().flat_map(found).flat_map(beside).flatten().collect()
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
            ("AAA…", "AAA…"),
            ("AAAAB3 …", "AAAAB3 …"),
            ("a name that was cut…", "a name that was cut…"),
        ] {
            assert_eq!(secrets.redact(text), *shown, "{text}");
        }
    }
}
