//! Secrets that stand in a plan file itself: findings about the file show its lines without them.

use std::fs;

use crate::support::Folder;

/// Each part of the secrets of [`PLANS`] has one of these.
const PARTS: [&str; 3] = ["hunter", "1234567890", "12345678"];

const LONG: &str = "hunter-a-hunter-b-hunter-c-hunter-d-hunter-e-hunter-f-hunter-g-hunter-h-hunter-i";

/// The inputs of invalid plans: what they declare, and what their excerpts still show.
fn plans() -> Vec<(String, &'static str)> {
    let long = "words that are no secret, and make a line longer than any terminal is wide ".repeat(2);
    [
        (
            format!(
                "{{ pw: {{ secret: true, description: d, default: {LONG} }}, other: {{ typo: 1, description: \
                  '{long}' }} }}"
            ),
            "typo",
        ),
        (format!("{{ other: {{ typo: 1, description: d }}, pw: {{ secret: true, default: {LONG} }} }}"), "typo"),
        (
            "{ pw: { secret: true, typo: 1, default: \"hunter-a\n      hunter-b\n      hunter-c\", foo: 1 } }"
                .to_owned(),
            "foo",
        ),
        ("{ pw: { secret: true, default: |\n    hunter-a\n    hunter-b\n  , foo: 1 } }".to_owned(), "secret"),
        ("\n  pw:\n    typo: 1\n    default: |\n      hunter-a\n      hunter-b\n    secret: true".to_owned(), "typo"),
        ("{ pw: { secret: true, default: hunter-a, pattern: '^z' } }".to_owned(), "pattern"),
        ("{ pw: { secret: true, default: hunter-a, type: integer } }".to_owned(), "type"),
        ("{ pw: { secret: true, default: 1234567890, type: string } }".to_owned(), "type"),
        ("{ pw: { secret: true, enum: [hunter-a, \"hunter-b\"], default: hunter-c } }".to_owned(), "enum"),
        ("{ pw: { secret: true, enum: [hunter-a, 1234567890], default: hunter-a } }".to_owned(), "enum"),
        ("{ pw: { secret: true, type: integer, default: 0x1234567890, foo: 1 } }".to_owned(), "foo"),
        ("{ pw: { secret: true, type: number, default: 1.2345678e5, foo: 1.2345678 } }".to_owned(), "foo"),
        ("{ pw: { secret: true, type: map, default: { a: hunter-a, b: [hunter-b] }, foo: 1 } }".to_owned(), "foo"),
        ("{ pw: { secret: true, defualt: hunter-a } }".to_owned(), "defualt"),
        ("{ pw: { secret: 'yes', default: hunter-a } }".to_owned(), "secret"),
        ("{ pw: { sensitive: true, default: hunter-a } }".to_owned(), "sensitive"),
        ("{ pw: { secrt: true, default: hunter-a } }".to_owned(), "secrt"),
        ("[{ name: pw, secret: true, default: hunter-a }]".to_owned(), "name"),
        ("{ pw: { secret: true, default: \"hunter-a\" foo: 1 } }".to_owned(), "secret"),
        ("{ pw: { secret: true, default: \"hunter\\qa\" } }".to_owned(), "secret"),
        ("\n  pw:\n    secret: true\n    default: hunter-a: x\n".to_owned(), "default"),
        ("\n  pw:\n    default: 'hunter-a'x\n    secret: true\n".to_owned(), "default"),
    ]
    .into_iter()
    .collect()
}

#[test]
fn a_finding_shows_nothing_of_a_secret_that_stands_in_the_plan() {
    for (inputs, shown) in plans() {
        let text = format!(
            "name: demo\ninputs: {inputs}\nsteps:\n  - {{ id: key, call: 'POST /cloud/v1/ssh_keys/1', body: {{ name: one }} }}\n"
        );
        let folder = Folder::new().with("plan.yaml", &text);
        let summary = folder.path().join("summary.md");
        let job = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
        for (format, environment) in
            [("human", &[][..]), ("human", &job), ("json", &[]), ("github", &job), ("sarif", &[])]
        {
            let ended = folder.run_in(&["check", "plan.yaml", "--format", format], environment);
            let told = [ended.stdout, ended.stderr, fs::read_to_string(&summary).unwrap_or_default()].concat();
            let told: Vec<&str> = told.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
            let told = told.join("\n");
            assert!(!PARTS.iter().any(|part| told.contains(part)), "{inputs}: {told}");
            assert!(format != "human" || told.contains(shown), "{inputs}: {told}");
        }
    }
}

