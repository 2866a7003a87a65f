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
    let at = source.position(finding.primary.start);
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
fn anchors_aliases_and_merge_keys_are_resolved() {
    assert_eq!(
        value("base: &b { x: 1, y: 2 }\none: { <<: *b, y: 3 }\ntwo:\n  <<: [*b, { z: 4 }]\nthree: *b\n"),
        json!({ "base": { "x": 1, "y": 2 }, "one": { "y": 3, "x": 1 }, "two": { "x": 1, "y": 2, "z": 4 },
                "three": { "x": 1, "y": 2 } })
    );
}

#[test]
fn what_a_plan_may_not_hold_is_found_in_one_go() {
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
    assert_eq!(findings("a: {% if x %}1{% endif %}\n"), ["1:4 yaml-unquoted-template `{% if x %}1{% endif %}`"]);
    assert_eq!(
        findings("a:\n  - {{ f('x') | default(\"y\") }} # why\n"),
        ["2:5 yaml-unquoted-template `{{ f('x') | default(\"y\") }}`"]
    );
}

#[test]
fn text_that_cannot_be_read_has_a_place() {
    assert_eq!(findings("a:\n\t- 1\n"), ["2:1 yaml-tab `\t`"]);
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
    let text = "plain: a {{ X }}\nsingle: 'it''s {{ X }}'\ndouble: \"t\\tab \\u00e9 {{ X }}\"\nblock: |\n  one\n    two {{ X }}\nfolded: >-\n  one\n  two\n\n  {{ X }}\nwrapped: \"one\n  two \\\n  {{ X }}\"\nlong: one\n  two {{ X }}\n";
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
