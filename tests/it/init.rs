use crate::support::Folder;

const EXAMPLES: [&str; 13] = [
    "web-server",
    "private-vm-floating-ip",
    "load-balancer",
    "kubernetes",
    "postgres",
    "file-share",
    "two-regions",
    "image-by-name",
    "cloud-init",
    "demo-site",
    "object-storage",
    "fastedge",
    "waap",
];

#[test]
fn every_example_checks_and_rehearses_as_it_was_written() {
    let listed = Folder::new().run(&["init", "--list"]).with_code(0);
    assert_eq!(listed.stdout.lines().count(), EXAMPLES.len() + 1);
    for example in EXAMPLES {
        listed.prints(example);
        let folder = Folder::new();
        let written = folder.run(&["init", example]).with_code(0);
        written.says("wrote deploy.yaml");
        written.says("plan rehearse deploy.yaml");
        written.says("plan run deploy.yaml");
        folder.run(&["check", "deploy.yaml", "--strict"]).with_code(0);
        folder.run(&["rehearse", "deploy.yaml"]).with_code(0).says("done in");
        let plan = std::fs::read_to_string(folder.path().join("deploy.yaml")).unwrap();
        let schema = plan.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        assert!(folder.path().join(schema).is_file(), "{schema}");
        assert!(!plan.contains("examples/"), "{example} speaks of a folder that is not there");
    }
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = Folder::new().with("deploy.yaml", "mine");
    folder.run(&["init"]).with_code(2).says("there already");
    assert_eq!(std::fs::read_to_string(folder.path().join("deploy.yaml")).unwrap(), "mine");
    assert!(!folder.path().join("plan.schema.json").exists(), "half of it was written");

    folder.run(&["init", "--file", "infra/web.yaml"]).with_code(0).says("infra/web.yaml");
    folder.run(&["init", "load-balancer", "--file", "infra/lb.yaml"]).with_code(0).says("lb.yaml");
    std::fs::write(folder.path().join("infra/cloud-init/web-server.yaml"), "mine").unwrap();
    folder.run(&["init", "load-balancer", "--file", "infra/third.yaml"]).with_code(2).says("web-server.yaml");
    folder.run(&["init", "--file", "infra"]).with_code(2).says("there already");
    folder.run(&["init", "web-servr"]).with_code(2).says("did you mean `web-server`?");
}

#[test]
fn the_words_of_other_tools_lead_on() {
    let folder = Folder::new();
    folder.run(&["init"]).with_code(0);
    folder.run(&["validate", "deploy.yaml"]).with_code(0);
    for alias in ["apply", "up"] {
        let ended = folder.run(&[alias, "deploy.yaml"]).with_code(4);
        ended.says("there is no API key");
        ended.says("API tokens");
        ended.says("plan rehearse deploy.yaml");
    }
    folder.run(&["plan", "deploy.yaml", "--project-id", "1", "--region-id", "1"]).with_code(0).prints("network");
    folder.run(&["help", "run"]).with_code(0).prints("Usage: plan run");
    folder.run(&["deploy", "deploy.yaml"]).with_code(2).says("`plan run FILE` does that");
    folder.run(&["deploy.yaml"]).with_code(2).says("`plan run deploy.yaml` does that");
}
