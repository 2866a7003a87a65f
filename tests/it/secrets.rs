//! Secrets in what an API answers, and every sink of every command after that.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::Folder;

const SECRETS: [&str; 2] = ["p@ss \"wörd\"/+1='x'", "4711204215"];
const KEY: &str = "9999$sesame-open-seventy-seven";

const PLAN: &str = "\
name: demo
inputs:
  password: { secret: true }
steps:
  - id: secret
    call: POST /cloud/v3/inference/{project_id}/secrets
    body: { name: s3-access, type: aws-iam, data: { aws_access_key_id: a, aws_secret_access_key: '{{ inputs.password }}' } }
  - id: again
    needs: secret
    call: GET /cloud/v3/inference/{project_id}/secrets/{{ steps.secret.name }}
outputs:
  echoed: '{{ steps.again.response.note }}'
  listed: '{{ steps.again.response.deep }}'
";

/// The secret as the API might repeat it.
fn spelt(secret: &str) -> Vec<String> {
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    vec![secret.to_owned(), percent, STANDARD.encode(format!("user:{secret}"))]
}

/// An answer that holds a text in every place, and is no error.
fn answer(text: &str) -> Value {
    json!({
        "name": "s3-access", "type": "aws-iam", "note": format!("it is {text}"), "id": text, "request_id": text,
        "data": { "aws_access_key_id": "a", "aws_secret_access_key": text }, "deep": [{ "list": [text] }], text: "key",
        "created_resources": { "secrets": [text] },
    })
}

fn refusal(text: &str) -> Value {
    json!({
        "exception_class": format!("Error-{text}"), "message": format!("no: {text}"), "request_id": text,
        "invalid_fields": { "data": { text: [format!("bad {text}")] } }, "info": { "what": text },
    })
}

/// Answers every request alike; ends with the process.
fn serve(status: u16, body: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let body = body.to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that went away is served no more.
            let _ = one(stream, status, &body);
        }
    });
    address
}

fn one(mut stream: TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Every file below a folder, as text.
fn files(folder: &Path, skip: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, skip));
        } else if !path.ends_with(skip) {
            found.push((path.display().to_string(), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
        }
    }
    found
}

#[test]
fn what_an_api_repeats_of_a_secret_is_in_no_sink() {
    let commands = [
        "run plan.yaml --events events.ndjson --format json",
        "run plan.yaml",
        "status plan.yaml",
        "status plan.yaml --format json",
        "state list --plan demo --format json",
        "state show secret --plan demo",
        "output --format json",
        "output --format raw",
        "preview plan.yaml --out saved.json",
        "destroy plan.yaml --yes",
    ];
    for secret in SECRETS {
        for text in spelt(secret).iter().chain([&KEY.to_owned()]) {
            for (status, body) in [(200, answer(text)), (400, refusal(text))] {
                let folder = Folder::new().with("plan.yaml", PLAN);
                let url = serve(status, &body);
                let summary = folder.path().join("summary.md").display().to_string();
                let output = folder.path().join("output.txt").display().to_string();
                let environment = [
                    ("GCORE_BASE_URL", url.as_str()),
                    ("GCORE_API_KEY", KEY),
                    ("GCORE_CLOUD_PROJECT_ID", "1"),
                    ("GCORE_CLOUD_REGION_ID", "7"),
                    ("PLAN_INPUT_PASSWORD", secret),
                    ("GITHUB_STEP_SUMMARY", &summary),
                    ("GITHUB_OUTPUT", &output),
                    ("GITHUB_ACTIONS", "true"),
                ];
                for line in commands {
                    let ended = folder.run_in(&line.split(' ').collect::<Vec<_>>(), &environment);
                    let told = [ended.stdout, ended.stderr].join("\n");
                    let told =
                        told.lines().filter(|line| !line.starts_with("::add-mask::")).collect::<Vec<_>>().join("\n");
                    let shown = told.contains(text.as_str()) || told.contains(secret);
                    assert!(!shown, "`{line}` shows {text:?} of {secret:?}, status {status}:\n{told}");
                }
                for (file, contents) in files(folder.path(), "plan.yaml") {
                    let json = Value::String(text.clone()).to_string();
                    let kept =
                        [text.as_str(), secret, &json[1..json.len() - 1]].iter().any(|form| contents.contains(form));
                    assert!(!kept, "{file} keeps {text:?} of {secret:?}, status {status}:\n{contents}");
                }
            }
        }
    }
}
