use std::sync::Arc;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::id::StepId;
use crate::source::Source;

/// The plan of the documentation, with every key a step can have used somewhere.
const DEMO: &str = r#"# yaml-language-server: $schema=./plan.schema.json
name: web-demo
description: a web server on its own network
inputs:
  image_id:  { description: "OS image", required: true }
  flavor:    { default: g2-standard-2-4, enum: [g2-standard-2-4, g2-standard-4-8] }
  replicas:  { type: integer, default: 2, minimum: 1 }
  password:  { secret: true }
ttl: 8h                              # optional: when a sweep may take this environment down

steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: "{{ environment }}-net", create_router: false }

  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body:
      name: "{{ environment }}-subnet"
      network_id: "{{ steps.network.id }}"          # a reference is a dependency
      cidr: 10.0.0.0/24

  - id: web
    for_each: "{{ range(inputs.replicas) }}"
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: "{{ environment }}-web-{{ each.key }}"
      flavor: "{{ inputs.flavor }}"
      password: "{{ inputs.password }}"
      volumes:
        - { source: image, image_id: "{{ inputs.image_id }}", size: 20, boot_index: 0 }
      interfaces:
        - { type: subnet, network_id: "{{ steps.network.id }}", subnet_id: "{{ steps.subnet.id }}" }
    wait: { timeout: 15m, every: 5s, first: 15s }
    ready: resource.status == 'ACTIVE'
    retry: { attempts: 3, on: [502] }
    when: inputs.replicas > 0
    needs: subnet
    undo: { call: "DELETE /cloud/v1/instances/{project_id}/{region_id}/{{ self.id }}", query: { volumes: "{{ self.created.volumes | join(',') }}" } }
    on_change: { update: { call: "PATCH /cloud/v1/instances/{project_id}/{region_id}/{{ self.id }}", body: { name: "{{ environment }}-web-{{ each.key }}" } } }
    on_conflict: adopt
    stamp: false

outputs:
  network_id: "{{ steps.network.id }}"
  web_ids:    "{{ steps.web.ids }}"
  first_ip:   { value: "{{ steps.web.all[0].resource.addresses | first_address }}", description: "where to look" }
"#;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source::new("plans/plan.yaml", text))
}

fn shown(source: &Source, finding: &Diagnostic) -> String {
    let at = source.position(finding.primary.start());
    let help = finding.help.iter().map(|help| format!("\n    help: {help}")).collect::<String>();
    format!("{}:{} {} {}{help}", at.line, at.column, finding.code, finding.message)
}

fn demo() -> Plan {
    let source = source(DEMO);
    let checked = check(&source);
    let findings: Vec<_> = checked.findings.iter().map(|finding| shown(&source, finding)).collect();
    assert_eq!(findings, [] as [String; 0]);
    checked.plan.unwrap()
}

#[test]
fn a_plan_that_is_right_becomes_a_model() {
    let plan = demo();
    assert_eq!(plan.name, "web-demo");
    assert_eq!(plan.folder, std::path::Path::new("plans"));
    assert_eq!(plan.ttl, Some(std::time::Duration::from_secs(8 * 3600)));
    let web = &plan.steps["web"];
    assert_eq!(web.after.iter().map(StepId::as_str).collect::<Vec<_>>(), ["network", "subnet"]);
    assert!(web.resource_used && !plan.steps["network"].resource_used);
    assert_eq!(web.on_conflict, OnConflict::Adopt);
    assert!(matches!(web.on_change, Some(OnChange::Update(_))));
    let order: Vec<_> = Graph::of(&plan).order().into_iter().map(|id| id.to_string()).collect();
    assert_eq!(order, ["network", "subnet", "web"]);
}

