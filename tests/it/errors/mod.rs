//! Error messages, word for word: what happened, where, what exists, what to type. `SNAPSHOTS=overwrite` rewrites
//! them; read the difference.

use snapbox::assert_data_eq;
use snapbox::data::Inline;

use crate::support::Folder;

mod accounts;
mod files;
mod options;
mod plans;

const PLAN: &str = "\
name: demo
inputs:
  replicas: { default: 2, minimum: 1 }
  owner: { description: who asks }
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: \"{{ inputs.owner }}-{{ inputs.replicas }}\", create_router: false }
outputs:
  network_id: \"{{ steps.network.id }}\"
";

/// Arguments, variables, exit code, stderr.
type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], i32, Inline);

#[track_caller]
fn assert_messages(folder: &Folder, cases: Vec<Case>) {
    for (arguments, variables, code, words) in cases {
        let ended = folder.run_in(arguments, variables).with_code(code);
        let told = ended.stderr.replace(folder.path().to_str().unwrap(), "FOLDER");
        assert_data_eq!(told, words);
    }
}

fn folder() -> Folder {
    let folder = Folder::new()
        .with("deploy.yaml", PLAN)
        .with("text.yaml", "just words")
        .with("records/x", "")
        .with("list.yaml", "[]")
        .with("nul.yaml", "name: a\0b\n")
        .with("empty.yaml", "");
    folder.with("typo.yaml", &PLAN.replace("create_router", "create_ruoter"))
}
