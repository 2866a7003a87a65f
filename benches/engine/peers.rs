//! Terraform and the Python SDK at the same work, where they are installed and can run without a network.

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

/// A workload for the official Python SDK.
#[derive(Debug, Clone, Copy)]
pub enum Sdk {
    /// Calls that are answered at once, one after another.
    Keys,
    /// Volumes that are waited for, all at once.
    Volumes,
}

impl Sdk {
    fn script(self) -> &'static str {
        match self {
            Sdk::Keys => {
                "import sys\n\
                 from gcore import Gcore\n\
                 client = Gcore(api_key='bench', base_url=sys.argv[1], cloud_project_id=1, cloud_region_id=7)\n\
                 for n in range(int(sys.argv[2])):\n    \
                     client.cloud.ssh_keys.create(name=f'key-{n}', public_key=f'ssh-ed25519 AAAA{n}')\n"
            }
            Sdk::Volumes => {
                "import asyncio, sys\n\
                 from gcore import AsyncGcore\n\
                 async def main():\n    \
                     client = AsyncGcore(api_key='bench', base_url=sys.argv[1], cloud_project_id=1, cloud_region_id=7)\n    \
                     create = client.cloud.volumes.create_and_poll\n    \
                     await asyncio.gather(*[create(name=f'volume-{n}', source='new-volume', size=1) for n in range(int(sys.argv[2]))])\n\
                 asyncio.run(main())\n"
            }
        }
    }

    /// Runs the workload with this number of calls; `None` where `python3` (or the program in `PYTHON`) cannot import
    /// the SDK.
    pub fn run(self, server: &Server, calls: usize) -> Option<Taken> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let found = Command::new(&python).args(["-c", "import gcore"]).output().ok()?.status.success();
        let mut command = Command::new(python);
        command.args(["-c", self.script(), &server.base, &calls.to_string()]);
        found.then(|| took(command))
    }
}
