//! Shell completions.

use crate::support::{Ended, Folder};

const PLAN: &str = "\
name: demo
inputs:
  replicas: { default: 2, description: how many }
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: demo-net, create_router: false }
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: new-volume, name: demo, size: 10 }
  - id: \"$(touch pwned)\"
    call: GET /x
outputs:
  network_id: { value: \"{{ steps.network.id }}\", description: \"the network\\n\\e[31m\" }
";

/// A record, whose environment is given by its folder.
const RECORD: &str = include_str!("../journals/version-1.jsonl");

/// Asks for completions as the bash script does; the last word is being typed.
fn asked(folder: &Folder, shell: &str, words: &[&str]) -> Ended {
    let index = words.len().to_string();
    let line: Vec<&str> = ["--", "plan"].iter().chain(words).copied().collect();
    let environment = [("PLAN_COMPLETE", shell), ("_CLAP_IFS", "\n"), ("_CLAP_COMPLETE_INDEX", &index)];
    folder.run_in(&line, &environment)
}

#[track_caller]
fn offered(folder: &Folder, words: &[&str]) -> Vec<String> {
    let ended = asked(folder, "bash", words).with_code(0);
    assert_eq!(ended.stderr, "");
    ended.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn each_shell_has_a_script_that_asks_the_binary() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.run(&["completions", shell]).with_code(0);
        script.prints("PLAN_COMPLETE");
        script.prints("plan");
        assert!(!script.stdout.contains(folder.path().to_str().unwrap()), "{}", script.stdout);
    }
    folder.run(&["completions", "tcsh"]).with_code(2);
}

#[test]
fn commands_are_offered_by_their_names_and_completed_by_their_aliases_too() {
    let folder = Folder::new().with("deploy.yaml", PLAN);
    let all = offered(&folder, &[""]);
    for (name, alias) in [("run", "apply"), ("preview", "diff"), ("check", "validate"), ("destroy", "down")] {
        let has = |word: &str| all.iter().any(|offered| offered == word);
        assert!(has(name) && !has(alias), "{name}: {all:?}");
    }
    assert_eq!(offered(&folder, &["app"]), ["apply"]);
    assert_eq!(offered(&folder, &["apply", "dep"]), ["deploy.yaml"]);
}

#[test]
fn names_in_the_plan_on_the_command_line_are_offered() {
    let folder = Folder::new().with("deploy.yaml", PLAN).with("notes.txt", "");
    assert_eq!(offered(&folder, &["run", "deploy.yaml", "--target", ""]), ["disk", "network"]);
    assert_eq!(offered(&folder, &["preview", "deploy.yaml", "--replace", "n"]), ["network"]);
    assert_eq!(offered(&folder, &["run", "deploy.yaml", "--set", "r"]), ["replicas="]);
    assert_eq!(offered(&folder, &["run", "deploy.yaml", "--write-output", ""]), ["network_id="]);
    assert_eq!(offered(&folder, &["output", "deploy.yaml", "net"]), ["network_id"]);
    assert_eq!(offered(&folder, &["run", "dep"]), ["deploy.yaml"]);
    assert!(offered(&folder, &["run", "notes"]).is_empty(), "no plan");
    // Without a readable plan there are no candidates and no messages.
    assert!(offered(&folder, &["run", "missing.yaml", "--target", ""]).is_empty());
    let broken = Folder::new().with("deploy.yaml", "steps: [");
    assert!(offered(&broken, &["run", "deploy.yaml", "--target", ""]).is_empty());
}

#[test]
fn codes_examples_and_commands_are_offered() {
    let folder = Folder::new();
    assert_eq!(offered(&folder, &["explain", "unknown-f"]), ["unknown-field"]);
    assert_eq!(offered(&folder, &["init", "kube"]), ["kubernetes"]);
    assert_eq!(offered(&folder, &["rehe"]), ["rehearse"]);
    let commands = offered(&folder, &["c"]);
    assert!(commands.contains(&"check".to_owned()) && !commands.contains(&"catalog".to_owned()), "{commands:?}");
}

#[test]
fn recorded_names_are_offered() {
    let folder = Folder::new().with("records/demo/pr-12/journal.jsonl", RECORD);
    assert_eq!(offered(&folder, &["status", "--state", "records", "--plan", ""]), ["demo"]);
    assert_eq!(offered(&folder, &["status", "--state", "records", "--environment", ""]), ["pr-12"]);
    assert_eq!(offered(&folder, &["destroy", "--state=records", "--environment", "pr"]), ["pr-12"]);
    assert!(offered(&folder, &["status", "--state", "s3://nowhere/x", "--environment", ""]).is_empty());
}

#[test]
fn no_name_of_a_file_or_step_does_anything_to_a_shell() {
    let mut folder = Folder::new().with("deploy.yaml", PLAN);
    for name in ["$(touch pwned).yaml", "`id`.yaml", "x y.yaml", "*.yaml", ";reboot.yaml", "--yes.yaml"] {
        folder = folder.with(name, PLAN);
    }
    let files = offered(&folder, &["run", ""]);
    assert_eq!(files.iter().filter(|name| name.contains(".yaml")).collect::<Vec<_>>(), ["deploy.yaml"]);
    assert_eq!(offered(&folder, &["run", "deploy.yaml", "--events", ""]), [".", "deploy.yaml"]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = asked(&folder, shell, &["run", "deploy.yaml", "--target", ""]).with_code(0);
        assert!(!ended.stdout.contains("touch") && !ended.stdout.contains('\u{1b}'), "{shell}: {}", ended.stdout);
        let outputs = asked(&folder, shell, &["output", "deploy.yaml", "net"]).with_code(0);
        assert_eq!(outputs.stdout.lines().count(), 1, "{shell}: {}", outputs.stdout);
    }
}

#[test]
fn a_question_that_makes_no_sense_is_answered_with_nothing() {
    let folder = Folder::new();
    for (shell, line) in [("tcsh", &["--", "plan", "r"][..]), ("bash", &[]), ("bash", &["--"])] {
        let ended = folder.run_in(line, &[("PLAN_COMPLETE", shell)]).with_code(1);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    }
    // An empty variable is no completion request.
    folder.run_in(&["-V"], &[("PLAN_COMPLETE", "")]).with_code(0).prints("plan");
}

#[cfg(unix)]
#[test]
fn bash_itself_takes_the_script() {
    let folder = Folder::new().with("deploy.yaml", PLAN).with("$(touch pwned).yaml", PLAN);
    let script = folder.run(&["completions", "bash"]).with_code(0).stdout;
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_plan")).parent().unwrap().display().to_string();
    let ask = format!(
        "PATH='{binary}':$PATH\n{script}\n\
         COMP_WORDS=(plan run deploy.yaml --target ''); COMP_CWORD=4; COMP_TYPE=9\n\
         _clap_complete_plan plan '' --target\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n\
         COMP_WORDS=(plan run ''); COMP_CWORD=2\n\
         _clap_complete_plan plan '' run\n\
         printf '%s\\n' \"${{COMPREPLY[@]:0:1}}\"\n"
    );
    let mut bash = std::process::Command::new("bash");
    let ended = bash.args(["--norc", "-c", &ask]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "disk\nnetwork\ndeploy.yaml\n", "{ended:?}");
    assert!(!folder.path().join("pwned").exists());
}
