use serde_json::json;

use super::*;
use crate::diagnostic::Diagnostic;

fn value(text: &str) -> Value {
    let parsed = parse(text);
    assert_eq!(parsed.findings, [], "{text}");
    parsed.root.map_or(Value::Null, |root| root.to_value())
}

fn findings(text: &str) -> Vec<String> {
    let source = crate::source::Source::new("plan.yaml", text);
    parse(text).findings.iter().map(|finding| shown(&source, finding)).collect()
}

fn shown(source: &crate::source::Source, finding: &Diagnostic) -> String {
    let at = source.position(finding.primary.start());
    format!("{}:{} {} `{}`", at.line, at.column, finding.code, source.slice(finding.primary))
}

#[test]
fn values_follow_the_core_schema() {
    assert_eq!(
        value("a: no\nb: 1e3\nc: 007\nd: 0x1f\ne: 12345678901234567890\nf: ~\non: [yes, 'true', true]\n"),
        json!({ "a": "no", "b": 1e3, "c": "007", "d": 31, "e": 12_345_678_901_234_567_890_u64, "f": null,
                "on": ["yes", "true", true] })
    );
}

#[test]
fn bom_crlf_and_a_missing_last_line_end_are_read() {
    assert_eq!(value("\u{FEFF}a: 1\r\nb: |\r\n  x\r\n  y\r\nc: z"), json!({ "a": 1, "b": "x\ny\n", "c": "z" }));
    assert_eq!(value("a: |\n  x"), json!({ "a": "x" }));
    assert_eq!(value(""), Value::Null);
}

#[test]
fn an_unclosed_quote_is_reported_where_it_opens() {
    for text in ["a: \"x\\\"y\nb: \"z\"\nc: 1\n", "a: 'x''y\nb: 'z'\nc: 1\n"] {
        let source = crate::source::Source::new("plan.yaml", text);
        let found = parse(text).findings;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(source.position(found[0].primary.start()).line, 1, "{found:?}");
        assert_eq!(source.position(found[0].related[0].0.start()).line, 2, "{found:?}");
    }
    assert_eq!(findings("a: \"x\" y\n"), ["1:8 yaml-syntax `y`"]);
}

#[test]
fn anchors_aliases_and_merge_keys_are_resolved() {
    assert_eq!(
        value("base: &b { x: 1, y: 2 }\none: { <<: *b, y: 3 }\ntwo:\n  <<: [*b, { z: 4 }]\nthree: *b\n"),
        json!({ "base": { "x": 1, "y": 2 }, "one": { "y": 3, "x": 1 }, "two": { "x": 1, "y": 2, "z": 4 },
                "three": { "x": 1, "y": 2 } })
    );
}

#[test]
fn all_forbidden_constructs_are_reported_at_once() {
    let text =
        "a: 1\nb: !!str 2\na: 3\nc: *nope\nd: &x 1\ne: &x 2\nf: { [1]: 2 }\ng: 99999999999999999999\nh: &h [*h]\n";
    assert_eq!(
        findings(text),
        [
            "2:4 yaml-tag `!!str`",
            "3:1 yaml-duplicate-key `a`",
            "4:4 yaml-unknown-alias `*nope`",
            "6:4 yaml-duplicate-anchor `&x`",
            "7:6 yaml-key `[`",
            "8:4 yaml-number `99999999999999999999`",
            "9:8 yaml-recursive-alias `*h`",
        ]
    );
}

#[test]
fn an_unquoted_template_is_explained_and_reading_goes_on() {
    assert_eq!(
        findings("a: {{ inputs.x }}\nb: 1\nb: 2\n"),
        ["1:4 yaml-unquoted-template `{{ inputs.x }}`", "3:1 yaml-duplicate-key `b`"]
    );
    assert_eq!(findings("a: {{ inputs.x }}-net\nb: 1\n"), ["1:4 yaml-unquoted-template `{{ inputs.x }}-net`"]);
    assert_eq!(findings("a: { b: x-{{ inputs.x }} }\n"), ["1:9 yaml-unquoted-template `x-{{ inputs.x }}`"]);
    assert_eq!(
        findings("a: { b: 1, c: web/{{ inputs.x }}, d: 2 }\n"),
        ["1:15 yaml-unquoted-template `web/{{ inputs.x }}`"]
    );
    assert_eq!(findings("a: {% if x %}1{% endif %}\n"), ["1:4 yaml-unquoted-template `{% if x %}1{% endif %}`"]);
    assert_eq!(
        findings("a:\n  - {{ f('x') | default(\"y\") }} # why\n"),
        ["2:5 yaml-unquoted-template `{{ f('x') | default(\"y\") }}`"]
    );
}

