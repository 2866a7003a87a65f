//! Commands that need only a record.

use std::path::PathBuf;

use gcore_plan::catalog::Method;
use gcore_plan::event::Provenance;
use gcore_plan::id::{InstanceId, StepId};
use gcore_plan::journal::{
    Header, IntendedUndo, Intent, Line, Mark, Record, RecordedCall, RecordedOutput, RecordedResource, Started,
    StepResult, Succeeded,
};
use gcore_plan::shared::Shared;
use gcore_plan::store::EnvironmentName;
use gcore_plan::store::folder::StateFolder;
use serde_json::{Value, json};

use crate::support::Folder;

fn call(path: &str) -> RecordedCall {
    RecordedCall { body: Some(json!({ "name": "demo-net" }).into()), ..RecordedCall::new(Method::Post, path) }
}

fn intent(step: &str, key: Option<&str>) -> Record {
    Record::Intent(Shared::from(Intent {
        instance: InstanceId::new(StepId::new(step), key.map(str::to_owned)),
        call: call("/cloud/v1/networks/1/7").into(),
        attempt: 1,
        nonce: "n".to_owned(),
        stamped: false,
        after: Vec::new(),
        undo: IntendedUndo::Default,
        timeout_ms: None,
        secret: false,
        mark: Mark::none(),
        update: None,
    }))
}

fn succeeded(step: &str) -> Record {
    let undo = RecordedCall { method: Method::Delete, body: None, ..call("/cloud/v1/networks/1/7/net-1") };
    Record::Succeeded(Box::new(Succeeded {
        instance: InstanceId::new(StepId::new(step), None),
        provenance: Provenance::Called,
        result: StepResult {
            id: Some(Value::from("net-1").into()),
            kind: Some("networks".into()),
            ..StepResult::default()
        },
        made: RecordedResource {
            kind: Some("networks".into()),
            id: Some(Value::from("net-1").into()),
            name: Some("demo-net".into()),
            undo: Some(undo),
            ..RecordedResource::default()
        },
        duration_ms: 7000,
        durations: Vec::new(),
        evidence: None,
        agrees: None,
        existed_on: None,
    }))
}

/// An expired record: `network` exists, `lost` may exist, and one output is secret.
fn write_record(folder: &Folder, environment: &str) -> PathBuf {
    let store = StateFolder::new(folder.path().join(".plan"));
    let name = EnvironmentName { plan: "demo".into(), environment: environment.into() };
    let started = Started {
        run: "r".into(),
        command: "run".into(),
        file: Some("plan.yaml".into()),
        project_id: Some(1),
        region_id: Some(7),
        expires: Some("2026-01-02T00:00:00Z".parse().unwrap()),
        secrets: false,
    };
    let output = |name: &str, value| RecordedOutput { name: name.into(), value, secret: None, description: None };
    let nothing = RecordedOutput { secret: Some(false), ..output("nothing", None) };
    let header = Header::new("demo", environment);
    let records = [
        Record::Header(header),
        Record::Started(started),
        intent("network", None),
        succeeded("network"),
        intent("lost", Some("a")),
        Record::Outputs { values: vec![output("network_id", Some("net-1".into())), output("password", None), nothing] },
        Record::Finished { exit: 7 },
    ];
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let lines = records.into_iter().enumerate().map(|(n, record)| Line { n: n as u64, at, record }.encode());
    std::fs::create_dir_all(store.of(&name)).unwrap();
    std::fs::write(store.journal(&name), lines.collect::<String>()).unwrap();
    store.journal(&name)
}

#[test]
fn existing_resources_are_shown() {
    let folder = Folder::new();
    write_record(&folder, "default");
    let ended = folder.run(&["status"]).with_code(0);
    ended.prints("network  done      network  net-1  demo-net");
    ended.prints("lost[a]  in doubt");
    ended.says("exit code 7");
    let json = folder.run(&["status", "--plan", "demo", "--format", "json"]).with_code(0).json();
    assert_eq!((&json["existing"], &json["instances"][0]["id"]), (&json!(2), &json!("net-1")));
}

#[test]
fn every_environment_is_listed() {
    let folder = Folder::new();
    write_record(&folder, "default");
    write_record(&folder, "pr-12");
    let ended = folder.run(&["status", "--all"]).with_code(0);
    ended.prints("pr-12");
    ended.prints("1 call pending");
    assert_eq!(folder.run(&["status", "--all", "--format", "json"]).json().as_array().unwrap().len(), 2);
}

#[test]
fn a_record_that_is_not_there_names_those_that_are() {
    let folder = Folder::new().with("plan.yaml", "name: demo\nsteps: nonsense\n");
    folder.run(&["status"]).with_code(2).says("there is no folder of records at");
    write_record(&folder, "staging");
    folder.run(&["status"]).with_code(2).says("staging");
    // An invalid plan file still determines the record.
    folder.run(&["status", "plan.yaml", "--environment", "staging"]).with_code(0);
}

