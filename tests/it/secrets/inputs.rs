//! Inputs are redacted before it is known whether they are secret.

use crate::support::Folder;

const PLAN: &str = "\
name: demo
inputs:
  pin: { secret: true, type: integer }
  word: { secret: true }
  title: {}
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    headers: { x-note: '{{ inputs.word }}' }
    body: { name: 'net-{{ inputs.pin | string }}-{{ inputs.title }}' }
";

const SECRET: &str = "hunter2secret";

/// Files of inputs that are invalid or ambiguous.
const FILES: [&str; 16] = [
    "word: !hunter2secret x\n",
    "word: *hunter2secret\n",
    "word: &hunter2secret\n",
    "word: %hunter2secret\n",
    "word: @hunter2secret\n",
    "word: `hunter2secret\n",
    "word: \"hunter2secret\n",
    "word: 'hunter2secret\n",
    "word: hunter2secret: x\n",
    "word: hunter2secret\nword: hunter2secret\n",
    "word: { hunter2secret: 1, hunter2secret: 2 }\n",
    "word: [hunter2secret\n",
    "hunter2secret: x\n",
    "hunter2secret\n",
    "{\"word\": \"hunter2secret\" \"pin\": 1}",
    "pin: hunter2secret\n",
];

#[test]
fn a_secret_that_is_given_wrongly_is_not_repeated() {
    for format in ["human", "json", "github", "sarif"] {
        for file in FILES {
            let folder = Folder::new().with("plan.yaml", PLAN).with("in.yaml", file);
            let ended = folder.run(&["check", "plan.yaml", "--inputs", "in.yaml", "--format", format]).with_code(3);
            let told = [ended.stdout, ended.stderr].concat();
            assert!(!told.contains(SECRET), "{file}{told}");
        }
    }
}

#[test]
fn a_variable_of_a_wrong_type_is_not_repeated() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let given = [("PLAN_INPUT_PIN", SECRET), ("PLAN_INPUT_WORD", "x"), ("PLAN_INPUT_TITLE", "a")];
    let place = [("GCORE_API_KEY", "k"), ("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")];
    for line in ["check plan.yaml", "run plan.yaml", "rehearse plan.yaml", "preview plan.yaml", "preview plan.yaml -vv"]
    {
        let ended = folder.run_in(&line.split(' ').collect::<Vec<_>>(), &[&given[..], &place].concat()).with_code(3);
        let told = [ended.stdout, ended.stderr].concat();
        assert!(told.contains("`pin` does not fit: expected an integer") && !told.contains(SECRET), "{line}: {told}");
    }
}

#[test]
fn a_header_is_one_line_before_anything_is_sent() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let given = [("PLAN_INPUT_PIN", "12345"), ("PLAN_INPUT_WORD", "a\rhunter2secret"), ("PLAN_INPUT_TITLE", "a")];
    let ended = folder.run_in(&["rehearse", "plan.yaml"], &given).with_code(3);
    ended.says("the value of the secret input `word` holds a line break, and a header is one line");
    assert!(!ended.stderr.contains(SECRET) && !ended.stdout.contains(SECRET), "{}", ended.stderr);
}

#[test]
fn findings_show_no_default_of_a_secret_input() {
    let unused = "inputs: { pin: { secret: true, default: hunter2secret } }\n";
    let wrong = PLAN.replace("inputs:\n", "inputs:\n  key: { secret: true, default: hunter2secret, nope: 1 }\n");
    for (text, code) in [(format!("{unused}name: demo\nsteps:\n{NO_INPUTS}"), 0), (wrong, 3)] {
        let folder = Folder::new().with("plan.yaml", &text);
        for command in ["check", "preview", "rehearse"] {
            let ended = folder.run(&[command, "plan.yaml"]).with_code(code);
            assert!(ended.stderr.contains("[secret]") && !ended.stderr.contains(SECRET), "{command}: {}", ended.stderr);
        }
    }
}

const NO_INPUTS: &str = "  - { id: key, call: 'POST /cloud/v1/ssh_keys/1', body: { name: one } }\n";
