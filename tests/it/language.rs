//! Parts of a plan besides its steps, and `plan get`: look-ups, environment files.

use std::fs;

use jiff::{Timestamp, Unit};
use serde_json::json;

use crate::server::Served;
use crate::support::{Ended, Folder};

/// A folder, and a simulated API whose tasks end at once.
pub struct Trial {
    pub folder: Folder,
    cloud: Served,
}

impl Trial {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let cloud = Served::start(&folder, &["--speed", "1000"]);
        Self { folder, cloud }
    }

    pub fn plan(&self, arguments: &[&str]) -> Ended {
        let account = [("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")];
        self.cloud.run_in(&self.folder, arguments, &account)
    }
}

#[test]
fn ids_are_listed_by_name() {
    let trial = Trial::new(&[]);
    let found = trial.plan(&["get", "images", "--name", "UBUNTU-24", "--format", "json"]).with_code(0).json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!((&found[0]["name"], &found[0]["os_distro"]), (&json!("ubuntu-24.04-x64"), &json!("ubuntu")));
    let id = found[0]["id"].as_str().unwrap();
    trial.plan(&["get", "images"]).with_code(0).prints(id);
    trial.plan(&["get", "regions", "--region-id", "76"]).with_code(0).prints("Simulated-76");
    trial.plan(&["get", "keys"]).with_code(0).says("there are no keys");
    trial.plan(&["get", "imgaes"]).with_code(2).says("did you mean `plan get images`?");
    trial.plan(&["get", "images", "--max-items", "3"]).with_code(2).says("there are 8 images, more than 3");
    trial.folder.run(&["get"]).with_code(0).prints("kubernetes-versions");
}

const SIZED: &str = "\
name: demo
inputs:
  size: { type: integer, default: 1 }
  word: { required: false, secret: true }
region_id: 8
ttl: 1h
steps:
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: disk, source: new-volume, size: \"{{ inputs.size }}\" }
";

