use crate::support::Folder;

#[test]
fn version_and_help_go_to_stdout() {
    let folder = Folder::new();
    let version = folder.run(&["--version"]).with_code(0);
    assert_eq!(version.stdout.lines().next(), Some(concat!("plan ", env!("CARGO_PKG_VERSION"))));
    version.prints("commit: ");
    version.prints("platform: ");
    let short = folder.run(&["-V"]).with_code(0);
    assert_eq!(short.stdout, format!("plan {}\n", env!("CARGO_PKG_VERSION")));
    let help = folder.run(&["--help"]).with_code(0);
    help.prints("Exit codes:");
    help.prints("GCORE_API_KEY");
    assert_eq!(help.stderr, "");
}

#[test]
fn every_command_has_help_with_its_options() {
    let folder = Folder::new();
    for command in [
        "init",
        "run",
        "check",
        "preview",
        "rehearse",
        "destroy",
        "status",
        "output",
        "report",
        "sweep",
        "state",
        "tasks",
        "wait",
        "ops",
        "new",
        "graph",
        "simulate",
        "schema",
        "explain",
        "completions",
        "man",
        "catalog",
    ] {
        folder.run(&[command, "--help"]).with_code(0).prints("Usage: plan");
    }
    for command in ["list", "show", "resolve", "forget", "unlock"] {
        folder.run(&["state", command, "--help"]).with_code(0).prints("--state");
    }
}

#[test]
fn there_is_no_flag_for_the_key() {
    folder_says_unknown(&["run", "plan.yaml", "--api-key", "123"]);
}

fn folder_says_unknown(arguments: &[&str]) {
    Folder::new().run(arguments).with_code(2).says("unexpected argument");
}

#[test]
fn wrong_usage_exits_2_with_help() {
    let folder = Folder::new();
    folder.run(&["chekc"]).with_code(2).says("check");
    folder.run(&["run"]).with_code(2).says("FILE");
    folder.run(&["run", "x.yaml", "--timeout", "90"]).with_code(2).says("`30s`");
    folder.run(&["run", "x.yaml", "--environment", "../up"]).with_code(2).says("letters");
    folder.run(&["run", "x.yaml", "--set", "novalue"]).with_code(2).says("name=value");
    folder.run(&["run", "x.yaml", "-q", "-v"]).with_code(2).says("cannot be used with");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new();
    let root = folder.run(&["man"]).with_code(0);
    root.prints(".TH plan 1");
    root.prints("plan\\-run(1)");
    assert!(!root.stdout.contains("catalogue anew"), "hidden commands stay hidden");
    folder.run(&["man", "run"]).with_code(0).prints("lock\\-timeout");
    folder.run(&["man", "apply"]).with_code(0).prints(".TH plan-run 1");
    folder.run(&["man", "state", "resolve"]).with_code(0).prints(".TH plan-state-resolve 1");
    let wrong = folder.run(&["man", "state", "resolv"]).with_code(2);
    wrong.says("`plan state` has no command `resolv`");
    wrong.says("did you mean `resolve`?");

    folder.run(&["man", "--dir", "share/man1"]).with_code(0).says("share/man1");
    let pages = std::fs::read_dir(folder.path().join("share/man1")).unwrap();
    let mut pages: Vec<String> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    for page in ["plan.1", "plan-run.1", "plan-state.1", "plan-state-list.1", "plan-man.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} is not among {pages:?}");
    }
    assert!(!pages.iter().any(|name| name.contains("catalog") || name.contains("help")), "{pages:?}");
    let run = std::fs::read_to_string(folder.path().join("share/man1/plan-run.1")).unwrap();
    assert_eq!(run, folder.run(&["man", "run"]).with_code(0).stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let folder = Folder::new();
    let mut child = folder.command(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// As in `plan check deploy.yaml | head -1`: whoever reads the exit code is told the truth.
#[test]
fn a_reader_that_goes_away_leaves_the_exit_code_as_it_is() {
    use std::process::Stdio;
    const PLAN: &str = r#"
name: pipe
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: pipe }
outputs: { id: "{{ steps.network.id }}" }
"#;
    let folder = Folder::new().with("pipe.yaml", PLAN).with("wrong.yaml", &PLAN.replace("steps.network", "steps.net"));
    for (arguments, code) in [
        (&["rehearse", "pipe.yaml"][..], 0),
        (&["rehearse", "pipe.yaml", "--fault", "quota:POST:networks"], 5),
        (&["check", "wrong.yaml"], 3),
        (&["check", "wrong.yaml", "pipe.yaml", "--format", "json"], 3),
        (&["run", "wrong.yaml"], 3),
        (&["status", "pipe.yaml", "--frmat", "json"], 2),
    ] {
        let mut child = folder.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
}
