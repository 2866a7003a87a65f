//! Plans checked with values: through templates, conditions, elements and inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::secret::Secrets;
use crate::source::Source;

const NETWORK: &str = "call: POST /cloud/v1/networks/{project_id}/{region_id}";
const VOLUME: &str = "call: POST /cloud/v1/volumes/{project_id}/{region_id}";
const SUBNET: &str = "call: POST /cloud/v1/subnets/{project_id}/{region_id}";

/// `line:column code`, of errors.
fn codes_of(source: &Source, findings: &[Diagnostic]) -> Vec<String> {
    let errors = findings.iter().filter(|finding| finding.is_error());
    let tell = |finding: &Diagnostic| {
        let at = source.position(finding.primary.start());
        format!("{}:{} {}", at.line, at.column, finding.code)
    };
    errors.map(tell).collect()
}

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source::new("plan.yaml", text))
}

/// The findings with these input values.
pub(super) fn checked(text: &str, set: &[(&str, &str)]) -> Vec<String> {
    let (source, secrets) = (source(text), Secrets::default());
    let set: Vec<(String, String)> = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let sources = inputs::InputSources { set: &set, ..Default::default() };
    let assumed = Assumed {
        inputs: &|declared| inputs::resolve_known(declared, &sources, &secrets).0,
        environment: "default",
        secrets: &secrets,
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("init.yaml"), "#cloud-config\n").unwrap();
    let checked = check_assuming(&source, Catalog::embedded(), folder.path(), &assumed);
    codes_of(&source, &checked.findings)
}

/// A plan with one volume of this size and these inputs.
fn volume(inputs: &str, size: &str) -> String {
    format!(
        "name: demo\ninputs: {{ {inputs} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n- id: disk\n  {VOLUME}\n  body:\n    source: new-volume\n    name: \"{{{{ steps.net.name }}}}\"\n    size: {size}\n    type_name: standard\n"
    )
}

/// The findings about the size.
fn size(inputs: &str, size: &str) -> Vec<String> {
    let found = checked(&volume(inputs, size), &[]);
    let at_size = |line: &str| Some(line.strip_prefix("12:11 ")?.to_owned());
    found.iter().map(|line| at_size(line).unwrap_or_else(|| line.clone())).collect()
}

#[test]
fn values_of_templates_are_checked_like_literals() {
    for (inputs, written, code) in [
        ("", "\"{{ -3 }}\"", "out-of-range"),
        ("", "\"{{ '5' }}\"", "wrong-type"),
        ("", "\"{{ 5 ~ '' }}\"", "wrong-type"),
        ("", "\"{{ [1] | tojson }}\"", "wrong-type"),
        ("", "\"{{ {'a': 1} }}\"", "wrong-type"),
        ("n: { default: -3 }", "\"{{ inputs.n * 1 }}\"", "out-of-range"),
        ("n: { default: 1 }", "\"{{ inputs.n - 2 }}\"", "out-of-range"),
        ("n: { type: integer }", "\"{{ inputs.n ~ '' }}\"", "wrong-type"),
        ("n: { type: integer }", "\"{{ inputs.n > 5 }}\"", "wrong-type"),
        ("n: { type: integer }", "\"{{ 5 if inputs.n > 5 else -5 }}\"", "out-of-range"),
        ("n: { type: list }", "\"{{ inputs.n | join('') }}\"", "wrong-type"),
        ("b: { default: true }", "\"{{ 5 if inputs.b else 'x' }}\"", "wrong-type"),
        ("m: { type: map, default: { size: big } }", "\"{{ inputs.m.size }}\"", "wrong-type"),
        ("e: { enum: [1, 0], default: 1 }", "\"{{ inputs.e }}\"", "out-of-range"),
        ("", "\"{{ steps.net.id ~ '' }}\"", "wrong-type"),
        ("", "\"{{ 'a' if steps.net.response.x else 'b' }}\"", "wrong-type"),
    ] {
        assert_eq!(size(inputs, written), [code], "{inputs}: {written}");
    }
    for (inputs, written) in [
        ("", "\"{{ 3 }}\""),
        ("", "\"{{ [1, 2] | length }}\""),
        ("", "\"{{ [steps.net.id, 2] | length }}\""),
        ("n: { type: integer }", "\"{{ inputs.n }}\""),
        ("n: { type: integer }", "\"{{ inputs.n * 2 + 1 }}\""),
        ("n: { type: number, default: 2.0 }", "\"{{ inputs.n | int }}\""),
        ("n: { type: list }", "\"{{ inputs.n | length }}\""),
        ("b: { default: true }", "\"{{ 5 if inputs.b else 6 }}\""),
        ("n: { required: false, type: integer }", "\"{{ inputs.n | default(5) }}\""),
        ("", "\"{{ steps.net.response.size }}\""),
        ("", "\"{{ (steps.net.response.list | first).size }}\""),
        ("", "\"{{ {'small': 5, 'large': 10}[steps.net.response.kind] }}\""),
    ] {
        assert_eq!(size(inputs, written), [""; 0], "{inputs}: {written}");
    }
}

