use crate::support::Folder;

const PLAN: &str = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: demo-net, create_router: false }
  - id: disk
    for_each: \"{{ range(3) }}\"
    needs: [network]
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: new-volume, name: \"demo-{{ each.key }}\", size: 10 }
";

#[test]
fn a_run_writes_its_report_in_every_format_by_the_name_of_the_file() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    for (file, starts) in
        [("run.html", "<!doctype html>"), ("run.md", "# demo"), ("run.json", "{"), ("run.xml", "<?xml")]
    {
        folder.run(&["rehearse", "plan.yaml", "--report", file]).with_code(0);
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.starts_with(starts) && text.contains("disk"), "{file}: {text}");
    }
    let json = std::fs::read_to_string(folder.path().join("run.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["instances"].as_array().unwrap().len(), 4);
    assert_eq!(json["steps"][1]["after"][0], "network");
    let page = std::fs::read_to_string(folder.path().join("run.html")).unwrap();
    assert!(page.contains("Would exist") && !page.contains("<h2>Exists"), "nothing was made");
    folder.run(&["rehearse", "plan.yaml", "--report", "run.pdf"]).with_code(2).says("`.html`");
}

#[test]
fn events_that_were_written_make_the_same_report() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    folder.run(&["rehearse", "plan.yaml", "--report", "run.json", "--events", "run.ndjson"]).with_code(0);
    let later = folder.run(&["report", "plan.yaml", "--events", "run.ndjson", "--json"]).with_code(0).json();
    let then: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("run.json")).unwrap()).unwrap();
    assert_eq!(later, then);
    folder.run(&["report", "--events", "plan.yaml", "--json"]).with_code(2).says("plan.yaml:1: no event");
}

#[test]
fn no_output_is_written_over_what_a_command_reads() {
    let folder =
        Folder::new().with("plan.yaml", PLAN).with("other.yaml", PLAN).with("plan", PLAN).with("run.html", "old");
    let folder = folder.with("copy", "{\"crc\":\"1f2e3d4c\",\"n\":0}\n");
    for (line, words) in [
        ("rehearse plan.yaml --report plan.yaml", "`--report` would overwrite `plan.yaml`"),
        ("rehearse plan.yaml --events ./other.yaml", "it may be a plan"),
        ("rehearse plan.yaml --har plan.yaml", "`--har` would overwrite"),
        ("check plan.yaml --log other.yaml", "`--log` would overwrite"),
        ("report --html plan.yaml", "`--html` would overwrite"),
        ("preview plan --har plan", "this command reads it"),
        ("rehearse plan.yaml --log .plan/demo/default/journal.jsonl", "it is a record"),
        (
            "rehearse plan.yaml --write-output n=copy --har har",
            "`--write-output` would overwrite `copy`: it is a record",
        ),
        ("report --html new/journal.jsonl", "it is a record"),
        ("rehearse plan.yaml --log one --har ./one", "`--har` would overwrite `./one`: `--log` writes to it"),
    ] {
        folder.run(&line.split(' ').collect::<Vec<_>>()).with_code(2).says(words);
    }
    for file in ["plan.yaml", "other.yaml", "plan"] {
        assert_eq!(std::fs::read_to_string(folder.path().join(file)).unwrap(), PLAN, "{file}");
    }
    folder.run(&["rehearse", "plan.yaml", "--report", "run.html"]).with_code(0);
}
