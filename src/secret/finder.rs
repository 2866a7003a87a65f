//! Finds secrets in a text in any encoding: one automaton over all patterns, run over the text and over every
//! [decoded view](super::views) of it.

use std::ops::Range;

use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::packed::{self, Searcher};
use aho_corasick::{Input, Match, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::trigrams::Trigrams;
use super::views::{View, code_parts, has_long_divider, is_encoded, is_plain, join};
use super::{SHORTEST, hex};

/// Shorter parts of base64 and hexadecimal occur in ordinary words.
const SHORTEST_CODE: usize = 4;
/// Shorter texts are not searched for wrapped encodings.
const LONG_WORD: usize = 8;

/// With more borders than this (beginnings that are also ends), on average over its places, a text repeats itself.
const MOST_BORDERS: usize = 8;

/// More patterns than this are compared one after another by the quick search.
const MOST_QUICK: usize = 64;

/// Texts are decoded in windows, so long that an encoded secret at the border of one is whole in the next: at least
/// this many bytes of each are in the next one.
const LEAST_OVERLAP: usize = 32 * 1024;
/// An encoding takes at most so many bytes for each of a secret: `\u0041` takes six, and may be broken into lines.
const MOST_GROWTH: usize = 8;
/// The length of a window, in overlaps.
const WINDOW: usize = 8;

/// A text to search for.
pub struct Pattern {
    pub text: SecretString,
    /// Base64 or hexadecimal, which may be wrapped anywhere.
    code: bool,
}

impl Pattern {
    /// A pattern for the text itself; `None` when it is too short.
    pub fn of_text(text: &str) -> Option<Self> {
        (text.len() >= SHORTEST).then(|| Self { text: text.to_owned().into(), code: false })
    }
}

/// An automaton for all patterns.
pub struct Finder {
    automaton: Option<NFA>,
    /// Says more quickly than the automaton that nothing is there; only for as many patterns as it can compare at once.
    quick: Option<Searcher>,
    /// The length of the shortest pattern. Every encoding of a secret is at least as long as its pattern.
    shortest: usize,
    /// By pattern: whether it may be wrapped.
    wraps: Vec<bool>,
    /// The length of the shortest pattern that may be wrapped.
    shortest_code: usize,
    /// Of all patterns that may be wrapped, unless one is too short.
    trigrams: Option<Trigrams>,
    /// Bytes that a window shares with the one before.
    overlap: usize,
}

impl Finder {
    pub fn new(patterns: &[Pattern]) -> Self {
        let words = patterns.iter().map(|pattern| pattern.text.expose_secret());
        let repeats = words.clone().any(repeats_itself);
        // Building fails only for more patterns than memory can hold.
        let automaton = NFA::builder().match_kind(MatchKind::Standard).build(words.clone()).ok();
        let codes = patterns.iter().filter(|pattern| pattern.code).map(|pattern| pattern.text.expose_secret());
        let lengths = words.clone().map(str::len);
        let (shortest, longest) = (lengths.clone().min().unwrap_or(usize::MAX), lengths.max().unwrap_or_default());
        let quick = packed::Config::new().builder().extend(words).build();
        Self {
            automaton: automaton.filter(|_| !patterns.is_empty()),
            quick: quick.filter(|_| patterns.len() <= MOST_QUICK && !repeats),
            shortest,
            wraps: patterns.iter().map(|pattern| pattern.code).collect(),
            shortest_code: codes.clone().map(str::len).min().unwrap_or(usize::MAX),
            trigrams: Trigrams::of(codes),
            overlap: (longest * MOST_GROWTH).max(LEAST_OVERLAP),
        }
    }

    /// Whether a text is too short for any secret, in any encoding.
    pub fn is_too_short(&self, text: &str) -> bool {
        text.len() < self.shortest
    }

    /// The places of all secrets in a text, sorted and merged.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let Some(automaton) = self.automaton.as_ref().filter(|_| !self.is_too_short(text)) else { return Vec::new() };
        let mut found = Vec::new();
        if self.is_match(automaton, text.as_bytes()) {
            found.extend(matches(automaton, text.as_bytes()).map(|one| one.start()..one.end()));
        }
        let boundary = |at: usize| (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let mut start = 0;
        while start < text.len() {
            let end = boundary((start + self.overlap * WINDOW).min(text.len()));
            let inside = self.encoded(automaton, &text[start..end]);
            found.extend(inside.into_iter().map(|range| range.start + start..range.end + start));
            start = if end == text.len() { end } else { boundary(end - self.overlap) };
        }
        if found.is_empty() { found } else { merged(text, found) }
    }

    fn is_match(&self, automaton: &NFA, bytes: &[u8]) -> bool {
        let slow = || automaton.try_find(&Input::new(bytes).earliest(true)).is_ok_and(|found| found.is_some());
        self.quick.as_ref().map_or_else(slow, |quick| quick.find(bytes).is_some())
    }

    /// The places of secrets in another encoding.
    fn encoded(&self, automaton: &NFA, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if is_plain(text) {
            return found;
        }
        let mut joined = Vec::with_capacity(text.len());
        if !is_encoded(text.as_bytes()) {
            // Most texts: one that nothing can be read out of is not worth a view.
            if self.is_wrapped(automaton, text.as_bytes(), &mut joined) {
                self.wrapped(automaton, &View::plain(text), &mut found);
            }
            return found;
        }
        let plain = View::plain(text);
        let mut views = plain.decoded();
        for view in &views {
            found.extend(matches(automaton, &view.bytes).map(|one| view.place(one.start()..one.end())));
        }
        views.push(plain);
        for view in views.iter().filter(|view| self.is_wrapped(automaton, &view.bytes, &mut joined)) {
            self.wrapped(automaton, view, &mut found);
        }
        found
    }

    /// Whether the text may contain a wrapped encoding. `joined` is a buffer.
    fn is_wrapped(&self, automaton: &NFA, bytes: &[u8], joined: &mut Vec<u8>) -> bool {
        let is_clear = |trigrams: &Trigrams| !has_long_divider(bytes, true) && !trigrams.may_be_in(bytes);
        if self.trigrams.as_ref().is_some_and(is_clear) {
            return false;
        }
        // Most parts of JSON are too short, so that nothing is copied.
        let mut parts = code_parts(bytes).filter(|part| part.len() > self.shortest_code);
        has_long_word(bytes)
            && parts.any(|part| {
                [false, true].into_iter().any(|signs| join(part, signs, joined) && self.is_match(automaton, joined))
            })
    }

    /// Base64 and hexadecimal that was wrapped.
    fn wrapped(&self, automaton: &NFA, view: &View, found: &mut Vec<Range<usize>>) {
        for view in [view.joined(false), view.joined(true)] {
            let words = matches(automaton, &view.bytes).filter(|one| self.wraps[one.pattern().as_usize()]);
            found.extend(words.map(|one| view.place(one.start()..one.end())));
        }
    }
}

/// All places of patterns, also those that overlap.
fn matches<'a>(automaton: &'a NFA, bytes: &'a [u8]) -> impl Iterator<Item = Match> {
    automaton.try_find_overlapping_iter(Input::new(bytes)).into_iter().flatten()
}

