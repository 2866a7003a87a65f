//! Expressions and texts of which only parts are known: what fails whatever the rest is, is found before a run.

use super::values_tests::{checked, message};

const INPUTS: &str = "net: { default: 10.0.0.0/16 }, bad: { default: 10.0.0.0/99 }, sizes: { default: { small: 5 } }, \
     none: { type: list, default: [] }, text: {}, number: { type: integer }, flag: { type: boolean }, list: { type: list }, \
     map: { type: map }, kind: { enum: [a, b] }, three: { default: 3 }";

/// A plan with these inputs, a network and one more step.
fn plan(step: &str) -> String {
    let network = "call: 'POST /cloud/v1/networks/{project_id}/{region_id}', body: { name: demo }";
    format!("name: demo\ninputs: {{ {INPUTS} }}\nsteps:\n- {{ id: net, {network} }}\n- {{ id: it, {step} }}\n")
}

fn volume(field: &str) -> String {
    plan(&format!(
        "call: 'POST /cloud/v1/volumes/{{project_id}}/{{region_id}}', body: {{ source: new-volume, {field} }}"
    ))
}

fn subnet(field: &str) -> String {
    plan(&format!(
        "call: 'POST /cloud/v1/subnets/{{project_id}}/{{region_id}}', body: {{ name: demo, network_id: '{{{{ steps.net.id }}}}', {field} }}"
    ))
}

#[test]
fn what_fails_with_every_value_is_found() {
    let size = |expression: &str| volume(&format!("name: demo, size: \"{{{{ {expression} }}}}\""));
    let name = |expression: &str| volume(&format!("size: 5, name: \"{{{{ {expression} }}}}\""));
    let cidr = |expression: &str| subnet(&format!("cidr: \"{{{{ {expression} }}}}\""));
    for (plan, part) in [
        (cidr("cidrsubnet(inputs.bad, 8, inputs.number)"), "`10.0.0.0/99` is no network"),
        (cidr("cidrsubnet(inputs.net, 18, inputs.number)"), "longer than an address"),
        (cidr("cidrsubnet(inputs.net, 8, inputs.text)"), "wants a whole number, and this is a text"),
        (cidr("cidrsubnet(steps.net, 8, 1)"), "wants a text"),
        (cidr("cidrsubnet(inputs.bad, 8, 1) if inputs.flag else inputs.net"), "`10.0.0.0/99` is no network"),
        (cidr("cidrsubnet(inputs.net, 8, 300) if steps.net.response.x else inputs.net"), "only 256 subnets"),
        (cidr("cidrsubnet(inputs.net if inputs.text == 'x' else inputs.bad, 8, 2)"), "`10.0.0.0/99` is no network"),
        (size("inputs.sizes.medium if steps.net.response.x else 5"), "`inputs.sizes.medium` is undefined"),
        (size("inputs.text + 1"), "`+` cannot be used on a text and a number"),
        (size("10 / (inputs.three - 3) + inputs.number"), "this divides by zero"),
        (size("('ten' if inputs.text == 'x' else '5') | int"), "this text is no number"),
        (size("- inputs.text"), ""),
        (size("inputs.number[:3]"), ""),
        (size("inputs.number | split(',') | first"), "wants a text"),
        (name("steps.net.id ~ inputs.sizes.zz"), "`inputs.sizes.zz` is undefined"),
        (name("inputs.none | first ~ steps.net.id"), "`inputs.none` is empty"),
        (name("inputs.number | join('-')"), ""),
        (name("('{' | fromjson) ~ steps.net.id"), "no JSON"),
        (name("inputs.text.name"), "`inputs.text` is a text, and has no `name`"),
        (name("inputs.number.name"), "`inputs.number` is a number, and has no `name`"),
    ] {
        let told = message(&plan, &[]);
        assert!(!told.is_empty() && told.contains(part), "{plan}: {told}");
    }
}

