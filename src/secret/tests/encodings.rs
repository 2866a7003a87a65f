//! Secrets of every kind in every encoding. Shared with the integration tests, which see no other test code of the
//! library.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Secrets of every kind.
pub const KINDS: [&str; 10] = [
    "hunter2-Swordfish",
    "zx81",
    "p@ss \"wörd\"/+1='x' <&>",
    "4711204215",
    "c:\\new\\table `it's` \"so\"",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nb7+/9aKq3Z==\n-----END KEY-----",
    "{\"user\":\"admin\",\"key\":\"zx82-zx82\"}",
    "größe€\u{1f600}schlüssel",
    "*&!%@ - [x]: # y",
    "c2VjcmV0LWluLWJhc2U2NA==",
];

fn percent(text: &str, stays: &str, lower: bool) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match char::from(byte) {
            letter if letter.is_ascii_alphanumeric() || stays.contains(letter) => out.push(letter),
            _ if lower => out.push_str(&format!("%{byte:02x}")),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

pub fn json(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// JSON as `json.dumps` of Python writes it.
fn ascii_json(text: &str, upper: bool) -> String {
    json(text).encode_utf16().fold(String::new(), |mut out, unit| {
        match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(byte) => out.push(char::from(byte)),
            None if upper => out.push_str(&format!("\\u{unit:04X}")),
            None => out.push_str(&format!("\\u{unit:04x}")),
        }
        out
    })
}

fn python(text: &str, bytes: bool) -> String {
    let mut out = String::from(if bytes { "b'" } else { "'" });
    for character in text.chars() {
        match character {
            '\'' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            character if character.is_ascii() => out.push(character),
            character if bytes => {
                character.to_string().bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")))
            }
            character if u32::from(character) < 256 => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            character if u32::from(character) < 65536 => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            character => out.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    out + "'"
}

/// As by JavaScript's `escape`.
fn percent_units(text: &str) -> String {
    text.encode_utf16().fold(String::new(), |mut out, unit| {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"@*_+-./".contains(&byte) => out.push(char::from(byte)),
            Ok(byte) => out.push_str(&format!("%{byte:02X}")),
            Err(_) => out.push_str(&format!("%u{unit:04X}")),
        }
        out
    })
}

/// As `printf %q` of bash.
fn shell_words(text: &str) -> String {
    let inside = text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            byte if byte.is_ascii() => out.push(char::from(byte)),
            byte => out.push_str(&format!("\\{byte:03o}")),
        }
        out
    });
    format!("$'{inside}'")
}

fn entities(text: &str, write: fn(u32) -> String) -> String {
    let each = text.chars().map(|character| match character {
        character if character.is_ascii_alphanumeric() => character.to_string(),
        character => write(u32::from(character)),
    });
    each.collect()
}

fn wrapped(text: &str, width: usize, end: &str) -> String {
    let pieces: Vec<&str> = (0..text.len()).step_by(width).map(|at| &text[at..text.len().min(at + width)]).collect();
    pieces.join(end)
}

/// A text in about thirty encodings, with what surrounds them.
pub fn encodings(text: &str) -> Vec<String> {
    let around = format!("{{\"some\":\"words before it and\",\"value\":{}}}", json(text));
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let markdown: String = text
        .chars()
        .flat_map(|character| character.is_ascii_punctuation().then_some('\\').into_iter().chain([character]))
        .collect();
    vec![
        text.to_owned(),
        format!("before{text}after"),
        json(text),
        json(&json(text)),
        json(text).replace('/', "\\/"),
        ascii_json(text, false),
        ascii_json(text, true),
        percent(text, "", false),
        percent(text, "-_.~", false),
        percent(text, "-_.~", true),
        percent(text, "-_.!~*'()", false),
        percent(text, "-_.~/", false),
        percent(text, "*-._ ", false).replace(' ', "+"),
        percent(&percent(text, "-_.~", false), "-_.~", false),
        xml.clone(),
        xml.replace('\'', "&apos;"),
        xml.replace('\'', "&#39;").replace("&quot;", "&#34;"),
        entities(text, |code| format!("&#{code};")),
        entities(text, |code| format!("&#x{code:x};")),
        digits.clone(),
        digits.to_uppercase(),
        digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect::<Vec<_>>().join(":"),
        STANDARD.encode(text),
        STANDARD_NO_PAD.encode(text),
        URL_SAFE.encode(text),
        URL_SAFE_NO_PAD.encode(format!("x{text}")),
        STANDARD.encode(format!("user:{text}")),
        STANDARD.encode(&around),
        wrapped(&STANDARD.encode(around.repeat(2)), 64, "\n"),
        wrapped(&STANDARD.encode(around.repeat(2)), 76, "\r\n"),
        json(&wrapped(&STANDARD.encode(&around), 76, "\n")),
        python(text, false),
        python(text, true),
        format!("'{}'", text.replace('\'', "'\\''")),
        format!("'{}'", text.replace('\'', "''")),
        format!("\"{}\"", text.replace('"', "\"\"")),
        format!("{text:?}"),
        STANDARD.encode(ascii_json(text, false)),
        percent_units(text),
        digits.as_bytes().chunks(2).map(|pair| format!("\\x{}", String::from_utf8_lossy(pair))).collect(),
        shell_words(text),
        markdown,
    ]
}
