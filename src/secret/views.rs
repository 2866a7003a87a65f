//! Decoded views of a text: with the escapes of URLs, JSON, Python, HTML, Markdown, shells and mails undone.
//!
//! Encoders differ in what they escape, so that the forms of a secret cannot be enumerated. Instead the text is
//! decoded, and every decoded byte has its place in the text: what is found in a view is redacted in the text.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// A decoded text.
pub struct View {
    pub bytes: Vec<u8>,
    /// By decoded byte: the beginning and end of its source.
    from: Vec<(usize, usize)>,
}

/// The greatest depth of nested escapes.
const DEEPEST: usize = 3;
/// Longer texts are decoded only once.
const LONG: usize = 64 * 1024;

/// A decoder: for the text at a place, the number of bytes to consume, and their meaning.
type Decoder = fn(&[u8]) -> Option<(usize, Meaning)>;

/// The meaning of an escape.
enum Meaning {
    Byte(u8),
    Character(char),
    Nothing,
}

/// The decoders, each with a byte that a text must contain to use it.
const DECODERS: [(u8, Decoder); 10] = [
    (b'%', percent),
    (b'%', js_escape),
    (b'+', form),
    (b'\\', characters),
    (b'\\', bytes),
    (b'&', entity),
    (b'\'', doubled),
    (b'"', doubled),
    (b'=', quoted_printable),
    (b'=', encoded_words),
];

impl View {
    /// The text as it is.
    pub fn plain(text: &str) -> Self {
        let from = (0..text.len()).map(|at| (at, at + 1)).collect();
        Self { bytes: text.as_bytes().to_vec(), from }
    }

    /// The place in the text of a place in the view.
    pub fn place(&self, found: Range<usize>) -> Range<usize> {
        self.from[found.start].0..self.from[found.end - 1].1
    }

    /// All other decoded views.
    pub fn decoded(&self) -> Vec<View> {
        let deepest = if self.bytes.len() > LONG { 1 } else { DEEPEST };
        let mut all: Vec<View> = Vec::new();
        let mut from = 0;
        for depth in 0..deepest {
            let sources: Vec<&View> = if depth == 0 { vec![self] } else { all[from..].iter().collect() };
            let fresh: Vec<View> = sources.iter().flat_map(|view| view.next()).collect();
            from = all.len();
            let fresh = fresh.into_iter().filter(|view| view.bytes != self.bytes);
            for view in fresh.collect::<Vec<_>>() {
                if !all.iter().any(|known| known.bytes == view.bytes) {
                    all.push(view);
                }
            }
        }
        all
    }

    /// This view without white space and written line breaks (`\n`, `⏎`): for base64 and hexadecimal that were wrapped.
    /// `signs`: also without the signs that stand between bytes in hexadecimal.
    pub fn joined(&self, signs: bool) -> View {
        self.read(|rest| divider(rest, signs))
    }

    fn next(&self) -> impl Iterator<Item = View> {
        let worth = DECODERS.iter().filter(|(sign, decoder)| holds(&self.bytes, *sign, *decoder));
        worth.map(|(_, decoder)| self.read(*decoder)).filter(|view| view.bytes != self.bytes)
    }

    fn read(&self, decoder: impl Fn(&[u8]) -> Option<(usize, Meaning)>) -> View {
        let mut view = View { bytes: Vec::with_capacity(self.bytes.len()), from: Vec::new() };
        let mut at = 0;
        while at < self.bytes.len() {
            let (length, meaning) = decoder(&self.bytes[at..]).unwrap_or((1, Meaning::Byte(self.bytes[at])));
            let from = (self.from[at].0, self.from[at + length - 1].1);
            match meaning {
                Meaning::Byte(byte) => view.push(byte, from),
                Meaning::Character(character) => {
                    let mut buffer = [0; 4];
                    character.encode_utf8(&mut buffer).bytes().for_each(|byte| view.push(byte, from));
                }
                Meaning::Nothing => {}
            }
            at += length;
        }
        view
    }

    fn push(&mut self, byte: u8, from: (usize, usize)) {
        self.bytes.push(byte);
        self.from.push(from);
    }
}

