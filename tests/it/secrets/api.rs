//! A simulated API that repeats secrets in every place of its answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::{Value, json};

/// How it answers the calls of a plan. The request selects the text to repeat, as `n17n` in its path or body, or as a
/// segment of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Synchronously.
    Answered,
    Refused,
    /// With tasks that fail.
    TaskFails,
    /// With tasks and resources whose names contain the secret.
    TaskNames,
    /// With an answer that is not JSON.
    NoJson,
    /// With an answer that is cut off, and lists of similar resources.
    Cut,
}

pub const FORMS: [Form; 6] = [Form::Answered, Form::Refused, Form::TaskFails, Form::TaskNames, Form::NoJson, Form::Cut];

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn json(status: u16, text: &str, body: &Value) -> Self {
        let headers = ["request_id", "x-request-id", "x-note", "location"].map(|name| (name, text.to_owned()));
        Self { status, headers: headers.to_vec(), body: body.to_string().into_bytes() }
    }
}

/// Serves until the process ends; returns the base URL.
pub fn serve(form: Form, texts: &Arc<Vec<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let texts = Arc::clone(texts);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let texts = Arc::clone(&texts);
            // A closed connection ends its thread.
            std::thread::spawn(move || drop(one(stream, form, &texts)));
        }
    });
    address
}

fn one(mut stream: TcpStream, form: Form, texts: &[String]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut asked = String::new();
    reader.read_line(&mut asked)?;
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = asked.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let answer = answer(form, method, target, &String::from_utf8_lossy(&body), texts);
    let mut head =
        format!("HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in answer.headers.iter().filter(|(_, value)| !value.contains(char::is_control)) {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(&answer.body)
}

fn answer(form: Form, method: &str, target: &str, body: &str, texts: &[String]) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    let number = number(&format!("{path} {body}"), texts);
    let text = &texts[number];
    let is_list = path == "/cloud/v1/tasks";
    if path.starts_with("/cloud/v1/tasks") {
        let first = query.contains("offset=0") || !query.contains("offset=");
        return match is_list {
            true if first => {
                let all: Vec<Value> = (0..texts.len()).map(|number| task(form, number, texts)).collect();
                Answer::json(200, text, &json!({ "count": all.len(), "results": all }))
            }
            true => Answer::json(200, text, &json!({ "count": texts.len(), "results": [] })),
            false => Answer::json(200, text, &task(form, number, texts)),
        };
    }
    match (form, method) {
        (Form::Answered, "POST" | "GET") | (_, "GET") => Answer::json(200, text, &thing(text)),
        (Form::NoJson, _) => Answer {
            status: 400,
            headers: vec![("content-type", format!("text/html; x={text}"))],
            body: format!("<html><title>{text}</title><body>no: {text}</body></html>").into_bytes(),
        },
        (Form::Answered | Form::Refused, _) => Answer::json(400, text, &refusal(text)),
        (Form::TaskFails, _) => Answer::json(200, text, &json!({ "tasks": [format!("task-n{number}n")] })),
        (Form::TaskNames, _) => Answer::json(200, text, &json!({ "tasks": [id(text)] })),
        (Form::Cut, _) => Answer { status: 200, headers: vec![], body: format!("{{\"tasks\":[\"{text}").into_bytes() },
    }
}

/// The text that a request selects.
fn number(request: &str, texts: &[String]) -> usize {
    let named = request.match_indices('n').find_map(|(at, _)| {
        let (digits, _) = request[at + 1..].split_once('n')?;
        digits.parse().ok().filter(|number| *number < texts.len())
    });
    named.or_else(|| texts.iter().position(|text| request.contains(&format!("/{} ", id(text))))).unwrap_or(0)
}

fn task(form: Form, number: usize, texts: &[String]) -> Value {
    let text = &texts[number];
    let failed = form != Form::TaskNames;
    json!({
        "id": if failed { format!("task-n{number}n") } else { id(text) },
        "state": if failed { "ERROR" } else { "FINISHED" },
        "task_type": "create_network", "name": text, "detailed_state": text, "request_id": text,
        "error": if failed { json!(format!("it failed: {text}")) } else { Value::Null },
        "created_on": "2026-01-02T03:04:05", "user_client_id": 1, "project_id": 1, "region_id": 7,
        "data": { "name": text, "deep": [text] },
        "created_resources": { "networks": [id(text)], text.as_str(): [text] },
    })
}

/// The text as an id: with a line break it would be invalid, and its resource be searched for.
fn id(text: &str) -> String {
    text.replace(char::is_control, "")
}

/// A resource with the text in every field.
fn thing(text: &str) -> Value {
    let number: Value = text.parse::<u64>().map_or(Value::Null, Value::from);
    json!({
        "id": id(text), "name": text, "type": text, "status": text, "note": format!("it is {text}"), "request_id": text,
        "task_id": text, "number": number, "url": format!("https://x/?q={text}"), "tags": { text: text }, text: "key",
        "data": { "aws_access_key_id": "a", "aws_secret_access_key": text }, "connection_string": text,
        "deep": [{ "list": [text, { text: [text] }] }], "created_resources": { "networks": [text] },
        "count": 1, "results": [{ "id": text, "name": text, "tags": [{ "key": text, "value": text }] }],
    })
}

fn refusal(text: &str) -> Value {
    json!({
        "exception_class": format!("Error{text}"), "message": format!("no: {text}"), "request_id": text,
        "invalid_fields": { "data": { text: [format!("bad {text}"), text], "list": [{ text: text }] } },
        "info": { "what": text, "quota": { text: text } }, "detail": text, "error": text, "code": text,
        "quotas": [{ "name": text, "limit": text }],
    })
}