#[test]
fn an_evaluation_error_is_a_finding_with_a_place() {
    for written in [
        "\"{{ inputs.l[9] }}\"",
        "\"{{ 1 // 0 }}\"",
        "\"{{ inputs.l.x }}\"",
        "\"{{ cidrsubnet('10.0.0.0/99', 1, 1) }}\"",
        "\"{{ 'x' | b64decode }}\"",
        "\"{{ file(inputs.f) | length }}\"",
    ] {
        let found = size("l: { default: [1] }, f: { default: ../x }", written);
        assert_eq!(found.len(), 1, "{written}: {found:?}");
        assert!(found[0].ends_with("template-error") && found[0].starts_with("12:"), "{written}: {found:?}");
    }
    assert_eq!(size("", "\"{{ file('../x') }}\""), ["12:20 unreadable-file"], "codes_of once");
}

#[test]
fn values_that_are_given_count_and_defaults_hold_until_then() {
    let plan = volume("n: { type: integer, default: 5 }", "\"{{ inputs.n + 0 }}\"");
    assert_eq!(checked(&plan, &[]), [""; 0]);
    assert_eq!(checked(&plan, &[("n", "-3")]), ["12:11 out-of-range"]);
    let plan = volume("n: { type: integer }", "\"{{ inputs.n }}\"");
    assert_eq!(checked(&plan, &[]), [""; 0], "nobody has said yet");
    assert_eq!(checked(&plan, &[("n", "-3")]), ["12:11 out-of-range"]);
}

#[test]
fn a_for_each_is_checked_element_by_element() {
    let subnets = |for_each: &str, cidr: &str| {
        let text = format!(
            "name: demo\ninputs: {{ nets: {{ type: map, default: {{ a: 10.0.0.0/99 }} }} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: \"{{{{ inputs.nets.a | slug }}}}\" }}\n- id: sub\n  for_each: {for_each}\n  {SUBNET}\n  body:\n    network_id: \"{{{{ steps.net.id }}}}\"\n    name: \"sub-{{{{ each.key }}}}\"\n    cidr: \"{{{{ {cidr} }}}}\"\n"
        );
        checked(&text, &[])
    };
    let wrong = ["13:11 wrong-format"];
    assert_eq!(subnets("{ front: 10.0.1.0/24, back: 10.0.2.0/33 }", "each.value"), wrong);
    assert_eq!(subnets("{ front: 10.0.1.0/24, back: 10.0.2.0/24 }", "each.value"), [""; 0]);
    assert_eq!(subnets("[{ cidr: 10.0.1.0/24 }, { cidr: x }]", "each.value.cidr"), wrong);
    assert_eq!(subnets("\"{{ inputs.nets }}\"", "each.value"), wrong);
    assert_eq!(subnets("[{ cidr: 10.0.1.0/24 }, {}]", "each.value.cidr"), ["13:15 template-error"]);
    assert_eq!(subnets("[\"{{ steps.net.response.cidr }}\", x]", "each.value"), wrong);
    assert_eq!(subnets("\"{{ steps.net.response.list }}\"", "each.value"), [""; 0]);
    assert_eq!(subnets("\"{{ range(3) }}\"", "'10.0.' ~ each.index ~ '.0/24'"), [""; 0]);
    assert_eq!(subnets("\"{{ range(300) }}\"", "'10.0.' ~ each.index ~ '.0/24'"), wrong);
    assert_eq!(subnets("\"{{ 7 }}\"", "'10.0.0.0/24'"), ["8:13 wrong-type"]);
}