/// Whether a text contains nothing that could be an escape or a line break.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| PLAIN[usize::from(byte)])
}

/// Whether a text contains anything that can be decoded: most do not, and need no view.
pub fn is_encoded(text: &[u8]) -> bool {
    // JSON consists of quotes, of which two together are rare.
    let has_sign = || memchr::memchr3(b'%', b'\\', b'&', text).or_else(|| memchr::memchr2(b'+', b'=', text)).is_some();
    let has_doubled = || DOUBLED.iter().any(|two| two.find(text).is_some());
    if !has_sign() && !has_doubled() {
        return false;
    }
    // One pass for all decoders, each by its sign.
    text.iter().enumerate().any(|(at, byte)| SIGNS[usize::from(*byte)] && is_escape(&text[at..]))
}

/// Whether a text begins with an escape of any decoder.
fn is_escape(text: &[u8]) -> bool {
    match text[0] {
        b'"' | b'\'' => doubled(text).is_some(),
        b'%' => percent(text).is_some() || js_escape(text).is_some(),
        b'+' => true,
        b'\\' => characters(text).is_some() || bytes(text).is_some(),
        b'&' => entity(text).is_some(),
        b'=' => encoded_words(text).is_some(),
        _ => false,
    }
}

fn holds(bytes: &[u8], sign: u8, decoder: Decoder) -> bool {
    let signs = bytes.iter().enumerate().filter(|(_, byte)| **byte == sign);
    signs.into_iter().any(|(at, _)| decoder(&bytes[at..]).is_some())
}

/// The longest parts of a text that consist only of base64, hexadecimal and what [`divider`] leaves out: a wrapped
/// encoding is inside one of them.
pub fn code_parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !CODE_OR_DIVIDER[usize::from(*byte)])
}

/// The bytes of [`View::joined`] alone, put into `joined`. `false` when nothing divides the text.
pub fn join(text: &[u8], signs: bool, joined: &mut Vec<u8>) -> bool {
    joined.clear();
    if !has_long_divider(text, signs) {
        // Most texts: what divides them is a byte each.
        let divides = if signs { &DIVIDES_BYTES } else { &DIVIDES_WORDS };
        joined.extend_from_slice(text);
        joined.retain(|byte| !divides[usize::from(*byte)]);
        return joined.len() != text.len();
    }
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = match divider(rest, signs) {
            Some((length, _)) => &rest[length..],
            None => {
                joined.push(*first);
                after
            }
        };
    }
    joined.len() != text.len()
}

/// Whether a text may contain a divider of several bytes.
pub fn has_long_divider(text: &[u8], signs: bool) -> bool {
    memchr::memchr2(b'\\', LINE_BREAK, text).is_some() || signs && HEXADECIMAL.find(text).is_some()
}

/// Searchers that are made once: each text is searched for these.
static DOUBLED: LazyLock<[Finder<'_>; 2]> = LazyLock::new(|| [Finder::new("\"\""), Finder::new("''")]);
static HEXADECIMAL: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("0x"));

/// The first byte of `⏎`.
const LINE_BREAK: u8 = "⏎".as_bytes()[0];
/// The single bytes that [`divider`] takes without `signs`.
pub(super) const DIVIDES_WORDS: [bool; 256] = among(b" \t\n\r");
/// The single bytes that [`divider`] takes with `signs`.
pub(super) const DIVIDES_BYTES: [bool; 256] = among(b" \t\n\r:-,_");

/// The first bytes of all escapes.
const SIGNS: [bool; 256] = among(b"\"'%+\\&=");
/// What begins no escape and divides no words.
const PLAIN: [bool; 256] = alphanumeric_or(b"/.,()[]{}<>!?*@#");
/// Base64 of both alphabets, hexadecimal, and all bytes of dividers.
const CODE_OR_DIVIDER: [bool; 256] = alphanumeric_or(b"+/-_ \t\n\r:,\\\xe2\x8f\x8e");

