//! Secrets.
//!
//! A secret never enters the template engine: a *marker* takes its place, and only the request that is sent has the
//! value. A marker contains a random word of the run, so that no other text can be one. On disk a keyed digest takes
//! its place. Everything printed or written is [`Redacted`], which only [`Secrets`] can create: it finds a secret in
//! every encoding (`finder`).

mod cut;
mod digest;
mod fields;
mod finder;
mod redacted;
mod reserved;
mod sensitive;
mod trigrams;
mod views;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, OnceLock, RwLock};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use digest::digest;
pub use digest::{digest_of, hex, hide_digests, hides, stands_for_secret};
pub use fields::hide_sensitive;
use finder::{Finder, Pattern, merged};
pub use redacted::{Redact, Redacted};
use reserved::{CLOSE, OPEN, random_word, redact_markers};
pub use reserved::{invisible_mark, is_reserved, is_reserved_value, without_reserved};
pub use sensitive::{
    inside, is_password, is_sensitive_field, is_sensitive_name, is_sensitive_path, is_sensitive_text,
    is_written_secret, place_of_body,
};

use crate::hash::{HashMap, HashSet};

/// The text in place of a secret.
pub const REDACTED: &str = "[secret]";
/// Shorter secrets inside a name count as coincidence.
const SHORTEST_IN_NAME: usize = 8;
/// The most layers of base64 and hexadecimal around a text.
const LAYERS: usize = 3;
/// Shorter values are not searched for: they occur in ordinary words, and could be guessed anyway.
pub const SHORTEST: usize = 4;

/// A template has cut, reversed or otherwise changed a marker, so that the secret cannot be inserted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret was changed by a template, or a text holds one of the characters U+E000 to U+E005, which stand for secrets: \
     only whole secrets can be put into a request"
)]
pub struct BrokenMarker;

/// The secrets of a run. Clones share them.
#[derive(Clone, Default)]
pub struct Secrets {
    inner: Arc<RwLock<Inner>>,
}

struct Inner {
    /// The random word in every marker.
    word: String,
    values: Vec<Entry>,
    /// Values computed from secrets: by digest, the number of the marker.
    derived: HashMap<[u8; 32], usize>,
    /// The patterns to search for.
    patterns: Vec<Pattern>,
    /// Their digests: a list of secrets has many patterns, and each is added once.
    known: HashSet<[u8; 32]>,
    /// There may be secrets that are not known here.
    may_have_unknown: bool,
    /// Other spellings, for maskers that only compare.
    spellings: Vec<SecretString>,
    /// Built from the patterns when needed.
    finder: OnceLock<Finder>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            word: random_word(),
            values: Vec::new(),
            derived: HashMap::default(),
            patterns: Vec::new(),
            known: HashSet::default(),
            may_have_unknown: false,
            spellings: Vec::new(),
            finder: OnceLock::new(),
        }
    }
}

struct Entry {
    /// The value as JSON.
    json: SecretString,
}

impl Inner {
    fn keep(&mut self, value: &Value) -> usize {
        self.values.push(Entry { json: value.to_string().into() });
        self.values.len() - 1
    }

    fn marker(&self, number: usize) -> String {
        format!("{OPEN}{}{number}{CLOSE}", self.word)
    }

    fn look_for(&mut self, pattern: Pattern) {
        if self.known.insert(Sha256::digest(pattern.text.expose_secret()).into()) {
            self.patterns.push(pattern);
            self.finder = OnceLock::new();
        }
    }

    fn finder(&self) -> &Finder {
        self.finder.get_or_init(|| Finder::new(&self.patterns))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Adds a secret, and returns its marker.
    pub fn conceal(&self, value: &Value) -> String {
        self.hide_value(value);
        self.mark(value)
    }

    /// Returns a marker for a secret that is not searched for elsewhere: for ids and names in a secret answer.
    pub fn mark(&self, value: &Value) -> String {
        let mut inner = self.write();
        let number = inner.keep(value);
        inner.marker(number)
    }

    /// Adds a text computed from secrets, such as the base64 of one, and returns its marker; equal texts have the same
    /// marker. Only the text itself is searched for, since the secret in it is found in every encoding already.
    pub fn derive(&self, text: &str) -> String {
        let mut inner = self.write();
        let digest: [u8; 32] = Sha256::digest(text).into();
        let number = match inner.derived.get(&digest) {
            Some(number) => *number,
            None => {
                let number = inner.keep(&Value::String(text.to_owned()));
                inner.derived.insert(digest, number);
                if let Some(pattern) = Pattern::of_text(text) {
                    inner.look_for(pattern);
                }
                number
            }
        };
        inner.marker(number)
    }

    /// Adds a text that must be redacted everywhere, such as the API key. When it is JSON with credentials, so are
    /// the texts in it.
    pub fn hide(&self, text: &str) {
        let mut inner = self.write();
        finder::patterns(text).into_iter().for_each(|pattern| inner.look_for(pattern));
        inner.spellings.extend(finder::spellings(text));
        drop(inner);
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
            let mut texts = Vec::new();
            long_texts(&value, &mut texts);
            texts.into_iter().for_each(|text| self.hide(text));
        }
    }