#[test]
fn paths_queries_and_headers_come_from_templates_too() {
    let step = |rest: &str| {
        checked(
            &format!(
                "name: demo\ninputs: {{ id: {{ default: '' }} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n- id: a\n{rest}"
            ),
            &[],
        )
    };
    let get = "  call: GET /cloud/v1/networks/{project_id}/{region_id}";
    assert_eq!(step(&format!("{get}/{{{{ inputs.id }}}}\n")), ["8:57 bad-call"]);
    assert_eq!(step(&format!("{get}/{{{{ 'x' ~ 'y' }}}}\n")), ["8:57 wrong-format"]);
    assert_eq!(step(&format!("{get}\n  query: {{ limit: \"{{{{ 'ten' }}}}\" }}\n")), ["9:19 wrong-type"]);
    assert_eq!(step(&format!("{get}\n  headers: {{ X-A: \"{{{{ 'a\\nb' }}}}\" }}\n")), ["9:19 header-not-allowed"]);
    assert_eq!(step(&format!("{get}\n  region_id: \"{{{{ 0 - 1 }}}}\"\n")), ["9:14 out-of-range"]);
    assert_eq!(step(&format!("{get}\n  when: \"{{{{ inputs.id }}}}\"\n")).len(), 1);
}

#[test]
fn references_that_cannot_work_are_found() {
    let subnet = |id: &str, more: &str| {
        let text = format!(
            "name: demo\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n  {more}\n- id: sub\n  {SUBNET}\n  body:\n    name: sub\n    cidr: 10.0.0.0/24\n    network_id: \"{{{{ {id} }}}}\"\n"
        );
        checked(&text, &[])
    };
    assert_eq!(subnet("steps.net.id", "retry: { attempts: 2 }"), [""; 0]);
    for (reference, code) in [
        ("steps.net", "wrong-type"),
        ("steps.net.task", "wrong-kind"),
        ("steps.net.outcome", "wrong-kind"),
        ("steps.net.response", "wrong-kind"),
        ("steps.net.resource", "wrong-kind"),
        ("steps.net.id.foo", "unknown-result"),
    ] {
        let found = subnet(reference, "retry: { attempts: 2 }");
        assert!(found.len() == 1 && found[0].ends_with(code), "{reference}: {found:?}");
    }
    assert_eq!(subnet("steps.net.id", "wait: false"), ["12:31 unknown-result"]);
    assert_eq!(subnet("steps.net.id", "when: false"), ["12:21 template-error"]);
    assert_eq!(subnet("steps.net.id | default('8f1c0a3e-0000-4000-8000-000000000000')", "when: false"), [""; 0]);
    assert_eq!(subnet("'net-' ~ steps.net", "retry: { attempts: 2 }").len(), 1);
}

#[test]
fn what_the_api_cannot_read_is_neither_waited_for_nor_read() {
    let profile = |more: &str| {
        let text = format!(
            "name: demo\nsteps:\n- id: shield\n  call: POST /cloud/v1/ddos/profiles/{{project_id}}/{{region_id}}\n  body: {{ profile_template: 1, ip_address: 1.2.3.4 }}\n{more}"
        );
        checked(&text, &[])
    };
    assert_eq!(profile("outputs: { id: \"{{ steps.shield.id }}\" }\n"), [""; 0]);
    assert_eq!(profile("  ready: resource.status == 'ACTIVE'\n"), ["6:10 unknown-result"]);
    assert_eq!(profile("outputs: { state: \"{{ steps.shield.resource.status }}\" }\n"), ["6:36 unknown-result"]);
}

