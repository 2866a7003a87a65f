//! `plan state import`: what it says where it cannot be done.

use crate::server::Served;
use crate::support::Folder;

const PLAN: &str = "\
name: demo
inputs: { disks: { type: map, default: { a: 1, b: 2 } } }
steps:
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net, create_router: false }
  - id: sub
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: sub, network_id: \"{{ steps.net.id }}\", cidr: 10.0.0.0/24 }
  - id: disk
    for_each: \"{{ inputs.disks }}\"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: new-volume, name: \"disk-{{ each.key }}\", size: \"{{ each.value }}\" }
";

#[test]
fn an_import_that_cannot_be_done_names_no_command_that_fails_again() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let cloud = Served::start(&folder, &["--speed", "1000"]);
    let account = [("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")];
    let import = |step: &str| cloud.run_in(&folder, &["state", "import", "plan.yaml", step, "no-such-id"], &account);
    import("disk").with_code(2).says("say which one no-such-id is: `disk[a]`");
    for (step, words) in
        [("disk[a]", "the resource to adopt was not found"), ("sub", "import `net` first, or create it with a run")]
    {
        let ended = import(step).with_code(1);
        assert!(!ended.stderr.contains("next:"), "{}", ended.stderr);
        ended.says(words);
    }
    cloud.run_in(&folder, &["status", "plan.yaml"], &account).with_code(0).says("last `plan state import` began");
}
