//! Plan files beyond the limits on the number of their parts.

use std::sync::Arc;

use super::*;
use crate::source::Source;

const STEP: &str = "{ id: key, call: \"POST /cloud/v1/ssh_keys/{project_id}\", body: { name: one, public_key: a } }";

/// `code: message` of each finding.
fn findings(text: String) -> Vec<String> {
    let found = check(&Arc::new(Source::new("plan.yaml", text))).findings;
    found.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
}

fn many(number: usize, part: impl Fn(usize) -> String) -> String {
    (0..number).map(part).collect()
}

#[test]
fn more_parts_than_a_plan_may_have_are_refused() {
    let plan = |rest: String| format!("name: large\nsteps: [{STEP}]\n{rest}\n");
    let inputs = |number| plan(format!("inputs:\n{}", many(number, |nth| format!("  i{nth}:\n"))));
    let records = |number| plan(format!("records:\n{}", many(number, |nth| format!("  r{nth}: {{ plan: a }}\n"))));
    let default = |number| plan(format!("inputs: {{ a: {{ default: [{}] }} }}", many(number, |_| "1000, ".to_owned())));
    let allowed = |number| {
        let paths = many(number, |nth| format!("body/a{nth}, "));
        format!("name: large\nsteps: [{}, allow_unknown: [{paths}] }}]\n", STEP.strip_suffix(" }").unwrap())
    };
    let cases = [
        (inputs(10_000), inputs(10_001), "out-of-range: a plan has at most 10000 inputs"),
        (records(10_000), records(10_001), "out-of-range: a plan has at most 10000 records"),
        (
            default(199_999),
            default(200_000),
            "yaml-too-many-values: the inputs of a plan have at most 200000 values in `default` and `enum`",
        ),
        (allowed(1000), allowed(1001), "out-of-range: `allow_unknown` has more than 1000 paths"),
    ];
    for (enough, too_many, told) in cases {
        assert!(!findings(enough).iter().any(|found| found == told), "{told}");
        assert!(findings(too_many).iter().any(|found| found == told), "{told}");
    }
}

#[test]
fn a_step_that_was_left_out_among_very_many_errors_is_not_reported_as_unknown() {
    let invalid = many(1500, |nth| format!("- {{ id: a{nth} }}\n"));
    let of_last = "- { id: last, call: GET /cloud/v1/projects, needs: [a1499] }\n";
    let found = |steps: &str| {
        let checked = check(&Arc::new(Source::new("plan.yaml", format!("name: large\nsteps:\n{steps}"))));
        checked.findings.into_iter().map(|finding| finding.code).collect::<Vec<&str>>()
    };
    assert!(found(&format!("{invalid}{of_last}")).iter().all(|code| *code == "missing-key"));
    assert_eq!(found(of_last), ["unknown-step"]);
}
