use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn output(name: &str, value: Value) -> OutputValue {
    OutputValue { name: name.to_owned(), value, secret: false, description: None }
}

fn ending() -> Ending {
    Ending {
        exit: Exit::StillWaiting,
        failure_reason: None,
        state_path: Some(".plan/demo/default".to_owned()),
        resume_command: Some("plan run deploy.yaml".to_owned()),
    }
}

fn render_all(outputs: &[OutputValue], secrets: &Secrets) -> OutputFile {
    render(outputs, &ending(), &[], secrets, "eof-1").unwrap()
}

/// Parses the file as the runner does.
fn read(text: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        values.insert(name.to_owned(), value.join("\n"));
    }
    values
}

#[test]
fn later_steps_can_read_outputs() {
    let outputs = [
        output("first_ip", json!("10.0.0.5")),
        output("ids", json!(["a", 1])),
        output("script", json!("line 1\r\nname=x\nother<<EOF\n\n")),
    ];
    let file = render_all(&outputs, &Secrets::default());
    let values = read(&file.text);
    assert_eq!(values["first_ip"], "10.0.0.5");
    assert_eq!(values["ids"], "[\"a\",1]");
    assert_eq!(values["script"], "line 1\r\nname=x\nother<<EOF\n\n");
    assert_eq!(values["result"], "still-waiting");
    assert_eq!(values["exit-code"], "6");
    assert_eq!(values["failure-reason"], "");
    assert_eq!(values["state-path"], ".plan/demo/default");
    assert_eq!(values["resume-command"], "plan run deploy.yaml");
    assert_eq!(serde_json::from_str::<Value>(&values["json"]).unwrap()["ids"], json!(["a", 1]));
    assert!(file.warnings.is_empty(), "{:?}", file.warnings);
}

#[test]
fn a_command_without_outputs_keeps_those_of_an_earlier_one() {
    let text = render_ending(&ending(), &Secrets::default(), "eof-1").unwrap();
    let values = read(&text);
    assert_eq!(values["result"], "still-waiting");
    assert!(!values.contains_key("json"), "{text}");
}

#[test]
fn a_value_with_the_delimiter_is_refused() {
    let outputs = [output("x", json!("a\neof-1\nresult<<b"))];
    let error = render(&outputs, &ending(), &[], &Secrets::default(), "eof-1").unwrap_err();
    assert_eq!(error, OutputFileError::Delimiter { name: "json".to_owned() });
}

#[test]
fn names_that_cannot_stand_alone_are_still_in_json() {
    let outputs =
        [output("Result", json!(1)), output("a b\n", json!(2)), output("ip", json!(3)), output("IP", json!(4))];
    let file = render_all(&outputs, &Secrets::default());
    let values = read(&file.text);
    assert_eq!(values["result"], "still-waiting");
    assert_eq!(values["ip"], "3");
    assert!(!values.contains_key("IP") && !values.contains_key("Result"));
    assert_eq!(serde_json::from_str::<Value>(&values["json"]).unwrap()["a b\n"], 2);
    assert_eq!(file.warnings.len(), 3, "{:?}", file.warnings);
}

#[test]
fn secrets_are_exported_only_when_asked_for() {
    let secrets = Secrets::default();
    secrets.hide("hunter22");
    let outputs = [
        OutputValue { secret: true, ..output("password", json!("hunter22")) },
        output("url", json!("https://u:hunter22@host")),
        output("free", json!("x")),
    ];
    let file = render_all(&outputs, &secrets);
    assert!(!file.text.contains("hunter22"), "{}", file.text);
    assert_eq!(file.warnings.len(), 2, "{:?}", file.warnings);
    assert!(file.warnings[0].contains("`password`") && file.warnings[1].contains("`url`"));

    let file = render(&outputs, &ending(), &["password".to_owned()], &secrets, "eof-1").unwrap();
    let values = read(&file.text);
    assert_eq!(values["password"], "hunter22");
    assert_eq!(values["json"], r#"{"free":"x"}"#, "GitHub must not keep all of it from other jobs");
    assert!(file.warnings[0].contains("GitHub hands it to no other job"), "{:?}", file.warnings);
}

proptest! {
    #[test]
    fn any_text_comes_back_as_it_was(value in "(eof|eof-2|<<|=|\n|\r|a|json|::| ){0,12}") {
        let file = render_all(&[output("x", json!(value)), output("after", json!("y"))], &Secrets::default());
        let values = read(&file.text);
        prop_assert_eq!(&values["x"], &value);
        prop_assert_eq!(&values["after"], "y");
        prop_assert_eq!(&values["exit-code"], "6");
    }
}
