mod encodings;

use serde_json::json;

use super::finder::{Finder, Pattern};
use super::*;
use encodings::{KINDS, encodings, json as json_text};

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
fn a_value_computed_from_a_secret_is_redacted_and_has_one_marker() {
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

/// The longest common part of two texts.
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
            // The rest of a longer encoding: quotes and words around it, and three characters at its ends.
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
    let long = format!("{}{}", "é ".repeat(400_000), json_text("hunter \"22\""));
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

#[test]
fn a_name_is_redacted_when_it_is_a_secret_and_not_for_a_coincidence() {
    let secrets = Secrets::default();
    ["zx81", "4711204215", "p@ss/word +1"].iter().for_each(|text| secrets.hide(text));
    for (name, shown) in [
        ("zx81", "[secret]"),
        ("eng4MQ==", "[secret]"),
        ("dXNlcjp6eDgx", "[secret]"),
        ("$'zx81'", "$'[secret]'"),
        ("web-zx81-1", "web-zx81-1"),
        ("4711204215", "[secret]"),
        ("34711204215", "34711204215"),
        ("p@ss/word +1", "[secret]"),
        ("x-p@ss/word +1", "x-[secret]"),
        ("/cloud/v1/networks/1/7/zx81", "/cloud/v1/networks/1/7/[secret]"),
        ("/cloud/dXNlcjp6eDgx/eng4MQ==", "/cloud/[secret]/[secret]"),
        ("/cloud/v1/networks/1/7/p%40ss%2Fword%20%2B1", "/cloud/v1/networks/1/7/[secret]"),
        ("4711204215aa-4a5e-9a9b-1f2e3d4c5b6a", "[secret]aa-4a5e-9a9b-1f2e3d4c5b6a"),
        ("47112042-15aa-4a5e-9a9b-1f2e3d4c5b6a", "47112042-15aa-4a5e-9a9b-1f2e3d4c5b6a"),
    ] {
        assert_eq!(secrets.redact_name(name), shown, "{name}");
    }
}

#[test]
fn texts_in_a_secret_json_are_secrets() {
    let secrets = Secrets::default();
    secrets.hide(r#"{"user":"admin","key":"zx82-zx82"}"#);
    assert_eq!(
        secrets.redact(r#"{ "user": "admin", "key": "zx82-zx82" }"#),
        r#"{ "user": "admin", "key": "[secret]" }"#
    );
}

#[test]
fn between_secrets_and_markers_everything_stays() {
    let secrets = Secrets::default();
    secrets.hide("hunter22");
    assert_eq!(secrets.redact("a hunter22 b hunter22 c"), "a [secret] b [secret] c");
    let marker = secrets.conceal(&json!("other-secret"));
    assert_eq!(secrets.redact(&format!("1 {marker}2 3{marker} hunter22 4")), "1 [secret]2 3[secret] [secret] 4");
    assert_ne!(secrets.redact("one"), "another");
    assert!(secrets.redact("one").eq("one") && !secrets.redact("one").eq("two"));
}

#[test]
fn a_short_line_of_a_secret_is_no_secret() {
    let secrets = Secrets::default();
    secrets.hide("first-line\nab\nthird-line");
    assert_eq!(secrets.redact("ab first-line cab third-line"), "ab [secret] cab [secret]");
    // With the line break at its end it is encoded in another way.
    let ended = Secrets::default();
    ended.hide("hunter22\n");
    assert_eq!(ended.redact("aHVudGVyMjIK"), "[secret]");
}

#[test]
fn a_secret_is_hidden_as_windows_encodes_it() {
    use base64::Engine as _;
    let secrets = Secrets::default();
    secrets.hide("hunter2-Swordfish");
    let wide: Vec<u8> = "hunter2-Swordfish".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let told = secrets.redact(&base64::engine::general_purpose::STANDARD.encode(wide)).to_string();
    assert!(told.starts_with("[secret]") && told.len() <= "[secret]".len() + 3, "{told}");
}

#[test]
fn a_masker_gets_the_usual_spellings_and_no_short_one() {
    use secrecy::ExposeSecret;
    let of = |text: &str| -> Vec<String> {
        finder::spellings(text).iter().map(|form| form.expose_secret().to_owned()).collect()
    };
    let text = r#"p@ss "w""#;
    let forms = of(text);
    for form in [r#"p@ss \"w\""#, r#"p@ss \\\"w\\\""#, "p%40ss%20%22w%22", "cEBzcyAidyI="] {
        assert!(forms.iter().any(|known| known == form), "{form} in {forms:?}");
    }
    assert!(!forms.iter().any(|form| form == text), "it knows the text itself");
    assert!(!of("plainword").iter().any(|form| form == "plainword"), "{:?}", of("plainword"));
    // Of the lines only those that are long enough.
    let lines = of("ab\nlong line");
    assert!(
        lines.iter().any(|form| form == "long%20line") && lines.iter().all(|form| form.len() >= SHORTEST),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|form| form == "YWI="), "{lines:?}");
}

#[test]
fn every_text_of_a_value_is_hidden() {
    let secrets = Secrets::default();
    secrets.hide_value(
        &json!({ "list": ["first-secret", { "inner": "second-secret" }], "pin": 4711204215_u64, "on": true }),
    );
    assert_eq!(
        secrets.redact("first-secret second-secret 4711204215 true list"),
        "[secret] [secret] [secret] true list"
    );
    assert!(secrets.shows("a first-secret") && !secrets.shows("a word"));
    let nested = Secrets::default();
    nested.hide(r#"[{"key":"zx82-zx82"},["zx83-zx83"]]"#);
    assert_eq!(nested.redact("zx82-zx82 zx83-zx83"), "[secret] [secret]");
}

#[test]
fn reserved_characters_and_markers_are_found_anywhere_in_a_value() {
    let bad = format!("a{OPEN}b");
    for (value, clean) in [
        (json!(bad), json!("a\u{FFFD}b")),
        (json!([1, bad]), json!([1, "a\u{FFFD}b"])),
        (json!({ "x": { "y": bad } }), json!({ "x": { "y": "a\u{FFFD}b" } })),
        (json!({ bad.clone(): 1 }), json!({ "a\u{FFFD}b": 1 })),
    ] {
        assert!(is_reserved_value(&value) && Secrets::marks_value(&value), "{value}");
        assert_eq!(without_reserved(value), clean);
    }
    let plain = json!({ "x": ["a", 1, null] });
    assert!(!is_reserved_value(&plain) && !Secrets::marks_value(&plain));
    assert_eq!(without_reserved(plain.clone()), plain);
}

#[test]
fn a_long_text_is_searched_everywhere() {
    let secrets = Secrets::default();
    secrets.hide("hunter \"22\"");
    let part = format!("{}{} ", "word ".repeat(3000), json_text("hunter \"22\""));
    let told = secrets.redact(&part.repeat(30)).to_string();
    assert_eq!(told.matches("[secret]").count(), 30);
}

#[test]
fn a_long_secret_is_found_at_the_border_of_a_window() {
    let secret: String = (0..6_000_u32).map(|number| char::from(b'!' + (number * number % 89) as u8)).collect();
    let finder = Finder::new(&[Pattern::of_text(&secret).unwrap()]);
    let encoded: String = secret.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let text = format!("{} {encoded} {}", "pad ".repeat(56 * 1024 - 8), "pad ".repeat(1000));
    assert_eq!(finder.find(&text).len(), 1);
}

#[test]
fn a_value_that_is_a_secret_in_several_layers_of_code_is_hidden() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let secrets = Secrets::default();
    secrets.hide("hunter2-Swordfish");
    let base64 = |text: &str| STANDARD.encode(text);
    let url_safe = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let in_hex = |text: &str| hex(text.as_bytes());
    let wrapped = |text: &str| text.as_bytes().chunks(20).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
    let secret = "user: hunter2-Swordfish";
    for text in [
        base64(&base64(secret)),
        base64(&base64(&base64("hunter2-Swordfish"))),
        url_safe(&url_safe(secret)),
        base64(&in_hex(secret)),
        in_hex(&base64(secret)),
        in_hex(&in_hex(secret)).to_uppercase(),
        base64(&"hunter2%2DSwordfish".replace('S', "%53")),
        wrapped(&base64(&wrapped(&base64(secret)))),
    ] {
        assert_eq!(secrets.redact_value(&json!({ "v": text }))["v"], REDACTED, "{text}");
    }
    for text in [
        base64(&base64("user: another-text")),
        in_hex(&in_hex("user: another-text")),
        "726ecfcc-7fd0-4e30-a86e-7892524aa483".to_owned(),
        "networks".to_owned(),
    ] {
        assert_eq!(secrets.redact_value(&json!({ "v": text }))["v"], json!(text), "{text}");
    }
}
