//! A simulated GitHub: the comments of one pull request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// The comments of pull request 7, and the requests so far.
#[derive(Default)]
pub struct Hub {
    pub comments: Vec<Value>,
    pub requests: Vec<String>,
    /// The token may only read.
    pub reads_only: bool,
    /// The login of the app that the token belongs to, where GitHub says it.
    pub app: Option<String>,
    next: u64,
}

impl Hub {
    /// The texts of all comments.
    pub fn bodies(&self) -> Vec<String> {
        self.comments.iter().map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }

    fn answer(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        self.requests.push(format!("{method} {target}"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let id = || path.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
        match (method, path) {
            ("GET", "/user") => (403, json!({ "message": "Resource not accessible by integration" })),
            ("POST", "/graphql") => match &self.app {
                Some(app) => (200, json!({ "data": { "viewer": { "login": app } } })),
                None => (404, json!({ "message": "Not Found" })),
            },
            ("GET", "/repos/o/r/issues/7/comments") => {
                let page =
                    query.split('&').find_map(|pair| pair.strip_prefix("page=")).unwrap().parse::<usize>().unwrap();
                (200, self.comments.iter().skip((page - 1) * 100).take(100).cloned().collect())
            }
            _ if self.reads_only => (403, json!({ "message": "Resource not accessible by integration" })),
            ("POST", "/repos/o/r/issues/7/comments") => {
                self.next += 1;
                let login = self.app.as_deref().unwrap_or("github-actions[bot]");
                self.comments.push(comment(1000 + self.next, login, body["body"].as_str().unwrap()));
                (201, json!({ "id": 1000 + self.next, "html_url": "https://hub.invalid/1" }))
            }
            ("PATCH", _) => {
                let found = self.comments.iter_mut().find(|comment| comment["id"].as_u64() == id()).unwrap();
                found["body"] = body["body"].clone();
                (200, json!({}))
            }
            ("DELETE", _) => {
                self.comments.retain(|comment| comment["id"].as_u64() != id());
                (204, Value::Null)
            }
            _ => (404, json!({ "message": "Not Found" })),
        }
    }
}

/// A comment of a user, or of an app (`…[bot]`).
pub fn comment(id: u64, login: &str, body: &str) -> Value {
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({ "id": id, "user": { "type": kind, "login": login }, "body": body })
}

/// The environment of a job on pull request 7 of this GitHub.
pub fn of_pull_request(address: &str) -> [(&str, &str); 4] {
    [
        ("GITHUB_TOKEN", "job-token"),
        ("GITHUB_API_URL", address),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_REF", "refs/pull/7/merge"),
    ]
}

/// Serves until the test ends; its address.
pub fn serve(hub: Arc<Mutex<Hub>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let hub = hub.clone();
            std::thread::spawn(move || while one(&stream, &hub).is_some() {});
        }
    });
    address
}

/// Answers one request of a connection.
fn one(stream: &TcpStream, hub: &Mutex<Hub>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(())?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let (mut length, mut authorized) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        authorized |= header == "authorization: bearer job-token";
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = match authorized {
        true => hub.lock().unwrap().answer(&method, &target, &body),
        false => (401, Value::Null),
    };
    let text = answer.to_string();
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{text}", text.len()).ok()
}
