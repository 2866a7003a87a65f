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
fn wrong_usage_exits_2_and_says_what_is_right() {
    let folder = Folder::new();
    folder.run(&["chekc"]).with_code(2).says("check");
    folder.run(&["run"]).with_code(2).says("FILE");
    folder.run(&["run", "x.yaml", "--timeout", "90"]).with_code(2).says("`30s`");
    folder.run(&["run", "x.yaml", "--environment", "../up"]).with_code(2).says("letters");
    folder.run(&["run", "x.yaml", "--set", "novalue"]).with_code(2).says("name=value");
    folder.run(&["run", "x.yaml", "-q", "-v"]).with_code(2).says("cannot be used with");
}

#[test]
fn completions_know_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        folder.run(&["completions", shell]).with_code(0).prints("rehearse");
    }
    folder.run(&["completions", "tcsh"]).with_code(2);
}

#[test]
fn the_manual_has_every_command() {
    let man = Folder::new().run(&["man"]).with_code(0);
    man.prints(".TH plan 1");
    man.prints("lock\\-timeout");
    assert!(!man.stdout.contains("catalogue anew"), "hidden commands stay hidden");
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
