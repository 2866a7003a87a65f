use serde_json::json;

use super::*;
use crate::catalog::Catalog;

const COMMAND: &str = r#"curl -X POST "https://api.gcore.com/cloud/v1/subnets/$PROJECT_ID/{region_id}?a=b%20c" \
      -H 'Authorization: APIKey 123$abc' -H "X-Trace: one" -H 'Content-Type: application/json' \
      -d '{"name": "s", "cidr": "10.0.0.0/24", "network_id": "n"}' -s | jq ."#;

#[test]
fn a_command_of_the_documentation_becomes_a_call() {
    let call = parse(COMMAND).unwrap();
    assert_eq!(call.method, Method::Post);
    assert_eq!(call.path, "/cloud/v1/subnets/$PROJECT_ID/{region_id}");
    assert_eq!(call.query, [("a".to_owned(), "b c".to_owned())]);
    assert_eq!(call.headers, [("X-Trace".to_owned(), "one".to_owned())]);
    assert_eq!(call.body, Some(Body::Json(json!({ "name": "s", "cidr": "10.0.0.0/24", "network_id": "n" }))));
}

#[test]
fn a_call_becomes_a_step_without_the_key() {
    let step = to_step(&parse(COMMAND).unwrap(), Catalog::embedded());
    assert_eq!(
        step.yaml,
        "- id: subnet\n  call: POST /cloud/v1/subnets/{project_id}/{region_id}\n  query:\n    a: b c\n  headers:\n    \
         X-Trace: one\n  body:\n    name: s\n    cidr: 10.0.0.0/24\n    network_id: n\n"
    );
    assert!(!format!("{step:?}").contains("123$abc"));
}

#[test]
fn what_looks_like_a_template_stays_as_it_is() {
    let texts = [
        "a {{ environment }} b",
        "{{ x }}",
        "{% if x %}",
        "{# c #}\nend\n",
        "{%- raw %}{{{ x }}}{% endraw %}{{%",
        "it's {one} brace",
    ];
    let body = json!({ "texts": texts });
    let command = format!(
        "curl https://api.gcore.com/cloud/v1/none/{{{{x}}}} --json '{}'",
        body.to_string().replace('\'', r"'\''")
    );
    let step = to_step(&parse(&command).unwrap(), Catalog::embedded()).yaml;
    assert!(step.contains("call: POST /cloud/v1/none/<value>\n"), "{step}");
    let written = crate::yaml::parse(&step).root.unwrap();
    let written = written.items().unwrap().first().unwrap().get("body").unwrap().get("texts").unwrap();
    let template = crate::template::Template::compile(written).unwrap();
    assert_eq!(template.as_constant().or_else(|| known(&template)), Some(json!(texts)), "{step}");
}

fn known(template: &crate::template::Template) -> Option<Value> {
    let (inputs, steps) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    let scope = crate::template::Scope {
        environment: "test",
        project_id: None,
        region_id: None,
        inputs: &inputs,
        steps: &steps,
        records: None,
        each: None,
        item: None,
        this: None,
        resource: None,
        folder: std::path::Path::new("."),
        secrets: None,
    };
    template.evaluate(&scope).ok()
}

#[test]
fn ids_in_the_address_become_placeholders_and_are_reported() {
    let step = to_step(&parse("curl -XDELETE https://api.gcore.com/v1/networks/1/7/abc").unwrap(), Catalog::embedded());
    assert!(step.yaml.contains("call: DELETE /cloud/v1/networks/{project_id}/{region_id}/abc\n"), "{}", step.yaml);
    assert_eq!(step.notes.len(), 2);
    assert!(step.notes[0].contains("--project-id"), "{:?}", step.notes);
}

#[test]
fn the_products_have_steps_of_their_own_and_files_are_named_by_their_paths() {
    let step = |command: &str| {
        let call = parse(&format!("curl https://api.gcore.com/{command} -H 'Authorization: APIKey k'")).unwrap();
        let step = to_step(&call, Catalog::embedded());
        assert_eq!(step.notes, Vec::<String>::new(), "{command}");
        step.yaml
    };
    assert_eq!(
        step("dns/v2/zones -d '{\"name\": \"e.com\"}'"),
        "- id: dns_zone\n  call: POST /dns/v2/zones\n  body:\n    name: e.com\n"
    );
    let binary = "- id: fastedge_binary\n  call: POST /fastedge/v1/binaries/raw\n  body_file: \"a.wasm\"\n";
    assert_eq!(step("fastedge/v1/binaries/raw --data-binary @a.wasm"), binary);
    assert_eq!(step("fastedge/v1/binaries/raw -X POST -T a.wasm"), binary);
    assert_eq!(
        step(
            "security/sifter/v3/protected_networks -F network=192.0.2.0/24 -F 'as_number=65000' \
             -F 'files=@\"a;b.pdf\";type=application/pdf' -F'files=@c.pdf;type=application/pdf' \
             --form-string comment=@7"
        ),
        "- id: security_network\n  call: POST /security/sifter/v3/protected_networks\n  body:\n    \
         network: 192.0.2.0/24\n    as_number: 65000\n    files:\n    - a;b.pdf\n    - c.pdf\n    comment: '@7'\n"
    );
    let put = parse("curl -T a.bin https://api.gcore.com/x/y").unwrap();
    assert_eq!((put.method, put.body), (Method::Put, Some(Body::File("a.bin".to_owned()))));
}