#[test]
fn what_may_work_with_some_value_is_left() {
    for field in [
        "name: demo, size: \"{{ inputs.sizes[inputs.text] }}\"",
        "name: demo, size: \"{{ inputs.sizes.medium | default(inputs.number) }}\"",
        "name: demo, size: \"{{ (inputs.number // 2) * 2 + 1 }}\"",
        "name: demo, size: \"{{ inputs.text | int }}\"",
        "name: demo, size: \"{{ [inputs.number, 10] | max }}\"",
        "name: demo, size: \"{{ inputs.list | map(attribute='size') | sum }}\"",
        "name: demo, size: \"{{ inputs.map.size + 1 }}\"",
        "name: demo, size: \"{{ steps.net.resource.mtu // 100 }}\"",
        "name: demo, size: \"{{ inputs.list | length if inputs.list else inputs.number }}\"",
        "size: 5, name: \"{{ inputs.none | first | default('demo') }}\"",
        "size: 5, name: \"{{ inputs.none[0] if inputs.none else steps.net.name }}\"",
        "size: 5, name: \"{{ inputs.text | upper | replace('A', 'b') | trim }}{{ inputs.number }}\"",
        "size: 5, name: \"{{ steps.net.resource.name | split('-') | first | lower }}\"",
        "size: 5, name: \"{{ '%s-%02d' | format(steps.net.name, inputs.number) }}\"",
        "size: 5, name: \"{{ inputs.text[:10] }}\"",
        "size: 5, name: \"{{ inputs.text[0] }}bc\"",
        "size: 5, name: \"{{ steps.net.response | tojson | sha256 }}\"",
        "size: 5, name: \"{{ steps.net.response.x | fromjson | first }}\"",
        "size: 5, name: \"{{ steps.net.resource.addresses | first_address }}\"",
    ] {
        assert_eq!(message(&volume(field), &[]), "", "{field}");
    }
    for field in [
        "cidr: \"{{ cidrsubnet(inputs.net, 8, inputs.number) }}\"",
        "cidr: \"{{ inputs.net }}\", gateway_ip: \"{{ cidrhost(cidrsubnet(inputs.net, 8, inputs.number), 1) }}\"",
        "cidr: \"{{ steps.net.resource.cidr | default('10.0.0.0/8') | cidrsubnet(8, 1) }}\"",
        "cidr: \"{{ cidrsubnet(inputs.text, 8, inputs.number) }}\"",
        "cidr: \"{{ inputs.text }}/24\"",
        "cidr: \"10.{{ inputs.number }}.0.0/16\"",
    ] {
        assert_eq!(message(&subnet(field), &[]), "", "{field}");
    }
}

#[test]
fn the_known_parts_of_a_text_must_fit() {
    for (plan, part) in [
        (subnet("cidr: \"{{ inputs.text }}/129\""), "`…/129` is none, whatever the template gives"),
        (subnet("cidr: \"10.0.0.0/33{{ inputs.number }}\""), "`10.0.0.0/33…` is none"),
        (subnet("cidr: \"net-{{ steps.net.id }}\""), "`net-…` is none"),
        (subnet("cidr: 10.0.0.0/24, gateway_ip: \"{{ cidrsubnet(inputs.net, 8, inputs.number) }}\""), "`…/…` is none"),
        (volume("size: 5, name: \"über-{{ steps.net.id }}\""), "`über-…`, whatever the template gives"),
        (volume("size: 5, name: \"{{ steps.net.id }}/{{ inputs.text }}\""), "`…/…`, whatever the template gives"),
        (volume("size: 5, name: demo, snapshot_id: \"snap-{{ inputs.text }}\""), "snapshot_id"),
        (volume("size: \"{{ inputs.number }}0\", name: demo"), "`size` wants an integer, and this is a string"),
        (volume("size: \"{{ cidrhost(inputs.net, inputs.number) }}\", name: demo"), "this template gives a string"),
        (plan("call: 'GET /cloud/v1/networks/{project_id}/{region_id}/net-{{ steps.net.id }}'"), "whatever"),
        (plan("call: 'GET /cdn/resources/res-{{ inputs.number }}'"), "resource_id"),
        (plan("call: 'GET /dns/v2/zones', query: { id: [1, 'z{{ inputs.text }}'] }"), "wants an integer"),
    ] {
        let told = message(&plan, &[]);
        assert!(!told.is_empty() && told.contains(part), "{plan}: {told}");
    }
}

