use std::path::Path;

use serde_json::json;

use super::*;
use crate::yaml;

/// The owned data behind a scope.
struct World {
    inputs: BTreeMap<String, minijinja::Value>,
    steps: BTreeMap<StepId, minijinja::Value>,
    each: Each,
    secrets: Secrets,
}

fn world() -> World {
    let secrets = Secrets::default();
    let marker = secrets.conceal(&json!("p\"ss: wörd"));
    let marked = secrets.conceal(&json!(["p\"ss: wörd", 7]));
    let inputs = json!({ "flag": true, "count": 3, "name": "web", "list": ["a", "b"], "map": { "x": 1 }, "none": null,
        "big": 18_446_744_073_709_551_615_u64, "ratio": 1.5, "password": marker,
        "passwords": marked });
    let net = json!({ "id": "n-1", "ids": ["n-1"], "created": { "networks": ["n-1"] }, "response": { "items": [1] } });
    World {
        inputs: inputs.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value_of(value))).collect(),
        steps: [(StepId::new("net"), value_of(&net)), (StepId::new("gone"), skipped_step())].into(),
        each: Each { key: "k".to_owned(), value: json!({ "size": 5 }), index: 2 },
        secrets,
    }
}

impl World {
    fn scope(&self) -> Scope<'_> {
        Scope {
            environment: "test",
            project_id: Some(1),
            region_id: Some(76),
            inputs: &self.inputs,
            steps: &self.steps,
            records: None,
            each: Some(&self.each),
            item: None,
            this: None,
            resource: None,
            folder: Path::new("."),
            secrets: Some(&self.secrets),
        }
    }
}

fn template(text: &str) -> Template {
    let quoted = serde_json::to_string(text).unwrap();
    compile(&quoted).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"))
}

fn compile(yaml: &str) -> Result<Template, Vec<crate::diagnostic::Diagnostic>> {
    Template::compile(&yaml::parse(yaml).root.unwrap())
}

fn evaluate(text: &str) -> Result<Value, String> {
    template(text).evaluate(&world().scope()).map_err(|error| match error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message,
    })
}