#[test]
fn an_environment_uses_the_values_of_its_file() {
    let production = "inputs: { size: 5 }\nproject_id: 3\nregion_id: 76\nttl: 5h\n";
    let trial = Trial::new(&[("plan.yaml", SIZED), ("environments/production.yaml", production)]);
    let shown = |more: &[&str]| {
        let arguments = [&["preview", "plan.yaml", "--format", "json"], more].concat();
        let preview = trial.plan(&arguments).with_code(0).json();
        let call = &preview["changes"][0]["call"];
        (call["path"].as_str().unwrap().to_owned(), call["body"]["size"].clone())
    };
    assert_eq!(shown(&[]), ("/cloud/v1/volumes/1/8".to_owned(), json!(1)));
    let production = ["--environment", "production"];
    assert_eq!(shown(&production), ("/cloud/v1/volumes/3/76".to_owned(), json!(5)));
    let over = [&production[..], &["--set", "size=7", "--region-id", "7"]].concat();
    assert_eq!(shown(&over), ("/cloud/v1/volumes/3/7".to_owned(), json!(7)));

    trial.plan(&["run", "plan.yaml"]).with_code(0);
    trial.plan(&["status", "plan.yaml", "--all"]).with_code(0).prints("never run  environments/production.yaml");
    trial.plan(&["run", "plan.yaml", "--environment", "production"]).with_code(0);
    let all = trial.plan(&["status", "--all", "--format", "json"]).with_code(0).json();
    let of = |name: &str| all.as_array().unwrap().iter().find(|one| one["environment"] == name).unwrap().clone();
    assert_eq!(of("production")["file"], json!("environments/production.yaml"));
    assert_eq!(of("default")["file"], json!(null));
    // As it is recorded: by the machine's clock.
    let lives = |environment: &str| {
        let journal = trial.folder.path().join(".plan/demo").join(environment).join("journal.jsonl");
        let text = fs::read_to_string(journal).unwrap();
        let started: serde_json::Value = text
            .lines()
            .find(|line| line.contains(r#""record":"started""#))
            .map(serde_json::from_str)
            .unwrap()
            .unwrap();
        let at = |field: &str| started[field].as_str().unwrap().parse::<Timestamp>().unwrap();
        at("expires").duration_since(at("at")).round(Unit::Hour).unwrap().as_hours()
    };
    assert!(of("default")["expires"].is_string() && of("production")["expires"].is_string());
    assert_eq!((lives("default"), lives("production")), (1, 5));
    trial.plan(&["run", "plan.yaml", "--environment", "prodution"]).says("did you mean `production`?");
}

#[test]
fn findings_about_an_environment_file_have_places() {
    let trial = Trial::new(&[("plan.yaml", SIZED)]);
    let file = trial.folder.path().join("environments/x.yaml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    for (text, place, words) in [
        ("size: 5\n", "environments/x.yaml:1:1", "the file of an environment has no key of this name"),
        ("inputs:\n  szie: 5\n", "environments/x.yaml:2:3", "the plan has no input"),
        ("inputs:\n  size: big\n", "environments/x.yaml:2:3", "expected an integer"),
    ] {
        fs::write(&file, text).unwrap();
        for command in ["check", "preview", "run"] {
            let ended = trial.plan(&[command, "plan.yaml", "--environment", "x"]).with_code(3);
            ended.says(place);
            ended.says(words);
        }
    }
    // An unknown name stands in the file, and not in the plan.
    fs::write(&file, "inputs:\n  szie: 5\n").unwrap();
    trial.plan(&["check", "plan.yaml", "--environment", "x"]).with_code(3).says("--> environments/x.yaml:2:3");
    // The plan has a secret input: lines that may contain it are not shown.
    fs::write(&file, "inputs:\n  word: hunter22\nhunter22 x: 1\n").unwrap();
    let ended = trial.plan(&["check", "plan.yaml", "--environment", "x"]).with_code(3);
    assert!(!ended.stderr.contains("hunter") && ended.stderr.contains("x.yaml:3:1"), "{}", ended.stderr);
    #[cfg(unix)]
    {
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
        trial.plan(&["preview", "plan.yaml", "--environment", "x"]).with_code(2).says("links are not followed");
    }
}

const BASE: &str = "\
name: base-network
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: base-net, create_router: false }
outputs:
  network_id: \"{{ steps.network.id }}\"
  cidr: 10.0.1.0/24
  word: { secret: true, value: hunter22 }
";

const ABOVE: &str = "\
name: above
inputs:
  base: { default: default }
records:
  net: { plan: base-network, environment: \"{{ inputs.base }}\" }
steps:
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: inner, network_id: \"{{ records.net.outputs.network_id }}\", cidr: \"{{ records.net.outputs.cidr }}\" }
outputs:
  of: \"{{ records.net.outputs.network_id }}\"
";

#[test]
fn a_plan_uses_outputs_of_another_and_does_not_change_its_record() {
    let trial = Trial::new(&[("base.yaml", BASE), ("above.yaml", ABOVE)]);
    trial.plan(&["check", "above.yaml"]).with_code(0);
    let missing = trial.plan(&["preview", "above.yaml"]).with_code(3);
    missing.says("plan `base-network` has no record of environment `default`");
    trial.plan(&["rehearse", "above.yaml"]).with_code(0).says("its outputs are made up");

    let id = trial.plan(&["run", "base.yaml", "--format", "json"]).with_code(0).json();
    let journal = trial.folder.path().join(".plan/base-network/default/journal.jsonl");
    let before = fs::read(&journal).unwrap();
    let preview = trial.plan(&["preview", "above.yaml", "--format", "json"]).with_code(0).json();
    let network = id["network_id"].clone();
    assert!(network.is_string(), "{id}");
    assert_eq!(preview["changes"][0]["call"]["body"]["network_id"], network);
    assert_eq!(preview["records"]["net"]["plan"], json!("base-network"));
    trial.plan(&["run", "above.yaml"]).with_code(0).says("`records.net` is plan `base-network`, environment `default`");
    trial.plan(&["run", "above.yaml"]).with_code(0).says("1 unchanged");
    assert_eq!(fs::read(&journal).unwrap(), before);

    trial.plan(&["preview", "above.yaml", "--set", "base=prod"]).with_code(3).says("there are records of `default`");
    for (output, words) in
        [("netwrok_id", "did you mean `network_id`?"), ("word", "is a secret, which no record holds")]
    {
        let wrong = ABOVE.replace(
            "of: \"{{ records.net.outputs.network_id }}",
            &format!("of: \"{{{{ records.net.outputs.{output} }}}}"),
        );
        fs::write(trial.folder.path().join("wrong.yaml"), wrong.replace("name: above", "name: wrong")).unwrap();
        trial.plan(&["run", "wrong.yaml"]).with_code(3).says(words);
    }
    // An invalid value is found before the first call.
    let wrong =
        ABOVE.replace("cidr: \"{{ records.net.outputs.cidr }}\"", "cidr: \"{{ records.net.outputs.network_id }}\"");
    fs::write(trial.folder.path().join("above.yaml"), wrong).unwrap();
    trial.plan(&["preview", "above.yaml"]).with_code(3).says("wrong-format");
}

const MODULE: &str = "\
inputs:
  network: {}
  cidr: { default: 10.0.0.0/24 }
steps:
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: inner, network_id: \"{{ inputs.network }}\", cidr: \"{{ inputs.cidr }}\" }
outputs:
  subnet: \"{{ steps.subnet.id }}\"
";

const USING: &str = "\
name: using
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web-net, create_router: false }
  - id: one
    use: ./modules/net.yaml
    with: { network: \"{{ steps.network.id }}\" }
  - id: two
    use: ./modules/net.yaml
    with: { network: \"{{ steps.network.id }}\", cidr: 10.0.1.0/24 }
outputs:
  subnets: \"{{ [steps.one.outputs.subnet, steps.two.outputs.subnet] }}\"
";

#[test]
fn a_module_runs_as_a_part_of_its_plan_and_its_findings_have_both_places() {
    let trial = Trial::new(&[("plan.yaml", USING), ("modules/net.yaml", MODULE)]);
    trial.plan(&["check", "plan.yaml", "--strict"]).with_code(0).says("no findings");
    let made = trial.plan(&["run", "plan.yaml", "--format", "json"]).with_code(0).json();
    assert_eq!(made["subnets"].as_array().unwrap().len(), 2);
    trial.plan(&["status", "plan.yaml"]).with_code(0).prints("two_subnet");
    trial.plan(&["run", "plan.yaml"]).with_code(0).says("3 unchanged");

    let module = trial.folder.path().join("modules/net.yaml");
    fs::write(&module, MODULE.replace("name: inner", "nmae: inner")).unwrap();
    let ended = trial.plan(&["check", "plan.yaml"]).with_code(3);
    ended.says("modules/net.yaml:7:13");
    ended.says("`one` uses this module: plan.yaml:7:10");
    ended.says("`two` uses this module: plan.yaml:10:10");
    let json = trial.plan(&["check", "plan.yaml", "--format", "json"]).with_code(3).json().to_string();
    assert!(json.contains("modules/net.yaml"), "{json}");

    // A failure during the run has its place in the module as well.
    let failing = MODULE.replace("inputs.cidr }}", "inputs.cidr | cidrsubnet(30, 0) }}");
    fs::write(&module, failing).unwrap();
    trial.plan(&["run", "plan.yaml", "--environment", "other"]).says("modules/net.yaml:7:");
    trial.plan(&["destroy", "plan.yaml", "--yes"]).with_code(0).says("3 removed");
}

const LOOKING: &str = "\
name: looking
steps:
  - id: image
    for_each: [one, two, three]
    call: GET /cloud/v1/images/{project_id}/{region_id}
    find: { name: ubunut-24.04-x64 }
  - id: region
    call: GET /cloud/v1/regions
    find: { name: Luxembourg-2 }
outputs:
  region: \"{{ steps.region.id }}\"
";

#[test]
fn looked_up_items_exist_in_a_rehearsal_and_are_read_once_online() {
    let trial = Trial::new(&[("plan.yaml", LOOKING)]);
    trial.folder.run(&["rehearse", "plan.yaml"]).with_code(0).says("4 done");
    let ended = trial.plan(&["check", "plan.yaml", "--online"]).with_code(3);
    assert_eq!(ended.stderr.matches("did you mean `ubuntu-24.04-x64`?").count(), 1, "{}", ended.stderr);
    ended.says("no item has `name` `Luxembourg-2`");
    ended.says("`image[0]`, `image[1]` and `image[2]`");
}

#[test]
fn a_preview_shows_at_which_place_a_look_up_would_fail() {
    let trial = Trial::new(&[("plan.yaml", LOOKING)]);
    let ended = trial.plan(&["preview", "plan.yaml"]).with_code(3);
    ended.prints("!  region  the run would fail here: no item has `name` `Luxembourg-2` (plan.yaml:9:11)");
    ended.prints("\n      help: did you mean `ubuntu-24.04-x64`?\n");
    ended.prints("4 to fail");
    let json = trial.plan(&["preview", "plan.yaml", "--format", "json"]).with_code(3).json();
    assert_eq!(json["changes"][3]["at"], "plan.yaml:9:11", "{json}");
    assert_eq!((&json["counts"]["refused"], &json["counts"]["failing"]), (&4.into(), &4.into()), "{json}");
}

#[test]
fn an_environment_whose_name_is_like_that_of_a_file_is_reported() {
    let plan = LOOKING.replace("name: looking\n", "name: looking\ninputs: { size: { default: 1 } }\n");
    let folder = Folder::new().with("plan.yaml", &plan).with("environments/prod.yaml", "inputs: { size: 2 }\n");
    let ended = folder.run(&["check", "plan.yaml", "--environment", "prd"]).with_code(0);
    ended.says("warning: `prd` has no file in `environments/`; did you mean `prod`?");
    assert!(!folder.run(&["check", "plan.yaml", "--environment", "prod"]).stderr.contains("did you mean"));
}

#[test]
fn a_rehearsal_makes_up_secrets_that_nobody_gives() {
    let plan = |limits: &str| {
        format!(
            "name: demo\ninputs:\n  word: {{ secret: true{limits} }}\nsteps:\n  - id: token\n    call: POST \
             /cloud/v3/inference/{{project_id}}/secrets\n    body: {{ name: demo, type: aws-iam, data: {{ \
             aws_access_key_id: a, aws_secret_access_key: \"{{{{ inputs.word }}}}\" }} }}\n"
        )
    };
    let folder = Folder::new().with("plan.yaml", &plan("")).with("narrow.yaml", &plan(", pattern: '^[0-9]+$'"));
    let ended = folder.run(&["rehearse", "plan.yaml"]).with_code(0);
    assert!(!ended.stderr.contains("made-up"), "{}", ended.stderr);
    folder.run(&["rehearse", "narrow.yaml"]).with_code(3).says("the input `word` is required");
    folder.run(&["preview", "plan.yaml"]).with_code(3).says("the input `word` is required");
}
