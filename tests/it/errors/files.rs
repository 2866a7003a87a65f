//! Files that are missing, unreadable or of another kind.

use snapbox::str;

use super::{assert_messages, folder};

#[cfg(unix)]
#[test]
fn files_that_are_not_what_they_should_be() {
    assert_messages(
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
error: `page.pdf` has no extension of a report
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
help: name a file in a folder that exists

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
