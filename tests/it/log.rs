use crate::support::Folder;

const PLAN: &str = "\
name: demo
inputs:
  password: { secret: true }
steps:
  - id: machine
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: web
      flavor: g2-standard-2-4
      password: \"{{ inputs.password }}\"
      volumes: [{ source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0 }]
      interfaces: [{ type: external }]
  - id: images
    call: GET /cloud/v1/images/{project_id}/{region_id}
    secret: true
";
const SECRET: (&str, &str) = ("PLAN_INPUT_PASSWORD", "only-a-test-secret");

fn rehearse(folder: &Folder, flags: &[&str], environment: &[(&str, &str)]) -> crate::support::Ended {
    let arguments = [&["rehearse", "plan.yaml"], flags].concat();
    let ended = folder.run_in(&arguments, &[&[SECRET], environment].concat()).with_code(0);
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(SECRET.1), "{text}");
    }
    ended
}

#[test]
fn verbose_shows_requests_and_twice_verbose_shows_bodies() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    assert!(!rehearse(&folder, &[], &[]).stderr.contains("→ 200"));
    let once = rehearse(&folder, &["-v"], &[]);
    once.says("POST /cloud/v2/instances/1/1 → 200 in");
    once.says("GET /cloud/v1/tasks");
    assert!(!once.stderr.contains("\"flavor\""), "{}", once.stderr);
    let twice = rehearse(&folder, &["-vv"], &[]);
    twice.says("sent {\"name\":\"web\"");
    twice.says("machine");
    assert!(!twice.stderr.contains("os_distro"), "the answer of a secret step is shown: {}", twice.stderr);
    assert!(twice.stderr.contains("got  [secret]"), "{}", twice.stderr);
    let only = rehearse(&folder, &[], &[("PLAN_LOG", "plan::body=debug")]);
    only.says("sent {\"name\":\"web\"");
    assert!(!only.stderr.contains("→ 200"), "{}", only.stderr);
    folder.run_in(&["schema"], &[("PLAN_LOG", "plan=loud")]).with_code(2).says("`PLAN_LOG` is `plan=loud`");
}

#[test]
fn a_log_file_holds_one_object_a_line_with_run_step_and_attempt() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let ended = rehearse(&folder, &["--log", "run.log", "--log-format", "json"], &[]);
    assert!(!ended.stderr.contains("→ 200"), "{}", ended.stderr);
    let text = std::fs::read_to_string(folder.path().join("run.log")).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let post = lines.iter().find(|line| line["method"] == "POST").unwrap();
    assert_eq!(post["status"], 200);
    assert!(post["ms"].is_u64() && post["path"] == "/cloud/v2/instances/1/1");
    let names: Vec<&str> =
        post["spans"].as_array().unwrap().iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["run", "step", "call"]);
    assert_eq!(post["spans"][1]["step"], "machine");
    assert_eq!(post["spans"][2]["attempt"], 1);
}

#[test]
fn curl_lines_and_har_files_hold_every_request_and_no_key() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let ended = rehearse(&folder, &["--curl", "--har", "run.har"], &[]);
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("curl -X ")).collect();
    assert!(lines.iter().all(|line| line.contains("APIKey $GCORE_API_KEY\"")), "{lines:?}");
    let text = std::fs::read_to_string(folder.path().join("run.har")).unwrap();
    let har: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), lines.len());
    for hidden in [SECRET.1, "rehearsal\"", "uthorization"] {
        assert!(!text.contains(hidden), "{hidden} is in {text}");
    }
    folder.run_in(&["schema", "--har", "no/such/folder.har"], &[]).with_code(1).says("no/such/folder.har");
}
