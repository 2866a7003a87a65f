//! Signals while the API does not answer.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::{Ended, Folder};

/// Runs a command until it has sent a request, which stays without an answer, and sends it a signal then.
fn interrupted(arguments: &[&str], signal: &str) -> Ended {
    interrupted_in(arguments, signal, &[])
}

fn interrupted_in(arguments: &[&str], signal: &str, environment: &[(&str, &str)]) -> Ended {
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let mut command = folder.command(arguments);
    command.env("GCORE_BASE_URL", format!("http://{}", api.local_addr().unwrap())).env("GCORE_API_KEY", "k");
    command.envs(environment.iter().copied());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut asked, _) = api.accept().unwrap();
    asked.read_exact(&mut [0]).unwrap();
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    Ended::of(child.wait_with_output().unwrap())
}

#[test]
fn an_interrupted_run_tells_the_job_that_it_was_interrupted() {
    let folder = Folder::new();
    let output = folder.path().join("output");
    std::fs::write(&output, "").unwrap();
    let plan = "name: demo\nsteps:\n  - id: zones\n    call: GET /dns/v2/zones\n";
    let file = folder.path().join("plan.yaml");
    std::fs::write(&file, plan).unwrap();
    let output = output.display().to_string();
    let job = [("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", output.as_str())];
    interrupted_in(&["run", &file.display().to_string()], "-INT", &job).with_code(130);
    let told = std::fs::read_to_string(&output).unwrap();
    let reason = told.lines().skip_while(|line| !line.starts_with("failure-reason")).nth(1);
    assert_eq!(reason, Some("interrupted"), "{told}");
}

#[test]
fn a_wait_ends_with_the_first_signal_though_nothing_was_read_yet() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let ended = interrupted(&["wait", "7714d837-0c0b-4c8e-8f5e-d43d0a5a3d1f"], signal);
        ended.with_code(code).says("the API has not answered yet: run the same command to continue waiting");
    }
}