#[test]
fn outputs_come_from_the_record() {
    let folder = Folder::new();
    write_record(&folder, "default");
    assert_eq!(folder.run(&["output", "network_id", "--format", "raw"]).with_code(0).stdout, "net-1");
    folder.run(&["output"]).with_code(0).prints("network_id  net-1");
    assert_eq!(folder.run(&["output", "nothing", "--format", "raw"]).with_code(0).stdout, "null");
    let folder = folder.with("plan.yaml", "name: demo\nsteps: nonsense\n");
    folder.run(&["output", "plan.yaml"]).with_code(0).prints("network_id  net-1");
    assert_eq!(folder.run(&["output", "plan.yaml", "network_id", "--format", "raw"]).with_code(0).stdout, "net-1");
    folder.run(&["output", "plan.yaml", "--file", "plan.yaml"]).with_code(2).says("named already");
    folder.run(&["output", "gone.yaml"]).with_code(2).says("gone.yaml");
    folder.run(&["output", "password"]).with_code(2).says("not kept");
    folder.run(&["output", "nework_id"]).with_code(2).says("did you mean `network_id`");
}

#[test]
fn a_report_shows_the_last_recorded_run() {
    let folder = Folder::new();
    write_record(&folder, "default");
    let told = folder.run(&["report", "--plan", "demo"]).with_code(0);
    told.prints("# demo, environment default");
    told.prints("net-1");
    told.prints("lost");
    folder.run(&["report", "--plan", "demo", "--html", "run.html"]).with_code(0).says("wrote run.html");
    let page = std::fs::read_to_string(folder.path().join("run.html")).unwrap();
    assert!(page.contains("<td class=\"id\">net-1</td>"), "{page}");
    folder.run(&["report", "--plan", "demo", "--junit"]).with_code(0).prints("<testcase classname=\"demo.network\"");
    folder.run(&["report", "--plan", "demo", "--junit", "--md"]).with_code(2);
}

#[test]
fn an_unknown_outcome_can_be_decided_in_three_ways() {
    for (decision, then) in
        [(&["--id", "net-2"][..], "done"), (&["--task", "task-1"][..], "waiting"), (&["--not-applied"][..], "absent")]
    {
        let folder = Folder::new();
        write_record(&folder, "default");
        folder.run(&[&["state", "resolve", "lost"], decision].concat()).with_code(0);
        let list = folder.run(&["state", "list", "--format", "json"]).with_code(0).json();
        assert_eq!(list[1]["phase"], then, "{decision:?}");
        // The outcome is known now.
        folder.run(&["state", "resolve", "lost[a]", "--not-applied"]).with_code(2).says("is known");
    }
}

#[test]
fn a_confirmed_resource_can_be_removed() {
    let folder = Folder::new();
    write_record(&folder, "default");
    folder.run(&["state", "resolve", "lost[a]", "--id", "net-2"]).with_code(0).says("network net-2 (demo-net)");
    let shown = folder.run(&["state", "show", "lost"]).with_code(0);
    shown.prints("undo      DELETE /cloud/v1/networks/1/7/net-2");
}

#[test]
fn forgetting_asks_for_confirmation_and_names_kept_resources() {
    let folder = Folder::new();
    write_record(&folder, "default");
    folder.run(&["state", "forget", "network"]).with_code(2).says("--yes");
    folder.run(&["state", "forget", "network", "--yes", "--stays"]).with_code(2).says("nothing stays of `network`");
    folder.run(&["state", "forget", "network", "--yes"]).with_code(0).says("still exists: network net-1 (demo-net)");
    assert!(!folder.run(&["status"]).with_code(0).stdout.contains("net-1"));
    folder.run(&["state", "forget", "nothing", "--yes"]).with_code(2).says("on record are");
}

#[test]
fn a_step_is_renamed_to_one_of_its_instances_and_back() {
    let folder = Folder::new();
    write_record(&folder, "default");
    std::fs::write(folder.path().join("demo.yaml"), "name: demo\nsteps: []\n").unwrap();
    for (words, told) in [
        (&["network", "network[a]"][..], "`network` is `network[a]` now (1 instance)"),
        (&["network[a]", "net", "--plan", "demo"], "`network[a]` is `net` now (1 instance)"),
        (&["demo.yaml", "net", "net[0]"], "`net` is `net[0]` now (1 instance)"),
        (&["net[0]", "network", "--file", "demo.yaml"], "`net[0]` is `network` now (1 instance)"),
    ] {
        folder.run(&[&["state", "mv"], words].concat()).with_code(0).says(told);
    }
    folder.run(&["state", "mv", "demo.yaml", "a", "b", "--plan", "demo"]).with_code(2).says("given twice");
    folder.run(&["state", "mv", "network", "network[]"]).with_code(2).says("its key is empty");
}

