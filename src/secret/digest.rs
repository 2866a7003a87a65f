//! Keyed digests, which take the place of secrets in a record.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::REDACTED;

/// The prefix of a digest.
const PREFIX: &str = "secret:";
/// The number of hexadecimal digits.
const DIGITS: usize = 32;

/// The digest that a record has for a secret value.
pub fn digest_of(value: &Value, key: &[u8]) -> String {
    digest(&value.to_string(), key)
}

/// `secret:<hex>`: depends only on the value and the key.
pub(super) fn digest(json: &str, key: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(json.as_bytes());
    format!("{PREFIX}{}", hex(&mac.finalize().into_bytes()[..DIGITS / 2]))
}

/// Whether a text contains a digest, or the text in place of a secret.
pub fn stands_for_secret(text: &str) -> bool {
    // Most texts have neither the colon of a digest nor a bracket.
    memchr::memchr2(b':', b']', text.as_bytes()).is_some()
        && (text.contains(REDACTED) || digests(text).next().is_some())
}

/// The text with every digest replaced by [`REDACTED`], for people.
pub fn hide_digests(text: &str) -> String {
    let mut shown = String::new();
    let mut from = 0;
    for at in digests(text) {
        shown.push_str(&text[from..at]);
        shown.push_str(REDACTED);
        from = at + PREFIX.len() + DIGITS;
    }
    shown.push_str(&text[from..]);
    shown
}

/// Whether a text is the other with digests in place of secrets.
pub fn hides(form: &str, text: &str, key: &[u8]) -> bool {
    let Some(at) = digests(form).next() else { return form == text };
    let Some(text) = text.strip_prefix(&form[..at]) else { return false };
    let (digested, form) = form[at..].split_at(PREFIX.len() + DIGITS);
    let next = digests(form).next();
    let literal = &form[..next.unwrap_or(form.len())];
    let is_secret = |secret: &str| {
        digest(&Value::String(secret.to_owned()).to_string(), key) == digested || digest(secret, key) == digested
    };
    let mut ends = text.char_indices().map(|(end, _)| end).chain([text.len()]);
    ends.any(|end| {
        let (secret, rest) = text.split_at(end);
        let may_end = if next.is_some() { rest.starts_with(literal) } else { rest == literal };
        may_end && is_secret(secret) && hides(form, rest, key)
    })
}

/// The places where digests begin.
fn digests(text: &str) -> impl Iterator<Item = usize> {
    let is_whole = |at: &usize| {
        let digits = text.as_bytes()[at + PREFIX.len()..].iter().take(DIGITS);
        digits.filter(|digit| digit.is_ascii_hexdigit()).count() == DIGITS
    };
    text.match_indices(PREFIX).map(|(at, _)| at).filter(is_whole)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn digests_are_found_and_hidden_and_words_alike_are_not() {
        let digest = digest_of(&json!("hunter2"), b"key");
        for (text, holds, shown) in [
            (digest.clone(), true, "[secret]".to_owned()),
            (format!("a {digest}, {digest}!"), true, "a [secret], [secret]!".to_owned()),
            ("my-secret:key".to_owned(), false, "my-secret:key".to_owned()),
            (digest[..digest.len() - 1].to_owned(), false, digest[..digest.len() - 1].to_owned()),
            ("[secret]".to_owned(), true, "[secret]".to_owned()),
        ] {
            assert_eq!((stands_for_secret(&text), hide_digests(&text)), (holds, shown), "{text}");
        }
    }
}
