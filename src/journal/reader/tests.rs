use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Shape {
    Empty,
    Named(String),
    Pair(u16, bool),
    Fields { of: Option<Box<Shape>>, numbers: Vec<i64> },
}

/// What both readers make of a text.
fn both<T: DeserializeOwned>(text: &str) -> (Option<T>, Option<T>) {
    (from_str(text).ok(), serde_json::from_str(text).ok())
}

#[test]
fn texts_are_read_as_the_library_reads_them() {
    for text in [
        r#"{"a":[1,-2,3.5,1e3,0,18446744073709551615,-9223372036854775808,123456789012345678901234567890]}"#,
        r#"["plain","","\"","\\","a\\","\\\"b","\u00e4\n\ud83d\ude00","ünï"]"#,
        " { \"a\" :\t[ true , false , null ] ,\r\n\"b\" : { } , \"c\":[] } ",
        r#"{"a":1,"a":2}"#,
        r#"["\ud800"]"#,
        r#"["\x"]"#,
        r#"["a"#,
        r#"["a\"#,
        r#"["\é"]"#,
        "[1,]",
        "[,1]",
        "[1 2]",
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        "{1:2}",
        r#"{"a"}"#,
        "[1}",
        "[1]]",
        "nul",
        "nullx",
        "tru",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e999",
        "--1",
        "1-2",
        "",
        "\u{e4}",
        "\u{feff}1",
    ] {
        let (ours, theirs) = both::<Value>(text);
        assert_eq!(ours, theirs, "{text}");
        let skipped = Reader::new(text).skip_all();
        assert_eq!(skipped.is_some(), theirs.is_some(), "{text}");
    }
}

impl Reader<'_> {
    fn skip_all(&mut self) -> Option<()> {
        self.skip().and_then(|_| self.end()).ok()
    }
}

#[test]
fn values_of_other_types_are_refused() {
    for text in ["1", "\"a\"", "true", "null", "[]", "{}", "[1,2]", "[[1,true]]", "{\"a\":{}}", "-1", "70000", "1.5"] {
        let agree = |(ours, theirs): (bool, bool)| assert_eq!(ours, theirs, "{text}");
        fn read<T: DeserializeOwned>(text: &str) -> (bool, bool) {
            let (ours, theirs) = both::<T>(text);
            (ours.is_some(), theirs.is_some())
        }
        agree(read::<String>(text));
        agree(read::<bool>(text));
        agree(read::<u16>(text));
        agree(read::<i64>(text));
        agree(read::<Option<u32>>(text));
        agree(read::<Vec<u64>>(text));
        agree(read::<(u64, u64)>(text));
        agree(read::<BTreeMap<String, Value>>(text));
        agree(read::<()>(text));
    }
}

#[test]
fn variants_are_read_with_and_without_values() {
    for text in [
        r#""empty""#,
        r#"{"empty":null}"#,
        r#"{"empty":1}"#,
        r#""named""#,
        r#"{"named":"a\"b"}"#,
        r#"{"pair":[1,true]}"#,
        r#"{"pair":[1]}"#,
        r#"{"pair":[1,true,2]}"#,
        r#"{"fields":{"of":{"named":"x"},"numbers":[-1,2],"more":{"unknown":["a\\"]}}}"#,
        r#"{"fields":{"of":null,"numbers":[]}}"#,
        r#"{"fields":{"of":null}}"#,
        r#"{"named":"a","pair":[1,true]}"#,
        r#"{"other":1}"#,
        "{}",
        "1",
    ] {
        let (ours, theirs) = both::<Shape>(text);
        assert_eq!(ours, theirs, "{text}");
    }
}

#[test]
fn nesting_has_a_limit_that_the_library_has_too() {
    for depth in [1, 126, 127, 128, 129, 100_000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let text = open + &close;
        let (ours, theirs) = both::<Value>(&text);
        assert_eq!(ours.is_some(), theirs.is_some(), "{depth}");
        assert_eq!(Reader::new(&text).skip_all().is_some(), theirs.is_some(), "{depth}");
    }
}

#[test]
fn an_error_names_the_place() {
    let error = from_str::<Value>(r#"{"a":[1;2]}"#).unwrap_err();
    assert_eq!(error.to_string(), "expected `,` at byte 7 of its text");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_read_as_it_was_written(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert_eq!(from_str::<Value>(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        prop_assert_eq!(Reader::new(&text).skip().unwrap(), text.as_str());
    }

    /// Characters below U+0020 are told apart by the checksum of a line alone.
    #[test]
    fn what_is_not_json_is_refused(value in any_json(), at in any::<prop::sample::Index>(), other in "[ -~]{0,2}") {
        let mut text: Vec<char> = value.to_string().chars().collect();
        let at = at.index(text.len());
        text.splice(at..=at, other.chars());
        let text: String = text.into_iter().collect();
        let (ours, theirs) = both::<Value>(&text);
        prop_assert_eq!(&ours, &theirs, "{}", text);
        prop_assert_eq!(Reader::new(&text).skip_all().is_some(), theirs.is_some(), "{}", text);
    }
}

#[test]
fn text_is_given_as_it_stands() {
    let text = r#" [ {"a" : 1} , "b" ] "#;
    let read: Vec<crate::journal::JsonText> = from_str(text).unwrap();
    assert_eq!((read[0].text(), read[1].text()), (r#"{"a" : 1}"#, r#""b""#));
    assert_eq!(*read[0], json!({ "a": 1 }));
}
