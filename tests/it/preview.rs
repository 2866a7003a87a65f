//! A saved preview: a run does exactly what it shows, or refuses.

use std::fs;

use crate::server::Served;
use crate::support::{Ended, Folder};

const PLAN: &str = "\
name: demo
inputs:
  size: { type: integer, default: 1 }
  key: { secret: true }
steps:
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: disk, source: new-volume, size: \"{{ inputs.size }}\", tags: { note: \"{{ file('note.txt') }}\" } }
  - id: other
    call: POST /cloud/v1/ssh_keys/{project_id}
    body: { name: other, public_key: \"{{ inputs.key }}\" }
";

const SECRET: (&str, &str) =
    ("PLAN_INPUT_KEY", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8Ht8Z3j6yDWPBHQtOp/R9rzWvfMYo3MSA/K6q8D86r");

struct Trial {
    folder: Folder,
    cloud: Served,
}

impl Trial {
    fn new() -> Self {
        let folder = Folder::new().with("plan.yaml", PLAN).with("note.txt", "first");
        let cloud = Served::start(&folder, &["--speed", "1000"]);
        Self { folder, cloud }
    }

    fn plan(&self, arguments: &[&str]) -> Ended {
        let account = [SECRET, ("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")];
        self.cloud.run_in(&self.folder, arguments, &account)
    }

    fn preview(&self, more: &[&str]) {
        self.plan(&[&["preview", "plan.yaml", "--out", "shown"], more].concat()).with_code(0);
    }
}

#[test]
fn a_saved_preview_runs_with_its_options() {
    let trial = Trial::new();
    trial.preview(&["--set", "size=3", "--environment", "blue", "--state", "records", "--target", "disk"]);
    let file = fs::read_to_string(trial.folder.path().join("shown")).unwrap();
    assert!(!file.contains(SECRET.1) && file.contains("\"size\": 3"), "{file}");
    trial.plan(&["run", "shown"]).with_code(0).says("environment blue: 2 steps");
    let journal = fs::read_to_string(trial.folder.path().join("records/demo/blue/journal.jsonl")).unwrap();
    assert!(journal.contains("\"size\":3") && !journal.contains("ssh_keys"), "{journal}");
    assert!(!trial.folder.path().join(".plan").exists());
    trial.plan(&["run", "shown"]).with_code(3).says("the record changed since the preview: nothing was done");
}

#[test]
fn a_saved_preview_runs_in_its_project_and_region() {
    for account in [&[("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")][..], &[]] {
        let trial = Trial::new();
        trial.preview(&["--project-id", "2", "--region-id", "8"]);
        let account = [&[SECRET], account].concat();
        trial.cloud.run_in(&trial.folder, &["run", "shown"], &account).with_code(0);
        let journal = fs::read_to_string(trial.folder.path().join(".plan/demo/default/journal.jsonl")).unwrap();
        assert!(journal.contains("/volumes/2/8") && !journal.contains("/volumes/1/7"), "{journal}");
    }
}

#[test]
fn options_that_contradict_a_saved_preview_are_refused() {
    let trial = Trial::new();
    trial.preview(&[]);
    for (more, words) in [
        (&["--set", "size=3"][..], "input `size` changed since the preview"),
        (&["--prune"], "`--prune` differs: the preview was made without it"),
        (&["--replace", "disk"], "`--replace` differs: the preview was made without it"),
        (&["--target", "disk"], "`--target` differs: the preview was made without it"),
        (&["--environment", "blue"], "the environment differs: the preview was made with `default`"),
        (&["--state", "records"], "`--state` differs: the preview was made without it"),
        (&["--region-id", "8"], "the region differs: the preview was made with `7`"),
    ] {
        let ended = trial.plan(&[&["run", "shown"], more].concat());
        assert!(ended.code.is_some_and(|code| code != 0), "{more:?}");
        ended.says(words);
    }
    fs::write(trial.folder.path().join("note.txt"), "second").unwrap();
    trial.plan(&["run", "shown"]).with_code(3).says("what the plan reads changed since the preview");
    fs::write(trial.folder.path().join("note.txt"), "first").unwrap();
    trial.plan(&["run", "shown", "--set", "size=1"]).with_code(0);
}

#[test]
fn what_the_environment_file_says_otherwise_since_is_refused() {
    let trial = Trial::new();
    let folder = trial.folder.path().join("environments");
    fs::create_dir(&folder).unwrap();
    let say = |text: &str| fs::write(folder.join("default.yaml"), text).unwrap();
    say("inputs: { size: 2 }\n");
    trial.preview(&[]);
    for changed in ["inputs: { size: 9 }\n", "inputs: {}\n"] {
        say(changed);
        trial.plan(&["run", "shown"]).with_code(3).says("input `size` changed since the preview");
    }
    say("# the same\ninputs: { size: 2 }\n");
    trial.plan(&["run", "shown"]).with_code(0);
}

#[test]
fn a_saved_preview_stands_for_its_environment_in_every_command() {
    let trial = Trial::new();
    trial.plan(&["run", "plan.yaml"]).with_code(0);
    trial.preview(&["--environment", "blue", "--target", "disk"]);
    for command in
        [&["destroy", "shown", "--yes", "--if-exists"][..], &["destroy", "shown", "--yes"], &["status", "shown"]]
    {
        let ended = trial.plan(command);
        assert!(!ended.stderr.contains("environment default"), "{command:?}: {}", ended.stderr);
        ended.says("`blue`");
    }
    trial.plan(&["status", "plan.yaml"]).with_code(0).says("demo (default)");
    trial.plan(&["run", "shown"]).with_code(0);
    let other = ["destroy", "shown", "--yes", "--environment", "default"];
    trial.plan(&other).with_code(2).says("the environment differs: the preview was made with `blue`");
    trial.plan(&["destroy", "shown", "--yes"]).with_code(0).says("environment blue");
    trial.plan(&["status", "plan.yaml"]).with_code(0).prints("disk");
}

#[test]
fn what_cannot_be_replaced_is_refused_before_anything_is_done() {
    let trial = Trial::new();
    let plan = format!("{PLAN}  - id: found\n    call: GET /cloud/v1/volumes/{{project_id}}/{{region_id}}\n");
    fs::write(trial.folder.path().join("plan.yaml"), plan).unwrap();
    for (arguments, words) in [
        (&["--replace", "found"][..], "`--replace found`: the call of `found` only reads"),
        (&["--replace", "disk", "--target", "found"], "`--replace disk`: `--target` leaves `disk` out"),
    ] {
        for command in ["run", "preview"] {
            trial.plan(&[&[command, "plan.yaml"], arguments].concat()).with_code(2).says(words);
        }
    }
    assert!(!trial.folder.path().join(".plan").exists());
    trial.plan(&["run", "plan.yaml", "--replace", "disk", "--target", "disk"]).with_code(0);
}

#[test]
fn an_instance_that_does_not_exist_is_refused_before_anything_is_done() {
    let plan = "name: demo\nsteps:\n  - id: disk\n    for_each: [one, two]\n    \
                call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                body: { name: \"{{ each.value }}\", source: new-volume, size: 1 }\n";
    let folder = Folder::new().with("plan.yaml", plan);
    let account = [
        ("GCORE_API_KEY", "any"),
        ("GCORE_BASE_URL", "http://127.0.0.1:9"),
        ("GCORE_CLOUD_PROJECT_ID", "1"),
        ("GCORE_CLOUD_REGION_ID", "7"),
    ];
    for [command, flag] in [
        ["run", "--target"],
        ["run", "--replace"],
        ["preview", "--target"],
        ["preview", "--replace"],
        ["rehearse", "--target"],
    ] {
        let ended = folder.run_in(&[command, "plan.yaml", flag, "disk[zz]"], &account);
        assert_eq!(ended.code, Some(2), "{command} {flag}: {}", ended.stderr);
        let told = "error: the plan has no instance `disk[zz]`\nhelp: it has `disk[0]`, `disk[1]`\n";
        assert!(ended.stderr.ends_with(told), "{command} {flag}: {}", ended.stderr);
    }
    assert!(!folder.path().join(".plan").exists());
}

#[test]
fn a_preview_is_written_over_nothing_but_a_preview() {
    let trial = Trial::new();
    trial.preview(&[]);
    trial.preview(&[]);
    let ended = trial.plan(&["preview", "plan.yaml", "--out", "plan.yaml"]).with_code(2);
    ended.says("`plan.yaml` exists, and is no preview");
    assert_eq!(fs::read_to_string(trial.folder.path().join("plan.yaml")).unwrap(), PLAN);
}

const LOOKUP: &str = "\
name: demo
inputs: { size: { type: integer, default: 5 } }
steps:
  - id: images
    call: GET /cloud/v1/images/{project_id}/{region_id}
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: image, name: disk-1, size: \"{{ inputs.size }}\", image_id: \"{{ steps.images.response.results[0].id }}\" }
  - id: snap
    when: steps.images.response.results
    call: POST /cloud/v1/snapshots/{project_id}/{region_id}
    body: { name: \"of-{{ steps.disk.resource.name }}\", volume_id: \"{{ steps.disk.id }}\" }
";

#[test]
fn with_a_key_a_preview_sends_the_reads_of_the_run() {
    let folder = Folder::new().with("plan.yaml", LOOKUP);
    let cloud = Served::start(&folder, &["--speed", "1000"]);
    let account = [("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")];
    let plan = |arguments: &[&str]| cloud.run_in(&folder, arguments, &account);
    plan(&["run", "plan.yaml"]).with_code(0);
    assert_eq!(
        plan(&["preview", "plan.yaml", "--exit-code"]).with_code(0).stdout,
        "nothing to do: 2 steps as recorded\n"
    );
    let changed = plan(&["preview", "plan.yaml", "--set", "size=9", "--exit-code"]).with_code(10);
    assert!(changed.stdout.contains("~  disk  update in place\n      body/size: `5` → `9`"), "{}", changed.stdout);
    assert!(changed.stdout.ends_with("\n1 to update; 1 step as recorded\n"), "{}", changed.stdout);
    plan(&["preview", "plan.yaml", "--set", "size=9", "--out", "shown"]).with_code(0);
    plan(&["run", "shown"]).with_code(0).says("updated volume `disk-1`");
    // The record is another one when it has failed: what goes on with it is a run of the plan, with the values of the preview.
    plan(&["preview", "plan.yaml", "--set", "size=3", "--out", "shown"]).with_code(0);
    plan(&["run", "shown"]).with_code(1).says("\nnext: plan run plan.yaml --set size=3 --project-id 1 --region-id 7\n");
    let markdown = plan(&["preview", "plan.yaml", "--set", "size=9", "--format", "markdown", "--offline"]).with_code(0);
    assert!(
        markdown.stdout.starts_with(
            "### Preview of <code>demo</code>, environment <code>default</code>\n\nNothing to do: 2 steps as recorded."
        ),
        "{}",
        markdown.stdout
    );
    let listed = plan(&["destroy", "plan.yaml", "--dry-run"]).with_code(0);
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert!(
        lines[0].starts_with("-  snap  snapshot `of-disk-1` ") && lines[1].starts_with("-  disk  volume `disk-1` "),
        "{lines:?}"
    );
    plan(&["status", "plan.yaml"]).with_code(0).prints("disk");
}

#[test]
fn a_list_that_lost_its_middle_is_reported_before_what_follows_from_it() {
    let plan = "\
name: lists
inputs: { list: { type: list, default: [one, two, three] }, key: { secret: true } }
steps:
  - id: disk
    for_each: \"{{ inputs.list }}\"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: \"vol-{{ each.value }}\", source: new-volume, size: 5 }
";
    let trial = Trial { folder: Folder::new().with("plan.yaml", plan), ..Trial::new() };
    trial.plan(&["run", "plan.yaml"]).with_code(0);
    let words = "warning: the list of `disk` lost its element 1";
    trial.plan(&["preview", "plan.yaml", "--set", "list=[one, three]"]).with_code(0).says(words);
    let whole = trial.plan(&["preview", "plan.yaml"]).with_code(0);
    assert!(!whole.stderr.contains(words), "{}", whole.stderr);
}

#[test]
fn a_run_tells_the_end_of_its_job_which_record_it_uses() {
    let trial = Trial::new();
    trial.preview(&["--environment", "blue", "--state", "records"]);
    let told = trial.folder.path().join("told");
    let place = [SECRET, ("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7"), ("GITHUB_ACTIONS", "true")];
    let told_to = [("PLAN_TEARDOWN_RECORD", told.to_str().unwrap())];
    trial.cloud.run_in(&trial.folder, &["run", "shown"], &[&place[..], &told_to].concat()).with_code(0);
    let text = fs::read_to_string(&told).unwrap();
    let json = text.lines().nth(1).unwrap();
    let record: serde_json::Value = serde_json::from_str(json).unwrap();
    let records = trial.folder.path().join("records").display().to_string();
    assert_eq!(
        record,
        serde_json::json!({ "plan": "demo", "environment": "blue", "state": records, "file": "plan.yaml" })
    );
    // The file may say another name by the end of the job.
    fs::write(trial.folder.path().join("plan.yaml"), "name: another\n").unwrap();
    let destroy = ["destroy", "plan.yaml", "--yes", "--environment", "blue", "--state", &records];
    let named = [("PLAN_TEARDOWN_PLAN", "demo")];
    trial.cloud.run_in(&trial.folder, &destroy, &[&place[..], &named].concat()).with_code(0).says("environment blue");
}
