use std::io::Read as _;

use serde_json::{Value, json};

use super::*;
use crate::body_file::{FormFile, Upload};
use crate::catalog::Method;

fn request(method: Method, path: &str, body: Option<Value>) -> Request {
    Request { body: body.map(Into::into), ..Request::new(method, path) }
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
    let shown = body::logged_value(
        "/cloud/v1/any/1/7",
        &json!({
            "password": "p", "admin_password": 7, "private_key": "k", "client_secret": "s", "api_key": "a",
            "secure_key": { "key": "k2", "type": 0 }, "headers": { "X-Auth": "h", "Host": "a.example" },
            "user_data": "dXNlcg==", "secret_id": "id", "secret_name": "n", "password_reset": true,
            "deep": [{ "token": "t" }], "stream": { "token": "0a1b2c3d", "push_url": "rtmp://in.example/?0a1b2c3d" },
        }),
        &secrets,
    );
    let shown: Value = serde_json::from_str(&shown).unwrap();
    for name in ["password", "admin_password", "private_key", "client_secret", "api_key", "user_data"] {
        assert_eq!(shown[name], "[secret]", "{name}");
    }
    assert_eq!(shown["deep"][0]["token"], "[secret]");
    assert_eq!(shown["secure_key"], json!({ "key": "[secret]", "type": 0 }));
    assert_eq!(shown["headers"], json!({ "X-Auth": "[secret]", "Host": "a.example" }));
    assert_eq!(shown["stream"]["push_url"], "rtmp://in.example/?[secret]");
    assert_eq!((&shown["secret_id"], &shown["secret_name"]), (&json!("id"), &json!("n")));
    assert_eq!(shown["password_reset"], true);
}

