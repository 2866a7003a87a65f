//! What a run says when the API refuses a call, for each form of an error answer: what happened, where, what exists,
//! and what to type. `SNAPSHOTS=overwrite` rewrites these; read the difference.

mod no_answer;
mod reads;
mod writes;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use snapbox::assert_data_eq;
use snapbox::data::Inline;

use crate::support::{Ended, Folder};

const PLAN: &str = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web, create_router: false }
    retry: { attempts: 1 }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: inner, network_id: \"{{ steps.network.id }}\", cidr: 10.0.0.0/24 }
";

const LOOK_UP: &str = "\
name: lookup
steps:
  - id: image
    call: GET /cloud/v1/images/{project_id}/{region_id}
    find: { name: ubuntu }
    retry: { attempts: 1 }
";

/// Status, further headers, body.
type Answer = (u16, &'static str, &'static str);

const EMPTY_LIST: Answer = (200, "", r#"{"count":0,"results":[]}"#);
const JSON: &str = "content-type: application/json\r\n";
const HTML: &str = "content-type: text/html\r\n";

/// A server that answers every read with `read`, and every write with `write`; its address.
fn serve(read: Answer, write: Answer) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || while one(&stream, read, write).is_some() {});
        }
    });
    address
}

/// Answers one request of a connection; `None` when the client has closed it, or sent half a request.
fn one(stream: &TcpStream, read: Answer, write: Answer) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(())?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let (status, headers, body) = if line.starts_with("GET ") { read } else { write };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).ok()
}

fn run(address: &str, arguments: &[&str]) -> Ended {
    let folder = Folder::new().with("plan.yaml", PLAN).with("lookup.yaml", LOOK_UP);
    let environment = [
        ("GCORE_BASE_URL", address),
        ("GCORE_API_KEY", "any"),
        ("GCORE_CLOUD_PROJECT_ID", "1"),
        ("GCORE_CLOUD_REGION_ID", "7"),
    ];
    folder.run_in(arguments, &environment)
}

/// The message without the line that names the folder, without times, and without the number of requests, which depends
/// on them.
fn message_of(ended: &Ended) -> String {
    let lines = ended.stderr.lines().filter(|line| !line.starts_with("running "));
    lines.map(|line| without_times(line) + "\n").collect()
}

fn without_times(line: &str) -> String {
    let is_clock = |text: &str| text.contains(':') && text.bytes().all(|byte| b" 0123456789:".contains(&byte));
    if let Some((_, rest)) = line.split_at_checked(9).filter(|(clock, _)| is_clock(clock)) {
        return rest.to_owned();
    }
    match line.split_once(", after ").and_then(|(what, rest)| Some((what, rest.split_once(": ")?.1))) {
        Some((what, totals)) => format!("{what}: {}", totals.split("; ").next().unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[track_caller]
fn assert_write_messages(cases: Vec<(Answer, i32, Inline)>) {
    for (answer, code, words) in cases {
        let ended = run(&serve(EMPTY_LIST, answer), &["run", "plan.yaml", "--resolve-time", "0s"]).with_code(code);
        assert_data_eq!(message_of(&ended), words);
    }
}

#[track_caller]
fn assert_read_messages(arguments: &[&str], cases: Vec<(Answer, i32, Inline)>) {
    for (answer, code, words) in cases {
        let ended = run(&serve(answer, answer), arguments).with_code(code);
        assert_data_eq!(message_of(&ended), words);
    }
}