#[test]
fn text_that_cannot_be_read_has_a_place() {
    assert_eq!(findings("a:\n\t- 1\n"), ["2:1 yaml-tab `\t`"]);
    assert_eq!(findings("a: b\n\tc: d\n"), ["2:1 yaml-tab `\t`"]);
    assert_eq!(findings("steps:\n-id: a\n  call: b\n"), ["2:1 yaml-syntax `-`"]);
    assert_eq!(findings("a: b: c\n"), ["1:5 yaml-syntax `:`"]);
    assert_eq!(findings("a: [1, 2\n"), ["1:4 yaml-syntax `[`"]);
    assert_eq!(findings("a: 'x\n"), ["1:4 yaml-syntax `'`"]);
    assert_eq!(findings("a: 1\n---\nb: 2\n"), ["2:1 yaml-several-documents `---`"]);
    assert_eq!(findings("a: @x\n"), ["1:4 yaml-syntax `@`"]);
}

#[test]
fn deep_nesting_and_an_alias_bomb_are_refused() {
    assert_eq!(findings(&"[".repeat(100_000))[0], "1:65 yaml-too-deep `[`");
    assert_eq!(findings(&"- ".repeat(100_000))[0], "1:129 yaml-too-deep `-`");
    let mut bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert_eq!(findings(&bomb).len(), 1, "{:?}", findings(&bomb));
    assert!(findings(&bomb)[0].contains("yaml-too-many-aliases"));
}

#[test]
fn a_character_of_a_scalar_leads_back_to_its_place() {
    let text = "plain: a {{ X }}\nsingle: 'it''s {{ X }}'\ndouble: \"t\\tab \\u00e9 {{ X }}\"\nblock: |\n  one\n    two {{ X }}\nfolded: >-\n  one\n  two\n\n  {{ X }}\nwrapped: \"one\n  two \\\n  {{ X }}\"\nlong: one\n  two {{ X }}\nline: >- # one\n  {{ X }}\nkept: |+\n  {{ X }}\n\n";
    let root = parse(text).root.unwrap();
    for (key, node) in root.entries().unwrap() {
        let content = node.as_str().unwrap();
        let at = content.find("{{ X }}").unwrap();
        let span = node.place(at..at + 7);
        assert_eq!(&text[span.range()], "{{ X }}", "{}: {content:?}", key.text);
    }
}

#[test]
fn a_large_file_is_read_without_quadratic_work() {
    let mut text = String::from("steps:\n");
    for at in 0..20_000 {
        text += &format!("  - {{ id: s{at}, call: POST /x, body: {{ name: \"n-{{{{ {at} }}}}\" }} }}\n");
    }
    for at in 0..20_000 {
        text += &format!("k{at}: v\n");
    }
    assert_eq!(parse(&text).root.unwrap().entries().unwrap().len(), 20_001);
}

mod lockstep {
    use proptest::prelude::*;

    use super::*;

    /// Words that YAML parsers treat differently, and ordinary ones.
    fn word() -> impl Strategy<Value = String> {
        let special = prop::sample::select(vec![
            "no",
            "on",
            "yes",
            "off",
            "y",
            "true",
            "True",
            "FALSE",
            "null",
            "~",
            "Null",
            "1e3",
            "1E-2",
            "-.5",
            ".5",
            "1.",
            "+1",
            "-0",
            "0",
            "007",
            "-007",
            "08",
            "0x1f",
            "0o17",
            "0777",
            "1_000",
            "12:30:45",
            "2026-01-01",
            "1.2.3",
            "-",
            "12345678901234567890",
            "-9223372036854775808",
            "18446744073709551615",
            ".",
            "..",
            "e3",
            "1e",
            "0x",
            "0xg",
            "=",
            "<<x",
            "a b",
            "a: b",
            "a #b",
            "#a",
            "'a",
            "\"a",
            "{a",
            "[a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "é ü",
            "\u{1F600}",
            "a\\nb",
            "tab\there",
            "",
            " ",
            " lead",
            "trail ",
            "line\nbreak",
            "two\n\nbreaks\n",
            "\u{7f}",
        ]);
        prop_oneof![special.prop_map(str::to_owned), "[a-z]{1,6}", "[ -~]{0,12}", "-?[0-9]{1,4}(\\.[0-9]{1,3})?"]
    }

