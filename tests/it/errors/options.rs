//! Wrong commands and options, and those of other tools.

use snapbox::str;

use super::{assert_messages, folder};

#[test]
fn wrong_arguments_on_the_command_line() {
    assert_messages(
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
help: `plan init --list` lists the examples

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
error: `page.pdf` has no extension of a report
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
