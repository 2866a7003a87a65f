//! What a teardown leaves because no call removes it: each later one names it, too.

use std::fs;

use crate::server::Served;
use crate::support::Folder;

#[test]
fn what_an_earlier_destroy_left_is_named_by_each_later_one() {
    let disk = |name: &str, undo: &str| {
        format!(
            "name: demo\nsteps:\n  - id: {name}\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
             body: {{ source: new-volume, name: {name}, size: 1 }}\n{undo}"
        )
    };
    let folder = Folder::new().with("plan.yaml", &disk("kept", "    undo: none\n"));
    let cloud = Served::start(&folder, &["--speed", "1000"]);
    let account = [("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")];
    let plan = |arguments: &[&str]| cloud.run_in(&folder, arguments, &account);
    let stays = |words: &str| words.contains("volume `kept` ") && words.contains(" stays: it has no undo");
    plan(&["run", "plan.yaml"]).with_code(0);
    plan(&["destroy", "plan.yaml", "--yes"]).with_code(0).says("stays: it has no undo");
    // Nothing else is on record, and then something is.
    for more in [&["--dry-run"][..], &["--yes"]] {
        let ended = plan(&[&["destroy", "plan.yaml"], more].concat()).with_code(0);
        assert!(stays(&ended.stderr), "{}", ended.stderr);
        ended.says("nothing else is left of environment `default`");
    }
    fs::write(folder.path().join("plan.yaml"), disk("other", "")).unwrap();
    plan(&["run", "plan.yaml"]).with_code(0);
    let shown = plan(&["destroy", "plan.yaml", "--dry-run"]).with_code(0);
    assert!(stays(&shown.stdout) && shown.stdout.contains("-  other  volume `other`"), "{}", shown.stdout);
    let ended = plan(&["destroy", "plan.yaml", "--yes"]).with_code(0);
    assert!(stays(&ended.stderr), "{}", ended.stderr);
}
