//! Untrusted input: texts that contain our own marks, and records that we did not write.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use gcore_plan::catalog::Method;
use gcore_plan::id::{InstanceId, StepId};
use gcore_plan::journal::{Header, Line, Record, RecordedCall};
use serde_json::json;

use crate::server::Served;
use crate::support::Folder;

const PLAN: &str = "\
name: demo
inputs:
  password: { secret: true }
  title: {}
steps:
  - id: volume
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: disk, source: new-volume, size: 1, tags: { title: '{{ inputs.title }}', word: '{{ inputs.password }}' } }
";

#[test]
fn no_text_can_ask_for_a_secret() {
    let folder = Folder::new().with("plan.yaml", PLAN).with("in.json", "{\"title\": \"\\uE0000\\uE001\"}");
    let served = Served::start(&folder, &["--speed", "1000"]);
    let secret = [("PLAN_INPUT_PASSWORD", "hunter22-swordfish")];
    for given in [["--set", "title=\u{e000}0\u{e001}"], ["--inputs", "in.json"]] {
        let arguments = [&["run", "plan.yaml"][..], &given].concat();
        served.run_in(&folder, &arguments, &secret).with_code(3).says("U+E000 to U+E005");
    }
    served.run(&folder, &["tasks"]).with_code(0).says("no such tasks");
}

fn call(method: Method, path: &str) -> RecordedCall {
    RecordedCall::new(method, path)
}

/// A record from a checkout, with any undo call.
fn write_record(folder: &Folder, undo: RecordedCall) -> PathBuf {
    let record = folder.path().join(".plan/demo/default");
    let instance = InstanceId::new(StepId::new("network"), None);
    // As JSON, so that a new field needs no change here.
    let intent: Record = serde_json::from_value(json!({
        "record": "intent", "instance": instance, "call": call(Method::Post, "/cloud/v1/networks/1/7"), "attempt": 1,
        "nonce": "n", "stamped": false, "after": [], "undo": "default",
    }))
    .unwrap();
    let succeeded: Record = serde_json::from_value(json!({
        "record": "succeeded", "instance": instance, "how": "called", "result": {},
        "made": { "id": "net-1", "undo": undo }, "duration_ms": 1,
    }))
    .unwrap();
    let records = [Record::Header(Header::new("demo", "default")), intent, succeeded];
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let lines: String = (0..).zip(records).map(|(n, record)| Line { n, at, record }.encode()).collect();
    fs::create_dir_all(&record).unwrap();
    fs::write(record.join("journal.jsonl"), lines).unwrap();
    record
}

#[test]
fn a_record_makes_no_call_that_a_plan_could_not() {
    let host = |name: &str| RecordedCall {
        headers: vec![(name.to_owned(), "evil.example".to_owned())].into(),
        ..call(Method::Delete, "/cloud/v1/networks/1/7/net-1")
    };
    let folder = Folder::new();
    let served = Served::start(&folder, &[]);
    write_record(&folder, call(Method::Post, "/iam/tokens"));
    served
        .run(&folder, &["destroy", "--plan", "demo", "--yes"])
        .with_code(11)
        .says("its undo is not sent: it is no operation of the API");
    for undo in [call(Method::Delete, "/cloud/v1/networks/1/7/../8/net-1"), host("Host"), host("Authorization")] {
        write_record(&folder, undo);
        for command in [&["destroy", "--plan", "demo", "--yes"][..], &["status", "--plan", "demo"]] {
            served.run(&folder, command).with_code(12).says("is no record to act on: `network`");
        }
    }
}

#[test]
fn the_record_must_be_a_file_and_not_a_link() {
    let folder = Folder::new().with("victim", "precious");
    let served = Served::start(&folder, &[]);
    let record = write_record(&folder, call(Method::Delete, "/cloud/v1/networks/1/7/net-1"));
    let destroy = ["destroy", "--plan", "demo", "--yes"];

    std::os::unix::fs::symlink(folder.path().join("victim"), record.join("lock")).unwrap();
    served.run(&folder, &destroy).with_code(12).says("it is a link");
    assert_eq!(fs::read_to_string(folder.path().join("victim")).unwrap(), "precious");
    fs::remove_file(record.join("lock")).unwrap();

    fs::remove_file(record.join("journal.jsonl")).unwrap();
    assert!(Command::new("mkfifo").arg(record.join("journal.jsonl")).status().unwrap().success());
    for command in [&destroy[..], &["status", "--plan", "demo"]] {
        served.run(&folder, command).with_code(12).says("it is no regular file");
    }

    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::remove_dir_all(&record).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &record).unwrap();
    served.run(&folder, &destroy).with_code(12).says("it is a link");
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
}