    /// Adds every text in a value.
    pub fn hide_value(&self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.hide(&number.to_string()),
            Value::String(text) => self.hide(text),
            Value::Array(items) => items.iter().for_each(|item| self.hide_value(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.hide_value(field)),
        }
    }

    /// Replaces markers by their secrets. A string that is exactly one marker becomes the value itself, of any type.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a marker remains.
    pub fn reveal(&self, value: &Value) -> Result<Value, BrokenMarker> {
        self.replace(value, &|json| serde_json::from_str(json).unwrap_or(Value::Null))
    }

    /// Replaces markers in a text, such as a path segment or header.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a marker remains.
    pub fn reveal_text<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, BrokenMarker> {
        if !Self::marks(text) {
            return Ok(Cow::Borrowed(text));
        }
        Ok(Cow::Owned(match self.reveal(&Value::String(text.to_owned()))? {
            Value::String(text) => text,
            other => other.to_string(),
        }))
    }

    /// The recorded form of a value: every marker becomes a digest, keyed with `key`.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a marker remains.
    pub fn digest(&self, value: &Value, key: &[u8]) -> Result<Value, BrokenMarker> {
        self.replace(value, &|json| Value::String(digest(json, key)))
    }

    /// The same, and every text with a secret in clear becomes a digest, too. An id that a short secret stands in by
    /// chance stays.
    ///
    /// # Errors
    ///
    /// [`BrokenMarker`] when part of a marker remains.
    pub fn without_repeated(&self, value: &Value, key: &[u8]) -> Result<Value, BrokenMarker> {
        let value = self.digest(value, key)?;
        Ok(if self.holds_none() { value } else { self.without_clear(value, key) })
    }

    fn without_clear(&self, value: Value, key: &[u8]) -> Value {
        let hidden = |text: String| match self.redact_name(&text) == text {
            true => text,
            false => digest(&Value::String(text).to_string(), key),
        };
        match value {
            Value::String(text) => Value::String(hidden(text)),
            Value::Array(items) => items.into_iter().map(|item| self.without_clear(item, key)).collect(),
            Value::Object(fields) => {
                let hide = |(name, field)| (hidden(name), self.without_clear(field, key));
                fields.into_iter().map(hide).collect::<Map<_, _>>().into()
            }
            other => other,
        }
    }

    /// Whether no value is secret, so that none can be repeated.
    pub fn holds_none(&self) -> bool {
        self.read().values.is_empty()
    }

    /// Whether a text contains a marker, whole or broken.
    pub fn marks(text: &str) -> bool {
        !text.is_ascii() && text.contains([OPEN, CLOSE])
    }

    /// Whether a value contains a marker.
    pub fn marks_value(value: &Value) -> bool {
        match value {
            Value::String(text) => Self::marks(text),
            Value::Array(items) => items.iter().any(Self::marks_value),
            Value::Object(fields) => fields.iter().any(|(name, field)| Self::marks(name) || Self::marks_value(field)),
            _ => false,
        }
    }

    /// The text with all known secrets, in any encoding, and all markers replaced.
    pub fn redact(&self, text: &str) -> Redacted {
        Redacted::new(self.hidden(text).into_owned())
    }

    /// Redacts another type, which does so itself.
    pub fn seal<T: Redact>(&self, open: T) -> Redacted<T> {
        Redacted::new(open.redacted(self))
    }

