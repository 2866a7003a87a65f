use crate::support::Folder;

const GOOD: &str = "\
name: demo
inputs:
  replicas: { type: integer, minimum: 1, maximum: 3 }
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: 'demo-{{ inputs.replicas }}' }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: demo, network_id: '{{ steps.network.id }}', cidr: 10.0.0.0/24 }
";

const BAD: &str = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/network/{project_id}/{region_id}
    body: { name: demo }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { nmae: demo, network_id: '{{ steps.netwrok.id }}', cidr: 10.0.0.0/24 }
";

#[test]
fn a_valid_plan_is_reported_as_valid() {
    let folder = Folder::new().with("plan.yaml", GOOD);
    let ended = folder.run(&["check", "plan.yaml"]).with_code(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", "no findings in plan.yaml\n"));
    assert_eq!(folder.run(&["check", "plan.yaml", "--quiet"]).with_code(0).stderr, "");
}

#[test]
fn all_findings_are_reported_at_once_with_places() {
    let folder = Folder::new().with("good.yaml", GOOD).with("bad.yaml", BAD);
    let ended = folder.run(&["check", "good.yaml", "bad.yaml"]).with_code(3);
    for words in [
        "bad.yaml:4:",
        "unknown-route",
        "bad.yaml:8:",
        "unknown-field",
        "unknown-step",
        "in bad.yaml",
        "no findings in good.yaml",
    ] {
        ended.says(words);
    }
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.contains('\u{1b}'), "no colour without a terminal");
}

#[test]
fn findings_are_for_programs_too() {
    let folder = Folder::new().with("bad.yaml", BAD);
    let json = folder.run(&["check", "bad.yaml", "--format", "json"]).with_code(3);
    assert!(json.json().to_string().contains("unknown-route"));
    assert_eq!(json.stderr, "");
    let sarif = folder.run(&["check", "bad.yaml", "--format", "sarif"]).with_code(3);
    assert_eq!(sarif.json()["version"], "2.1.0");
    folder.run(&["check", "bad.yaml", "--format", "github"]).with_code(3).prints("::error file=bad.yaml,line=4");
}

#[test]
fn a_job_gets_annotations_and_a_summary() {
    let folder = Folder::new().with("bad.yaml", BAD);
    let summary = folder.path().join("summary.md");
    let workspace = folder.path().to_str().unwrap();
    let job = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_WORKSPACE", workspace),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
    ];
    let ended = folder.run_in(&["check", "bad.yaml"], &job).with_code(3);
    ended.says("::error file=bad.yaml,line=4");
    ended.says("::stop-commands::");
    assert!(std::fs::read_to_string(summary).unwrap().contains("unknown-route"));
}

#[test]
fn strict_makes_errors_of_warnings() {
    let unused = "inputs:\n  spare: { default: x }\n";
    let folder = Folder::new().with("plan.yaml", &GOOD.replace("inputs:\n", unused));
    folder.run(&["check", "plan.yaml"]).with_code(0).says("unused-input");
    folder.run(&["check", "plan.yaml", "--strict"]).with_code(3);
}

#[test]
fn inputs_are_checked_when_some_are_given() {
    let folder = Folder::new().with("plan.yaml", GOOD);
    folder.run(&["check", "plan.yaml", "--set", "replicas=2"]).with_code(0);
    folder.run(&["check", "plan.yaml", "--set", "replicas=7"]).with_code(3).says("above the maximum");
    folder.run(&["check", "plan.yaml", "--set", "repilcas=2"]).with_code(3).says("replicas");
}

#[test]
fn a_missing_file_exits_2_and_a_binary_one_exits_3() {
    let folder = Folder::new();
    folder.run(&["check", "none.yaml"]).with_code(2).says("cannot read `none.yaml`");
    std::fs::write(folder.path().join("latin.yaml"), b"name: \xff\n").unwrap();
    folder.run(&["check", "latin.yaml"]).with_code(3).says("latin.yaml:1:7");
    folder.run(&["run", "latin.yaml"]).with_code(3).says("latin.yaml:1:7");
    folder.run(&["check", "latin.yaml", "--format", "json"]).with_code(3).prints("\"code\": \"yaml-encoding\"");
}

#[test]
fn the_order_is_drawn() {
    let folder = Folder::new().with("plan.yaml", GOOD).with("bad.yaml", BAD);
    folder.run(&["graph", "plan.yaml"]).with_code(0).prints("s_network --> s_subnet");
    folder.run(&["graph", "plan.yaml", "--dot"]).with_code(0).prints("digraph");
    assert_eq!(folder.run(&["graph", "bad.yaml"]).with_code(3).stdout, "");
}

#[test]
fn asking_the_api_needs_a_key() {
    let folder = Folder::new().with("plan.yaml", GOOD);
    let ended = folder.run(&["check", "plan.yaml", "--online", "--set", "replicas=1"]).with_code(4);
    ended.says("there is no API key");
    ended.says("GCORE_API_KEY");
}

#[test]
fn the_file_of_an_environment_is_not_passed_over() {
    for other in ["environments/stage.yml", "environments/stage.json"] {
        let folder = Folder::new().with("plan.yaml", GOOD).with(other, "{}");
        for command in ["check", "preview", "rehearse"] {
            let ended =
                folder.run(&[command, "plan.yaml", "--environment", "stage", "--set", "replicas=1"]).with_code(2);
            ended.says(&format!("`{other}` is not read: the file of an environment ends in `.yaml`"));
            ended.says("rename it to `environments/stage.yaml`");
        }
    }
}
