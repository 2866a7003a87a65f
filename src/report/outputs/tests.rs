use serde_json::json;

use super::*;

const TABLE: OutputFormat = OutputFormat::Table { color: Color::Off, width: None };

fn outputs() -> Vec<OutputValue> {
    let output = |name: &str, value: Value, secret, description: Option<&str>| OutputValue {
        name: name.to_owned(),
        value,
        secret,
        description: description.map(str::to_owned),
    };
    vec![
        output("web_ids", json!(["a", "b"]), false, None),
        output("first-ip", json!("10.0.0.5"), false, Some("where to look")),
        output("password", json!("hunter22"), true, None),
        output("count", json!(2), false, None),
    ]
}

fn all(format: OutputFormat) -> Rendered {
    render(&outputs(), &[], &Secrets::default(), format).unwrap()
}

fn one(name: &str, format: OutputFormat) -> String {
    render(&outputs(), &[name.to_owned()], &Secrets::default(), format).unwrap().text
}

#[test]
fn a_table_has_columns_and_hides_secrets() {
    assert_eq!(
        all(TABLE).text,
        "web_ids   [\"a\",\"b\"]\nfirst-ip  10.0.0.5   where to look\npassword  [secret]\ncount     2\n"
    );
    assert_eq!(one("password", TABLE), "password  hunter22\n");
}

#[test]
fn json_is_typed_and_in_plan_order() {
    let text = all(OutputFormat::Json).text;
    let keys: Vec<String> =
        serde_json::from_str::<Value>(&text).unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["web_ids", "first-ip", "password", "count"]);
    assert!(text.contains("\"count\": 2") && text.contains("[secret]") && !text.contains("hunter22"), "{text}");
}

#[test]
fn a_shell_reads_every_value_as_it_was() {
    let nasty = "it's $HOME `id`\nsecond \"line\"";
    let outputs = [OutputValue { name: "1 x".into(), value: json!(nasty), secret: false, description: None }];
    let rendered = render(&outputs, &[], &Secrets::default(), OutputFormat::Env).unwrap();
    assert_eq!(rendered.text, "_1_x='it'\\''s $HOME `id`\nsecond \"line\"'\n");
    let notes = all(OutputFormat::Env).notes;
    assert_eq!(notes, ["output `password` is secret and left out: ask for it by name"]);
}

#[test]
fn two_outputs_are_never_one_variable() {
    let outputs =
        ["a-b", "a_b"].map(|name| OutputValue { name: name.into(), value: json!(1), secret: false, description: None });
    let error = render(&outputs, &[], &Secrets::default(), OutputFormat::Env).unwrap_err();
    assert_eq!(error.to_string(), "outputs `a-b` and `a_b` would both be the shell variable `a_b`");
}

#[test]
fn one_raw_value_is_nothing_but_itself() {
    assert_eq!(one("first-ip", OutputFormat::Raw), "10.0.0.5");
    assert_eq!(one("password", OutputFormat::Raw), "hunter22");
    assert_eq!(all(OutputFormat::Raw).text, "[\"a\",\"b\"]\n10.0.0.5\n2\n");
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let error = render(&outputs(), &["fist-ip".to_owned()], &Secrets::default(), TABLE).unwrap_err();
    assert_eq!(error.to_string(), "there is no output `fist-ip`, did you mean `first-ip`?");
}

#[test]
fn long_values_are_cut_on_a_terminal_and_not_in_a_pipe() {
    let long = "x".repeat(300);
    let outputs = [OutputValue { name: "key".into(), value: json!(long), secret: false, description: None }];
    let text = |width| {
        let format = OutputFormat::Table { color: Color::Off, width };
        render(&outputs, &[], &Secrets::default(), format).unwrap().text
    };
    assert_eq!(text(Some(60)).trim_end().chars().count(), 60);
    assert!(text(None).contains(&long));
}

#[test]
fn a_value_cannot_forge_a_row_or_show_a_secret_by_accident() {
    let secrets = Secrets::default();
    secrets.hide("hunter22");
    let value = json!("a\nfake  row\x1b[2J hunter22");
    let outputs = [OutputValue { name: "x".into(), value, secret: false, description: None }];
    let text = render(&outputs, &[], &secrets, TABLE).unwrap().text;
    assert_eq!(text, "x  a⏎fake  row␛[2J [secret]\n");
}
