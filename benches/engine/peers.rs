//! Others that do the same, where they are installed and can run without a network.

use std::process::Command;

use crate::child::{Taken, took};
use crate::server::Server;

/// `terraform apply` of resources that make no call at all.
pub fn terraform(resources: usize) -> Option<Taken> {
    Command::new("terraform").arg("version").output().ok()?;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text: String =
        (0..resources).map(|n| format!("resource \"terraform_data\" \"r{n}\" {{ input = \"{n}\" }}\n")).collect();
    std::fs::write(folder.path().join("main.tf"), text).expect("it can be written to");
    let run = |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command.args(arguments).current_dir(folder.path());
        took(command)
    };
    run(&["init", "-input=false"]);
    Some(run(&["apply", "-auto-approve", "-input=false"]))
}

/// What documentation shows: a loop around `curl`.
pub fn shell_loop(server: &Server, calls: usize) -> Option<Taken> {
    Command::new("curl").arg("--version").output().ok()?;
    let script = format!(
        "for n in $(seq {calls}); do curl -sf -X POST {}/cloud/v1/ssh_keys/1 -H 'authorization: APIKey bench' \
         -d '{{\"name\":\"key\"}}' -o /dev/null || exit 1; done",
        server.base
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    Some(took(command))
}