#[test]
fn values_that_are_sent_as_text_have_a_text() {
    let networks = "call: 'GET /cloud/v1/networks/{project_id}/{region_id}'";
    for (step, code) in [
        ("call: 'GET /cloud/v1/networks/{project_id}/{region_id}/{{ steps.net }}'".to_owned(), "bad-call"),
        ("call: 'GET /cloud/v1/networks/{project_id}/{region_id}/{{ inputs.list }}'".to_owned(), "bad-call"),
        ("call: 'GET /dns/v2/zones', headers: { X-A: \"{{ inputs.none }}\" }".to_owned(), "wrong-type"),
        ("call: 'GET /dns/v2/zones', headers: { X-A: \"{{ none }}\" }".to_owned(), "wrong-type"),
        ("call: 'GET /dns/v2/zones', headers: { X-A: \"{{ steps.net }}\" }".to_owned(), "wrong-type"),
        ("call: 'GET /dns/v2/zones', headers: { X-A: \"a\\nb{{ steps.net.id }}\" }".to_owned(), "header-not-allowed"),
        (format!("{networks}, project_id: 'p{{{{ inputs.number }}}}'"), "out-of-range"),
        (format!("{networks}, project_id: '{{{{ steps.net.id }}}}'"), "out-of-range"),
        (format!("{networks}, region_id: '{{{{ inputs.list }}}}'"), "out-of-range"),
        (format!("{networks}, find: {{ name: '{{{{ inputs.none }}}}' }}"), "wrong-type"),
        (format!("{networks}, find: {{ name: '{{{{ steps.net }}}}' }}"), "wrong-type"),
    ] {
        let found = checked(&plan(&step), &[]);
        assert!(matches!(found.as_slice(), [only] if only.ends_with(code)), "{step}: {found:?}");
    }
    for step in [
        format!("{networks}, project_id: '{{{{ inputs.number }}}}', region_id: '{{{{ inputs.text }}}}'"),
        format!("{networks}, find: {{ name: '{{{{ steps.net.name }}}}', description: '{{{{ none }}}}' }}"),
        "call: 'GET /dns/v2/zones', headers: { X-A: 'a{{ inputs.number }}', X-B: '{{ inputs.flag }}' }".to_owned(),
    ] {
        assert_eq!(checked(&plan(&step), &[]), [] as [String; 0], "{step}");
    }
}

#[test]
fn what_is_certainly_no_condition_and_no_list_is_found() {
    let networks = "call: 'POST /cloud/v1/networks/{project_id}/{region_id}', body: { name: demo }";
    for part in ["when: inputs.text", "when: inputs.number", "when: inputs.list | length", "when: steps.net.name ~ 'x'"]
    {
        assert_eq!(checked(&plan(&format!("{part}, {networks}")), &[]).len(), 1, "{part}");
    }
    for part in ["when: inputs.text == 'x'", "when: inputs.list", "when: inputs.flag and inputs.number > 3"] {
        assert_eq!(checked(&plan(&format!("{part}, {networks}")), &[]).len(), 0, "{part}");
    }
    for (elements, count) in [
        ("inputs.text", 1),
        ("inputs.number", 1),
        ("range(inputs.text)", 1),
        ("inputs.flag", 1),
        ("inputs.list", 0),
        ("inputs.map", 0),
        ("range(inputs.number)", 0),
        ("steps.net.response.x", 0),
    ] {
        let each = format!("for_each: '{{{{ {elements} }}}}', {networks}");
        assert_eq!(checked(&plan(&each), &[]).len(), count, "{elements}");
    }
}

/// Two subnets, and one more step.
fn with_subnets(for_each: &str, step: &str) -> String {
    let subnet = "call: 'POST /cloud/v1/subnets/{project_id}/{region_id}', body: { name: demo, network_id: '{{ steps.net.id }}', cidr: 10.0.0.0/24 }";
    plan(step).replace("- { id: it,", &format!("- {{ id: sub, for_each: {for_each}, {subnet} }}\n- {{ id: it,"))
}

