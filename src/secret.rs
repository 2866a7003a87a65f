//! Values nobody may see.
//!
//! A secret never enters the template engine: a *marker* (two private-use characters around a number) travels in its
//! place, and only the finished request gets the value. On disk a keyed digest stands for it. Whatever is printed goes
//! through [`Secrets::redact`], which knows the value in the encodings it may come back in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';
/// What stands where a secret stood.
pub const REDACTED: &str = "[secret]";
/// Shorter values are not searched for: every second word would be hidden, and nothing protected.
const SHORTEST_REDACTED: usize = 4;

/// A marker was cut, reversed or otherwise changed by a template, so that the secret cannot be put in place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret was changed by a template: only whole secrets can be put into a request")]
pub struct BrokenMarker;

/// The secrets of a run. Clones share them.
#[derive(Clone, Default)]
pub struct Secrets {
    inner: Arc<RwLock<Inner>>,
}

#[derive(Default)]
struct Inner {
    values: Vec<Entry>,
    /// Of values computed from secrets: the digest of the value, and its number.
    derived: HashMap<[u8; 32], usize>,
    /// Everything to hide, longest first.
    patterns: Vec<SecretString>,
}

struct Entry {
    /// JSON text of the value.
    json: SecretString,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Remembers a value and gives the marker that travels in its place.
    pub fn conceal(&self, value: &Value) -> String {
        self.hide_value(value);
        self.mark(value)
    }

    /// The same without hiding the value wherever else it turns up: for ids and names in a secret answer.
    pub fn mark(&self, value: &Value) -> String {
        let mut inner = self.write();
        inner.values.push(Entry { json: value.to_string().into() });
        format!("{OPEN}{}{CLOSE}", inner.values.len() - 1)
    }

    /// Remembers a text that was computed from secrets, such as the base64 of one, and gives its marker. The same text
    /// gets the same marker. Only the text itself is hidden: what of the secret shows in it is hidden in every encoding
    /// already.
    pub fn derive(&self, text: &str) -> String {
        let mut inner = self.write();
        let digest: [u8; 32] = Sha256::digest(text).into();
        let number = match inner.derived.get(&digest) {
            Some(number) => *number,
            None => {
                let number = inner.values.len();
                inner.values.push(Entry { json: Value::String(text.to_owned()).to_string().into() });
                inner.derived.insert(digest, number);
                if text.len() >= SHORTEST_REDACTED {
                    let longer = |known: &SecretString| known.expose_secret().len() >= text.len();
                    let at = inner.patterns.partition_point(longer);
                    inner.patterns.insert(at, text.to_owned().into());
                }
                number
            }
        };
        format!("{OPEN}{number}{CLOSE}")
    }

