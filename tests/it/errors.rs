//! Error messages, word for word: what happened, where, what exists, what to type. `SNAPSHOTS=overwrite` rewrites
//! them; read the difference.

use snapbox::data::Inline;
use snapbox::{assert_data_eq, str};

use crate::support::Folder;

const PLAN: &str = "\
name: demo
inputs:
  replicas: { default: 2, minimum: 1 }
  owner: { description: who asks }
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: \"{{ inputs.owner }}-{{ inputs.replicas }}\", create_router: false }
outputs:
  network_id: \"{{ steps.network.id }}\"
";

/// Arguments, variables, exit code, stderr.
type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], i32, Inline);

#[track_caller]
fn each_is_told(folder: &Folder, cases: Vec<Case>) {
    for (arguments, variables, code, words) in cases {
        let ended = folder.run_in(arguments, variables).with_code(code);
        let told = ended.stderr.replace(folder.path().to_str().unwrap(), "FOLDER");
        assert_data_eq!(told, words);
    }
}

fn folder() -> Folder {
    let folder = Folder::new().with("deploy.yaml", PLAN).with("text.yaml", "just words").with("records/x", "");
    folder.with("typo.yaml", &PLAN.replace("create_router", "create_ruoter"))
}

#[test]
fn wrong_words_on_the_command_line() {
    each_is_told(
        &folder(),
        vec![
            (
                &["deploy", "deploy.yaml"],
                &[],
                2,
                str![[r#"
error: unrecognized subcommand 'deploy'

  tip: `plan run FILE` does that

Usage: plan [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--timeout", "90"],
                &[],
                2,
                str![[r#"
error: invalid value '90' for '--timeout <DURATION>': write it as `30s`, `15m` or `1h30m`

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--region-id", "Luxembourg"],
                &[],
                2,
                str![[r#"
error: invalid value 'Luxembourg' for '--region-id <ID>': ids of projects and regions are whole numbers, as in the portal's address; names are not taken

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--environment", "feature/X"],
                &[],
                2,
                str![[r#"
error: invalid value 'feature/X' for '--environment <NAME>': it may hold letters, digits, `-`, `_` and `.`, and starts with a letter or digit; `feature-x` would do

For more information, try '--help'.

"#]],
            ),
            (
                &["tasks", "--state", "done"],
                &[],
                2,
                str![[r#"
error: invalid value 'done' for '--state <STATE>': it is one of NEW, RUNNING, FINISHED, ERROR

For more information, try '--help'.

"#]],
            ),
            (
                &["init", "web-servr"],
                &[],
                2,
                str![[r#"
error: there is no example `web-servr`
help: did you mean `web-server`?
help: `plan init --list` tells what there is

"#]],
            ),
            (
                &["explain", "unknown-feild"],
                &[],
                2,
                str![[r#"
error: no finding has the code `unknown-feild`
help: did you mean `unknown-field`?

"#]],
            ),
            (
                &["man", "rnu"],
                &[],
                2,
                str![[r#"
error: `plan` has no command `rnu`
help: did you mean `run`?

"#]],
            ),
            (
                &["ops", "--show", "POST v9/nothing"],
                &[],
                2,
                str![[r#"
error: no operation fits `POST v9/nothing`
help: `plan ops WORD` searches for one

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--fault", "bogus"],
                &[],
                2,
                str![[r#"
error: `bogus` is no fault: `bogus` is not one of reset, lost-answer, status=…, rate-limit, cut, html, bad-json, task-error, delay=…, late=…, quota, random
help: write it as `lost-answer:POST:networks:1` or `random:0.3:seed=7`; see `plan rehearse --help`

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--report", "page.pdf"],
                &[],
                2,
                str![[r#"
error: `page.pdf` does not say how the report is to be written
help: end its name with `.html`, `.md`, `.json` or `.xml` (JUnit)

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--write-output", "nope=x"],
                &[],
                2,
                str![[r#"
error: the plan has no output `nope` to write
help: it has `network_id`

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--target", "netwrok"],
                &[],
                2,
                str![[r#"
error: the plan has no step `netwrok`
help: did you mean `network`?

"#]],
            ),
        ],
    );
}

#[test]
fn wrong_plans_and_inputs() {
    each_is_told(
        &folder(),
        vec![
            (
                &["check", "typo.yaml"],
                &[],
                3,
                str![[r#"
error[unknown-field]: there is no field `create_ruoter` here
 --> typo.yaml:8:63
  |
8 |     body: { name: "{{ inputs.owner }}-{{ inputs.replicas }}", create_ruoter: false }
  |                                                               ^^^^^^^^^^^^^
  |
  = help: did you mean `create_router`?
  = help: if the API has it: `--spec FILE` checks against a newer API document, and `allow_unknown: [body/create_ruoter]` on the step lets it through
help: write
  |
8 -     body: { name: "{{ inputs.owner }}-{{ inputs.replicas }}", create_ruoter: false }
8 +     body: { name: "{{ inputs.owner }}-{{ inputs.replicas }}", create_router: false }
  |

1 error in typo.yaml

"#]],
            ),
            (
                &["rehearse", "deploy.yaml"],
                &[],
                3,
                str![[r#"
error[input-value]: the input `owner` is required
 --> deploy.yaml:4:3
  |
4 |   owner: { description: who asks }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: owner: who asks
  = help: give it with `--set owner=...`, in a file with `--inputs FILE`, or as PLAN_INPUT_OWNER

1 error in deploy.yaml

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "ownr=a"],
                &[],
                3,
                str![[r#"
error: --set ownr: the plan has no input `ownr`
help: did you mean `owner`?
error[input-value]: the input `owner` is required
 --> deploy.yaml:4:3
  |
4 |   owner: { description: who asks }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: owner: who asks
  = help: give it with `--set owner=...`, in a file with `--inputs FILE`, or as PLAN_INPUT_OWNER

1 error in deploy.yaml

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--set", "replicas=0"],
                &[],
                3,
                str![[r#"
error[input-value]: the value of `replicas` does not fit: `0` is below the minimum of 1 (--set replicas)
 --> deploy.yaml:3:3
  |
3 |   replicas: { default: 2, minimum: 1 }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

1 error in deploy.yaml

"#]],
            ),
        ],
    );
}

#[test]
fn wrong_accounts_and_variables() {
    each_is_told(
        &folder(),
        vec![
            (
                &["run", "deploy.yaml", "--set", "owner=a"],
                &[],
                4,
                str![[r#"
error: there is no API key: `GCORE_API_KEY` is not set
help: make a permanent API token at https://portal.gcore.com: Profile, API tokens
help: then `export GCORE_API_KEY='…'` (single quotes: it holds a `$`), or name a command that prints it with `--api-key-command`
help: to try the plan without an account: `plan rehearse deploy.yaml`

"#]],
            ),
            (
                &["tasks"],
                &[("GCORE_API_KEY", "x"), ("GCORE_CLOUD_REGION_ID", "Luxembourg")],
                2,
                str![[r#"
error: `GCORE_CLOUD_REGION_ID` is `Luxembourg`, which is no whole number
help: ids of projects and regions are numbers, as in the portal's address

"#]],
            ),
            (
                &["tasks"],
                &[("GCORE_API_KEY", "x"), ("GCORE_BASE_URL", "ftp://x")],
                2,
                str![[r#"
error: `ftp://x` is not a base URL: only `https` (and `http` to this machine) is spoken

"#]],
            ),
            (
                &["status", "deploy.yaml"],
                &[("PLAN_ENVIRONMENT", "a/b")],
                2,
                str![[r#"
error: `PLAN_ENVIRONMENT` is no name: it may hold letters, digits, `-`, `_` and `.`, and starts with a letter or digit; `a-b` would do

"#]],
            ),
        ],
    );
}

#[cfg(unix)]
#[test]
fn files_that_are_not_what_they_should_be() {
    each_is_told(
        &folder(),
        vec![
            (
                &["check", "missing.yaml"],
                &[],
                2,
                str![[r#"
error: cannot read `missing.yaml`: No such file or directory (os error 2)
help: paths are looked up from the current folder; `plan init` writes a plan to start from

"#]],
            ),
            (
                &["check", "records"],
                &[],
                2,
                str![[r#"
error: cannot read `records`: Is a directory (os error 21)
help: it is a folder: name a file in it

"#]],
            ),
            (
                &["run", "deploy.yaml", "--set", "owner=a", "--inputs", "missing.yaml"],
                &[],
                2,
                str![[r#"
error: cannot read `missing.yaml`: No such file or directory (os error 2)
help: paths are looked up from the current folder; `plan init` writes a plan to start from

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--report", "none/page.html"],
                &[],
                1,
                str![[r#"
error: cannot write `none/page.html`: No such file or directory (os error 2)
help: the folder it is to be in is not there: make it, or name another

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--events", "none/events"],
                &[],
                1,
                str![[r#"
error: cannot write `none/events`: No such file or directory (os error 2)
help: the folder it is to be in is not there: make it, or name another

"#]],
            ),
            (
                &["report", "--events", "text.yaml"],
                &[],
                2,
                str![[r#"
error: text.yaml:1: no event: expected value at line 1 column 1
help: name a file that `plan run --events FILE` wrote

"#]],
            ),
            (
                &["status", "--plan", "demo", "--state", "nowhere"],
                &[],
                2,
                str![[r#"
error: there is no folder of records at `FOLDER/nowhere`
help: name the folder of records with `--state FOLDER`, or the plan file that it is beside

"#]],
            ),
            (
                &["destroy", "deploy.yaml", "--yes", "--report", "page.pdf"],
                &[],
                2,
                str![[r#"
error: `page.pdf` does not say how the report is to be written
help: end its name with `.html`, `.md`, `.json` or `.xml` (JUnit)

"#]],
            ),
        ],
    );
}