fn refused(text: &str) -> String {
    let findings = compile(&serde_json::to_string(text).unwrap()).unwrap_err();
    findings.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_single_expression_keeps_its_type() {
    for (text, value) in [
        ("{{ inputs.flag }}", json!(true)),
        ("{{ inputs.count }}", json!(3)),
        ("{{inputs.big}}", json!(u64::MAX)),
        ("{{ inputs.ratio }}", json!(1.5)),
        ("{{ inputs.list }}", json!(["a", "b"])),
        ("{{ inputs.map }}", json!({ "x": 1 })),
        ("{{ inputs.none }}", Value::Null),
        ("{{ range(inputs.count) }}", json!([0, 1, 2])),
        ("{{ {each.key: each.value.size + each.index} }}", json!({ "k": 7 })),
        ("{{ steps.net.id }}", json!("n-1")),
        ("{{ steps['net'].created['networks'][0] }}", json!("n-1")),
        ("{{ '}}' }}", json!("}}")),
    ] {
        assert_eq!(evaluate(text), Ok(value), "{text}");
    }
}

#[test]
fn anything_else_is_text_written_as_json_writes_it() {
    for (text, value) in [
        ("{{ inputs.flag }}!", "true!"),
        ("{{ inputs.count }}{{ inputs.ratio }}", "31.5"),
        (" {{ inputs.name }}", " web"),
        ("{{ 'a' ~ inputs.flag ~ 1 }}", "atrue1"),
        ("{{ (inputs.flag if inputs.flag else 2) ~ (inputs.flag and true) ~ (not inputs.flag) }}", "truetruefalse"),
        ("{{ inputs.flag is not defined ~ '-' ~ (1 < 2) }}", "false-true"),
        ("{{ [true, 1, 'x'] | join('-') }}", "true-1-x"),
        ("{{ '%02d-%s' | format(7, inputs.flag) }}", "07-true"),
        ("vm-{ip_octets} ${HOME} {single} {{ inputs.name }}", "vm-{ip_octets} ${HOME} {single} web"),
        ("{% for x in inputs.list %}{{ x ~ loop.first }} {% endfor %}\n", "atrue bfalse \n"),
        ("{% if inputs.flag %}yes{% else %}no{% endif %}", "yes"),
        ("{% raw %}{{ not ours }}{% endraw %}", "{{ not ours }}"),
        ("a {# note #}b\n", "a b\n"),
        ("a {{- inputs.name -}} b", "awebb"),
        ("{{ environment }}-{{ project_id }}-{{ region_id }}", "test-1-76"),
        ("plain", "plain"),
    ] {
        assert_eq!(evaluate(text), Ok(json!(value)), "{text}");
    }
}

#[test]
fn a_value_without_a_text_form_is_an_error() {
    for (text, words) in [
        ("x{{ inputs.none }}", "null cannot stand in text"),
        ("x{{ inputs.list }}", "a list cannot stand in text (use `| tojson`"),
        ("{{ 'x' ~ inputs.map }}", "a mapping cannot stand in text (use `| tojson`"),
        ("{{ 'x' ~ inputs.list }}", "a list cannot stand in text"),
        ("{% if true %}{{ inputs.list }}{% endif %}", "a list cannot stand in text"),
        ("{{ 1 / 0 }}", "divides by zero"),
        ("{{ inputs.list | int }}", ""),
    ] {
        let error = evaluate(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_missing_value_is_reported_with_a_suggestion() {
    for (text, words) in [
        ("{{ inputs.cuont }}", "`inputs.cuont` is undefined (did you mean `inputs.count`?)"),
        (
            "{{ steps.net.created.network }}",
            "`steps.net.created.network` is undefined (did you mean `steps.net.created.networks`?)",
        ),
        ("a {{ steps.net.response.nope.deep }}", "`steps.net.response.nope` is undefined (there is `items`)"),
        ("{{ steps.net.ids[3] }}", "`steps.net.ids[3]` is undefined (the list has one element, number 0)"),
        ("{{ [inputs.missing] }}", "`inputs.missing` is undefined"),
        ("{{ steps.gone.id }}", "`steps.gone.id` is undefined (step `gone` was skipped"),
        ("{{ steps.other.id }}", "`other` is a step without results at this point"),
        ("{{ resource.status }}", "`resource` is undefined"),
        (
            "{{ (inputs.list | selectattr('name', 'equalto', 'b') | first).id }}",
            "`inputs.list` holds no element that fits (of 2)",
        ),
        ("{{ (steps.net.response['items'] | first).id }}", "(steps.net.response['items'] | first).id` is undefined"),
        ("{% for x in inputs.nothing %}{% endfor %}", "`inputs.nothing` is undefined"),
    ] {
        let error = evaluate(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    assert_eq!(evaluate("{{ steps.gone.id | default('none') }}"), Ok(json!("none")));
    assert_eq!(evaluate("{{ steps.gone.id is defined }}"), Ok(json!(false)));
    assert_eq!(evaluate("{{ inputs.nope | default(inputs.count) }}"), Ok(json!(3)));
}

#[test]
fn our_functions_and_filters() {
    for (text, value) in [
        ("{{ 'héllo' | b64encode }}", json!("aMOpbGxv")),
        ("{{ 'aMOpbGxv' | b64decode }}", json!("héllo")),
        ("{{ 'abc' | sha256 }}", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        ("{{ inputs.map | tojson }}", json!("{\"x\":1}")),
        ("{{ {'a': '<&>'} | tojson }}", json!("{\"a\":\"<&>\"}")),
        ("{{ 'Feature/ABC_1--x!' | slug }}", json!("feature-abc-1-x")),
        ("{{ 'abcdef' | slug(3) }}", json!("abc")),
        ("{{ cidrsubnet('10.0.0.0/16', 8, 2) }}", json!("10.0.2.0/24")),
        ("{{ '10.0.0.0/16' | cidrsubnet(8, each.index) | cidrhost(5) }}", json!("10.0.2.5")),
        ("{{ {'n': [{'addr': '10.0.0.1'}]} | first_address }}", json!("10.0.0.1")),
        ("{{ inputs.list | map('upper') | list }}", json!(["A", "B"])),
    ] {
        assert_eq!(evaluate(text), Ok(value), "{text}");
    }
    assert!(evaluate("{{ file('../secret') }}").unwrap_err().contains("below the plan's folder"));
    assert!(evaluate("{{ '!' | b64decode }}").unwrap_err().contains("no base64"));
    // U+E002, `/id`, U+E003: what stands for a result in an undo.
    assert!(evaluate("{{ '7oCCL2lk7oCD' | b64decode }}").unwrap_err().contains("U+E000 to U+E005"));
    assert!(
        evaluate("{{ {} | first_address }}").unwrap_err().contains("no address yet (a `ready`")
            || evaluate("{{ {} | first_address }}").unwrap_err().contains("no address yet")
    );
}

#[test]
fn a_filter_that_gives_the_names_or_the_number_of_fields_is_one_for_lists() {
    let fields = "{'kx': 7001, 'ky': 7002, 'kz': 7003}";
    for name in FILTERS {
        let arguments = ["", "(2)", "([1])", "(',')", "('upper')", "('string')"];
        let given = arguments.iter().filter_map(|arguments| {
            let value = evaluate(&format!("{{{{ {fields} | {name}{arguments} }}}}")).ok()?;
            let text = value.to_string();
            let names = text.contains("\"kx") || text.contains("KX") || text.contains("kz");
            ((names && !text.contains("7001")) || value == json!(3)).then_some(text)
        });
        let given: Vec<String> = given.collect();
        assert!(given.is_empty() || names::FILTERS_FOR_LISTS.contains(name), "{name} gives {given:?}");
    }
    for name in names::FILTERS_FOR_LISTS {
        assert!(FILTERS.contains(name), "{name}");
    }
}

#[test]
fn every_word_that_is_offered_exists() {
    let environment = engine::environment();
    let mut state = environment.empty_state();
    for name in FILTERS {
        let error = state.apply_filter(name, &[]).err().map(|error| error.kind());
        assert_ne!(error, Some(minijinja::ErrorKind::UnknownFilter), "{name}");
    }
    for name in TESTS {
        let error = state.perform_test(name, &[]).err().map(|error| error.kind());
        assert_ne!(error, Some(minijinja::ErrorKind::UnknownTest), "{name}");
    }
    let globals: Vec<_> = environment.globals().map(|(name, _)| name.to_owned()).collect();
    for name in FUNCTIONS {
        assert!(globals.iter().any(|global| global == name), "{name}");
    }
}

#[test]
fn references_are_found_however_they_are_written() {
    let template = template(
        "{% for x in steps.web.all %}{{ x.id ~ steps['a'].created[inputs.kind] }}{% endfor %}{{ (steps.b.ids)[0] }}\
         {{ each.value.steps }}{% if steps.c is defined and self.id %}{% endif %}{{ [steps.d.id][0:1] }}",
    );
    let found: Vec<_> = template.references().map(|used| format!("{}.{}", used.step, used.path.join("."))).collect();
    assert_eq!(found, ["web.all", "a.created", "b.ids.0", "c.", "d.id"]);
    assert_eq!(template.inputs().map(|used| used.name.as_str()).collect::<Vec<_>>(), ["kind"]);
    assert!(template.mentions("each") && template.mentions("self") && !template.mentions("resource"));
}

#[test]
fn places_of_references_are_exact_in_any_style() {
    for yaml in [
        "a: \"x\\t{{ steps.net.id }}\"\n",
        "a: |\n  one\n    {{ 1 }} {{ steps.net.id | default('') }}\n",
        "a: 'it''s {{ steps.net.id }}'\n",
        "a: >-\n  one\n  {% if steps.net.id %}x{% endif %}\n",
    ] {
        let root = yaml::parse(yaml).root.unwrap();
        let template = Template::compile(&root).unwrap();
        let programs = template.programs();
        let uses = programs.iter().map(|program| program.located()).find(|uses| !uses.steps.is_empty()).unwrap();
        let reference = &uses.steps[0];
        assert_eq!(&yaml[reference.span.range()], "steps.net.id", "{yaml}");
        assert_eq!(&yaml[reference.step_span.range()], "net", "{yaml}");
        assert_eq!(&yaml[reference.path_spans[0].range()], "id", "{yaml}");
    }
}

#[test]
fn forbidden_operations_are_noted() {
    let unknown = |text: &str| -> Vec<UnknownKind> {
        template(text).programs().iter().flat_map(|program| program.uses().unknown.clone()).map(|u| u.kind).collect()
    };
    assert_eq!(unknown("{{ foo.bar }}"), [UnknownKind::Name("foo".into())]);
    assert_eq!(unknown("{{ 1 | lenght }}"), [UnknownKind::Filter("lenght".into())]);
    assert_eq!(unknown("{{ 1 is odder }}"), [UnknownKind::Test("odder".into())]);
    assert_eq!(unknown("{{ now() }}"), [UnknownKind::Function("now".into())]);
    assert_eq!(unknown("{{ steps[inputs.name].id }}"), [UnknownKind::Whole("steps")]);
    assert_eq!(unknown("{{ steps | length }}"), [UnknownKind::Whole("steps")]);
    assert_eq!(unknown("{% set steps = 1 %}"), [UnknownKind::Rebound("steps".into())]);
    assert_eq!(unknown("{% for inputs in [1] %}{% endfor %}"), [UnknownKind::Rebound("inputs".into())]);
    assert_eq!(unknown("{{ inputs.name.upper() }}"), [UnknownKind::Method("upper".to_owned())]);
    assert_eq!(unknown("{% set x = 1 %}{% with y = x %}{{ x + y }}{% endwith %}"), []);
}

#[test]
fn syntax_errors_have_their_place_inside_the_string() {
    for (yaml, place) in [
        ("a: \"x {{ inputs. }}\"\n", "}}"),
        ("a: 'x {{ 1 + }}'\n", "}}"),
        ("a: |\n  one\n  {{ 'x }}\n", "{{"),
        ("a: 'x {{ y'\n", "{{"),
        ("a: '{{ x && y }}'\n", "&"),
    ] {
        let findings = compile(yaml).unwrap_err();
        let span = findings[0].primary;
        let at = yaml.find(place).unwrap();
        assert_eq!(yaml[..span.start()].lines().count(), yaml[..at].lines().count(), "{yaml} {findings:?}");
    }
    assert!(refused("{{ }}").contains("empty"));
    assert!(refused("{% if x %}a").contains("cannot be read") || refused("{% if x %}a").contains("end"));
}

#[test]
fn nothing_a_template_holds_can_end_the_process() {
    let chains = [
        format!("{{{{ {}1 }}}}", "not ".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(20_000)),
        format!("{{{{ 1{} }}}}", "~1".repeat(20_000)),
        format!("{{{{ 1{} }}}}", "|abs".repeat(20_000)),
        format!("{{{{ inputs{} }}}}", ".x".repeat(20_000)),
        format!("{{{{ inputs{} }}}}", "[0]".repeat(20_000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(20_000)),
        format!("{{{{ 1{} }}}}", " is odd".repeat(20_000)),
        format!("{}{}", "{% if 1 %}".repeat(20_000), "{% endif %}".repeat(20_000)),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(20_000)),
        "{% set x = [1] %}".repeat(20_000),
        "{{ 1 }}{{".repeat(2_000),
        format!("{{% set x = [1] %}}{}{{{{ x | length }}}}", "{% set x = x + x %}".repeat(60)),
        format!("{{% set x = [1] %}}{}{{{{ x == x }}}}", "{% set x = [x, x] %}".repeat(60)),
    ];
    for text in chains {
        assert!(!refused(&text).is_empty());
    }
    // Just below the limits.
    for text in [
        format!("{{{{ {}1 }}}}", "not ".repeat(127)),
        format!("{{{{ 1{} }}}}", "~1".repeat(127)),
        format!("{{{{ {}1{} }}}}", "(".repeat(24), ")".repeat(24)),
        format!("{}{}", "{% if 1 %}".repeat(24), "{% endif %}".repeat(24)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 1 %}x".repeat(32)),
    ] {
        evaluate(&text).unwrap();
    }
    for text in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor \
         %}{% endfor %}"
            .to_owned(),
        "{{ 'x' * 99999999 }}".to_owned(),
        "{{ range(99999999) }}".to_owned(),
        format!("{{% set x = 'xxxxxxxx' * 9999 %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(12)),
    ] {
        let error = evaluate(&text).unwrap_err();
        assert!(!error.is_empty(), "{error}");
    }
}

#[test]
fn sixty_kilobytes_of_text_around_expressions_are_ordinary() {
    let script = format!("#!/bin/sh\n{}echo {{{{ inputs.name }}}}\n", "echo hello { world } ${x}\n".repeat(2400));
    let value = evaluate(&script).unwrap();
    assert!(value.as_str().unwrap().ends_with("echo web\n"));
    assert!(value.as_str().unwrap().len() > 60_000);
}

#[test]
fn secrets_pass_whole_and_through_the_functions_that_look_behind_them() {
    let world = world();
    let reveal = |text: &str| {
        let value = template(text).evaluate(&world.scope()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!value.to_string().contains("wörd"), "{text}: {value}");
        world.secrets.reveal(&value).unwrap()
    };
    assert_eq!(reveal("{{ inputs.password }}"), json!("p\"ss: wörd"));
    assert_eq!(reveal("pw={{ inputs.password }}!"), json!("pw=p\"ss: wörd!"));
    assert_eq!(
        reveal("{{ ('#cloud-config\\npassword: ' ~ inputs.password) | b64encode | b64decode }}"),
        json!("#cloud-config\npassword: p\"ss: wörd")
    );
    assert_eq!(reveal("{{ {'p': inputs.password} | tojson }}"), json!("{\"p\":\"p\\\"ss: wörd\"}"));
    assert_eq!(reveal("{{ inputs.passwords }}"), json!(["p\"ss: wörd", 7]));
    assert_eq!(reveal("{{ inputs.passwords | join(', ') }}"), json!("p\"ss: wörd, 7"));
    assert_eq!(reveal("{{ inputs.passwords | join(inputs.password) }}"), json!("p\"ss: wördp\"ss: wörd7"));
    assert_eq!(reveal("{{ [inputs.password, 'a'] | join(':') }}"), json!("p\"ss: wörd:a"));
    assert_eq!(reveal("{{ inputs.password | sha256 }}").as_str().unwrap().len(), 64);
    assert_eq!(reveal("{% filter b64encode %}pw: {{ inputs.password }}{% endfilter %}"), json!("cHc6IHAic3M6IHfDtnJk"));
}

#[test]
fn operations_that_break_a_secret_marker_are_noted() {
    let spoiled =
        |text: &str| template(text).inputs().next().unwrap().spoiled.as_ref().map(|spoiled| spoiled.by.clone());
    for text in [
        "{{ inputs.password }}",
        "x{{ inputs.password ~ 'y' }}",
        "{{ [inputs.password, 'a'] | join(':') | b64encode }}",
        "{{ {'a': inputs.password} | tojson }}",
        "{{ inputs.password if environment == 'x' else 'y' }}",
        "{{ inputs.password | default('x') }}",
        "{{ inputs.password is defined }}",
    ] {
        assert_eq!(spoiled(text), None, "{text}");
    }
    for (text, by) in [
        ("{{ inputs.password | length }}", "the filter `length`"),
        ("{{ inputs.password == 'x' }}", "a comparison"),
        ("{{ inputs.password[1:] }}", "a slice"),
        ("{{ 'a' if inputs.password else 'b' }}", "a condition"),
        ("{{ [inputs.password] | first }}", "the filter `first`"),
        ("{% for x in inputs.password %}{% endfor %}", "a loop"),
        ("{% set x = inputs.password %}", "`set`"),
        ("{{ inputs.password in 'abc' }}", "`in`"),
        ("{{ inputs.map[inputs.password] }}", ""),
    ] {
        match by {
            "" => assert!(template(text).inputs().any(|used| used.spoiled.is_some()), "{text}"),
            by => assert_eq!(spoiled(text).as_deref(), Some(by), "{text}"),
        }
    }
}

#[test]
fn conditions_are_expressions_with_or_without_braces() {
    let holds = |text: &str| {
        let expression = Expression::compile(&yaml::parse(text).root.unwrap()).unwrap();
        expression.is_true(&world().scope()).map_err(|error| error.message)
    };
    assert_eq!(holds("inputs.count > 2"), Ok(true));
    assert_eq!(holds("'{{ inputs.count > 3 }}'"), Ok(false));
    assert_eq!(holds("true"), Ok(true));
    assert_eq!(holds("steps.gone.id is defined"), Ok(false));
    assert_eq!(holds("inputs.list"), Ok(true));
    assert!(holds("inputs.name").unwrap_err().contains("gives text"));
    assert!(holds("inputs.nope").unwrap_err().contains("`inputs.nope` is undefined"));
    let refused = |text: &str| Expression::compile(&yaml::parse(text).root.unwrap()).unwrap_err()[0].message.clone();
    assert!(refused("'{{ inputs.a }} == 1'").contains("one expression"));
    assert!(refused("3").contains("expected an expression"));
    assert!(refused("'a ='").contains("cannot be read"));
}

mod mutated {
    use proptest::prelude::*;

    use super::*;

    const PIECES: &[&str] = &[
        "{{ ",
        " }}",
        "{% if ",
        "{% for x in ",
        "{% endif %}",
        "{% endfor %}",
        " %}",
        "{% set x = ",
        "{# ",
        " #}",
        "{{-",
        "-}}",
        "steps.net",
        ".id",
        "[0]",
        "['id']",
        "inputs.list",
        "inputs.password",
        "inputs.none",
        "each.value",
        " | ",
        "length",
        "b64encode",
        "tojson",
        "join(',')",
        "first",
        "default('')",
        "map('upper')",
        "slug",
        "sha256",
        "batch(2)",
        " ~ ",
        " + ",
        " - ",
        " * ",
        " ** ",
        " // ",
        " % ",
        " == ",
        " in ",
        " is ",
        "defined",
        " not ",
        " and ",
        " if ",
        " else ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "1",
        "0",
        "-1",
        "9999999999",
        "1.5",
        "'a'",
        "\"é\"",
        "true",
        "none",
        "range(9)",
        "file('x')",
        "cidrhost('10.0.0.0/8', 1)",
        "x",
        "\u{1F600}",
        "\n",
        "\\",
        "|",
        "loop.index",
        "dict(a=1)",
        "*",
        "**",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn no_template_panics_or_lets_a_secret_out(pieces in proptest::collection::vec(0_usize..PIECES.len(), 1..25)) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            let world = world();
            for text in [format!("{{{{ {text} }}}}"), text] {
                let yaml = serde_json::to_string(&text).unwrap();
                let Ok(template) = compile(&yaml) else { continue };
                let shown = match template.evaluate(&world.scope()) {
                    Ok(value) => value.to_string(),
                    Err(error) => {
                        prop_assert!(error.span.end() <= yaml.len());
                        error.message
                    }
                };
                prop_assert!(!shown.contains("wörd"), "{}: {}", text, shown);
            }
        }
    }
}

/// A whole value of a plan file.
fn evaluate_yaml(yaml: &str) -> Result<Value, String> {
    let template = compile(yaml).map_err(|findings| findings[0].message.clone())?;
    template.evaluate(&world().scope()).map_err(|error| error.message)
}

#[test]
fn a_list_is_made_from_a_list_or_a_mapping() {
    for (yaml, value) in [
        (
            "{ for: '{{ inputs.list }}', each: { name: '{{ item }}', at: '{{ index }}' } }",
            json!([
                { "name": "a", "at": 0 }, { "name": "b", "at": 1 }
            ]),
        ),
        ("{ for: { x: 1, y: 2 }, each: '{{ key }}={{ item + 1 }}' }", json!(["x=2", "y=3"])),
        ("{ for: [], each: '{{ item }}' }", json!([])),
        ("{ for: [[1, 2], [3]], each: { for: '{{ item }}', each: '{{ item * 10 }}' } }", json!([[10, 20], [30]])),
        ("{ for: [1], each: '{% for item in [7, 8] %}{{ item }}{% endfor %}' }", json!(["78"])),
        ("{ for: '{{ range(2) }}', each: '{{ each.key }}' }", json!(["k", "k"])),
        // A mapping with only one of the two keys is an ordinary mapping.
        ("{ for: x }", json!({ "for": "x" })),
    ] {
        assert_eq!(evaluate_yaml(yaml), Ok(value), "{yaml}");
    }
    for (yaml, words) in [
        ("{ for: '{{ inputs.name }}', each: 1 }", "`for` needs a list or a mapping, and this is text"),
        ("{ for: 3, each: 1 }", "`for` must be a list or a mapping, found"),
        ("{ for: [1], each: 1, when: true }", "has no key `when`"),
        ("{ for: '{{ range(9000) }}', each: { for: '{{ range(9000) }}', each: 1 } }", "grows beyond"),
    ] {
        let error = evaluate_yaml(yaml).unwrap_err();
        assert!(error.contains(words), "{yaml}: {error}");
    }
}

#[test]
fn json_is_parsed_and_invalid_text_is_not_repeated() {
    assert_eq!(evaluate(r#"{{ '{"a": [1, true]}' | fromjson }}"#), Ok(json!({ "a": [1, true] })));
    let error = evaluate("{{ 'hunter22' | fromjson }}").unwrap_err();
    assert!(error.starts_with("this is no JSON: line 1") && !error.contains("hunter"), "{error}");
    let error = evaluate(r#"{{ '"\\ue000"' | fromjson }}"#).unwrap_err();
    assert!(error.contains("private to `plan`"), "{error}");
}