/// Whether a text repeats itself (`A1b2A1b2…`, the base64 of zeros), so that much of it is a beginning and an end of
/// itself.
///
/// A quick search compares such a text from each place again. The automaton goes back while it searches, and takes each
/// of these ends once; a deterministic one would take them for each of its states and each byte: the square of the length.
fn repeats_itself(text: &str) -> bool {
    text.len() > LONG_WORD && count_of_borders(text.as_bytes()) > MOST_BORDERS * text.len()
}

/// How many beginnings of a text are ends of its beginnings, in all.
fn count_of_borders(text: &[u8]) -> usize {
    // Of each beginning: its longest own beginning that is its end, too (Knuth, Morris and Pratt), and how many there
    // are.
    let mut longest = vec![0; text.len() + 1];
    let mut count = vec![0; text.len() + 1];
    for end in 2..=text.len() {
        let mut border: usize = longest[end - 1];
        while border > 0 && text[border] != text[end - 1] {
            border = longest[border];
        }
        border += usize::from(text[border] == text[end - 1]);
        longest[end] = border;
        count[end] = if border == 0 { 0 } else { count[border] + 1 };
    }
    count.iter().sum()
}

/// Whether a text contains two parts of base64 or hexadecimal that may belong together.
fn has_long_word(bytes: &[u8]) -> bool {
    let is_code = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=:".contains(byte);
    bytes.iter().filter(|byte| is_code(byte)).nth(LONG_WORD - 1).is_some()
}