#[test]
fn a_secret_is_hidden_by_the_place_of_its_body_and_among_headers_and_parameters() {
    let secrets = Secrets::default();
    let body = json!({ "old": "of-old", "new": "of-new", "double": "of-new" });
    let shown = body::logged_value("/iam/users/7/password", &body, &secrets);
    assert_eq!(shown, r#"{"old":"[secret]","new":"[secret]","double":"[secret]"}"#);
    assert_eq!(body::logged_value("/iam/users/7/email", &body, &secrets), body.to_string());
    let mut asked = request(Method::Put, "/iam/users/7/password", Some(body));
    let pairs = |pairs: [(&str, &str); 2]| pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    asked.headers = pairs([("X-Api-Key", "of-the-header"), ("X-Team", "blue")]);
    asked.query = pairs([("token", "of-the-query"), ("page", "2")]);
    let line = curl::line("https://api.gcore.com/", &asked, &secrets);
    assert!(line.contains("'X-Api-Key: [secret]' -H 'X-Team: blue'") && !line.contains("of-"), "{line}");
    assert!(line.contains("?token=[secret]&page=2"), "{line}");
}

#[test]
fn the_data_of_a_task_is_left_out() {
    let tasks = json!({ "results": [{ "id": "t", "state": "RUNNING", "data": { "userdata": "x", "pass": "y" } }] });
    let secrets = Secrets::default();
    let asked = Request::get("/cloud/v1/tasks");
    let shown = body::logged_answer(&asked, &answer(&tasks), false, &secrets).unwrap();
    assert_eq!(shown, r#"{"results":[{"id":"t","state":"RUNNING","data":"[left out]"}]}"#);
    let other =
        body::logged_answer(&Request::get("/cloud/v1/networks"), &answer(&json!({ "data": 1 })), false, &secrets);
    assert_eq!(other.unwrap(), r#"{"data":1}"#);
}

#[test]
fn the_answer_of_a_secret_step_is_shown_nowhere_but_its_refusal_is() {
    let secrets = Secrets::default();
    let asked = Request::get("/x");
    let mut answer = answer(&json!({ "anything": "hunter22" }));
    assert_eq!(body::logged_answer(&asked, &answer, true, &secrets).unwrap(), "[secret]");
    answer.status = 404;
    assert!(body::logged_answer(&asked, &answer, true, &secrets).unwrap().contains("anything"));
    answer.status = 401;
    assert_eq!(body::logged_answer(&asked, &answer, false, &secrets).unwrap(), "[secret]");
}

#[test]
fn a_har_file_is_whole_after_every_entry() {
    let mut file = tempfile::tempfile().unwrap();
    let mut har = Har::start(file.try_clone().unwrap()).unwrap();
    let secrets = Secrets::default();
    let asked = request(Method::Post, "/cloud/v1/networks/1/7", Some(json!({ "name": "n" })));
    for (number, answer) in [Ok(answer(&json!({ "tasks": [] }))), Err(Lost::unknown("reset"))].iter().enumerate() {
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
fn the_parts_of_a_form_are_shown_with_its_files_by_their_names() {
    let secrets = Secrets::default();
    secrets.conceal(&json!("hunter2-hunter2"));
    let upload = Upload::received("application/pdf", b"hunter3").named("a\"b.pdf");
    let asked = Request {
        body: Some(json!({ "n": 1, "files": ["a\"b.pdf"], "t": "hunter2-hunter2" }).into()),
        form: Some([FormFile { field: "files".to_owned(), upload }].into()),
        ..Request::new(Method::Post, "/x")
    };
    let line = curl::line("https://api.gcore.com", &asked, &secrets);
    let parts = r#"--form-string 'n=1' -F 'files=@"a\"b.pdf";type=application/pdf' --form-string 't=[secret]'"#;
    assert!(line.ends_with(parts), "{line}");
    let exchange = Exchange {
        base_url: "",
        request: &asked,
        answer: &Ok(answer(&json!({}))),
        at: Timestamp::UNIX_EPOCH,
        elapsed: Duration::ZERO,
        took: Duration::ZERO,
    };
    let told: Value = serde_json::from_str(&har::entry(&exchange, false, &secrets).to_string()).unwrap();
    let sent = &told["request"]["postData"];
    assert_eq!(
        (&sent["mimeType"], &sent["params"][0]),
        (&json!("multipart/form-data"), &json!({ "name": "n", "value": "1" }))
    );
    assert_eq!(sent["params"][1]["fileName"], "a\"b.pdf");
    assert!(told["request"]["bodySize"].as_i64().unwrap() > 100 && !told.to_string().contains("hunter"), "{told}");
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

/// What `work` logs, as text.
fn logged(filter: tracing::Level, work: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<Mutex<Vec<u8>>>);
    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_max_level(filter).with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::with_default(log.finish(), work);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_log_has_a_request_with_its_outcome_and_at_a_higher_level_its_bodies() {
    let id = "7d1c3c0e-54f0-4a3c-9d59-0f9f3a8a0b11";
    let asked = request(Method::Post, "/cloud/v1/networks/1/7", Some(json!({ "name": "sent-name" })));
    let in_header = |header: &str, id: &str| {
        let mut answer = answer(&json!({ "tasks": ["got-task"] }));
        answer.headers.push((header.to_owned(), id.to_owned()));
        Ok(answer)
    };
    let with_id = |id: &str| in_header("x-request-id", id);
    let log = |filter, answer: Result<Answer, Lost>, known: bool| {
        let trace = RequestTrace::default();
        if !known {
            trace.secrets.expect_unknown();
        }
        logged(filter, || {
            trace.leaving("https://api.gcore.com", &asked);
            trace.ended(&Exchange {
                base_url: "https://api.gcore.com",
                request: &asked,
                answer: &answer,
                at: Timestamp::UNIX_EPOCH,
                elapsed: Duration::from_secs(1),
                took: Duration::from_millis(12),
            });
        })
    };
    use tracing::Level;
    let told = log(Level::INFO, with_id(id), true);
    for words in ["curl -X POST", "POST /cloud/v1/networks/1/7 → 200 in 12 ms", &format!("request_id {id}")] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let without_curl: String = told.lines().filter(|line| !line.contains("curl")).collect();
    assert!(!without_curl.contains("sent-name") && !without_curl.contains("got-task"), "{told}");
    let all = log(Level::DEBUG, with_id(id), true);
    assert!(all.contains("sent-name") && all.contains("got-task"), "{all}");
    // Where secrets are not known, only texts in the form of an id are shown.
    for (shown, known, is_shown) in [("words", true, true), ("words", false, false), (id, false, true)] {
        let told = log(Level::INFO, with_id(shown), known);
        assert_eq!(told.contains(&format!("request_id {shown}")), is_shown, "{shown} {known}: {told}");
    }
    // The header of the Cloud API.
    let told = log(Level::INFO, in_header("request_id", "r-1"), true);
    assert!(told.contains("request_id r-1"), "{told}");
    let lost = log(Level::INFO, Err(Lost::unknown("reset")), true);
    assert!(lost.contains("no answer after 12 ms") && lost.contains("reset"), "{lost}");
}

#[cfg(unix)]
#[test]
fn a_har_file_that_cannot_be_written_is_reported_at_the_end() {
    let add = |trace: &RequestTrace| {
        trace.ended(&Exchange {
            base_url: "",
            request: &Request::get("/x"),
            answer: &Ok(answer(&json!({}))),
            at: Timestamp::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            took: Duration::ZERO,
        });
        trace.finish()
    };
    let mut file = tempfile::tempfile().unwrap();
    let trace = RequestTrace::new(Secrets::default(), Some(file.try_clone().unwrap())).unwrap();
    assert!(add(&trace).is_ok());
    let mut text = String::new();
    std::io::Seek::rewind(&mut file).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert!(text.contains(r#""url":"/x""#), "{text}");
    // A pipe takes the beginning of the file, and has no end to write entries at.
    let (_reader, writer) = std::io::pipe().unwrap();
    let trace = RequestTrace::new(Secrets::default(), Some(std::os::fd::OwnedFd::from(writer).into())).unwrap();
    assert!(add(&trace).is_err());
}

#[test]
fn cookies_are_never_shown_and_dates_only_as_dates() {
    for (name, value, known, unknown) in [
        ("set-cookie", "a=b", false, false),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT", true, true),
        ("date", "words", false, false),
        ("server", "nginx", true, false),
        ("x-request-id", "words", true, false),
    ] {
        for (is_blind, expected) in [(false, known), (true, unknown)] {
            let secrets = Secrets::default();
            if is_blind {
                secrets.expect_unknown();
            }
            let header = (name.to_owned(), value.to_owned());
            assert_eq!(har::may_be_shown(&header, &secrets), expected, "{name}: {value}, {is_blind}");
        }
    }
}
