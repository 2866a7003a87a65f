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
fn a_marker_cannot_be_forged() {
    let secrets = Secrets::default();
    secrets.conceal(&json!("hunter22"));
    for forged in [
        format!("{OPEN}0{CLOSE}"),
        format!("{OPEN}{}0{CLOSE}", "0".repeat(39)),
        Secrets::default().conceal(&json!("other")),
    ] {
        assert_eq!(secrets.reveal_text(&forged), Err(BrokenMarker), "{forged:?}");
        assert_eq!(secrets.redact(&forged), REDACTED);
    }
}

/// Secrets of every kind.
const KINDS: [&str; 8] = [
    "hunter2-Swordfish",
    "p@ss \"wörd\"/+1='x' <&>",
    "4711204215",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nb7+/9aKq3Z==\n-----END KEY-----",
    "{\"user\":\"admin\",\"key\":\"zx81-zx81\"}",
    "größe€\u{1f600}schlüssel",
    "1234$5678abcdef0123456789abcdef0123456789abcdef",
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

fn json(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
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

/// The same text as thirty and some encoders write it, with what they would write around it.
pub fn encodings(text: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    let around = format!("{{\"some\":\"words before it and\",\"value\":{}}}", json(text));
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let digits = hex(text.as_bytes());
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
        markdown,
    ]
}

/// The longest piece of a text that two others share.
fn shares(text: &str, secret: &str) -> usize {
    let characters: Vec<char> = secret.chars().collect();
    let found = |length: usize| {
        characters.windows(length).any(|window| text.contains(window.iter().collect::<String>().as_str()))
    };
    (1..=characters.len()).take_while(|length| found(*length)).last().unwrap_or(0)
}

#[test]
fn a_secret_of_any_kind_is_hidden_in_any_encoding() {
    for kind in KINDS {
        let secrets = Secrets::default();
        secrets.hide(kind);
        for encoded in encodings(kind) {
            let text = format!("the API said: {encoded} (status 400)");
            let told = secrets.redact(&text);
            assert!(told.contains(REDACTED), "{kind:?} in {text:?}");
            assert!(told.starts_with("the API said: ") && told.ends_with(" (status 400)"), "{told}");
            // What is left of an encoding that was longer: quotes and words around it, three characters at its ends.
            let rest = told.replace(REDACTED, " ");
            let (left, plain) = (shares(&rest, &encoded).min(shares(&rest, kind)), kind.lines().count() == 1);
            assert!(
                left <= if plain { 3 } else { 6 },
                "{left} characters of {kind:?} are left in {told:?}, from {text:?}"
            );
        }
    }
}

#[test]
fn words_that_are_no_secret_stay() {
    let secrets = Secrets::default();
    KINDS.iter().for_each(|kind| secrets.hide(kind));
    for text in [
        "POST /cloud/v1/networks/1/7?name=a%20b",
        "created network `demo` 7b5c3f1e-8a1b-4a5e-9a9b-1f2e3d4c5b6a",
        "a\\nb &amp; 'c''d'",
        "",
    ] {
        assert_eq!(secrets.redact(text), text);
    }
}

#[test]
fn a_long_text_is_searched_to_its_end() {
    let secrets = Secrets::default();
    secrets.hide("hunter \"22\"");
    let long = format!("{}{}", "é ".repeat(400_000), json("hunter \"22\""));
    let told = secrets.redact(&long);
    assert!(told.ends_with("[secret]") && !told.contains("hunter"));
}

proptest::proptest! {
    #[test]
    fn any_text_can_be_searched(text in "\\PC{0,40}", secret in "\\PC{4,12}") {
        let secrets = Secrets::default();
        secrets.hide(&secret);
        secrets.redact(&format!("%\\u{text}&#{text}\\x"));
        let told = secrets.redact(&format!("{text}{secret}"));
        proptest::prop_assert!(secret.trim().len() < SHORTEST || !told.contains(secret.trim()), "{}", told);
    }
}