#[test]
fn an_instance_that_a_step_does_not_have_is_found() {
    const TABLE: &str = "\"{{ inputs.sizes }}\"";
    let port = |id: &str| {
        format!(
            "call: 'POST /cloud/v1/reserved_fixed_ips/{{project_id}}/{{region_id}}', body: {{ type: subnet, subnet_id: \"{{{{ {id} }}}}\" }}"
        )
    };
    for (elements, id, part) in [
        (TABLE, "steps.sub.each['smal'].id", "step `sub` has no instance `smal` [\"did you mean `small`?\"]"),
        (TABLE, "steps.sub.each['x' ~ environment].id", "has no instance `xdefault`"),
        ("{ a: 1, b: 2 }", "steps.sub.each['c'].id", "has no key `c`"),
        ("{ a: 1, b: 2 }", "steps.sub.each[environment].id", "has no instance `default`"),
        ("\"{{ range(inputs.three) }}\"", "steps.sub.all[3].id", "step `sub` has 3 instances, and no `all[3]`"),
        ("[a, b]", "steps.sub[0].id", "its instances are in `all` [\"write `steps.sub.all[0]`\"]"),
        ("[a, b]", "steps.sub | map(attribute='id') | first", "`steps.sub` is the result of a step, and no list"),
        ("[a, b]", "steps.sub | slice(2)", "`steps.sub` is the result of a step, and no list"),
        ("[a, b]", "[1] | chain(steps.sub) | first", "`steps.sub` is the result of a step, and no list"),
        ("[a, b]", "steps.sub | length", "the instances of a step with `for_each` are `steps.sub.all`"),
        ("[a, b]", "steps.sub", "this template gives a mapping [\"use `steps.sub.id`\"]"),
    ] {
        let told = message(&with_subnets(elements, &port(id)), &[]);
        assert!(told.contains(part), "{id}: {told}");
    }
    for (elements, id) in [
        (TABLE, "steps.sub.each['small'].id"),
        (TABLE, "steps.sub.each['large'].id | default('b5b4d65d-945f-4b98-ab6f-332319c724ef')"),
        ("\"{{ range(inputs.number) }}\"", "steps.sub.all[3].id"),
        ("\"{{ inputs.map }}\"", "steps.sub.each['a'].id"),
        ("[a, b]", "steps.sub.all[-1].id"),
    ] {
        assert_eq!(message(&with_subnets(elements, &port(id)), &[]), "", "{id}");
    }
}

#[test]
fn elements_that_are_results_of_steps_have_their_kind() {
    let each = |elements: &str, id: &str| {
        let call = "call: 'POST /cloud/v1/reserved_fixed_ips/{project_id}/{region_id}'";
        let step = format!(
            "for_each: \"{{{{ {elements} }}}}\", {call}, body: {{ type: subnet, subnet_id: \"{{{{ {id} }}}}\" }}"
        );
        message(&with_subnets("\"{{ inputs.list }}\"", &step), &[])
    };
    assert_eq!(each("steps.sub.all", "each.value.id"), "");
    assert_eq!(each("steps.sub.ids", "each.value"), "");
    for (elements, id, part) in [
        ("steps.sub.all", "each.value", "gives a mapping"),
        ("steps.sub.all", "each.value.task", "this is the task of a step"),
        (
            "steps.sub",
            "each.value.id",
            "this is the result of step `sub` [\"all of its instances are `steps.sub.all`\"]",
        ),
        ("steps.net", "each.value", "this is the result of step `net`"),
    ] {
        let told = each(elements, id);
        assert!(told.contains(part), "{elements}, {id}: {told}");
    }
    let router = |item: &str| {
        let body = format!(
            "{{ name: demo, interfaces: {{ for: '{{{{ steps.sub.ids }}}}', each: {{ type: subnet, subnet_id: '{{{{ {item} }}}}' }} }} }}"
        );
        let step = format!("call: 'POST /cloud/v1/routers/{{project_id}}/{{region_id}}', body: {body}");
        message(&with_subnets("[a, b]", &step), &[])
    };
    assert_eq!(router("item"), "");
}

#[test]
fn what_is_undefined_is_named_with_what_there_is() {
    let size = |expression: &str| message(&volume(&format!("name: demo, size: \"{{{{ {expression} }}}}\"")), &[]);
    for (expression, told) in [
        (
            "inputs.sizes[environment]",
            "`inputs.sizes[environment]` is undefined: there is no `default` [\"there is `small`\"]",
        ),
        ("inputs.sizes['smal' ~ '']", "there is no `smal` [\"did you mean `small`?\"]"),
        (
            "[1, 2][inputs.three]",
            "`[1, 2][inputs.three]` is undefined: there is no `3` [\"the list has 2 elements, numbered from 0\"]",
        ),
        ("inputs.sizes.large | abs", "`inputs.sizes.large` is undefined"),
        ("inputs.none[0]", "`inputs.none[0]` is undefined [\"the list is empty\"]"),
        ("1 if inputs.sizes[environment] is defined else inputs.sizes.medium", "`inputs.sizes.medium` is undefined"),
    ] {
        let found = size(expression);
        assert!(found.contains(told), "{expression}: {found}");
    }
}