#[test]
fn a_step_that_does_not_run_need_not_be_right_with_these_values() {
    let plan = format!(
        "name: demo\ninputs: {{ id: {{ default: '' }}, on: {{ default: false }} }}\nsteps:\n- id: a\n  when: inputs.on and inputs.id != ''\n  {VOLUME}\n  body: {{ source: new-volume, name: disk, size: \"{{{{ inputs.id | int }}}}\" }}\n"
    );
    assert_eq!(checked(&plan, &[]), [""; 0]);
    assert_eq!(checked(&plan, &[("on", "true"), ("id", "x")]), ["7:65 template-error"]);
}

#[test]
fn a_value_is_checked_only_where_its_condition_lets_it_through() {
    let network = |inputs: &str, rest: &str| {
        checked(&format!("name: demo\ninputs: {{ {inputs} }}\nsteps:\n- id: a\n  {VOLUME}\n  {rest}\n"), &[])
    };
    let kind = "kind: { enum: [none, standard, ssd], default: none }";
    let body =
        |kind: &str| format!("body: {{ source: new-volume, name: disk, size: 5, type_name: \"{{{{ {kind} }}}}\" }}");
    let of_snapshot = |id: &str| format!("body: {{ source: snapshot, name: disk, snapshot_id: \"{{{{ {id} }}}}\" }}");
    for (inputs, rest, expected) in [
        // Of an input with few values, each is checked with the conditions that it decides.
        (kind, body("inputs.kind"), vec!["6:63 value-not-allowed"]),
        (kind, body("inputs.kind if inputs.kind == 'standard' else 'cold'"), vec![]),
        (kind, body("inputs.kind if inputs.kind != 'none' else 'standard'"), vec!["6:63 value-not-allowed"]),
        (kind, body("{'none': 'cold', 'standard': 'standard', 'ssd': 'ultra'}[inputs.kind]"), vec![]),
        (
            kind,
            body("{'none': 'cold', 'standard': 'standard', 'ssd': 'fast'}[inputs.kind]"),
            vec!["6:63 value-not-allowed"],
        ),
        (
            "types: { default: { a: cold, b: fast } }, kind: { enum: [a, b] }",
            body("inputs.types[inputs.kind]"),
            vec!["6:63 value-not-allowed"],
        ),
        ("big: { type: boolean }", body("('standard' if inputs.big else 'x') | trim"), vec!["6:63 value-not-allowed"]),
        ("big: { type: boolean }", body("('standard' if inputs.big else 'cold') | trim"), vec![]),
        // Under any condition, both values are checked.
        ("n: { type: integer }", body("('standard' if inputs.n > 3 else 'x') | trim"), vec!["6:63 value-not-allowed"]),
        ("n: { type: integer }", body("('Standard' if inputs.n > 3 else 'COLD') | lower"), vec![]),
        (
            "n: { type: integer }",
            body("('a' if inputs.n > 3 else 'b') | replace('a', 'cold')"),
            vec!["6:63 value-not-allowed"],
        ),
        // A default is checked where it is used.
        ("id: { default: '' }", of_snapshot("inputs.id"), vec!["6:54 wrong-format"]),
        ("id: { default: '' }", format!("when: inputs.id != ''\n  {}", of_snapshot("inputs.id")), vec![]),
        ("id: { default: '' }", of_snapshot("inputs.id or '8f1c0a3e-0000-4000-8000-000000000001'"), vec![]),
        ("id: { default: '' }", of_snapshot("inputs.id or 'x'"), vec!["6:54 wrong-format"]),
        (
            "id: { default: '' }, on: { default: false }",
            of_snapshot("inputs.id if inputs.on else '8f1c0a3e-0000-4000-8000-000000000001'"),
            vec![],
        ),
    ] {
        assert_eq!(network(inputs, &rest), expected, "{inputs} {rest}");
    }
}

