use crate::support::Folder;

#[test]
fn operations_are_searched_and_shown() {
    let folder = Folder::new();
    folder.run(&["ops", "floating", "ip"]).with_code(0).prints("/cloud/v1/floatingips/");
    folder.run(&["ops", "no-such-word"]).with_code(2).says("fewer words");
    for (words, route) in [("create network", "POST    /cloud/v1/networks/"), ("vm", "POST    /cloud/v2/instances/")] {
        let found = folder.run(&["ops", words]).with_code(0);
        assert!(found.stdout.lines().nth(1).unwrap().starts_with(route), "{}", found.stdout);
    }
    folder.run(&["ops", "image"]).with_code(0).says("--reads");
    folder.run(&["ops", "list", "images"]).with_code(0).prints("GET     /cloud/v1/images/");
    folder.run(&["ops", "region"]).with_code(0).prints("GET     /cloud/v1/regions");
    let shown = folder.run(&["ops", "--show", "POST networks"]).with_code(0);
    shown.prints("undo       DELETE /cloud/v1/networks/");
    let json = folder.run(&["ops", "--show", "POST networks", "--format", "json"]).with_code(0);
    assert_eq!(json.json()["creates"]["kind"], "networks");
}

#[test]
fn a_new_step_is_found_right_but_for_its_placeholders() {
    let folder = Folder::new();
    let step = folder.run(&["new", "POST", "networks", "--id", "net"]).with_code(0).stdout;
    assert!(step.starts_with("- id: net\n"), "{step}");
    let indented: String = step.lines().map(|line| format!("  {line}\n")).collect();
    let folder = folder.with("plan.yaml", &format!("name: demo\nsteps:\n{indented}"));
    let ended = folder.run(&["check", "plan.yaml"]).with_code(3);
    ended.says("placeholder");
    ended.says("1 error");
}

#[test]
fn a_curl_command_becomes_a_step_without_its_key() {
    let folder = Folder::new();
    let command = "curl -X POST https://api.gcore.com/cloud/v1/networks/1/7 -H 'Authorization: APIKey 1$secret' \
                   -d '{\"name\": \"demo\"}'";
    let ended = folder.run(&["new", "--curl", command]).with_code(0);
    assert_eq!(
        ended.stdout,
        "- id: network\n  call: POST /cloud/v1/networks/{project_id}/{region_id}\n  body:\n    name: demo\n"
    );
    ended.says("--region-id");
    assert!(!ended.stderr.contains("secret"));
    folder.run(&["new", "--curl", "wget x"]).with_code(2).says("curl");
}

#[test]
fn codes_are_explained() {
    let folder = Folder::new();
    let ended = folder.run(&["explain", "unknown-field"]).with_code(0);
    ended.prints("wrong");
    ended.prints("right");
    folder.run(&["explain"]).with_code(0).prints("cycle");
    folder.run(&["explain", "unknown-feild"]).with_code(2).says("did you mean `unknown-field`");
}
