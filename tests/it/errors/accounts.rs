//! Wrong keys, addresses, projects and variables.

use snapbox::str;

use super::{assert_messages, folder};

#[test]
fn wrong_accounts_and_variables() {
    assert_messages(
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
error: `GCORE_CLOUD_REGION_ID=Luxembourg` is no id: that is a whole number from 1
help: ids of projects and regions are numbers, as in the portal's address

"#]],
            ),
            (
                &["tasks"],
                &[("GCORE_API_KEY", "x"), ("GCORE_CLOUD_PROJECT_ID", "-1")],
                2,
                str![[r#"
error: `GCORE_CLOUD_PROJECT_ID=-1` is no id: that is a whole number from 1
help: ids of projects and regions are numbers, as in the portal's address

"#]],
            ),
            (
                &["tasks", "--region-id", "0"],
                &[("GCORE_API_KEY", "x"), ("GCORE_CLOUD_PROJECT_ID", "1")],
                2,
                str![[r#"
error: `--region-id 0` is no id: that is a whole number from 1
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
                &[("GCORE_API_KEY", "x"), ("GCORE_BASE_URL", "https://api.gcore.com/?token=hunter2")],
                2,
                str![[r#"
error: `https://api.gcore.com/?…` is not a base URL: it may hold a host, a port and a path, nothing else
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
