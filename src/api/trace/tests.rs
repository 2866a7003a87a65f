use std::io::Read as _;

use serde_json::{Value, json};

use super::*;
use crate::catalog::Method;

fn request(method: Method, path: &str, body: Option<Value>) -> Request {
    Request { body, ..Request::new(method, path) }
}

fn answer(body: &Value) -> Answer {
    Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

#[test]
fn a_curl_line_is_one_command_whatever_it_holds_and_names_no_key() {
    let secrets = Secrets::default();
    secrets.hide("hunter22");
    let mut asked = request(Method::Post, "/cloud/v1/networks/1/7", Some(json!({ "name": "it's", "pin": "hunter22" })));
    asked.query = vec![("a b".to_owned(), "$(x)&'".to_owned())];
    assert_eq!(
        curl::line("https://api.gcore.com/", &asked, &secrets),
        "curl -X POST 'https://api.gcore.com/cloud/v1/networks/1/7?a%20b=%24%28x%29%26%27' -H \"Authorization: APIKey \
         $GCORE_API_KEY\" -H 'Content-Type: application/json' -d '{\"name\":\"it'\\''s\",\"pin\":\"[secret]\"}'"
    );
}

#[test]
fn bodies_show_no_secret_under_any_name() {
    let secrets = Secrets::default();
    let shown = body::of_value(
        &json!({
            "password": "p", "admin_password": 7, "private_key": "k", "client_secret": "s", "api_key": "a",
            "user_data": "dXNlcg==", "secret_id": "id", "secret_name": "n", "password_reset": true,
            "deep": [{ "token": "t" }],
        }),
        &secrets,
    );
    let shown: Value = serde_json::from_str(&shown).unwrap();
    for name in ["password", "admin_password", "private_key", "client_secret", "api_key", "user_data"] {
        assert_eq!(shown[name], "[secret]", "{name}");
    }
    assert_eq!(shown["deep"][0]["token"], "[secret]");
    assert_eq!((&shown["secret_id"], &shown["secret_name"]), (&json!("id"), &json!("n")));
    assert_eq!(shown["password_reset"], true);
}

#[test]
fn the_data_of_a_task_is_left_out() {
    let tasks = json!({ "results": [{ "id": "t", "state": "RUNNING", "data": { "userdata": "x", "pass": "y" } }] });
    let secrets = Secrets::default();
    let asked = Request::get("/cloud/v1/tasks");
    let shown = body::of_answer(&asked, &answer(&tasks), false, &secrets).unwrap();
    assert_eq!(shown, r#"{"results":[{"id":"t","state":"RUNNING","data":"[left out]"}]}"#);
}

#[test]
fn the_answer_of_a_secret_step_is_shown_nowhere_but_its_refusal_is() {
    let secrets = Secrets::default();
    let asked = Request::get("/x");
    let mut answer = answer(&json!({ "anything": "hunter22" }));
    assert_eq!(body::of_answer(&asked, &answer, true, &secrets).unwrap(), "[secret]");
    answer.status = 404;
    assert!(body::of_answer(&asked, &answer, true, &secrets).unwrap().contains("anything"));
    answer.status = 401;
    assert_eq!(body::of_answer(&asked, &answer, false, &secrets).unwrap(), "[secret]");
}

#[test]
fn a_har_file_is_whole_after_every_entry() {
    let mut file = tempfile::tempfile().unwrap();
    let mut har = Har::start(file.try_clone().unwrap()).unwrap();
    let secrets = Secrets::default();
    let asked = request(Method::Post, "/cloud/v1/networks/1/7", Some(json!({ "name": "n" })));
    for (number, answer) in
        [Ok(answer(&json!({ "tasks": [] }))), Err(Lost::Unknown("reset".to_owned()))].iter().enumerate()
    {
        let exchange = Exchange {
            base_url: "https://api.gcore.com",
            request: &asked,
            answer,
            at: Timestamp::UNIX_EPOCH,
            elapsed: Duration::from_secs(1),
            took: Duration::from_millis(12),
        };
        har.add(&har::entry(&exchange, false, &secrets));
        let mut text = String::new();
        std::io::Seek::rewind(&mut file).unwrap();
        file.read_to_string(&mut text).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap();
        let entries = whole["log"]["entries"].as_array().unwrap();
        assert_eq!(entries.len(), number + 1);
        assert_eq!(entries[number]["request"]["url"], "https://api.gcore.com/cloud/v1/networks/1/7");
        assert_eq!(entries[number]["time"], 12);
    }
    assert!(har.finish().is_ok());
}

#[test]
fn where_secrets_are_not_known_only_status_and_ids_are_shown() {
    let secrets = Secrets::default();
    secrets.expect_unknown();
    let asked = Request::get("/x");
    let id = "7d1c3c0e-54f0-4a3c-9d59-0f9f3a8a0b11";
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let answer = Ok(Answer {
        headers: vec![header("x-request-id", id), header("request_id", "hunter22"), header("server", "hunter22")],
        ..answer(&json!({ "name": "hunter22" }))
    });
    let exchange = Exchange {
        base_url: "",
        request: &asked,
        answer: &answer,
        at: Timestamp::UNIX_EPOCH,
        elapsed: Duration::ZERO,
        took: Duration::ZERO,
    };
    let told = har::entry(&exchange, false, &secrets).to_string();
    assert!(told.contains(id) && told.contains("[left out]") && !told.contains("hunter22"), "{told}");
}