/// Checks every plan in `tests/plans` and compares its findings with the file next to it. `SNAPSHOTS=overwrite cargo
/// test` rewrites these.
#[test]
fn invalid_plans_have_all_findings_at_once() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let source = Arc::new(Source::new("plan.yaml", text));
        let checked = check(&source);
        for finding in &checked.findings {
            assert_eq!(source.clamp(finding.primary), finding.primary, "{}: {finding:?}", path.display());
        }
        let lines = checked.findings.iter().map(|finding| snapshot(&source, finding) + "\n");
        let actual = lines.collect::<String>() + if checked.plan.is_some() { "accepted\n" } else { "refused\n" };
        let expected = snapbox::Data::read_from(&path.with_extension("txt"), Some(snapbox::data::DataFormat::Text));
        snapbox::Assert::new().action_env("SNAPSHOTS").eq(actual, expected.raw());
        seen += 1;
    }
    assert!(seen >= 40);
}

fn snapshot(source: &Source, finding: &Diagnostic) -> String {
    let first_line = |span| source.slice(span).lines().next().unwrap_or_default().to_owned();
    let severity = format!("{:?}", finding.severity).to_lowercase();
    let at = source.position(finding.primary.start());
    let mut out = format!(
        "{}:{} {severity}[{}] {}\n    > {}",
        at.line,
        at.column,
        finding.code,
        finding.message,
        first_line(finding.primary)
    );
    for (span, words) in &finding.related {
        let at = source.position(span.start());
        out += &format!("\n    {}:{} {words}", at.line, at.column);
    }
    for help in &finding.help {
        out += &format!("\n    help: {help}");
    }
    if let Some(suggestion) = &finding.suggestion {
        out += &format!("\n    mend: `{}` -> `{}`", first_line(suggestion.span), suggestion.text);
    }
    out
}

