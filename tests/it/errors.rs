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
    let folder = Folder::new()
        .with("deploy.yaml", PLAN)
        .with("text.yaml", "just words")
        .with("records/x", "")
        .with("list.yaml", "[]")
        .with("nul.yaml", "name: a\0b\n")
        .with("empty.yaml", "");
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
error: `bogus` is no fault: a rule begins with one of reset, lost-answer, status=…, rate-limit, cut, html, bad-json, task-error, delay=…, late=…, quota, random
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
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--show-secret", "nope"],
                &[],
                2,
                str![[r#"
error: the plan has no output `nope` to show
help: it has `network_id`

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--write-output", "network_id"],
                &[],
                2,
                str![[r#"
error: invalid value 'network_id' for '--write-output <OUTPUT=FILE>': write it as `OUTPUT=FILE`

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "--bogus", "deploy.yaml"],
                &[],
                2,
                str![[r#"
error: unexpected argument '--bogus' found

Usage: plan run [OPTIONS] <FILE>

For more information, try '--help'.

"#]],
            ),
            (
                &["simulate", "--listen", "localhost"],
                &[],
                2,
                str![[r#"
error: invalid value 'localhost' for '--listen <ADDRESS>': write it as `127.0.0.1:8080`, an address of this machine and a port up to 65535

For more information, try '--help'.

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--speed", "fast"],
                &[],
                2,
                str![[r#"
error: invalid value 'fast' for '--speed <N>': it must be a number above zero

For more information, try '--help'.

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--target", "other"],
                &[],
                2,
                str![[r#"
error: the plan has no step `other`
help: it has `network`

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
            (
                &["simulate", "--port", "8080"],
                &[],
                2,
                str![[r#"
error: unexpected argument '--port' found

  tip: `--listen ADDRESS` does that

Usage: plan simulate [OPTIONS]

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--var", "owner=a"],
                &[],
                2,
                str![[r#"
error: unexpected argument '--var' found

  tip: `--set NAME=VALUE` does that

Usage: plan run [OPTIONS] <FILE>

For more information, try '--help'.

"#]],
            ),
            (
                &["destroy", "deploy.yaml", "--auto-approve"],
                &[],
                2,
                str![[r#"
error: unexpected argument '--auto-approve' found

  tip: `--yes` does that

Usage: plan destroy [OPTIONS] [FILE]

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--api-key", "123"],
                &[],
                2,
                str![[r#"
error: unexpected argument '--api-key' found

  tip: `--api-key-command COMMAND` does that

Usage: plan run [OPTIONS] <FILE>

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--set", "owner"],
                &[],
                2,
                str![[r#"
error: invalid value 'owner' for '--set <NAME=VALUE>': write it as `name=value`

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--lock-timeout", "soon"],
                &[],
                2,
                str![[r#"
error: invalid value 'soon' for '--lock-timeout <DURATION>': write it as `30s`, `15m` or `1h30m`

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--ttl", "0s"],
                &[],
                2,
                str![[r#"
error: invalid value '0s' for '--ttl <DURATION>': it must be longer than 0

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--resolve-time", "25h"],
                &[],
                2,
                str![[r#"
error: invalid value '25h' for '--resolve-time <DURATION>': it is longer than a day

For more information, try '--help'.

"#]],
            ),
            (
                &["run", "deploy.yaml", "--max-items", "0"],
                &[],
                2,
                str![[r#"
error: invalid value '0' for '--max-items <N>': it must be a number from 1

For more information, try '--help'.

"#]],
            ),
            (
                &["check", "deploy.yaml", "--format", "xml"],
                &[],
                2,
                str![[r#"
error: invalid value 'xml' for '--format <FORMAT>'
  [possible values: human, json, github, sarif]

For more information, try '--help'.

"#]],
            ),
            (
                &["tasks", "--since", "2d"],
                &[],
                2,
                str![[r#"
error: invalid value '2d' for '--since <DURATION>': write it as `30s`, `15m` or `1h30m`

For more information, try '--help'.

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--seed", "-1"],
                &[],
                2,
                str![[r#"
error: unexpected argument '-1' found

Usage: plan rehearse [OPTIONS] <FILE>

For more information, try '--help'.

"#]],
            ),
            (
                &["get", "imagse"],
                &[],
                2,
                str![[r#"
error: there is no list of `imagse`
help: did you mean `plan get images`?
help: `plan get` names what is often asked for

"#]],
            ),
            (
                &["state", "accept", "x"],
                &[],
                2,
                str![[r#"
error: unrecognized subcommand 'accept'

Usage: plan state [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]],
            ),
            (
                &["state", "resolve", "network"],
                &[],
                2,
                str![[r#"
error: the following required arguments were not provided:
  <--id <ID>|--task <TASK>|--not-applied>

Usage: plan state resolve <--id <ID>|--task <TASK>|--not-applied> <STEP>

For more information, try '--help'.

"#]],
            ),
            (
                &["completions", "tcsh"],
                &[],
                2,
                str![[r#"
error: invalid value 'tcsh' for '<SHELL>'
  [possible values: bash, elvish, fish, powershell, zsh]

  tip: a similar value exists: 'zsh'

For more information, try '--help'.

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--target", "network[0]"],
                &[],
                2,
                str![[r#"
error: step `network` has no instances
help: say `network`

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--busy=slow"],
                &[],
                2,
                str![[r#"
error: `slow` does not describe a busy project: it is one of lists=…, audit=…, clock=…
help: write it as `--busy` or `--busy=lists=3s,audit=60s,clock=30s`

"#]],
            ),
            (
                &["ops", "frobnicate"],
                &[],
                2,
                str![[r#"
error: no operation has all of `frobnicate`
help: try fewer words, or others: `vm`, `create network`, `database`, `POST subnets`

"#]],
            ),
            (
                &["new"],
                &[],
                2,
                str![[r#"
error: the following required arguments were not provided:
  <OPERATION>...

Usage: plan new <OPERATION>...

For more information, try '--help'.

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
                &["get", "images"],
                &[],
                4,
                str![[r#"
error: there is no API key: `GCORE_API_KEY` is not set
help: make a permanent API token at https://portal.gcore.com: Profile, API tokens
help: then `export GCORE_API_KEY='…'` (single quotes: it holds a `$`), or name a command that prints it with `--api-key-command`
help: to try it without an account: `plan simulate` serves a simulated API

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
help: correct `--base-url` or `GCORE_BASE_URL`, or leave them out for `https://api.gcore.com`

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
            (
                &["get", "regions"],
                &[("GCORE_API_KEY", "APIKey 123")],
                4,
                str![[r#"
error: the API key cannot be sent: it begins with the word `APIKey`
help: check `GCORE_API_KEY`: the token alone, on one line, without the word `APIKey`

"#]],
            ),
            (
                &["get", "regions"],
                &[("GCORE_API_KEY", "123 456")],
                4,
                str![[r#"
error: the API key cannot be sent: it has blanks or line ends in it
help: check `GCORE_API_KEY`: the token alone, on one line, without the word `APIKey`

"#]],
            ),
            (
                &["get", "regions"],
                &[("GCORE_API_KEY", "x"), ("GCORE_BASE_URL", "https://user:hunter2@api.gcore.com")],
                2,
                str![[r#"
error: `https://…@api.gcore.com` is not a base URL: it may hold a host, a port and a path, nothing else
help: correct `--base-url` or `GCORE_BASE_URL`, or leave them out for `https://api.gcore.com`

"#]],
            ),
            (
                &["get", "regions"],
                &[("GCORE_API_KEY", "x"), ("GCORE_BASE_URL", "http://api.gcore.com")],
                2,
                str![[r#"
error: `http://api.gcore.com` is not a base URL: plain `http` would show the API key to the network; use `https`
help: correct `--base-url` or `GCORE_BASE_URL`, or leave them out for `https://api.gcore.com`

"#]],
            ),
            (
                &["get", "regions"],
                &[("GCORE_API_KEY", "x"), ("GCORE_BASE_URL", "api.gcore.com")],
                2,
                str![[r#"
error: `api.gcore.com` is not a base URL: it should look like `https://api.gcore.com`
help: correct `--base-url` or `GCORE_BASE_URL`, or leave them out for `https://api.gcore.com`

"#]],
            ),
            (
                &["get", "regions", "--api-key-command", "false"],
                &[],
                4,
                str![[r#"
error: `--api-key-command` gave no key: it ended with exit status 1
help: the command must exit 0 and print the key, and nothing else, to stdout

"#]],
            ),
            (
                &["get", "regions", "--api-key-command", "echo"],
                &[],
                4,
                str![[r#"
error: `--api-key-command` gave no key: it printed nothing
help: the command must exit 0 and print the key, and nothing else, to stdout

"#]],
            ),
            (
                &["get", "regions", "--ca-file", "text.yaml"],
                &[("GCORE_API_KEY", "x")],
                2,
                str![[r#"
error: the file of `--ca-file` holds no certificate
help: name a file with the certificates of the authorities to trust, as PEM

"#]],
            ),
            (
                &["get", "regions", "--ca-file", "missing.pem"],
                &[("GCORE_API_KEY", "x")],
                2,
                str![[r#"
error: `--ca-file` is `FOLDER/missing.pem`, which cannot be read: No such file or directory (os error 2)
help: name a file with the certificates of the authorities to trust, as PEM

"#]],
            ),
            (
                &["get", "regions"],
                &[("GCORE_API_KEY", "x"), ("SSL_CERT_FILE", "missing.pem")],
                2,
                str![[r#"
error: `SSL_CERT_FILE` is `missing.pem`, which cannot be read
help: name the certificates of the authorities to trust, or unset it to trust the system's

"#]],
            ),
            (
                &["get", "images"],
                &[("GCORE_API_KEY", "x")],
                2,
                str![[r#"
error: a project is needed for this list, and none is set
help: set `GCORE_CLOUD_PROJECT_ID`, or use `--project-id ID`; `plan get projects` lists them

"#]],
            ),
            (
                &["run", "deploy.yaml", "--set", "owner=a"],
                &[("GCORE_API_KEY", "x"), ("GCORE_CLOUD_PROJECT_ID", "1")],
                2,
                str![[r#"
error: step `network` needs a region, and none is set
help: set `GCORE_CLOUD_REGION_ID`, use `--region-id ID`, or say `region_id:` in the plan

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a"],
                &[("PLAN_INPUT_TEAM", "x")],
                3,
                str![[r#"
error: PLAN_INPUT_TEAM: the plan has no input `team`
help: the plan's inputs are `replicas` and `owner`

"#]],
            ),
            (
                &["status", "deploy.yaml"],
                &[("PLAN_LOG", "loud===")],
                2,
                str![[r#"
error: `PLAN_LOG` is `loud===`, which is no filter
help: write it as `info`, `debug`, or `plan::request=info,plan::body=debug`

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--set", "replicas=[1"],
                &[],
                3,
                str![[r#"
error[input-value]: `replicas` cannot be read as YAML: a `[` is not closed (--set replicas)
 --> deploy.yaml:3:3
  |
3 |   replicas: { default: 2, minimum: 1 }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: add the closing bracket

1 error in deploy.yaml

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
help: its folder does not exist: make it, or name another

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--events", "none/events"],
                &[],
                1,
                str![[r#"
error: cannot write `none/events`: No such file or directory (os error 2)
help: its folder does not exist: make it, or name another

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
                &["state", "push", "text.yaml"],
                &[],
                2,
                str![[r#"
error: `text.yaml` is no record: it has no header
help: name a file that `plan state pull` wrote

"#]],
            ),
            (
                &["state", "push", "here.jsonl"],
                &[],
                2,
                str![[r#"
error: cannot read `here.jsonl`: No such file or directory (os error 2)
help: paths are looked up from the current folder

"#]],
            ),
            (
                &["state", "init", "records"],
                &[],
                0,
                str![[r#"
`FOLDER/records` is a folder, which needs no preparation: name it with `--state` or `PLAN_STATE`

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--inputs", "list.yaml"],
                &[],
                3,
                str![[r#"
error: list.yaml:1:1: a file of inputs is a mapping, found a list
help: write a line `NAME: VALUE` for each input
...
"#]],
            ),
            (
                &["run", "deploy.yaml", "--set", "owner=a", "--state", "text.yaml"],
                &[("GCORE_API_KEY", "x"), ("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")],
                12,
                str![[r#"
error: cannot make `FOLDER/text.yaml/demo/default`: Not a directory (os error 20)
help: a part of the path is a file and not a folder: name another place

"#]],
            ),
            (
                &["status", "--plan", "demo", "--state", "nowhere"],
                &[],
                2,
                str![[r#"
error: there is no folder of records at `FOLDER/nowhere`
help: nothing was run here yet, or the records are elsewhere: name their folder with `--state FOLDER`, or the plan file that it is beside

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
            (
                &["check", "nul.yaml"],
                &[],
                3,
                str![[r#"
error[yaml-encoding]: the byte 0x00 here is no UTF-8 text
 --> nul.yaml:1:8
  |
1 | name: a␀b
  |        ^
  |
  = help: save the file as UTF-8 text

1 error in nul.yaml

"#]],
            ),
            (
                &["check", "empty.yaml"],
                &[],
                3,
                str![[r#"
error[empty-plan]: there is nothing in this file
 --> empty.yaml:1:1
  |
1 |
  | ^
  |
  = help: a plan has a `name` and `steps`

1 error in empty.yaml

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--spec", "text.yaml"],
                &[],
                2,
                str![[r#"
error: `text.yaml`: the OpenAPI document cannot be read: it has no `paths`
help: name the OpenAPI document of the API, as JSON or YAML

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--write-output", "network_id=none/x"],
                &[],
                2,
                str![[r#"
error: output `network_id` cannot be written to `none/x`
help: name a file in a folder that is there

"#]],
            ),
            (
                &["preview", "deploy.yaml", "--set", "owner=a", "--out", "none/x"],
                &[("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")],
                1,
                str![[r#"
error: cannot write `none/x`: No such file or directory (os error 2)
help: its folder does not exist: make it, or name another

"#]],
            ),
            (
                &["preview", "deploy.yaml", "--set", "owner=a", "--out", "text.yaml"],
                &[("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")],
                2,
                str![[r#"
error: `text.yaml` exists, and is no preview: it is not overwritten
help: name another file with `--out`

"#]],
            ),
            (
                &["man", "--dir", "text.yaml"],
                &[],
                1,
                str![[r#"
error: cannot write `text.yaml`: File exists (os error 17)
help: a file is there already: name another place

"#]],
            ),
            (
                &["init", "--file", "text.yaml"],
                &[],
                2,
                str![[r#"
error: `text.yaml` is there already, and is left as it is
help: name another file with `--file FILE`, or another folder: `--file demo/deploy.yaml`

"#]],
            ),
            (
                &["init", "--file", "text.yaml/deploy.yaml"],
                &[],
                2,
                str![[r#"
error: cannot read `text.yaml/deploy.yaml`: Not a directory (os error 20)
help: a part of the path is a file and not a folder: name another place

"#]],
            ),
            (
                &["output", "nope", "--plan", "demo", "--state", "records"],
                &[],
                2,
                str![[r#"
error: environment `default` of plan `demo` has no record
help: records are looked for in `FOLDER/records`: name another place with `--state`

"#]],
            ),
            (
                &["destroy", "deploy.yaml"],
                &[],
                2,
                str![[r#"
error: there is no folder of records at `FOLDER/.plan`
help: nothing was run here yet, or the records are elsewhere: name their folder with `--state FOLDER`, or the plan file that it is beside

"#]],
            ),
            (
                &["sweep", "--state", "nowhere"],
                &[],
                2,
                str![[r#"
error: there is no folder of records at `FOLDER/nowhere`
help: nothing was run here yet, or the records are elsewhere: name their folder with `--state FOLDER`, or the plan file that it is beside

"#]],
            ),
        ],
    );
}
