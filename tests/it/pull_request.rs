//! `plan preview --comment`: one comment on a pull request, against a simulated GitHub.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Ended, Folder};

const PLAN: &str = "\
name: demo
inputs:
  names: { type: map }
steps:
  - id: network
    for_each: \"{{ inputs.names }}\"
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: \"{{ each.value }}\" }
";

/// The comments of pull request 7, and the requests so far.
#[derive(Default)]
struct Hub {
    comments: Vec<Value>,
    requests: Vec<String>,
    /// The token may only read.
    reads_only: bool,
    next: u64,
}

impl Hub {
    fn answer(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        self.requests.push(format!("{method} {target}"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let id = || path.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
        match (method, path) {
            ("GET", "/user") => (403, json!({ "message": "Resource not accessible by integration" })),
            ("GET", "/repos/o/r/issues/7/comments") => {
                let page =
                    query.split('&').find_map(|pair| pair.strip_prefix("page=")).unwrap().parse::<usize>().unwrap();
                (200, self.comments.iter().skip((page - 1) * 100).take(100).cloned().collect())
            }
            _ if self.reads_only => (403, json!({ "message": "Resource not accessible by integration" })),
            ("POST", "/repos/o/r/issues/7/comments") => {
                self.next += 1;
                self.comments.push(comment(1000 + self.next, "Bot", body["body"].as_str().unwrap()));
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

fn comment(id: u64, kind: &str, body: &str) -> Value {
    json!({ "id": id, "user": { "type": kind, "login": "x" }, "body": body })
}

/// Serves until the test ends.
fn serve(hub: Arc<Mutex<Hub>>) -> String {
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

struct Trial {
    folder: Folder,
    hub: Arc<Mutex<Hub>>,
    address: String,
}

impl Trial {
    fn new(names: &str) -> Self {
        let folder = Folder::new().with("plan.yaml", PLAN).with("in.yaml", names);
        let hub = Arc::new(Mutex::new(Hub::default()));
        let address = serve(hub.clone());
        Self { folder, hub, address }
    }

    fn preview(&self, more: &[(&str, &str)]) -> Ended {
        let output = self.folder.path().join("output").display().to_string();
        let summary = self.folder.path().join("summary").display().to_string();
        let job = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_TOKEN", "job-token"),
            ("GITHUB_API_URL", self.address.as_str()),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_REF", "refs/pull/7/merge"),
            ("GITHUB_OUTPUT", output.as_str()),
            ("GITHUB_STEP_SUMMARY", summary.as_str()),
            ("GCORE_CLOUD_PROJECT_ID", "1"),
            ("GCORE_CLOUD_REGION_ID", "7"),
        ];
        let environment: Vec<(&str, &str)> = job.into_iter().chain(more.iter().copied()).collect();
        self.folder
            .run_in(&["preview", "plan.yaml", "--inputs", "in.yaml", "--comment", "--state", "records"], &environment)
    }

    fn bodies(&self) -> Vec<String> {
        let hub = self.hub.lock().unwrap();
        hub.comments.iter().map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

#[test]
fn one_comment_is_kept_up_to_date_among_those_of_others() {
    let trial = Trial::new("names: { web: web-1, \"<img src=x> @team\": web-2 }\n");
    let marker = "<!-- gcore-plan preview demo/default -->";
    let theirs = [comment(1, "User", &format!("{marker}\nfake")), comment(2, "Bot", "something else")];
    let filler = (0..150).map(|nth| comment(10 + nth, "User", "words"));
    trial.hub.lock().unwrap().comments.extend(theirs.into_iter().chain(filler));
    trial.preview(&[]).with_code(0).says("commented on pull request 7: https://hub.invalid/1");
    let bodies = trial.bodies();
    assert_eq!(bodies.len(), 153);
    let ours = bodies.last().unwrap();
    assert!(ours.starts_with(marker) && ours.contains("2 to create") && !ours.contains("<img"), "{ours}");
    assert_eq!(trial.read("output"), "changes=2\nto-create=2\nto-update=0\nto-replace=0\nto-remove=0\n");
    assert!(trial.read("summary").contains("2 to create"));

    trial.preview(&[]).with_code(0).says("says so already");
    fs::write(trial.folder.path().join("in.yaml"), "names: { web: web-1 }\n").unwrap();
    trial.preview(&[]).with_code(0).says("is up to date");
    let bodies = trial.bodies();
    assert_eq!(bodies.len(), 153);
    assert!(bodies[152].contains("1 to create") && bodies[0].ends_with("fake"), "{}", bodies[152]);

    // Two concurrent jobs left two comments: one is kept.
    trial.hub.lock().unwrap().comments.push(comment(9000, "Bot", &format!("{marker}\nold")));
    trial.preview(&[]).with_code(0);
    assert_eq!(trial.bodies().iter().filter(|body| body.starts_with(marker)).count(), 2);
}

#[test]
fn a_read_only_token_is_reported_and_not_an_error() {
    let trial = Trial::new("names: { web: web-1 }\n");
    trial.hub.lock().unwrap().reads_only = true;
    trial.preview(&[]).with_code(0).says("a pull request from a fork has a token that only reads");
    trial.preview(&[("GITHUB_REF", "refs/heads/main")]).with_code(0).says("no pull request here");
    trial.preview(&[("GITHUB_TOKEN", "another")]).with_code(1).says("GitHub answered 401");
    trial.preview(&[("GITHUB_TOKEN", "")]).with_code(2).says("needs `GITHUB_TOKEN`");
}