#[test]
fn a_file_with_the_body_of_an_operation_that_takes_json_is_read_by_the_plan() {
    for option in ["-d @rule.json", "--json @rule.json", "--data-binary @rule.json"] {
        let call = parse(&format!("curl -X POST https://api.gcore.com/cloud/v1/networks/1/7 {option}")).unwrap();
        let step = to_step(&call, Catalog::embedded()).yaml;
        let line = "\n  body: \"{{ file('rule.json') | fromjson }}\"\n";
        assert!(step.ends_with(line), "{option}: {step}");
    }
    let quoted = parse(r#"curl https://api.gcore.com/cloud/v1/networks/1/7 -d "@it's.json""#).unwrap();
    let step = to_step(&quoted, Catalog::embedded()).yaml;
    let read: Value = serde_yaml::from_str(&step).unwrap();
    assert_eq!(read[0]["body"], json!(r"{{ file('it\'s.json') | fromjson }}"), "{step}");
}

#[test]
fn texts_that_curl_encodes_are_those_of_the_query() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for (options, query) in [
        ("--data-urlencode visibility=private", pair("visibility", "private")),
        ("--data-urlencode 'name=a+b &c=d'", pair("name", "a+b &c=d")),
        ("--data-urlencode=limit=5", pair("limit", "5")),
    ] {
        let call = parse(&format!("curl -G https://x/cloud/v1/a {options}")).unwrap();
        assert_eq!((call.method, call.query), (Method::Get, vec![query]), "{options}");
    }
    assert!(parse("curl -G https://x/a --data-urlencode name@file").unwrap_err().contains("is not read"));
}

#[test]
fn a_body_alone_is_a_post_and_quotes_are_those_of_a_shell() {
    let call = parse("curl --url https://x/cloud/v1/a --json \"{\\\"a\\\": \\\"it's\\\"}\"").unwrap();
    assert_eq!((call.method, call.body), (Method::Post, Some(Body::Json(json!({ "a": "it's" })))));
    let call = parse("curl https://x/cloud/v1/a -G -d a=1 --data-raw 'b=2'").unwrap();
    assert_eq!((call.method, call.query.len()), (Method::Get, 2));
}

#[test]
fn redirections_and_other_commands_of_the_line_are_no_part_of_the_call() {
    let plain = parse(r#"curl https://x/cloud/v1/a -d '{"name": "n"}'"#).unwrap();
    assert_eq!((plain.method, plain.body.is_some()), (Method::Post, true));
    for line in [
        r#"curl https://x/cloud/v1/a > out.json -d '{"name": "n"}'"#,
        r#"curl https://x/cloud/v1/a >out.json -d '{"name": "n"}'"#,
        r#"curl https://x/cloud/v1/a>"an answer.json" -d '{"name": "n"}'"#,
        r#"curl https://x/cloud/v1/a >> out.json 2>/dev/null -d '{"name": "n"}'"#,
        r#"curl 2> /dev/null https://x/cloud/v1/a -d '{"name": "n"}' 2>&1 | jq . -d x"#,
        r#"curl https://x/cloud/v1/a &>/dev/null -d '{"name": "n"}'"#,
        r#"curl https://x/cloud/v1/a <in.json -d '{"name": "n"}' >&2"#,
        r#"curl https://x/cloud/v1/a -d '{"name": "n"}' && echo done"#,
        r#"curl https://x/cloud/v1/a -d '{"name": "n"}'&&echo done"#,
        r#"curl https://x/cloud/v1/a -d '{"name": "n"}' || exit 1"#,
        r#"curl https://x/cloud/v1/a -d '{"name": "n"}'; echo done"#,
        r#"curl https://x/cloud/v1/a -d '{"name": "n"}' &"#,
        r#"cd /tmp && curl https://x/cloud/v1/a -d '{"name": "n"}'"#,
        r#"curl https://x/cloud/v1/a -d '{"name": "n"}' # makes it"#,
    ] {
        assert_eq!(parse(line).as_ref(), Ok(&plain), "{line}");
    }
    let query = |line| parse(line).unwrap().query.len();
    assert_eq!(query("curl https://x/cloud/v1/a?b=1&c=2 &"), 2, "an address without quotes keeps its query");
    assert_eq!(query("curl 'https://x/cloud/v1/a?b=1&c=2'&& true"), 2);
    let numbers = parse("curl https://x/cloud/v1/networks/1/7/2 -X GET").unwrap();
    assert_eq!(numbers.path, "/cloud/v1/networks/1/7/2", "digits are a stream only before a redirection");
}

#[test]
fn an_unreadable_curl_command_is_reported() {
    for (command, words) in [
        ("wget x", "start with"),
        ("curl -X POST", "no address"),
        ("curl https://x/a -d '{'", "no JSON"),
        ("curl 'https://x/a", "has no end"),
        ("curl https://x/a -X BREW", "no method"),
        ("curl https://x/a -F file", "no part of a form"),
        ("curl https://x/a -d @- <<EOF", "write it after `-d`"),
        ("wget x | jq", "start with"),
    ] {
        let error = parse(command).unwrap_err();
        assert!(error.contains(words), "{command}: {error}");
    }
}
