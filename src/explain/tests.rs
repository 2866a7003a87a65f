use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::catalog::Catalog;
use crate::plan;
use crate::source::Source;

/// Codes without an example: it would be too large, need another document of the API, or not be text.
const NOT_TO_SHOW: [&str; 5] =
    ["unsupported-body", "yaml-encoding", "yaml-too-large", "yaml-too-many-aliases", "yaml-too-many-values"];

/// Codes of `--online`, which need an account.
const ONLINE: [&str; 5] =
    ["flavor-not-offered", "look-up-failed", "no-such-project", "no-such-region", "quota-exceeded"];

/// Codes that need a record.
const RECORDS: [&str; 2] = ["no-such-output", "no-such-record"];

/// Completes a fragment to a whole plan.
fn whole(part: &str) -> String {
    let has = |key: &str| part.lines().any(|line| line.starts_with(key));
    if part.starts_with("- ") {
        return format!("name: demo\nsteps:\n{part}\n");
    }
    if has("name:") || part.starts_with('#') {
        return format!("{part}\n");
    }
    let steps = "steps:\n  - id: other_step\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: web }\n";
    format!("name: demo\n{part}\n{}", if has("steps:") { "" } else { steps })
}

/// The codes found in a plan in a folder with two files.
fn codes_of(part: &str) -> BTreeSet<&'static str> {
    let source = Arc::new(Source::new("plan.yaml", whole(part)));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cloud-init.yaml"), "#cloud-config\n").unwrap();
    fs::write(folder.path().join("app.wasm"), "\0asm\x01\0\0\0").unwrap();
    plan::check_in(&source, Catalog::embedded(), folder.path()).findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn sections_are_in_order_and_whole() {
    let codes: Vec<&str> = explanations().map(|explanation| explanation.code).collect();
    assert!(codes.is_sorted() && codes.len() > 50, "{codes:?}");
    for explanation in explanations() {
        assert!(!explanation.meaning.is_empty(), "{}", explanation.code);
        assert!(!explanation.wrong.is_empty() && !explanation.right.is_empty(), "{}", explanation.code);
        assert!(explanation.summary().len() > 10, "{}", explanation.code);
    }
    assert_eq!(explain("cycle").map(|explanation| explanation.code), Some("cycle"));
    assert_eq!(explain("no-such-code"), None);
}

#[test]
fn every_wrong_example_is_found_by_its_code_and_nothing_in_a_right_one() {
    let mut problems = Vec::new();
    for Explanation { code, wrong, right, .. } in explanations() {
        if ONLINE.contains(&code) || RECORDS.contains(&code) || NOT_TO_SHOW.contains(&code) {
            continue;
        }
        let (of_wrong, of_right) = (codes_of(wrong), codes_of(right));
        if !of_wrong.contains(code) {
            problems.push(format!("the wrong example of `{code}` gives {of_wrong:?}"));
        }
        if !of_right.is_empty() {
            problems.push(format!("the right example of `{code}` gives {of_right:?}"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_code_of_the_sources_is_explained() {
    let mut used = BTreeSet::new();
    let online = include_str!("../command/online.rs");
    used.extend(ONLINE.iter().filter(|code| online.contains(&format!("\"{code}\""))).map(|code| (*code).to_owned()));
    let records = include_str!("../command/shared_records.rs");
    used.extend(RECORDS.iter().filter(|code| records.contains(&format!("\"{code}\""))).map(|code| (*code).to_owned()));
    for folder in ["src/plan", "src/template", "src/yaml", "src/catalog/check"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut used);
    }
    used.extend(crate::catalog::check::CODES.map(str::to_owned));
    used.extend(crate::diagnostic::code::DECISIVE.map(str::to_owned));
    let explained: BTreeSet<String> = explanations().map(|explanation| explanation.code.to_owned()).collect();
    let missing: Vec<_> = used.difference(&explained).collect();
    assert!(missing.is_empty(), "not explained: {missing:?}");
    let stale: Vec<_> = explained.difference(&used).collect();
    assert!(stale.is_empty(), "explained, and used nowhere: {stale:?}");
}

/// Collects the codes in the sources: first arguments of finding constructors, and constants.
fn collect(folder: &Path, used: &mut BTreeSet<String>) {
    let constructor =
        r#"(?:Diagnostic::(?:error|warning|note)\(|BodyFinding::(?:error|warning)\()\s*"([a-z]+(?:-[a-z]+)*)""#;
    let constant = r#"const [A-Z_]+: &str = "([a-z]+(?:-[a-z]+)+)""#;
    let made = regex_lite::Regex::new(&format!("{constructor}|{constant}")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, used);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code =
                |found: regex_lite::Captures<'_>| found.get(1).or(found.get(2)).map(|code| code.as_str().to_owned());
            used.extend(made.captures_iter(text).filter_map(code));
        }
    }
}
