//! Against `plan simulate`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::support::{Ended, Folder};

const PLAN: &str = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: demo }
";

/// Tasks end at once.
const FAST: &[&str] = &["--speed", "1000"];

/// The simulator, until it is dropped.
pub struct Served {
    child: Child,
    address: String,
}

impl Served {
    pub fn start(folder: &Folder, more: &[&str]) -> Self {
        let mut command = folder.command(&[&["simulate"], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect("it says where it listens").to_owned();
        Self { child, address }
    }

    /// Creates a network; returns the id of its task.
    fn create_network(&self) -> String {
        let body = r#"{"name":"demo"}"#;
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /cloud/v1/networks/1/7 HTTP/1.1\r\nhost: x\r\nauthorization: APIKey k\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        body["tasks"][0].as_str().unwrap().to_owned()
    }

    pub fn run(&self, folder: &Folder, arguments: &[&str]) -> Ended {
        self.run_in(folder, arguments, &[])
    }

    /// The same with more in the environment.
    pub fn run_in(&self, folder: &Folder, arguments: &[&str], more: &[(&str, &str)]) -> Ended {
        let url = format!("http://{}", self.address);
        let environment = [
            ("GCORE_BASE_URL", url.as_str()),
            ("GCORE_API_KEY", "sesame-open-7"),
            ("GCORE_CLOUD_PROJECT_ID", "1"),
            ("GCORE_CLOUD_REGION_ID", "7"),
        ];
        let ended = folder.run_in(arguments, &[&environment[..], more].concat());
        let told = format!("{}{}", ended.stdout, ended.stderr);
        // A mask must name what it hides; the runner shows none.
        let shown = told.lines().find(|line| line.contains("sesame") && !line.starts_with("::add-mask::"));
        assert_eq!(shown, None, "the key is shown");
        ended
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tasks_of_other_clients_are_listed_and_waited_for() {
    let folder = Folder::new();
    let served = Served::start(&folder, FAST);
    let task = served.create_network();
    let ended = served.run(&folder, &["wait", &task, "--format", "json"]).with_code(0).json();
    assert_eq!(ended[0]["state"], "FINISHED");
    assert!(ended[0]["created_resources"]["networks"][0].is_string());
    served.run(&folder, &["tasks", "--type", "create_network"]).with_code(0).prints(&task);
    served.run(&folder, &["tasks", "--state", "error"]).with_code(0).says("no such tasks");
    served.run(&folder, &["wait", "no-such-task"]).with_code(2).says("there is no task `no-such-task`");
}

#[test]
fn a_failed_task_sets_the_exit_code() {
    let folder = Folder::new();
    let served = Served::start(&folder, &["--speed", "1000", "--fault", "task-error:text=no address left"]);
    let task = served.create_network();
    served.run(&folder, &["wait", &task]).with_code(1).prints("`--errors` shows it");
    served.run(&folder, &["wait", &task, "--errors"]).with_code(1).prints("no address left");
    served.run(&folder, &["tasks", "--errors"]).with_code(0).prints("no address left");
}

#[test]
fn waiting_ends_when_its_time_is_over() {
    let folder = Folder::new();
    let served = Served::start(&folder, &[]);
    let task = served.create_network();
    let ended = served.run(&folder, &["wait", &task, "--timeout", "1ms"]).with_code(6);
    ended.prints(&task);
    ended.says("still running");
}

#[test]
fn the_api_agrees_with_a_right_plan() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let served = Served::start(&folder, FAST);
    served.run(&folder, &["check", "plan.yaml", "--online"]).with_code(0).says("no findings from");
}

const MACHINE: &str = "\
name: demo
inputs:
  flavor: { default: g2-standard-2-4 }
steps:
  - id: web
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      flavor: '{{ inputs.flavor }}'
      volumes: [{ source: image, image_id: 8f1c0a3e-0000-4000-8000-000000000000, size: 20, boot_index: 0 }]
      interfaces: [{ type: external }]
";

#[test]
fn a_flavor_that_is_not_offered_is_found_online() {
    let folder = Folder::new().with("plan.yaml", MACHINE);
    let served = Served::start(&folder, &[]);
    served.run(&folder, &["check", "plan.yaml", "--online"]).with_code(0);
    let ended =
        served.run(&folder, &["check", "plan.yaml", "--online", "--set", "flavor=g2-standard-2-5"]).with_code(3);
    ended.says("flavor-not-offered");
    ended.says("plan.yaml:8:");
}

#[test]
fn one_finding_covers_a_flavor_of_forty_machines() {
    let plan = MACHINE.replace("  - id: web\n", "  - id: web\n    for_each: \"{{ range(40) }}\"\n");
    let folder = Folder::new().with("plan.yaml", &plan);
    let served = Served::start(&folder, &[]);
    let ended =
        served.run(&folder, &["check", "plan.yaml", "--online", "--set", "flavor=g2-standard-2-5"]).with_code(3);
    ended.says("`web[3]` and 36 more");
    assert_eq!(ended.stderr.matches("flavor-not-offered").count(), 1, "{}", ended.stderr);
}

#[test]
fn an_unreachable_host_is_reported_after_one_request() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let mut served = Served::start(&folder, FAST);
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    let ended = served.run(&folder, &["check", "plan.yaml", "--online"]).with_code(1);
    ended.says("asking http://");
    ended.says("cannot be reached");
    ended.says("connection refused\n");
    ended.says("GCORE_BASE_URL");
}

#[test]
fn a_used_port_is_reported_with_help() {
    let folder = Folder::new();
    let served = Served::start(&folder, FAST);
    folder.run(&["simulate", "--listen", &served.address]).with_code(1).says("another program listens there");
}

#[test]
fn a_quota_without_room_is_found_online() {
    let folder = Folder::new().with("plan.yaml", MACHINE);
    let served = Served::start(&folder, &["--fault", "quota:instances"]);
    let ended = served.run(&folder, &["check", "plan.yaml", "--online"]).with_code(3);
    ended.says("quota-exceeded");
    ended.says("plan.yaml:6:");
}

#[test]
fn a_wrong_key_is_not_allowed() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let served = Served::start(&folder, &["--api-key", "another"]);
    served.run(&folder, &["check", "plan.yaml", "--online"]).with_code(4).says("GCORE_API_KEY");
    served.run(&folder, &["tasks"]).with_code(4);
}

#[test]
fn a_fault_that_cannot_be_read_is_wrong_usage() {
    Folder::new().run(&["simulate", "--fault", "explode"]).with_code(2).says("`explode` is no fault");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_simulator_in_order() {
    let folder = Folder::new();
    let mut served = Served::start(&folder, FAST);
    let id = served.child.id().to_string();
    assert!(std::process::Command::new("kill").arg(&id).status().unwrap().success());
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_key_that_has_run_out_is_asked_for_again() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    // The first create of a network is answered with 401, whatever its key, and no other request is.
    let served = Served::start(&folder, &["--speed", "1000", "--fault", "status=401:POST:networks:1"]);
    let command = "echo x >> asked; echo key-number-$(wc -l < asked)";
    served.run(&folder, &["run", "plan.yaml", "--api-key-command", command]).with_code(0);
    let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 2);
}