#[test]
fn words_of_other_languages_have_a_help() {
    let name = |expression: &str| message(&volume(&format!("size: 5, name: \"{{{{ {expression} }}}}\"")), &[]);
    for (expression, help) in [
        ("var.x", "write `inputs.<name>`"),
        ("local.x", "write `inputs.<name>`: a constant is an input with a default"),
        ("count.index", "write `each.index`"),
        ("module.net.id", "write `steps.<id>.outputs.<name>`"),
        ("gcore_network.net.id", "a result of another step is `steps.<id>.id`"),
        ("github.ref_name", "pass it in as an input"),
        ("env.X", "the name of the environment is `environment`"),
        ("len(inputs.list)", "write `value | length`"),
        ("try(inputs.text, 'a')", "write `a | default(b)`"),
        ("lookup(inputs.map, 'a')", "write `values[key]`"),
        ("inputs.text.upper()", "write `value | upper`"),
        ("steps.net[*].id", "write `steps.<id>.ids`"),
        ("inputs.text ?? 'a'", "write `a | default(b)`"),
        ("inputs.text = 'a'", "compare with `==`"),
        ("inputs.text === 'a'", "compare with `==`"),
        ("inputs.text == 'a", "ends with the quote that it begins with"),
    ] {
        let told = name(expression);
        assert!(told.contains(help), "{expression}: {told}");
    }
}

#[test]
fn what_a_wait_compares_must_exist() {
    let off = "call: 'POST /cloud/v1/networks/{project_id}/{region_id}', body: { name: demo }";
    let waiting = |condition: &str| {
        let text = plan(&format!("{off}, ready: \"{condition}\""));
        checked(&text.replace("- { id: it,", &format!("- {{ id: off, when: false, {off} }}\n- {{ id: it,")), &[])
    };
    assert_eq!(waiting("resource.id == steps.off.id").len(), 1);
    assert_eq!(waiting("resource.id == inputs.sizes.large").len(), 1);
    assert_eq!(waiting("resource.id == self.id and resource.name == steps.net.name"), [] as [String; 0]);
}

#[test]
fn a_key_within_a_template_is_not_mended() {
    let text = volume("name: demo, size: 5, tags: \"{{ {'a': {'b': 1}} }}\"");
    let source = std::sync::Arc::new(crate::source::Source::new("plan.yaml", text));
    let found = super::check_with(&source, Some(crate::catalog::Catalog::embedded()));
    let [only] = found.findings.iter().filter(|finding| finding.is_error()).collect::<Vec<_>>()[..] else {
        panic!("{:?}", found.findings)
    };
    assert!(only.suggestion.is_none(), "{only:?}");
}

#[test]
fn a_warning_does_not_stand_for_an_error_of_its_kind_in_the_same_place() {
    let record = |fields: &str| {
        let body = format!(
            "{{'ttl': 60, 'meta': {{'other': {{}}}}, 'resource_records': [{{'content': ['192.0.2.1']{fields}}}]}}"
        );
        checked(
            &plan(&format!("call: PUT /dns/v2/zones/example.com/www.example.com/A, body: \"{{{{ {body} }}}}\"")),
            &[],
        )
    };
    assert_eq!(record(""), [] as [String; 0]);
    assert_eq!(record(", 'enabbled': true").len(), 1);
}

#[test]
fn many_filters_on_an_unknown_value_are_as_much_work_as_their_number() {
    let filters = " | upper".repeat(60);
    assert_eq!(message(&volume(&format!("size: 5, name: \"{{{{ inputs.text{filters} }}}}\"")), &[]), "");
    let sums = " + 1".repeat(60);
    assert_eq!(message(&volume(&format!("name: demo, size: \"{{{{ inputs.number{sums} }}}}\"")), &[]), "");
}

#[test]
fn lists_of_lists_may_be_a_chain_longer_than_the_stack() {
    const STEPS: usize = 20_000;
    let list = |number: usize| match number {
        0 => "[a, b]".to_owned(),
        _ => format!("\"{{{{ steps.s{}.all }}}}\"", number - 1),
    };
    // The last of the chain is the first of the file.
    let steps = (0..STEPS).rev().map(|number| {
        let call = "call: GET /cloud/v1/projects, body: { x: \"{{ each.key }}\" }";
        format!("- {{ id: s{number}, for_each: {}, {call} }}\n", list(number))
    });
    let text = format!("name: demo\nsteps:\n{}", steps.collect::<String>());
    let found = super::check(&std::sync::Arc::new(crate::source::Source::new("plan.yaml", text)));
    assert!(found.findings.iter().all(|finding| finding.code == "body-on-get"), "{:?}", found.findings.first());
}