    /// A scalar in one of the styles that can represent it.
    fn scalar() -> impl Strategy<Value = String> {
        (word(), 0_u8..4).prop_map(|(word, style)| {
            let plain = !word.is_empty()
                && !word.contains(|c: char| ":#,[]{}&*!|>'\"%@`?\n\t\u{7f}".contains(c))
                && word.trim() == word
                && !word.starts_with(['-', '=']);
            match style {
                0 | 1 if plain => word,
                2 if !word.contains(|c: char| c.is_control()) => format!("'{}'", word.replace('\'', "''")),
                _ => serde_json::to_string(&word).unwrap(),
            }
        })
    }

    fn document() -> impl Strategy<Value = String> {
        let leaf = scalar().prop_map(|text| (true, text));
        let tree = leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|items| {
                    (true, format!("[{}]", items.into_iter().map(|(_, item)| item).collect::<Vec<_>>().join(", ")))
                }),
                prop::collection::vec(inner, 0..5).prop_map(|items| {
                    let fields = items.into_iter().enumerate().map(|(at, (_, item))| format!("k{at}: {item}"));
                    (true, format!("{{ {} }}", fields.collect::<Vec<_>>().join(", ")))
                }),
            ]
        });
        let block = prop_oneof![
            scalar().prop_map(|text| format!("  {text}")),
            "[a-z ]{1,20}".prop_map(|text| format!(" |\n    x{text}\n    y")),
            "[a-z]{1,20}".prop_map(|text| format!(" >-\n    {text}\n    z\n\n    w")),
        ];
        (prop::collection::vec(tree, 1..5), prop::collection::vec(block, 0..3)).prop_map(|(trees, blocks)| {
            let trees = trees.into_iter().enumerate().map(|(at, (_, text))| format!("key{at}: {text}\n"));
            let blocks = blocks.into_iter().enumerate().map(|(at, text)| format!("block{at}:{text}\n"));
            trees.chain(blocks).collect()
        })
    }

    /// Whether two parsers agree. Numbers that ours refuses or leaves as text on purpose are reported.
    fn same(ours: &Value, theirs: &serde_yaml::Value) -> bool {
        match (ours, theirs) {
            (Value::Null, serde_yaml::Value::Null) => true,
            (Value::Bool(one), serde_yaml::Value::Bool(two)) => one == two,
            (Value::String(one), serde_yaml::Value::String(two)) => one == two,
            (Value::Number(one), serde_yaml::Value::Number(two)) => {
                one.as_u64() == two.as_u64() && one.as_i64() == two.as_i64() && one.as_f64() == two.as_f64()
            }
            (Value::Array(one), serde_yaml::Value::Sequence(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same(one, two))
            }
            (Value::Object(one), serde_yaml::Value::Mapping(two)) => {
                one.len() == two.len()
                    && one.iter().zip(two).all(|((name, one), (key, two))| key.as_str() == Some(name) && same(one, two))
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn our_values_are_those_of_serde_yaml(text in document()) {
            let theirs: Result<serde_yaml::Value, _> = serde_yaml::from_str(&text);
            let ours = parse(&text);
            match (&ours.root, theirs) {
                (Some(root), Ok(theirs)) if ours.findings.is_empty() => {
                    prop_assert!(same(&root.to_value(), &theirs), "{}\nours {:?}\ntheirs {:?}", text, root.to_value(), theirs);
                }
                // Ours may refuse more than another parser.
                _ => prop_assert!(!ours.findings.is_empty(), "{}", text),
            }
        }
    }
}

#[test]
fn a_file_of_very_many_very_short_values_is_refused_and_one_of_usual_values_is_not() {
    let dense = format!("a: [{}1]", "1,".repeat(150_000));
    assert!(findings(&dense)[0].contains("yaml-too-many-values"));
    assert!(parse(&dense).root.is_none());
    let few = format!("a: [{}1]", "1,".repeat(90_000));
    assert_eq!(findings(&few), [""; 0]);
    let usual = format!("a: [{}1]", "1000, ".repeat(150_000));
    assert_eq!(findings(&usual), [""; 0]);
}

#[test]
fn a_value_takes_little_room() {
    assert!(size_of::<Node>() <= 32, "{}", size_of::<Node>());
    assert!(size_of::<(Key, Node)>() <= 56, "{}", size_of::<(Key, Node)>());
}

#[test]
fn a_key_that_is_set_again_is_found_among_many() {
    let many: String = (0..3000).map(|at| format!("k{at}: 1\n")).collect();
    let found = findings(&format!("{many}k7: 2\nk2999: 2\nlast: 1\n"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|found| found.contains("yaml-duplicate-key")));
    assert_eq!(parse(&format!("{many}k7: 2\n")).root.unwrap().entries().unwrap().len(), 3000);
}

#[test]
fn the_parts_below_some_keys_are_handed_out_one_by_one() {
    const PARTS: &[(&str, PartKind)] = &[("steps", PartKind::Items), ("inputs", PartKind::Entries)];
    let read = |text: &str| {
        let mut taken = Vec::new();
        let parsed = parse_taking(text, PARTS, &mut |part| {
            taken.push((part.below.to_owned(), part.key.map(|key| key.text.to_string()), part.node.to_value()));
        });
        (parsed.root.unwrap().to_value(), taken)
    };
    let (root, taken) =
        read("a: [1]\nsteps:\n- x: [{ steps: [2] }]\n- &y 3\n- *y\nb: *y\ninputs: { k: { inputs: 1 }, l: }\n");
    let items = [json!({ "x": [{ "steps": [2] }] }), json!(3), json!(3)].map(|item| ("steps".to_owned(), None, item));
    let entries = [("k", json!({ "inputs": 1 })), ("l", json!(null))];
    let entries = entries.map(|(key, value)| ("inputs".to_owned(), Some(key.to_owned()), value));
    assert_eq!(taken, [&items[..], &entries[..]].concat());
    assert_eq!(root, json!({ "a": [1], "steps": [], "b": 3, "inputs": {} }));

    // What has an anchor, is merged, or is of another type stays in the tree.
    for text in ["steps: &a [1]\nb: *a\n", "steps: { a: 1 }\n", "inputs: [1]\n", "b: &b { c: 1 }\ninputs: { <<: *b }\n"]
    {
        let (root, taken) = read(text);
        assert_eq!((root, taken), (parse(text).root.unwrap().to_value(), Vec::new()), "{text}");
    }
    let (root, taken) = read("b: &b { c: 1, d: 2 }\ninputs: { c: 3, <<: *b }\n");
    assert_eq!((root["inputs"].clone(), taken.len()), (json!({ "d": 2 }), 1));
    assert_eq!(parse("\"\": [1]").root.unwrap().to_value(), json!({ "": [1] }));

    let parsed = parse_taking("inputs: { k: 1, k: 2, l: 3 }\n", PARTS, &mut |_| {});
    assert_eq!((parsed.findings[0].code, parsed.findings[0].related.len()), ("yaml-duplicate-key", 1));
}

#[test]
fn what_belongs_to_one_step_has_its_own_limit() {
    let many = |parts: usize, each: usize| -> String {
        let list = format!("- [{}1]\n", "1000000000, ".repeat(each));
        format!("steps:\n{}", list.repeat(parts))
    };
    let found = |text: &str| {
        let parsed = parse_taking(text, &[("steps", PartKind::Items)], &mut |_| {});
        parsed.findings.into_iter().map(|finding| finding.message).collect::<Vec<String>>()
    };
    assert_eq!(found(&many(4, 250_000)), [""; 0]);
    assert_eq!(found(&many(1, 800_000)), ["one step or input has more than 800001 values"; 1]);
}

#[test]
fn anchors_have_a_limit_and_nested_ones_are_kept_a_few_times_only() {
    let many = format!("a: [{}0]", (0..100_001).map(|at| format!("&a{at} x, ")).collect::<String>());
    assert!(findings(&many)[0].contains("yaml-too-many-values"));
    let nested = format!("a: {}1{}\n", (0..40).map(|at| format!("&x{at} [")).collect::<String>(), "]".repeat(40));
    assert_eq!(findings(&nested), [""; 0]);
    let wide = format!("a: &a [{}1]\nb: *a\n", "1000, ".repeat(100_000));
    assert!(findings(&wide)[0].contains("yaml-too-many-aliases"));
}

#[test]
fn a_key_that_is_too_long_is_reported_as_such() {
    let long = "k".repeat(1100);
    for text in [
        format!("a:\n  {long}: 1\n"),
        format!("a:\n  - \"{long}\": 1\n"),
        format!("a: {{ {long}: 1 }}"),
        format!("{{\"a\": [{{\"b\": 1, \"{long}\": 1}}]}}"),
        format!("a: [\n'{long}' : 1]"),
    ] {
        let found = parse(&text).findings.remove(0);
        assert_eq!((found.code, &found.message[..24]), ("yaml-key", "this key has 1100 charac"), "{text}: {found:?}");
        assert!(text[found.primary.range()].trim_matches(['"', '\'']) == long);
    }
    assert_eq!(findings(&format!("a: {{ ? {long} : 1 }}")), [""; 0]);
    assert_eq!(findings(&format!("a: \"{long}\"\n")), [""; 0]);
}