#[test]
fn a_lock_names_its_owner_and_keeps_others_out() {
    use gcore_plan::journal::RecordWriter;
    use gcore_plan::store::folder::Lock;
    let folder = Folder::new();
    let record = write_record(&folder, "default");
    folder.run(&["state", "unlock"]).with_code(0).says("not locked");
    let since = "2026-01-01T00:00:00Z".parse().unwrap();
    let owner = RecordWriter { pid: 4711, command: "run".into(), since, job: None };
    let _lock = Lock::take(&record.with_file_name("lock"), &owner).unwrap();
    folder.run(&["state", "unlock"]).with_code(8).says("process 4711");
    folder.run(&["state", "resolve", "lost", "--not-applied"]).with_code(8).says("--lock-timeout");
    folder.run(&["status"]).with_code(0).says("in use by `plan run`");
}

#[test]
fn a_damaged_record_exits_12_and_names_the_line() {
    let folder = Folder::new();
    let record = write_record(&folder, "default");
    let text = std::fs::read_to_string(&record).unwrap().replacen("net-1", "net-9", 1);
    std::fs::write(&record, text).unwrap();
    let ended = folder.run(&["status"]).with_code(12);
    ended.says("journal.jsonl:4");
    ended.says("checksum");
    // The others are listed all the same.
    write_record(&folder, "other");
    let listed = folder.run(&["status", "--all"]).with_code(12);
    listed.says("demo (default): ");
    listed.says("journal.jsonl:4");
    listed.prints("other");
    let listed = folder.run(&["status", "--all", "--format", "json"]).with_code(12).json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["environment"]), (1, &"other".into()));
}

#[test]
fn a_sweep_lists_what_has_expired() {
    let folder = Folder::new();
    write_record(&folder, "default");
    folder.run(&["sweep", "--dry-run"]).with_code(0).prints("default");
    let json = folder.run(&["sweep", "--dry-run", "--format", "json"]).with_code(0).json();
    assert_eq!(json[0]["existing"], 2);
    folder.run(&["sweep", "--dry-run", "--plan", "other"]).with_code(0).says("no environment is past");
}

#[test]
fn a_copy_of_a_record_is_left_alone() {
    let folder = Folder::new();
    let journal = write_record(&folder, "default");
    let copy = folder.path().join(".plan/demo/default.bak");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(&journal, copy.join("journal.jsonl")).unwrap();
    let words = "holds the record of plan `demo`, environment `default`";
    let swept = folder.run(&["sweep", "--dry-run", "--format", "json"]).with_code(0);
    swept.says(words);
    assert_eq!(swept.json().as_array().unwrap().len(), 1);
    let listed = folder.run(&["status", "--all", "--format", "json"]).with_code(0);
    listed.says(words);
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    for command in ["status", "destroy"] {
        folder.run(&[command, "--plan", "demo", "--environment", "default.bak"]).with_code(12).says(words);
    }
}

#[test]
fn what_a_killed_command_left_half_written_is_removed_by_the_next() {
    let folder = Folder::new();
    let journal = write_record(&folder, "default");
    let half = journal.with_file_name(".new-x1Y2z3");
    std::fs::write(&half, "half").unwrap();
    folder.run(&["state", "forget", "network", "--yes"]).with_code(0);
    assert!(!half.exists() && journal.exists());
}

#[test]
fn reading_a_store_that_does_not_exist_is_an_error() {
    let folder = Folder::new();
    for command in [&["status", "--all"][..], &["sweep", "--dry-run"], &["destroy", "--yes"], &["state", "list"]] {
        let arguments = [command, &["--state", "nowhere"]].concat();
        folder.run(&arguments).with_code(2).says("there is no folder of records at");
        assert!(!folder.path().join("nowhere").exists());
    }
}

#[test]
fn an_environment_that_was_never_made_is_taken_down_only_when_that_is_meant() {
    let folder = Folder::new();
    write_record(&folder, "default");
    let absent = ["destroy", "--plan", "demo", "--environment", "pr-9", "--yes"];
    folder.run(&absent).with_code(2).says("environment `pr-9` of plan `demo` has no record");
    folder.run(&[&absent[..], &["--if-exists"]].concat()).with_code(0).says("does not exist");
}

#[test]
fn an_emptied_journal_is_not_taken_for_none() {
    let folder = Folder::new();
    let record = write_record(&folder, "default");
    for bytes in [Vec::new(), vec![0; 512]] {
        std::fs::write(&record, bytes).unwrap();
        let ended = folder.run(&["destroy", "--plan", "demo", "--yes"]).with_code(12);
        ended.says("journal.jsonl:1: the journal is damaged");
        ended.says("plan state salvage");
    }
}