#[test]
fn a_module_shows_nothing_of_its_secrets() {
    let plan = |with: &str| format!("name: demo\nsteps:\n  - {{ id: web, use: m.yaml, with: {with} }}\n");
    let module = |input: &str| {
        format!(
            "inputs: {{ word: {input} }}\nsteps:\n  - {{ id: key, call: 'POST /cloud/v1/ssh_keys/1', \
             body: {{ name: one, public_key: '{{{{ inputs.word }}}}' }} }}\n"
        )
    };
    for (with, input) in [
        ("{ word: hunter-a }", "{ secret: true }"),
        ("{}", "{ secret: true, default: hunter-a }"),
        ("{}", "{ secret: true, default: hunter-a, foo: 1 }"),
        ("{}", "{ secret: true, default: hunter-a foo: 1 }}"),
    ] {
        let folder = Folder::new().with("plan.yaml", &plan(with)).with("m.yaml", &module(input));
        for format in ["human", "json", "github", "sarif"] {
            let ended = folder.run(&["check", "plan.yaml", "--format", format]).with_code(3);
            let told = [ended.stdout, ended.stderr].concat();
            assert!(!told.contains("hunter"), "{with} {input}: {told}");
        }
    }
}

/// A record of a version that accepted a secret as the id of what a call makes.
const RECORD: [&str; 5] = [
    r#"{"crc":"f38b4172","n":0,"at":"2026-11-28T11:09:12.861176679Z","record":"header","version":2,"tool":"plan 0.1.0","plan":"se","environment":"default","key":"38b04a33a4614fa8a5e7eb2467e8633fdce635f8016c4de5b915720487f42f6b"}"#,
    r#"{"crc":"2cddfd07","n":1,"at":"2026-11-28T11:09:12.875525145Z","record":"started","run":"aac7d1fcc91c449d93f4645ea90b7a09","command":"run","file":"secret-zone.yaml","project_id":1,"region_id":7,"secrets":true}"#,
    r#"{"crc":"55d7f40a","n":2,"at":"2026-11-28T11:09:12.912756441Z","record":"intent","instance":{"step":"z"},"call":{"method":"POST","path":"/dns/v2/zones","body":{"name":"secret:ce74c699454885080c555d13a7a5ba86.example.com"}},"attempt":1,"nonce":"19b4ad0c71c549d5881cca435d4a7c2f","stamped":false,"after":[],"undo":"default","mark":{"server_time":"2026-11-28T11:42:27.000746977Z","trace":"6866e077abb141c2a3d7544bf115267a","user_agent":"plan/0.1.0 (plan se; environment default; step z; attempt 19b4ad0c71c549d5881cca435d4a7c2f)","before":[]}}"#,
    r#"{"crc":"c2f2a369","n":3,"at":"2026-11-28T11:09:12.915546382Z","record":"succeeded","instance":{"step":"z"},"how":"called","result":{"kind":"dns_zones","id":"secret:ce74c699454885080c555d13a7a5ba86.example.com","ids":["secret:ce74c699454885080c555d13a7a5ba86.example.com"],"created":{"dns_zones":["secret:ce74c699454885080c555d13a7a5ba86.example.com"]},"status":200,"response":{"id":100002,"warnings":["Your contract has been set to reseller default due to the absence of contact information."]}},"made":{"kind":"dns_zones","id":"secret:ce74c699454885080c555d13a7a5ba86.example.com","undo":{"method":"DELETE","path":"/dns/v2/zones/secret%3Ace74c699454885080c555d13a7a5ba86.example.com"}},"duration_ms":32}"#,
    r#"{"crc":"a60b20d7","n":4,"at":"2026-11-28T11:09:12.915952225Z","record":"finished","exit":0}"#,
];

#[test]
fn what_no_teardown_can_remove_is_forgotten_by_the_command_that_comes_next() {
    let folder = Folder::new().with(".plan/se/default/journal.jsonl", &(RECORD.join("\n") + "\n"));
    let job = [("GCORE_API_KEY", "k"), ("GCORE_BASE_URL", "http://127.0.0.1:9")];
    let ended = folder.run_in(&["destroy", "--plan", "se", "--yes"], &job).with_code(11);
    ended.says("help: remove it by hand, then `plan state forget --plan se --environment default --state ");
    let next = ended.stderr.lines().find_map(|line| line.strip_prefix("next: plan ")).unwrap();
    folder.run(&next.split(' ').chain(["--yes"]).collect::<Vec<_>>()).with_code(0);
    folder.run_in(&["destroy", "--plan", "se", "--yes"], &job).with_code(0);
}