/// A table of bytes: whether each is one of these.
const fn among(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// A table of bytes: whether each is one of these, or a letter or digit of ASCII.
const fn alphanumeric_or(bytes: &[u8]) -> [bool; 256] {
    let mut table = among(bytes);
    let mut byte = 0;
    while byte < 128 {
        table[byte] |= (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
}

/// `%C3`, in either case (RFC 3986 §2.1).
fn percent(rest: &[u8]) -> Option<(usize, Meaning)> {
    let digits = rest.strip_prefix(b"%")?;
    Some((3, Meaning::Byte(hex(digits, 2)? as u8)))
}

/// `%u20AC`, and `%E9` for a character, as by JavaScript's `escape`.
fn js_escape(rest: &[u8]) -> Option<(usize, Meaning)> {
    let after = rest.strip_prefix(b"%")?;
    if after.first() == Some(&b'u') {
        return utf16(after, b"%u");
    }
    Some((3, Meaning::Character(char::from_u32(hex(after, 2)?)?)))
}

/// The same as [`percent`], with `+` for a space, as forms write it.
fn form(rest: &[u8]) -> Option<(usize, Meaning)> {
    if rest[0] == b'+' { Some((1, Meaning::Byte(b' '))) } else { percent(rest) }
}

/// Backslashes as JSON, Python, Rust, shells and Markdown use them; `\xe9` is a character.
fn characters(rest: &[u8]) -> Option<(usize, Meaning)> {
    backslash(rest, |code| char::from_u32(code).map(Meaning::Character))
}

/// Backslashes as in [`characters`], where `\xc3` and `\303` are bytes.
fn bytes(rest: &[u8]) -> Option<(usize, Meaning)> {
    let octal = rest
        .strip_prefix(b"\\")
        .and_then(|digits| digits.get(..3))
        .filter(|digits| digits[0] <= b'3' && digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
    if let Some(digits) = octal {
        return Some((4, Meaning::Byte(digits.iter().fold(0, |byte: u8, digit| byte << 3 | (digit - b'0')))));
    }
    backslash(rest, |code| u8::try_from(code).ok().map(Meaning::Byte))
}

fn backslash(rest: &[u8], short: impl Fn(u32) -> Option<Meaning>) -> Option<(usize, Meaning)> {
    let after = rest.strip_prefix(b"\\")?;
    let plain = |byte| Some((2, Meaning::Byte(byte)));
    match *after.first()? {
        b'n' => plain(b'\n'),
        b'r' => plain(b'\r'),
        b't' => plain(b'\t'),
        b'b' => plain(8),
        b'f' => plain(12),
        b'0' => plain(0),
        b'x' => Some((4, short(hex(&after[1..], 2)?)?)),
        b'u' if after.get(1) == Some(&b'{') => {
            let end = after.iter().take(9).position(|byte| *byte == b'}')?;
            Some((end + 2, Meaning::Character(char::from_u32(hex(&after[2..], end - 2)?)?)))
        }
        b'u' => utf16(after, b"\\u"),
        b'U' => Some((10, Meaning::Character(char::from_u32(hex(&after[1..], 8)?)?))),
        // A shell writes words with spaces so, and goes on in the next line.
        b'\n' => Some((2, Meaning::Nothing)),
        byte if byte.is_ascii_punctuation() || byte == b' ' => plain(byte),
        _ => None,
    }
}

/// `u00e9`, or two of them, with `sign` before the second, for a character beyond the first plane.
fn utf16(after: &[u8], sign: &[u8]) -> Option<(usize, Meaning)> {
    let first = hex(&after[1..], 4)?;
    if let Some(character) = char::from_u32(first) {
        return Some((6, Meaning::Character(character)));
    }
    let second = hex(after.get(5..)?.strip_prefix(sign)?, 4)?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((12, Meaning::Character(character)))
}

/// `&quot;`, `&#34;`, `&#x22;`.
fn entity(rest: &[u8]) -> Option<(usize, Meaning)> {
    let inside = rest.strip_prefix(b"&")?;
    let end = inside.iter().take(10).position(|byte| *byte == b';')?;
    let name = &inside[..end];
    let character = match name {
        b"quot" => '"',
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"apos" => '\'',
        b"nbsp" => ' ',
        _ => {
            let digits = name.strip_prefix(b"#")?;
            let code = match digits.strip_prefix(b"x").or_else(|| digits.strip_prefix(b"X")) {
                Some(digits) => hex(digits, digits.len())?,
                None => std::str::from_utf8(digits).ok()?.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((end + 2, Meaning::Character(character)))
}

/// `''` and `""` for one, as YAML, SQL and CSV write them; `'\''` as shells do.
fn doubled(rest: &[u8]) -> Option<(usize, Meaning)> {
    match rest {
        [b'\'', b'\\', b'\'', b'\'', ..] => Some((4, Meaning::Byte(b'\''))),
        [b'\'', b'"', b'\'', b'"', b'\'', ..] => Some((5, Meaning::Byte(b'\''))),
        [b'\'', b'\'', ..] => Some((2, Meaning::Byte(b'\''))),
        [b'"', b'"', ..] => Some((2, Meaning::Byte(b'"'))),
        _ => None,
    }
}

/// Quoted-printable: `=C3` is a byte, and `=` at the end of a line continues the line.
fn quoted_printable(rest: &[u8]) -> Option<(usize, Meaning)> {
    let after = rest.strip_prefix(b"=")?;
    match after {
        [b'\r', b'\n', ..] => Some((3, Meaning::Nothing)),
        [b'\n', ..] => Some((2, Meaning::Nothing)),
        digits => Some((3, Meaning::Byte(hex(digits, 2)? as u8))),
    }
}

/// The words of a mail's header (RFC 2047 §4): `=?utf-8?q?caf=C3=A9_bar?=`, in several words when it is long.
fn encoded_words(rest: &[u8]) -> Option<(usize, Meaning)> {
    const LONGEST_CHARSET: usize = 40;
    match rest {
        [b'=', b'?', inside @ ..] => {
            let end = inside.iter().take(LONGEST_CHARSET).position(|byte| *byte == b'?')?;
            let is_encoding = matches!(inside.get(end + 1..end + 3), Some([b'q' | b'Q' | b'b' | b'B', b'?']));
            is_encoding.then_some((end + 5, Meaning::Nothing))
        }
        [b'?', b'=', after @ ..] => {
            let blanks = after.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let is_continued = after[blanks..].starts_with(b"=?");
            Some((if is_continued { 2 + blanks } else { 2 }, Meaning::Nothing))
        }
        [b'_', ..] => Some((1, Meaning::Byte(b' '))),
        _ => quoted_printable(rest),
    }
}

/// White space, its escapes, and this program's mark for a line break; with `signs` also separators between bytes in
/// hexadecimal.
fn divider(rest: &[u8], signs: bool) -> Option<(usize, Meaning)> {
    match rest {
        [b' ' | b'\t' | b'\n' | b'\r', ..] => Some((1, Meaning::Nothing)),
        [b'\\', b'n' | b'r', ..] => Some((2, Meaning::Nothing)),
        [b'\\', b'x', ..] | [b'0', b'x', ..] if signs => Some((2, Meaning::Nothing)),
        [b':' | b'-' | b',' | b'_', ..] if signs => Some((1, Meaning::Nothing)),
        rest if rest.starts_with("⏎".as_bytes()) => Some(("⏎".len(), Meaning::Nothing)),
        _ => None,
    }
}

fn hex(digits: &[u8], number: usize) -> Option<u32> {
    let digits = digits.get(..number).filter(|digits| !digits.is_empty())?;
    digits.iter().try_fold(0_u32, |value, digit| Some(value.checked_mul(16)? + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text decoded by one decoder.
    fn read(text: &str, decoder: Decoder) -> String {
        String::from_utf8_lossy(&View::plain(text).read(decoder).bytes).into_owned()
    }

    #[test]
    fn each_decoder_reads_its_escapes_and_leaves_the_rest() {
        for (decoder, text, decoded) in [
            (percent as Decoder, "a%C3%a9%41%4", "aéA%4"),
            (js_escape, "%u20AC%E9%uD83D%uDE00%u12", "€é\u{1f600}%u12"),
            (form, "a+%2B+b", "a + b"),
            (characters, r"\n\r\t\b\f\0", "\n\r\t\u{8}\u{c}\0"),
            (characters, r#"\"\\\'\/"#, r#""\'/"#),
            (characters, r"\xe9\u00e9\u{e9}\u{1F600}\ud83d\ude00\U000000e9", "ééé\u{1f600}\u{1f600}é"),
            (characters, r"\q\é\u{12\uZZ", r"\q\é\u{12\uZZ"),
            (bytes, r"\303\251\xc3\xa9\101\400", r"ééA\400"),
            (entity, "&quot;&amp;&lt;&gt;&apos;&#39;&#x27;&#X27;&other;", r#""&<>''''&other;"#),
            (entity, "a&nbsp;b", "a b"),
            (doubled, r#"''""'\'''"'"'x'"#, r#"'"''x'"#),
            (characters, "a\\ b\\\nc", "a bc"),
            (quoted_printable, "=41=C3=A9=\r\nx=\ny=zz", "Aéxy=zz"),
            (encoded_words, "=?utf-8?q?caf=C3=A9_b?=\n =?utf-8?q?ar?= =?x?z?", "café bar=?x?z?"),
            (encoded_words, "=?utf-8?B?YWJj?=\r\n\t=?utf-8?b?ZGVm?=", "YWJjZGVm"),
        ] {
            assert_eq!(read(text, decoder), decoded, "{text}");
        }
    }

    #[test]
    fn what_divides_long_words_is_left_out() {
        for (text, plain, with_signs) in [
            (r"ab cd\nef\rgh⏎ij", "abcdefghij", "abcdefghij"),
            ("0x61,0x62:63-64_65", "0x61,0x62:63-64_65", "6162636465"),
            (r"\x61\x62", r"\x61\x62", "6162"),
            ("0x", "0x", ""),
            ("\ta\r\nb", "ab", "ab"),
        ] {
            let mut joined = Vec::new();
            for (signs, expected) in [(false, plain), (true, with_signs)] {
                join(text.as_bytes(), signs, &mut joined);
                assert_eq!(String::from_utf8_lossy(&joined), expected, "{text} {signs}");
                assert_eq!(View::plain(text).joined(signs).bytes, joined, "{text} {signs}");
            }
        }
    }

    #[test]
    fn one_escape_of_any_kind_is_worth_decoding() {
        for text in ["%41", "%u20AC", "+", r"\n", r"\303", "&#39;", "''", "\"\"", "=41", "=?utf-8?q?a_b?=", r"a\ b"] {
            assert!(is_encoded(text.as_bytes()), "{text}");
        }
        for text in ["", "a b", "%zz", r"\q", "& ;", "'", "\"", "=zz"] {
            assert!(!is_encoded(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_joined_as_its_view_is(text in "[ab0x:_,\\-\\\\n \t\r⏎é]{0,40}", signs: bool) {
            let mut joined = Vec::new();
            let divided = join(text.as_bytes(), signs, &mut joined);
            prop_assert_eq!(&joined, &View::plain(&text).joined(signs).bytes);
            prop_assert_eq!(divided, joined.len() != text.len());
        }

        #[test]
        fn what_is_joined_is_inside_a_part(text in "[ab0x:_,+/\"{=\\-\\\\n \t\r⏎é]{0,40}", signs: bool) {
            let join = |text: &[u8]| {
                let mut joined = Vec::new();
                join(text, signs, &mut joined);
                joined
            };
            let is_code = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
            let codes = |joined: &[u8]| {
                let codes = joined.split(|byte| !is_code(byte)).filter(|code| !code.is_empty());
                codes.map(<[u8]>::to_vec).collect::<Vec<_>>()
            };
            let parts = code_parts(text.as_bytes()).flat_map(|part| codes(&join(part)));
            prop_assert_eq!(codes(&join(text.as_bytes())), parts.collect::<Vec<_>>());
        }

        #[test]
        fn a_text_is_encoded_when_a_decoder_finds_something(text in "[a0fux%+\\\\&#;'\"=\r\n{}q]{0,12}") {
            let found = DECODERS.iter().any(|(sign, decoder)| holds(text.as_bytes(), *sign, *decoder));
            prop_assert_eq!(is_encoded(text.as_bytes()), found);
        }
    }
}