    /// Remembers a text that must be redacted everywhere, such as the API key.
    pub fn hide(&self, text: &str) {
        let mut inner = self.write();
        for form in forms(text) {
            if !inner.patterns.iter().any(|known| known.expose_secret() == form) {
                inner.patterns.push(form.into());
            }
        }
        inner.patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.expose_secret().len()));
    }

    /// Hides every text in a value.
    pub fn hide_value(&self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.hide(&number.to_string()),
            Value::String(text) => self.hide(text),
            Value::Array(items) => items.iter().for_each(|item| self.hide_value(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.hide_value(field)),
        }
    }

    /// Puts the secrets in place. A string that is one marker becomes the value itself, of whatever type.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a marker is left over.
    pub fn reveal(&self, value: &Value) -> Result<Value, BrokenMarker> {
        self.replace(value, &|json| serde_json::from_str(json).unwrap_or(Value::Null))
    }

    /// The same for a text, as in a path segment or a header.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a marker is left over.
    pub fn reveal_text(&self, text: &str) -> Result<String, BrokenMarker> {
        match self.reveal(&Value::String(text.to_owned()))? {
            Value::String(text) => Ok(text),
            other => Ok(other.to_string()),
        }
    }

    /// The form that may be written down: every marker becomes a digest keyed with `key`.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a marker is left over.
    pub fn digest(&self, value: &Value, key: &[u8]) -> Result<Value, BrokenMarker> {
        self.replace(value, &|json| Value::String(digest(json, key)))
    }

    /// Whether a text holds a marker, whole or broken.
    pub fn marks(text: &str) -> bool {
        text.contains([OPEN, CLOSE])
    }

    /// Whether a value holds a marker anywhere.
    pub fn marks_value(value: &Value) -> bool {
        match value {
            Value::String(text) => Self::marks(text),
            Value::Array(items) => items.iter().any(Self::marks_value),
            Value::Object(fields) => fields.iter().any(|(name, field)| Self::marks(name) || Self::marks_value(field)),
            _ => false,
        }
    }

    /// The text with every known secret, in every encoding it may come in, and every marker replaced.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for pattern in &self.read().patterns {
            let pattern = pattern.expose_secret();
            if text.contains(pattern) {
                text = Cow::Owned(text.replace(pattern, REDACTED));
            }
        }
        if Self::marks(&text) {
            text = Cow::Owned(redact_markers(&text));
        }
        text
    }

    /// The same for every string of a value, keys included.
    pub fn redact_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.redact(text).into_owned()),
            Value::Number(number) => match self.redact(&number.to_string()) {
                Cow::Borrowed(_) => value.clone(),
                Cow::Owned(text) => Value::String(text),
            },
            Value::Array(items) => items.iter().map(|item| self.redact_value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, field)| (self.redact(name).into_owned(), self.redact_value(field)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// Every text to hide, for `::add-mask::`.
    pub fn for_each_pattern(&self, mut tell: impl FnMut(&str)) {
        for pattern in &self.read().patterns {
            tell(pattern.expose_secret());
        }
    }

    fn replace(&self, value: &Value, with: &dyn Fn(&str) -> Value) -> Result<Value, BrokenMarker> {
        Ok(match value {
            Value::String(text) => self.replace_text(text, with)?,
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.replace(item, with)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, field)| {
                        let name = match self.replace_text(name, with)? {
                            Value::String(name) => name,
                            other => other.to_string(),
                        };
                        Ok((name, self.replace(field, with)?))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            other => other.clone(),
        })
    }

    fn replace_text(&self, text: &str, with: &dyn Fn(&str) -> Value) -> Result<Value, BrokenMarker> {
        if !Self::marks(text) {
            return Ok(Value::String(text.to_owned()));
        }
        let inner = self.read();
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find([OPEN, CLOSE]) {
            let inside = rest[at..].strip_prefix(OPEN).ok_or(BrokenMarker)?;
            let (number, after) = inside.split_once(CLOSE).ok_or(BrokenMarker)?;
            let entry = number.parse().ok().and_then(|number: usize| inner.values.get(number)).ok_or(BrokenMarker)?;
            let value = with(entry.json.expose_secret());
            if at == 0 && after.is_empty() && out.is_empty() {
                return Ok(value);
            }
            out.push_str(&rest[..at]);
            match value {
                Value::String(value) => out.push_str(&value),
                value => {
                    let _ = write!(out, "{value}");
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(Value::String(out))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What stands in a record for a value that was given as a secret.
pub fn digest_of(value: &Value, key: &[u8]) -> String {
    digest(&value.to_string(), key)
}

/// `secret:<hex>`: the same value under the same key gives the same text, and says nothing else.
fn digest(json: &str, key: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(json.as_bytes());
    format!("secret:{}", hex(&mac.finalize().into_bytes()[..16]))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn redact_markers(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for character in text.chars() {
        match character {
            OPEN => {
                out.push_str(REDACTED);
                inside = true;
            }
            CLOSE => inside = false,
            digit if inside && digit.is_ascii_digit() => {}
            other => {
                inside = false;
                out.push(other);
            }
        }
    }
    out
}

/// The forms in which a text may turn up again.
fn forms(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let mut add = |form: String| {
        if form.len() >= SHORTEST_REDACTED && !forms.contains(&form) {
            forms.push(form);
        }
    };
    for part in std::iter::once(text).chain(text.lines()).map(str::trim).filter(|part| !part.is_empty()) {
        add(part.to_owned());
        let json = Value::String(part.to_owned()).to_string();
        add(json[1..json.len() - 1].to_owned());
        // Encoded once more inside a JSON text.
        let twice = Value::String(json[1..json.len() - 1].to_owned()).to_string();
        add(twice[1..twice.len() - 1].to_owned());
        add(percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string());
        add(hex(part.as_bytes()));
        for offset in 0..3 {
            for form in base64_inside(part.as_bytes(), offset) {
                add(form);
            }
        }
    }
    add(text.to_owned());
    add(STANDARD.encode(text));
    forms
}

/// What `bytes` look like somewhere inside a base64 text, when `offset` bytes of something else come before: the
/// characters that depend on nothing but `bytes`.
fn base64_inside(bytes: &[u8], offset: usize) -> [String; 2] {
    let padded = [vec![0; offset], bytes.to_vec()].concat();
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
        .map(|text| text.get(first..last).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_marker_alone_becomes_the_value_and_inside_text_its_words() {
        let secrets = Secrets::default();
        let marker = secrets.conceal(&json!(4711));
        assert_eq!(
            secrets.reveal(&json!({ "pin": marker, "text": format!("pin={marker}!") })).unwrap(),
            json!({ "pin": 4711, "text": "pin=4711!" })
        );
    }

    #[test]
    fn what_is_computed_from_a_secret_is_hidden_and_has_one_marker() {
        let secrets = Secrets::default();
        let marker = secrets.derive("cHc6IGh1bnRlcg==");
        assert_eq!(secrets.derive("cHc6IGh1bnRlcg=="), marker);
        assert_ne!(secrets.derive("other"), marker);
        assert_eq!(secrets.reveal_text(&marker).unwrap(), "cHc6IGh1bnRlcg==");
        assert_eq!(secrets.redact("sent cHc6IGh1bnRlcg==!"), "sent [secret]!");
    }

    #[test]
    fn a_cut_marker_is_an_error() {
        let secrets = Secrets::default();
        let marker = secrets.conceal(&json!("hunter22"));
        let cut: String = marker.chars().skip(1).collect();
        assert_eq!(secrets.reveal(&json!(cut)), Err(BrokenMarker));
        assert_eq!(secrets.redact(&marker), REDACTED);
    }

    #[test]
    fn digests_depend_on_the_key_and_hide_the_value() {
        let secrets = Secrets::default();
        let body = json!({ "password": secrets.conceal(&json!("hunter22")) });
        let one = secrets.digest(&body, b"one").unwrap();
        assert_eq!(one, secrets.digest(&body, b"one").unwrap());
        assert_ne!(one, secrets.digest(&body, b"two").unwrap());
        assert!(!one.to_string().contains("hunter22"));
    }

    #[test]
    fn a_secret_is_redacted_in_every_encoding() {
        let secrets = Secrets::default();
        let value = "p@ss \"wörd\"/+1\nsecond line";
        secrets.hide(value);
        for text in [
            value.to_owned(),
            json!(value).to_string(),
            json!(json!(value).to_string()).to_string(),
            percent_encoding::utf8_percent_encode("p@ss \"wörd\"/+1", percent_encoding::NON_ALPHANUMERIC).to_string(),
            STANDARD.encode(value),
            STANDARD.encode(format!("x{value}")),
            STANDARD.encode(format!("xy{value}")),
            "log: second line".to_owned(),
        ] {
            let redacted = secrets.redact(&text);
            assert!(redacted.contains(REDACTED), "{text}");
            for part in ["p@ss", "wörd", "second"] {
                assert!(!redacted.contains(part), "{redacted}");
            }
        }
    }
}