    /// Redacts a name or a path: the whole name when it equals a secret, plain or encoded, or contains one that is
    /// too long to be a coincidence.
    pub fn redact_name(&self, name: &str) -> String {
        let find = |text: &str| self.places(text);
        if self.read().finder().is_too_short(name) && !cut::has_ellipsis(name) {
            return name.to_owned();
        }
        // Base64 of a text that contains a secret is no coincidence, but its ends depend on the text around the
        // secret.
        let is_secret = |text: &str, found: &[Range<usize>]| {
            matches!(found, [all] if *all == (0..text.len()))
                || finder::decoded(text).is_some_and(|plain| !find(&plain).is_empty())
        };
        let found = find(name);
        if is_secret(name, &found) {
            return REDACTED.to_owned();
        }
        if found.is_empty() && !name.contains('/') {
            return name.to_owned();
        }
        let is_long = |range: &Range<usize>| range.len() >= SHORTEST_IN_NAME;
        let holds_one = |part: &str, found: &[Range<usize>]| {
            !is_random_id(part) && found.iter().any(|range| is_long(range) || !is_like_an_id(part))
        };
        let is_across = found.iter().any(|range| is_long(range) && name[range.clone()].contains('/'));
        let hide = |part: &str| {
            let found = find(part);
            match (is_secret(part, &found), holds_one(part, &found)) {
                (true, _) => REDACTED.to_owned(),
                (false, true) => self.hidden(part).into_owned(),
                (false, false) => part.to_owned(),
            }
        };
        if is_across {
            return self.hidden(name).into_owned();
        }
        name.split('/').map(hide).collect::<Vec<_>>().join("/")
    }

    /// Marks that answers of the API may contain secrets which are not known here: those of a plan that a teardown
    /// does not read.
    pub fn expect_unknown(&self) {
        self.write().may_have_unknown = true;
    }

    /// Whether answers may contain unknown secrets.
    pub fn may_be_unknown(&self) -> bool {
        self.read().may_have_unknown
    }

    /// Whether a text contains a secret.
    pub fn shows(&self, text: &str) -> bool {
        matches!(self.hidden(text), Cow::Owned(_))
    }

    /// The places of all known secrets in a text, in any encoding, and of what a cut has left of one; sorted, and
    /// without overlaps.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let inner = self.read();
        let found = inner.finder().find(text);
        match cut::places(text, &inner.patterns) {
            rests if rests.is_empty() => found,
            rests => merged(text, [found, rests].concat()),
        }
    }

    fn hidden<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.places(text);
        if found.is_empty() {
            return if is_reserved(text) { Cow::Owned(redact_markers(text)) } else { Cow::Borrowed(text) };
        }
        let mut safe = String::new();
        let mut written = 0;
        for range in &found {
            safe.push_str(&text[written..range.start]);
            safe.push_str(REDACTED);
            written = range.end;
        }
        safe.push_str(&text[written..]);
        Cow::Owned(if is_reserved(text) { redact_markers(&safe) } else { safe })
    }

    /// Whether a whole text is base64 or hexadecimal, in several layers, of a text with a secret.
    fn is_in_layers(&self, text: &str) -> bool {
        if self.read().finder().is_too_short(text) {
            return false;
        }
        let mut layer = Cow::Borrowed(text);
        for _ in 0..LAYERS {
            match finder::decoded_layer(&layer) {
                Some(plain) if self.places(&plain).is_empty() => layer = Cow::Owned(plain),
                Some(_) => return true,
                None => return false,
            }
        }
        false
    }

    /// Redacts strings, numbers and keys in a value.
    pub fn redact_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match self.hidden(text) {
                Cow::Borrowed(_) if self.is_in_layers(text) => Value::String(REDACTED.to_owned()),
                shown => Value::String(shown.into_owned()),
            },
            Value::Number(number) => match self.hidden(&number.to_string()) {
                Cow::Borrowed(_) => value.clone(),
                Cow::Owned(text) => Value::String(text),
            },
            Value::Array(items) => items.iter().map(|item| self.redact_value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, field)| (self.hidden(name).into_owned(), self.redact_value(field)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// Every text to mask, for `::add-mask::`.
    pub fn for_each_pattern(&self, mut take: impl FnMut(&str)) {
        let inner = self.read();
        inner
            .patterns
            .iter()
            .map(|pattern| &pattern.text)
            .chain(&inner.spellings)
            .for_each(|text| take(text.expose_secret()));
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
            let number = number.strip_prefix(&inner.word).ok_or(BrokenMarker)?;
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

/// The texts in a value that are long enough to search for.
fn long_texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) if text.len() >= SHORTEST_IN_NAME => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| long_texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| long_texts(field, found)),
        _ => {}
    }
}

/// Whether a name is a UUID or a number, which can contain any short secret by coincidence.
fn is_random_id(name: &str) -> bool {
    uuid::Uuid::try_parse(name).is_ok() || name.bytes().all(|digit| digit.is_ascii_digit())
}

/// Whether a name has only the characters of ids and names.
fn is_like_an_id(name: &str) -> bool {
    name.chars().all(|character| character.is_alphanumeric() || " -_.:~".contains(character))
}

#[cfg(test)]
mod tests;
