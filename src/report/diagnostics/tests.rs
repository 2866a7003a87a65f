use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::*;

const PLAN: &str = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { nmae: x }
  - id: network
    call: POST /x
";

fn source() -> Source {
    Source::new("deploy.yaml", PLAN)
}

fn at(text: &str, nth: usize) -> Span {
    let (start, _) = PLAN.match_indices(text).nth(nth).unwrap();
    Span::new(start, start + text.len())
}

fn found() -> Vec<Diagnostic> {
    vec![
        Diagnostic::error("duplicate-step-id", at("network\n", 1), "two steps are called `network`")
            .label("again here")
            .related(at("network\n", 0), "first here")
            .help("give one of them another name"),
        Diagnostic::error("unknown-body-field", at("nmae", 0), "`nmae` is not a field of this call")
            .suggest(at("nmae", 0), "name"),
        Diagnostic::warning("unused", Span::new(9_999, 12_000), "beyond the end"),
    ]
}

fn render(format: Format) -> String {
    let (source, diagnostics) = (source(), found());
    let mut out = Vec::new();
    write(&mut out, &[Findings { source: &source, diagnostics: &diagnostics, secrets: &Secrets::default() }], format)
        .unwrap();
    String::from_utf8(out).unwrap()
}

fn human(source: &Source, diagnostics: &[Diagnostic]) -> String {
    let mut out = Vec::new();
    let format = Format::Human { color: Color::Off, width: None };
    write(&mut out, &[Findings { source, diagnostics, secrets: &Secrets::default() }], format).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn people_see_excerpts_in_the_order_of_the_file() {
    assert_data_eq!(
        render(Format::Human { color: Color::Off, width: None }),
        str![[r#"
error[unknown-body-field]: `nmae` is not a field of this call
 --> deploy.yaml:5:13
  |
5 |     body: { nmae: x }
  |             ^^^^
  |
help: write
  |
5 -     body: { nmae: x }
5 +     body: { name: x }
  |

error[duplicate-step-id]: two steps are called `network`
 --> deploy.yaml:6:9
  |
3 |   - id: network
  |         ------- first here
...
6 |   - id: network
  |         ^^^^^^^ again here
  |
  = help: give one of them another name

warning[unused]: beyond the end
 --> deploy.yaml:8:1
  |
8 |
  | ^

2 errors, 1 warning in deploy.yaml

"#]]
    );
}

#[test]
fn colour_is_only_written_when_allowed() {
    assert!(!render(Format::Human { color: Color::Off, width: None }).contains('\x1b'));
    assert!(render(Format::Human { color: Color::On, width: None }).contains("\x1b["));
}

#[test]
fn hostile_text_is_harmless() {
    let source = Source::new("a\x1b[2Jb.yaml", "id: \x1b]0;title\x07\u{202e}\n");
    let hostile = "bad\x1b[31m\nerror: forged";
    let found = Diagnostic::error("code", Span::new(4, 8), hostile)
        .label(hostile)
        .help(hostile)
        .related(Span::new(0, 2), hostile)
        .suggest(Span::new(0, 2), hostile);
    let text = human(&source, &[found]);
    assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{text}");
}

#[test]
fn places_far_apart_get_excerpts_of_their_own() {
    let text = format!("first\n{}last\n", "filler\n".repeat(20_000));
    let last = text.find("last").unwrap();
    let source = Source::new("big.yaml", text);
    let found = Diagnostic::error("code", Span::new(last, last + 4), "twice").related(Span::new(0, 5), "first here");
    let text = human(&source, &[found]);
    assert!(text.contains("big.yaml:20002:1") && text.contains("first here"), "{text}");
    assert!(text.len() < 2000, "{text}");
}

#[test]
fn a_line_of_megabytes_is_named_but_not_shown() {
    let source = Source::new("big.yaml", format!("a: {}", "x".repeat(5_000_000)));
    let text = human(&source, &[Diagnostic::error("code", Span::new(3, 9), "too long").suggest(Span::new(3, 9), "y")]);
    assert!(text.contains("big.yaml:1:4") && text.len() < 1000, "{}", text.len());
}

#[test]
fn an_excerpt_is_without_secrets_before_it_is_cut_and_the_caret_stays_under_its_place() {
    let secrets = Secrets::default();
    secrets.hide("hunter-a-hunter-b-hunter-c-hunter-d-hunter-e-hunter-f");
    secrets.hide("hunter-1\n  hunter-2");
    let text = format!(
        "a: {{ default: 'hunter-a-hunter-b-hunter-c-hunter-d-hunter-e-hunter-f', typo: 1, words: '{}' }}\nb: {{ default: 'hunter-1\n  \
         hunter-2', foo: 1 }}\n",
        "words ".repeat(30)
    );
    let source = Source::new("deploy.yaml", text.as_str());
    let at = |word: &str| {
        let start = text.find(word).unwrap();
        Span::new(start, start + word.len())
    };
    let found = [
        Diagnostic::error("unknown-key", at("typo"), "no key `typo`").suggest(at("typo"), "type"),
        Diagnostic::error("unknown-key", at("foo"), "no key `foo`").related(at("b:"), "in here"),
        Diagnostic::error("bad-value", at("hunter-1\n  hunter-2"), "does not fit"),
    ];
    let mut out = Vec::new();
    let format = Format::Human { color: Color::Off, width: Some(80) };
    write(&mut out, &[Findings { source: &source, diagnostics: &found, secrets: &secrets }], format).unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert!(!shown.contains("hunter") && !shown.contains(":::"), "{shown}");
    for lines in [
        "error[unknown-key]: no key `typo`\n --> deploy.yaml:1:72\n  |\n1 | a: { default: '[secret]', typo: 1, words: 'words words words words words ...\n  |                           ^^^^\n",
        " --> deploy.yaml:3:14\n  |\n2 | b: { default: '[secret]\n  | -- in here\n3 |   [secret]', foo: 1 }\n  |              ^^^\n",
        " --> deploy.yaml:2:16\n  |\n2 |   b: { default: '[secret]\n  |  ________________^\n3 | |   [secret]', foo: 1 }\n  | |__________^\n",
    ] {
        assert!(shown.contains(lines), "{lines}\n{shown}");
    }
}

#[test]
fn any_span_can_be_shown() {
    for text in ["", "\n", "é", "a\r\nb", "\u{feff}a: é\n", "a\n\n\n"] {
        let source = Source::new("plan.yaml", text);
        for (start, end) in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 9), (9, 9), (3, 3)] {
            let span = Span::new(start, end);
            human(&source, &[Diagnostic::error("code", span, "x").label("here").suggest(span, "y").related(span, "z")]);
        }
    }
}

#[test]
fn the_tally_names_the_file_or_counts_them() {
    let (source, diagnostics) = (source(), found());
    let file = Findings { source: &source, diagnostics: &diagnostics, secrets: &Secrets::default() };
    let clean = Findings { source: &source, diagnostics: &[], secrets: &Secrets::default() };
    assert_eq!(tally(&[clean]), None);
    assert_eq!(tally(&[file, clean]).unwrap(), "2 errors, 1 warning in deploy.yaml");
    assert_eq!(tally(&[file, file]).unwrap(), "4 errors, 2 warnings in 2 files");
}

#[test]
fn json_is_versioned_and_has_places() {
    let document: Value = serde_json::from_str(&render(Format::Json)).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(
        document["findings"][0],
        json!({
            "code": "unknown-body-field", "severity": "error", "message": "`nmae` is not a field of this call",
            "file": "deploy.yaml", "line": 5, "column": 13, "end": { "line": 5, "column": 17 },
            "related": [], "help": [],
            "suggestion": { "line": 5, "column": 13, "end": { "line": 5, "column": 17 }, "text": "name" },
        })
    );
}

#[test]
fn github_gets_annotations_worst_first() {
    assert_data_eq!(
        render(Format::Github),
        str![[r#"
::error file=deploy.yaml,line=5,endLine=5,col=13,endColumn=17,title=unknown-body-field::`nmae` is not a field of this call
::error file=deploy.yaml,line=6,endLine=6,col=9,endColumn=16,title=duplicate-step-id::two steps are called `network`%0Ahelp: give one of them another name
::warning file=deploy.yaml,line=8,endLine=8,col=1,endColumn=1,title=unused::beyond the end

"#]]
    );
}

#[test]
fn github_shows_ten_of_a_kind_so_the_rest_is_left_out() {
    let source = source();
    let many: Vec<_> = (0..30).map(|at| Diagnostic::error("code", Span::at(at), "wrong")).collect();
    let mut out = Vec::new();
    write(&mut out, &[Findings { source: &source, diagnostics: &many, secrets: &Secrets::default() }], Format::Github)
        .unwrap();
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 10);
}

#[test]
fn sarif_has_rules_locations_and_fixes() {
    let log: Value = serde_json::from_str(&render(Format::Sarif)).unwrap();
    let run = &log["runs"][0];
    assert_eq!(log["version"], "2.1.0");
    let rules: Vec<_> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert_eq!(rules, ["duplicate-step-id", "unknown-body-field", "unused"]);
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index], &result["ruleId"]);
        assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap() >= 1);
    }
    assert_eq!(
        run["results"][0]["fixes"][0]["artifactChanges"][0]["replacements"][0],
        json!({
            "deletedRegion": { "startLine": 5, "startColumn": 13, "endLine": 5, "endColumn": 17 },
            "insertedContent": { "text": "name" },
        })
    );
    assert_eq!(run["results"][1]["relatedLocations"][0]["message"]["text"], "first here");
    assert_eq!(render(Format::Sarif), render(Format::Sarif));
}

#[test]
fn sarif_paths_are_uris() {
    let source = Source::new("./my plans/déploy#1.yaml", "a");
    let mut out = Vec::new();
    let found = [Diagnostic::note("code", Span::at(0), "x")];
    write(&mut out, &[Findings { source: &source, diagnostics: &found, secrets: &Secrets::default() }], Format::Sarif)
        .unwrap();
    let log: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(log["runs"][0]["artifacts"][0]["location"]["uri"], "my%20plans/d%C3%A9ploy%231.yaml");
}