#[test]
fn a_finding_of_values_that_are_not_given_names_them() {
    let text = volume(
        "big: { default: true }, kind: { enum: [5, 0], default: 5 }",
        "\"{{ inputs.kind if inputs.big else 1 }}\"",
    );
    let codes_of = message(&text, &[]);
    assert!(codes_of.ends_with(r#"["with `inputs.big: true` and `inputs.kind: 0`"]"#), "{codes_of}");
    for (set, expected) in
        [(("big", "false"), ""), (("kind", "0"), "out-of-range `size` is at least 1, and this is 0 []")]
    {
        assert_eq!(message(&text, &[set]), expected, "{set:?}");
    }
}

#[test]
fn with_all_values_of_a_run_an_input_without_one_is_undefined() {
    let text = volume("n: { type: integer, required: false }", "\"{{ inputs.n }}\"");
    let source = source(&text);
    let plan = load(&source).unwrap();
    let (values, secrets) = (BTreeMap::new(), Secrets::default());
    let given = |complete| Given { inputs: Some(&values), complete, secrets: Some(&secrets), ..Given::default() };
    assert_eq!(codes_of(&source, &check_values(&plan, Catalog::embedded(), given(false))), [""; 0]);
    assert_eq!(codes_of(&source, &check_values(&plan, Catalog::embedded(), given(true))), ["12:15 template-error"]);
}

#[test]
fn a_list_built_with_for_is_checked_element_by_element() {
    let pool = |inputs: &str, members: &str| {
        let text = format!(
            "name: demo\ninputs: {{ {inputs} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n- id: pool\n  call: POST /cloud/v1/lbpools/{{project_id}}/{{region_id}}\n  body:\n    name: pool\n    protocol: HTTP\n    lb_algorithm: ROUND_ROBIN\n    load_balancer_id: 3fa85f64-5717-4562-b3fc-2c963f66afa6\n    members: {members}\n"
        );
        checked(&text, &[])
    };
    let ips = "ips: { type: list, default: [10.0.0.5, 10.0.0.6] }";
    for (inputs, members, expected) in [
        (ips, "{ for: \"{{ inputs.ips }}\", each: { address: \"{{ item }}\", protocol_port: 80 } }", vec![]),
        (
            ips,
            "{ for: \"{{ inputs.ips }}\", each: { adress: \"{{ item }}\", protocol_port: 80 } }",
            vec!["14:49 unknown-field"],
        ),
        (
            ips,
            "{ for: \"{{ inputs.ips }}\", each: { address: \"{{ item }}\", protocol_port: \"{{ key }}\" } }",
            vec!["14:87 wrong-type"],
        ),
        // Without values, one element stands for all.
        (
            "ips: { type: list }",
            "{ for: \"{{ inputs.ips }}\", each: { address: \"{{ item }}\", protocol_port: x } }",
            vec!["14:87 wrong-type"],
        ),
        ("", "{ for: \"{{ steps.net.id }}\", each: { address: 10.0.0.5, protocol_port: \"{{ index }}\" } }", vec![]),
        (
            "",
            "{ for: { a: 80, b: 70000 }, each: { address: 10.0.0.5, protocol_port: \"{{ item }}\" } }",
            vec!["14:84 out-of-range"],
        ),
        ("", "{ for: \"{{ 3 }}\", each: { address: 10.0.0.5, protocol_port: 80 } }", vec!["14:21 template-error"]),
        ("", "[{ address: \"{{ item }}\", protocol_port: 80 }]", vec!["14:30 name-not-here"]),
    ] {
        assert_eq!(pool(inputs, members), expected, "{inputs} {members}");
    }
}

#[test]
fn a_secret_in_a_list_is_not_measured_element_by_element() {
    let text = |each: &str| {
        format!(
            "name: demo\ninputs: {{ word: {{ secret: true }} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1, tags: {{ a: \"x\" }} }}\noutputs:\n  o: {{ secret: true, value: {{ for: [\"{{{{ inputs.word }}}}\"], each: \"{each}\" }} }}\n"
        )
    };
    assert_eq!(checked(&text("{{ item }}"), &[]), Vec::<String>::new());
    assert_eq!(checked(&text("{{ item | length }}"), &[]), ["8:69 secret-misused"]);
}

#[test]
fn a_look_up_has_the_kind_of_its_list() {
    let text = |find: &str, image: &str| {
        format!(
            "name: demo\nsteps:\n- id: found\n  call: GET /cloud/v1/{find}/{{project_id}}/{{region_id}}\n  find: {{ name: x }}\n- id: disk\n  {VOLUME}\n  body: {{ source: image, name: disk, image_id: \"{image}\", size: 10 }}\n"
        )
    };
    assert_eq!(checked(&text("images", "{{ steps.found.id }}"), &[]), Vec::<String>::new());
    assert_eq!(checked(&text("networks", "{{ steps.found.id }}"), &[]).len(), 1);
    assert_eq!(checked(&text("images", "{{ steps.found.name }}"), &[]).len(), 1);
}

/// The first error with these inputs, in words.
pub(super) fn message(text: &str, set: &[(&str, &str)]) -> String {
    let (source, secrets) = (source(text), Secrets::default());
    let set: Vec<(String, String)> = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let sources = inputs::InputSources { set: &set, ..Default::default() };
    let assumed = Assumed {
        inputs: &|declared| inputs::resolve_known(declared, &sources, &secrets).0,
        environment: "default",
        secrets: &secrets,
    };
    let checked = check_assuming(&source, Catalog::embedded(), std::path::Path::new("."), &assumed);
    let first = checked.findings.iter().find(|finding| finding.is_error());
    first.map(|found| format!("{} {} {:?}", found.code, found.message, found.help)).unwrap_or_default()
}

#[test]
fn values_of_secrets_are_checked_and_not_repeated() {
    let plan = |inputs: &str, rest: &str| {
        format!(
            "name: demo\ninputs: {{ {inputs} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n- id: disk\n  {rest}\n"
        )
    };
    let disk = format!(
        "{VOLUME}\n  body: {{ source: new-volume, name: disk-1, type_name: standard, size: '{{{{ inputs.s }}}}' }}"
    );
    let machine = "call: POST /cloud/v2/instances/{project_id}/{region_id}\n  body: { flavor: f, interfaces: [{ type: external }], volumes: [{ source: existing-volume, volume_id: \"{{ inputs.s }}\" }], name: machine }";
    let text = "s: { secret: true }";
    let whole = "s: { secret: true, type: integer }";
    for (inputs, rest, value, words) in [
        (
            whole,
            disk.as_str(),
            "-73910",
            "out-of-range the value of the secret input `s` is outside of the limits here",
        ),
        (
            text,
            machine,
            "73910-hunter",
            "wrong-format the value of the secret input `s` does not have the form that is needed here",
        ),
        (
            text,
            "call: POST /cloud/v1/networks/{project_id}/{region_id}\n  headers: { x-note: 'a {{ inputs.s }}' }\n  body: { name: net-2 }",
            "73910\n",
            "header-not-allowed the value of the secret input `s` holds a line break",
        ),
        (
            text,
            "call: GET /cloud/v1/networks/{project_id}/{region_id}/{{ inputs.s }}",
            "..",
            "bad-call the value of the secret input `s` is no segment of a path",
        ),
        (
            text,
            "project_id: '{{ inputs.s }}'\n  call: GET /cloud/v1/networks/{project_id}/{region_id}",
            "73910-",
            "out-of-range the value of the secret input `s` is outside of the limits here",
        ),
        (whole, disk.as_str(), "73", ""),
    ] {
        let found = message(&plan(inputs, rest), &[("s", value)]);
        assert!(found.starts_with(words) && (words.is_empty() == found.is_empty()), "{rest}: {found}");
        assert!(!found.contains("73910"), "{found}");
    }
}

#[test]
fn equal_references_are_equal_values() {
    let router = |one: &str, other: &str| {
        let interface = |id: &str| format!("{{ type: subnet, subnet_id: \"{{{{ {id} }}}}\" }}");
        format!(
            "name: demo\ninputs: {{ s: {{ type: string }} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n- id: sub\n  {SUBNET}\n  body: {{ name: sub-1, network_id: '{{{{ steps.net.id }}}}', cidr: 10.0.0.0/24 }}\n- id: sub2\n  {SUBNET}\n  body: {{ name: sub-2, network_id: '{{{{ steps.net.id }}}}', cidr: 10.0.1.0/24 }}\n- id: router\n  call: POST /cloud/v1/routers/{{project_id}}/{{region_id}}\n  body:\n    name: router\n    interfaces: [{}, {}]\n",
            interface(one),
            interface(other)
        )
    };
    for (one, other, twice) in [
        ("steps.sub.id", "steps.sub.id", true),
        ("inputs.s", "inputs.s", true),
        ("steps.sub.id", "steps['sub']['id']", true),
        ("steps.sub.id", "steps.sub2.id", false),
        ("steps.sub.id", "inputs.s", false),
    ] {
        let found = checked(&router(one, other), &[]);
        let is_told = found.iter().any(|found| found.ends_with("duplicate-item"));
        assert_eq!(is_told, twice, "{one}, {other}: {found:?}");
    }
}

#[test]
fn a_name_that_holds_a_secret_is_not_to_be_referred_to() {
    let text = |name: &str, used: &str| {
        format!(
            "name: demo\ninputs: {{ word: {{ secret: true }} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: \"{name}\" }}\n- id: sub\n  {SUBNET}\n  body: {{ name: \"{used}\", network_id: \"{{{{ steps.net.id }}}}\", cidr: 10.0.0.0/24 }}\n- id: other\n  {SUBNET}\n  body: {{ name: other, network_id: \"{{{{ steps.net.id }}}}\", cidr: 10.0.1.0/24, tags: {{ w: \"{{{{ inputs.word }}}}\" }} }}\n"
        )
    };
    let secret = "net-{{ inputs.word }}";
    assert_eq!(checked(&text(secret, "{{ steps.net.name }}"), &[]), ["9:31 unknown-result"]);
    assert_eq!(checked(&text(secret, "sub-{{ steps.net.name | default('x') }}"), &[]), [""; 0]);
    assert_eq!(checked(&text("net-1", "sub-{{ steps.net.name }}"), &[]), [""; 0]);
}

#[test]
fn secrets_in_the_elements_of_a_list_are_checked() {
    let rules = |list: &str, each: &str| {
        format!(
            "name: demo\ninputs: {{ word: {{ secret: true }}, all: {{ secret: true, type: list, default: [] }} }}\nsteps:\n- id: group\n  call: POST /cloud/v2/security_groups/{{project_id}}/{{region_id}}\n  body:\n    name: group\n    rules:\n      for: {list}\n      each: {{ direction: ingress, protocol: \"{each}\", ethertype: IPv4 }}\n"
        )
    };
    for (list, each) in [
        ("[\"{{ inputs.word }}\"]", "{{ item }}"),
        ("[{ of: \"{{ inputs.word }}\" }, { of: tcp }]", "{{ item.of }}"),
        ("[\"{{ inputs.word }}\", udp]", "{{ item }}"),
    ] {
        let found = checked(&rules(list, each), &[("word", "nonsense")]);
        assert_eq!(found, ["10:45 value-not-allowed"], "{list}");
        assert_eq!(checked(&rules(list, each), &[("word", "tcp")]), [""; 0], "{list}");
        assert_eq!(checked(&rules(list, each), &[]), [""; 0], "{list}");
    }
    assert_eq!(checked(&rules("\"{{ inputs.all }}\"", "{{ item }}"), &[]), ["9:12 template-error"]);
}