/// The places in their order, as whole characters, and those that touch as one.
pub(super) fn merged(text: &str, mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_unstable_by_key(|range| range.start);
    let mut whole: Vec<Range<usize>> = Vec::new();
    for range in found {
        let start = (0..=range.start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (range.end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        match whole.last_mut() {
            Some(last) if last.end >= start => last.end = last.end.max(end),
            _ => whole.push(start..end),
        }
    }
    whole
}

/// The forms of a secret that are not decoded by views: the text itself, whole and line by line; base64 at each of
/// three offsets; hexadecimal.
pub fn patterns(text: &str) -> Vec<Pattern> {
    let mut found: Vec<Pattern> = Vec::new();
    let mut add = |form: String, code: bool, shortest: usize| {
        if form.len() >= shortest && !found.iter().any(|known| known.text.expose_secret() == form) {
            found.push(Pattern { text: form.into(), code });
        }
    };
    for part in parts(text) {
        add(part.to_owned(), false, SHORTEST);
        if part.len() < SHORTEST {
            continue;
        }
        for bytes in [part.as_bytes().to_vec(), json_inside(part).into_bytes(), ascii(&json_inside(part)), utf16(part)]
        {
            for offset in 0..3 {
                base64_inside(&bytes, offset).into_iter().for_each(|form| add(form, true, SHORTEST_CODE));
            }
        }
        let digits = hex(part.as_bytes());
        add(digits.to_uppercase(), true, SHORTEST_CODE);
        add(digits, true, SHORTEST_CODE);
    }
    found
}

/// The text encoded by base64, when the whole text is base64.
pub fn decoded(text: &str) -> Option<String> {
    let code = text.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(code).or_else(|_| URL_SAFE_NO_PAD.decode(code)).ok()?;
    String::from_utf8(bytes).ok()
}

/// The text inside one layer of hexadecimal or base64, when the whole text is that, wrapped or not.
pub fn decoded_layer(text: &str) -> Option<String> {
    let is_code = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte) || byte.is_ascii_whitespace();
    if text.len() < SHORTEST_CODE || !text.as_bytes().iter().all(is_code) {
        return None;
    }
    let code: String = text.split_ascii_whitespace().collect();
    of_hex(&code).or_else(|| decoded(&code))
}

fn of_hex(code: &str) -> Option<String> {
    let digit = |at: &u8| char::from(*at).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = code.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}

/// The usual encodings of a text, for maskers that only compare.
pub fn spellings(text: &str) -> Vec<SecretString> {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const UNRESERVED_STAY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let mut found: Vec<String> = Vec::new();
    for part in parts(text).filter(|part| part.len() >= SHORTEST) {
        let json = json_inside(part);
        found.push(json_inside(&json));
        found.push(json);
        found.push(utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
        found.push(utf8_percent_encode(part, UNRESERVED_STAY).to_string());
        found.push(STANDARD.encode(part));
    }
    found.push(STANDARD.encode(text));
    found.sort_unstable();
    found.dedup();
    found.into_iter().filter(|form| form.len() >= SHORTEST && form != text).map(SecretString::from).collect()
}

/// The trimmed text, and its lines.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let whole = std::iter::once(text).filter(|text| text.trim() != *text);
    whole.chain(std::iter::once(text).chain(text.lines()).map(str::trim)).filter(|part| !part.trim().is_empty())
}

/// A text as it is inside quotes in JSON.
fn json_inside(text: &str) -> String {
    let json = Value::String(text.to_owned()).to_string();
    json[1..json.len() - 1].to_owned()
}

/// JSON with all non-ASCII characters escaped, as most encoders write it.
fn ascii(json: &str) -> Vec<u8> {
    let escaped = |character: char| match character.is_ascii() {
        true => character.to_string(),
        false => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    json.chars().map(escaped).collect::<String>().into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The base64 of `bytes` inside a longer text, after `offset` other bytes: the characters that depend only on
/// `bytes`.
fn base64_inside(bytes: &[u8], offset: usize) -> [String; 2] {
    let padded = [vec![0; offset], bytes.to_vec()].concat();
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
        .map(|text| text.get(first..last).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_itself_is_not_searched_for_quickly() {
        let random: String =
            (0..4_800_u64).map(|number| char::from(b'!' + u8::try_from(hash(number) % 89).unwrap())).collect();
        let table = [
            ("a".repeat(4800), true),
            ("A1b2C3d4".repeat(600), true),
            (random, false),
            ("hunter2-hunter2".to_owned(), false),
        ];
        for (secret, repeats) in table {
            assert_eq!(repeats_itself(&secret), repeats, "{}", &secret[..15]);
            let patterns = patterns(&secret);
            let finder = Finder::new(&patterns);
            assert!(!repeats || finder.quick.is_none());
            let text = format!("is {secret}, in base64 {}.", STANDARD.encode(&secret));
            let found = finder.find(&text);
            assert_eq!(found.first().map(|range| range.start), Some(3));
            assert_eq!(found.len(), 2, "one place for all that overlap");
        }
    }

    fn hash(number: u64) -> u64 {
        number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
            >> 33
    }

    #[test]
    fn borders_are_counted_once_each() {
        for (text, count) in [("", 0), ("a", 0), ("ab", 0), ("aa", 1), ("aaaa", 6), ("abab", 2), ("abcab", 2)] {
            assert_eq!(count_of_borders(text.as_bytes()), count, "{text}");
        }
    }
}