#[test]
fn a_diagram_escapes_the_syntax_of_its_format() {
    let text = "name: demo\nsteps:\n  - id: end\n    name: say \\\"<b>[x]\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: net }\n  - id: b\n    needs: [end]\n    for_each: [1, 2]\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: net }\n";
    let plan = load(&source(text)).unwrap();
    let drawn = |draw: fn(&Plan, &mut dyn std::io::Write) -> std::io::Result<()>| {
        let mut out = Vec::new();
        draw(&plan, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    snapbox::assert_data_eq!(
        drawn(draw::mermaid),
        snapbox::str![[r##"
flowchart TD
  s_end["end<br/>say #92;#34;#60;b#62;#91;x#93;"]
  s_b[["b<br/>POST /cloud/v1/networks/#123;project_id#125;/#123;region_id#125;"]]
  s_end --> s_b

"##]]
    );
    snapbox::assert_data_eq!(
        drawn(draw::dot),
        snapbox::str![[r#"
digraph "demo" {
  node [shape=box];
  "end" [label="end/nsay ///"<b>[x]"];
  "b" [label="b/nPOST /cloud/v1/networks/{project_id}/{region_id}", peripheries=2];
  "end" -> "b";
}

"#]]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_found_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("init.yaml"), "#cloud-config\n").unwrap();
    let found = |name: &str| {
        let call = "POST /cloud/v1/networks/{project_id}/{region_id}";
        let text = format!(
            "name: demo\nsteps:\n  - id: net\n    call: {call}\n    body: {{ name: \"{{{{ file('{name}') | slug }}}}\" }}\n"
        );
        let source = source(&text);
        let found = check_in(&source, crate::catalog::Catalog::embedded(), folder.path()).findings;
        found.into_iter().map(|found| (found.code, source.slice(found.primary).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(found("init.yaml"), []);
    for name in ["no-such-file", "../init.yaml", "/etc/hostname"] {
        assert_eq!(found(name), [("unreadable-file", format!("'{name}'"))]);
    }
}

#[test]
fn a_file_that_cannot_be_sent_is_found_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.wasm"), b"\0asm\x01\0\0\0").unwrap();
    std::fs::write(folder.path().join("text"), b"as").unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    let found = |written: &str| {
        let text = format!(
            "name: demo\ninputs: {{ at: {{ default: bin }} }}\nsteps:\n  - id: binary\n    call: POST /fastedge/v1/binaries/raw\n    {written}\n\
             outputs: {{ at: \"{{{{ inputs.at }}}}\" }}\n"
        );
        let source = source(&text);
        let catalog = crate::catalog::Catalog::embedded();
        let assumed = super::Assumed {
            inputs: &|_| [("at".to_owned(), minijinja::Value::from("bin"))].into(),
            environment: "default",
            secrets: &crate::secret::Secrets::default(),
        };
        let found = super::check_assuming(&source, catalog, folder.path(), &assumed).findings;
        found.into_iter().map(|found| (found.code, source.slice(found.primary).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(found("body_file: app.wasm"), []);
    assert_eq!(found("body_file: text"), [("wrong-format", "text".to_owned())]);
    assert_eq!(found("body_file: { path: ./app.wasm }"), []);
    assert_eq!(found("body_file: \"{{ inputs.at | replace('bin', 'app.wasm') }}\""), []);
    let each = "for_each: [app.wasm, none.wasm]\n    body_file: \"{{ each.value }}\"";
    for (written, place) in [
        ("body_file: none.wasm", "none.wasm"),
        ("body_file: bin", "bin"),
        ("body_file: ../app.wasm", "../app.wasm"),
        ("body_file: /etc/hostname", "/etc/hostname"),
        ("body_file: \"{{ inputs.at }}\"", "\"{{ inputs.at }}\""),
        (each, "\"{{ each.value }}\""),
    ] {
        assert_eq!(found(written), [("unreadable-file", place.to_owned())], "{written}");
    }
}

#[test]
fn the_files_of_a_form_are_looked_for_as_well() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.pdf"), "%PDF-1.7").unwrap();
    std::fs::write(folder.path().join("text"), "words").unwrap();
    let found = |files: &str| {
        let text = format!(
            "name: demo\ninputs:\n  at: {{ default: a }}\n  key: {{ secret: true }}\nsteps:\n  - id: network\n    \
             call: POST /security/sifter/v3/protected_networks\n    for_each: [a.pdf, none.pdf]\n    \
             body: {{ network: 192.0.2.0/24, as_number: 65000, files: {files} }}\n"
        );
        let source = source(&text);
        let assumed = super::Assumed {
            inputs: &|_| [("at".to_owned(), minijinja::Value::from("b"))].into(),
            environment: "default",
            secrets: &crate::secret::Secrets::default(),
        };
        let catalog = crate::catalog::Catalog::embedded();
        let found = super::check_assuming(&source, catalog, folder.path(), &assumed).findings;
        let found = found.into_iter().filter(|found| found.code != "unused-input");
        found.map(|found| (found.code, source.slice(found.primary).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(found("[a.pdf, ./a.pdf]"), []);
    for (files, code, place) in [
        ("[a.pdf, text]", "wrong-format", "text"),
        ("[none.pdf]", "unreadable-file", "none.pdf"),
        ("[a.pdf, ../a.pdf]", "unreadable-file", "../a.pdf"),
        ("[\"{{ inputs.at }}.pdf\"]", "unreadable-file", "\"{{ inputs.at }}.pdf\""),
        ("[\"{{ each.value }}\"]", "unreadable-file", "\"{{ each.value }}\""),
        ("[\"{{ inputs.key }}\"]", "secret-misused", "\"{{ inputs.key }}\""),
        ("[\"<path of the file>\"]", "placeholder", "\"<path of the file>\""),
        ("[5]", "wrong-type", "5"),
        ("a.pdf", "wrong-type", "a.pdf"),
        ("[]", "wrong-length", "[]"),
        ("[a.pdf, a.pdf, a.pdf, a.pdf, a.pdf, a.pdf]", "wrong-length", "files"),
    ] {
        let found = found(files);
        assert!(found.iter().all(|(is, _)| *is == code) && !found.is_empty(), "{files}: {found:?}");
        assert!(place == "[]" || found[0].1 == place, "{files}: {found:?}");
    }
}

#[test]
fn entries_of_moved_name_what_left_and_what_is_there() {
    for (moved, found) in [
        ("{ from: old, to: net }", ""),
        ("{ from: old, to: older }, { from: older, to: net }", ""),
        ("{ from: 'web[0]', to: 'web[a]' }, { from: 'web[1]', to: 'web[b]' }", ""),
        ("{ from: 'web[1]', to: 'web[2]' }, { from: 'web[0]', to: 'web[1]' }", ""),
        ("{ from: older, to: net }, { from: old, to: older }", "47: `older` moves before this one"),
        ("{ from: old, to: nte }", "21: there is no step `nte` | net"),
        ("{ from: old, to: net }, { from: old, to: web }", "36: `old` moves twice"),
        ("{ from: 'old[0]', to: 'old[1]' }", "26: there is no step `old`"),
        ("{ from: web, to: 'web[0]' }, { from: 'net[0]', to: net }", ""),
        ("{ from: old, to: 'net[a]' }", "21: `net` has no `for_each`, and so no instance `net[a]`"),
        ("{ from: 'old[a]', to: web }", "26: `web` has `for_each`"),
        ("{ from: net, to: 'web[0]' }", "12: `net` is still a step of the plan"),
        ("{ from: net, to: web }", "12: `net` is still a step of the plan"),
        (
            "{ from: 'web[0]', to: 'web[1]' }, { from: 'web[1]', to: 'web[0]' }",
            "46: `web[1]` and `web[0]` cannot be swapped",
        ),
        ("{ from: 'web[a]', to: 'web[0]' }", "12: `web[a]` is still an instance of the plan"),
        ("{ from: 'web[b]', to: 'web[a]' }, { from: 'web[0]', to: 'web[b]' }", "12: `web[b]` is still an instance"),
        ("{ from: 'of[0]', to: 'of[1]' }", "12: the elements of `of` are results of steps: `of[0]` may be one of them"),
        ("{ from: of, to: 'of[0]' }", ""),
        ("{ from: 'old[', to: net }", "12: `old[` is not the name of a step or an instance"),
        ("{ from: old, to: 'we b[0]' }", "21: `we b[0]` is not the name of a step or an instance"),
        ("{ from: old, to: 'web[]' }", "21: `web[]` is not the name of a step or an instance"),
        ("{ from: 'web[]', to: 'web[a]' }", ""),
    ] {
        let steps = "steps:\n  - { id: net, call: 'GET /cloud/v1/regions' }\n  - { id: web, for_each: { a: 1, b: 2 }, call: 'GET /cloud/v1/regions' }\n  - { id: of, for_each: '{{ steps.web.ids }}', call: 'GET /cloud/v1/regions' }\n";
        let source = source(&format!("name: a\nmoved:\n  [{moved}]\n{steps}"));
        let told = check(&source).findings.into_iter().filter(Diagnostic::is_error).map(|finding| {
            let suggested = finding.suggestion.map(|suggestion| format!(" | {}", suggestion.text));
            let column = source.position(finding.primary.start()).column;
            format!("{column}: {}{}", finding.message, suggested.unwrap_or_default())
        });
        let told: Vec<String> = told.collect();
        let is_told = |found: &str| {
            let (column, words) = found.split_once(": ").unwrap();
            told.len() == 1 && told[0].starts_with(&format!("{column}: ")) && told[0].contains(words)
        };
        assert!(if found.is_empty() { told.is_empty() } else { is_told(found) }, "{moved}: {told:?}");
    }
}

fn inputs_of(declared: &str) -> Plan {
    let names: Vec<&str> = declared.lines().filter_map(|line| line.trim().split(':').next()).collect();
    let used: String = names.iter().map(|name| format!("{{{{ [inputs.{name}] | length }}}}")).collect();
    let used = if declared.contains("secret") { "'x'".to_owned() } else { format!("'{used}'") };
    let text = format!(
        "name: demo\ninputs:\n{declared}steps:\n  - id: a\n    call: GET /cloud/v1/tasks\noutputs:\n  x: {used}\n"
    );
    load(&source(&text)).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_last_source_of_an_input_wins_and_types_are_the_declared_ones() {
    let plan = inputs_of(
        "  a: { default: one }\n  b: { type: integer, default: 1 }\n  c: { type: list }\n  d: { type: boolean, default: false }\n  e: {}\n  f: { type: number, required: false }\n  g: { default: x }\n",
    );
    let files = [
        Source::new("one.yaml", "a: two\nb: 2\nc: [1, 2]\ng: y\n"),
        Source::new("two.json", "{ \"b\": 3.0, \"e\": \"from file\" }"),
    ];
    let environment = pairs(&[("PLAN_INPUT_B", "4"), ("PLAN_INPUT_e", "007"), ("PATH", "/bin")]);
    let set = pairs(&[("e", "no: way"), ("d", "true")]);
    let sources = inputs::InputSources { files: &files, environment: &environment, set: &set, beside: None };
    let values = inputs::resolve(&plan.inputs, &sources, &crate::secret::Secrets::default()).unwrap();
    assert_eq!(
        serde_json::to_value(&values).unwrap(),
        serde_json::json!({ "a": "two", "b": 4, "c": [1, 2], "d": true, "e": "no: way", "g": "y" })
    );
}

#[test]
fn all_problems_with_input_values_are_reported_at_once() {
    let plan = inputs_of(
        "  flavor: { enum: [small, large], default: small }\n  count: { type: integer, minimum: 1, maximum: 3, default: 1 }\n  name: { pattern: '^[a-z]+$', description: what it is called }\n  missing: {}\n  list: { type: list, default: [] }\n",
    );
    let files = [Source::new("in.yaml", "flavour: large\ncount: 9\n"), Source::new("bad.yaml", "a: b: c\n")];
    let environment = pairs(&[("PLAN_INPUT_NAME", "X1")]);
    let set = pairs(&[("flavor", "smal"), ("list", "text"), ("nope", "1")]);
    let sources = inputs::InputSources { files: &files, environment: &environment, set: &set, beside: None };
    let problems = inputs::resolve(&plan.inputs, &sources, &crate::secret::Secrets::default()).unwrap_err();
    let told: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {} | {}", problem.origin, problem.message, problem.help.join("; ")))
        .collect();
    assert_eq!(
        told,
        [
            "in.yaml:1:1: the plan has no input `flavour` | did you mean `flavor`?",
            "bad.yaml:1:5: a colon starts a mapping where none can be | put quotes around a value that holds `: `, or check the indentation of the lines above",
            "--set nope: the plan has no input `nope` | did you mean `name`?",
            "--set flavor: the value of `flavor` does not fit: `smal` is none of `small` and `large`, did you mean `small`? | ",
            "in.yaml:2:1: the value of `count` does not fit: `9` is above the maximum of 3 | ",
            "PLAN_INPUT_NAME: the value of `name` does not fit: `X1` does not match the pattern `^[a-z]+$` | name: what it is called",
            "the plan: the input `missing` is required | give it with `--set missing=...`, in a file with `--inputs FILE`, or as PLAN_INPUT_MISSING",
            "--set list: the value of `list` does not fit: expected a list, found text | ",
        ]
    );
    assert!(problems.iter().filter_map(inputs::InputProblem::to_diagnostic).count() == 5);
}

#[test]
fn secret_inputs_are_concealed_when_they_are_read() {
    let plan = inputs_of("  pw: { secret: true }\n  pin: { secret: true, type: integer, maximum: 10, default: 5 }\n");
    let secrets = crate::secret::Secrets::default();
    let set = pairs(&[("pw", "hunter2222")]);
    let values =
        inputs::resolve(&plan.inputs, &inputs::InputSources { set: &set, ..Default::default() }, &secrets).unwrap();
    assert!(crate::secret::Secrets::marks(values["pw"].as_str().unwrap()));
    let revealed = secrets.reveal(&serde_json::to_value(&values).unwrap()).unwrap();
    assert_eq!(revealed, serde_json::json!({ "pw": "hunter2222", "pin": 5 }));
    let set = pairs(&[("pw", "x"), ("pin", "4711")]);
    let problems =
        inputs::resolve(&plan.inputs, &inputs::InputSources { set: &set, ..Default::default() }, &secrets).unwrap_err();
    assert!(!problems[0].message.contains("4711"), "{}", problems[0].message);
}

#[test]
fn findings_do_not_repeat_possible_secrets() {
    let plan = inputs_of(
        "  creds: { secret: true }\n  count: { type: integer, secret: true, default: 1 }\n  list: { type: list, secret: true, default: [] }\n",
    );
    let secrets = crate::secret::Secrets::default();
    for text in [
        "creds: !hunter2secret x",
        "creds: *hunter2secret",
        "creds: a\nhunter2secret: b",
        "hunter2secret: b\nhunter2secret: c",
        "creds: &hunter2secret a\ncount: &hunter2secret b",
        "creds: a: hunter2secret",
        "creds: \"hunter2secret",
        "creds: [hunter2secret",
        "hunter2secret",
        "creds: {{ hunter2secret }}",
        "creds: 99999999999999999999hunter2secret: 1",
        "count: hunter2secret",
        "- hunter2secret",
    ] {
        let files = [Source::new("in.yaml", text)];
        let environment = pairs(&[("PLAN_INPUT_COUNT", "hunter2secret"), ("PLAN_INPUT_LIST", "[*hunter2secret")]);
        let set = pairs(&[("list", "{a: !hunter2secret b")]);
        let sources = inputs::InputSources { files: &files, environment: &environment, set: &set, beside: None };
        let problems = inputs::resolve(&plan.inputs, &sources, &secrets).unwrap_err();
        for problem in problems {
            assert!(!format!("{problem:?}").contains("hunter2secret"), "{text}: {problem:?}");
        }
    }
}

mod mutated {
    use proptest::prelude::*;

    use super::*;

    /// Fragments that change the meaning of a plan.
    const PIECES: &[&str] = &[
        "{{",
        "}}",
        "{%",
        "%}",
        "\"",
        "'",
        "\n",
        "\t",
        "  ",
        ":",
        "- ",
        "#",
        "&a ",
        "*a ",
        "!!x ",
        "|",
        ">",
        "[",
        "]",
        "{",
        "}",
        ",",
        "<<: ",
        "---\n",
        "~",
        "null",
        "é",
        "\u{1F600}",
        "\r\n",
        "\u{FEFF}",
        "steps.",
        "inputs.",
        "\\x",
        "?",
        "@",
        "`",
        "%",
        "0x1f",
        "\u{0}",
        "| ",
        "(",
        ")",
        "not ",
        "..",
        "//",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_change_to_a_plan_makes_it_panic_or_point_outside(
            edits in proptest::collection::vec((0_usize..DEMO.len(), 0_usize..6, 0_usize..PIECES.len()), 1..8),
        ) {
            let mut text = DEMO.to_owned();
            for (at, cut, piece) in edits {
                let mut start = at.min(text.len());
                while !text.is_char_boundary(start) {
                    start -= 1;
                }
                let mut end = (start + cut).min(text.len());
                while !text.is_char_boundary(end) {
                    end += 1;
                }
                text.replace_range(start..end, PIECES[piece]);
            }
            let source = source(&text);
            let checked = check(&source);
            prop_assert!(checked.plan.is_some() || checked.findings.iter().any(Diagnostic::is_error));
            for finding in &checked.findings {
                let places = finding.related.iter().map(|(span, _)| *span).chain([finding.primary]);
                let places = places.chain(finding.suggestion.iter().map(|suggestion| suggestion.span));
                for span in places {
                    prop_assert_eq!(source.clamp(span), span, "{:?} in {:?}", finding, text);
                }
            }
        }
    }
}
