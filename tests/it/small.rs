//! Small faults of earlier versions.

use crate::support::Folder;

const PLAN: &str = "\
name: demo
steps:
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: new-volume, name: disk-one, size: 10 }
outputs:
  disk: \"{{ steps.disk.id }}\"
  token: { value: \"{{ steps.disk.id }}\", secret: true }
";

#[test]
fn a_secret_output_is_written_to_a_private_file() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let rehearse = |wanted: &str| folder.run(&["rehearse", "plan.yaml", "--write-output", wanted]);
    let ended = rehearse("token=token.txt").with_code(0);
    ended.says("wrote output `token` to token.txt");
    let written = std::fs::read_to_string(folder.path().join("token.txt")).unwrap();
    assert_eq!(written.len(), 36, "{written}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("token.txt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    rehearse("tokn=x").with_code(2).says("did you mean `token`?");
    rehearse("token=no/folder/x").with_code(2).says("cannot be written");
}

#[test]
fn readable_files_are_checked_though_others_are_missing() {
    let folder = Folder::new().with("a.yaml", PLAN).with("b.yaml", "name: b\nsteps: []\nnonsense: 1\n");
    let ended = folder.run(&["check", "a.yaml", "gone.yaml", "b.yaml"]).with_code(3);
    ended.says("gone.yaml");
    ended.says("nonsense");
    folder.run(&["check", "a.yaml", "gone.yaml"]).with_code(2).says("gone.yaml");
}

#[test]
fn errors_with_files_names_and_states_have_help() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    folder.run(&["check", "folder"]).with_code(2).says("it is a folder");
    folder.run(&["check", "gone.yaml"]).with_code(2).says("from the current folder");
    folder.run(&["run", "plan.yaml", "--region-id", "Luxembourg"]).with_code(2).says("names are not taken");
    folder.run(&["tasks", "--state", "done"]).with_code(2).says("FINISHED");
    let trusting = [("GCORE_API_KEY", "1$x"), ("SSL_CERT_FILE", "no/such.pem")];
    folder.run_in(&["tasks"], &trusting).with_code(2).says("`SSL_CERT_FILE` is `no/such.pem`");
}

#[test]
fn no_folder_is_named_as_the_home_folder_is() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let refused = "`~` was not replaced with the home folder";
    for words in [
        &["status", "--state", "~/records"][..],
        &["status", "--state=~/records"],
        &["check", "~/plan.yaml"],
        &["check", "~"],
    ] {
        folder.run(words).with_code(2).says(refused);
    }
    folder.run_in(&["check", "plan.yaml"], &[("PLAN_STATE", "~/records")]).with_code(2).says("`PLAN_STATE=~/records`");
    folder.run(&["check", "./~/plan.yaml"]).with_code(2).says("cannot read `./~/plan.yaml`");
    assert!(!folder.path().join("~").exists());
}

#[cfg(unix)]
#[test]
fn a_plan_comes_through_a_pipe_with_the_files_of_the_current_folder() {
    use std::io::Write;
    use std::process::Stdio;

    use crate::support::Ended;

    let run = |folder: &Folder, arguments: &[&str], plan: &str| {
        let mut command = folder.command(arguments);
        command.env("GCORE_API_KEY", "1$x").env("GCORE_BASE_URL", "http://127.0.0.1:1");
        let piped = || Stdio::piped();
        let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(plan.as_bytes()).unwrap();
        Ended::of(child.wait_with_output().unwrap()).with_code(0)
    };
    let plan = PLAN.replace("disk-one", "\"{{ file('name.txt') | trim }}\"");
    let skipped = "name: demo\nsteps:\n  - id: zone\n    when: false\n    call: POST /dns/v2/zones\n    \
                   body: { name: a.example }\n";
    for file in ["-", "/dev/stdin", "/dev/fd/0"] {
        let folder = Folder::new().with("name.txt", "disk-one\n");
        run(&folder, &["rehearse", file], &plan).says("disk-one");
        run(&folder, &["run", file], skipped);
        assert!(folder.path().join(".plan/demo").is_dir(), "{file}");
    }
    let folder = Folder::new();
    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    folder.run(&["check", "socket"]).with_code(2).says("it is a socket, and no file");
    drop(socket);
}

#[test]
fn a_reader_that_closes_stdout_changes_neither_the_outcome_nor_the_outputs_of_a_job() {
    use std::process::Stdio;
    let folder = Folder::new().with("plan.yaml", PLAN);
    let output = folder.path().join("output");
    let mut command = folder.command(&["rehearse", "plan.yaml"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", &output).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let told = std::fs::read_to_string(output).unwrap();
    assert!(told.contains("json<<") && told.contains("disk<<"), "{told}");
    assert!(!told.contains("cannot write to stdout"), "{told}");
}

#[test]
fn a_command_line_that_is_refused_is_told_to_the_job_in_a_sentence() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let output = folder.path().join("output");
    let job = [("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", output.to_str().unwrap())];
    for (options, words) in [
        (&["--parallelism", "many"][..], "invalid value 'many' for '--parallelism <N>'"),
        (&["--nope"], "unexpected argument '--nope' found"),
        (&["--environment", "prod x"], "invalid value 'prod x' for '--environment <NAME>'"),
    ] {
        let ended = folder.run_in(&[&["run", "plan.yaml"], options].concat(), &job).with_code(2);
        assert!(ended.stderr.contains(&format!("::error::{words}")), "{}", ended.stderr);
        let told = std::fs::read_to_string(&output).unwrap();
        assert!(told.contains(words) && told.contains("usage"), "{told}");
        std::fs::remove_file(&output).unwrap();
    }
    folder.run(&["run", "plan.yaml", "--nope"]).with_code(2);
    assert!(!output.exists());
}
