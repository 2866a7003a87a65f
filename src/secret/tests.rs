mod encodings;

use serde_json::json;

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
