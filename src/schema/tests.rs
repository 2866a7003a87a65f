use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::*;

const COMMITTED: &str = "docs/plan.schema.json";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    let schema = plan_schema(Catalog::embedded());
    jsonschema::draft7::options().build(&schema).unwrap()
}

fn plan_with(step: Value) -> Value {
    json!({ "name": "demo", "steps": [step] })
}

fn network(body: Value) -> Value {
    json!({ "id": "network", "call": "POST /cloud/v1/networks/{project_id}/{region_id}", "body": body })
}

#[test]
fn the_committed_schema_is_the_one_we_print() {
    let committed = fs::read_to_string(root().join(COMMITTED)).unwrap();
    let printed = plan_schema_text(Catalog::embedded());
    assert!(committed == printed, "run `cargo run -- schema > {COMMITTED}`");
}

#[test]
fn every_example_is_valid() {
    let validator = validator();
    let examples: Vec<PathBuf> = fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    assert!(examples.len() > 5);
    for path in examples {
        let parsed = crate::yaml::parse(&fs::read_to_string(&path).unwrap());
        let value = parsed.root.unwrap().to_value();
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn bodies_are_those_of_the_operation() {
    let validator = validator();
    let is_valid = |step| validator.is_valid(&plan_with(step));
    assert!(is_valid(network(json!({ "name": "web", "create_router": "{{ inputs.router }}" }))));
    assert!(!is_valid(network(json!({ "nmae": "web" }))));
    assert!(!is_valid(network(json!({ "name": "web", "create_router": 7 }))));
    assert!(!is_valid(network(json!({ "name": "web", "type": "vxlam" }))));
}

#[test]
fn keys_of_plan_and_step_are_known() {
    let validator = validator();
    assert!(!validator.is_valid(&json!({ "name": "demo", "steps": [network(json!({ "name": "w" }))], "stpes": 1 })));
    let mut step = network(json!({ "name": "w" }));
    step["depends_on"] = json!([]);
    assert!(!validator.is_valid(&plan_with(step)));
    assert!(!validator.is_valid(&plan_with(json!({ "id": "a", "call": "networks" }))));
}

#[test]
fn a_path_with_templates_matches_only_its_own_operation() {
    let wrong = json!({ "nmae": "web" });
    let validator = validator();
    for (call, is_known) in [
        ("POST /cloud/v1/networks/{project_id}/{region_id}", true),
        ("POST /cloud/v1/networks/{{ inputs.a ~ '/' }}/7", true),
        ("POST /cloud/v1/networks/1/7/8", false),
        ("POST /cloud/v9/networks/1/7", false),
    ] {
        let is_valid = validator.is_valid(&plan_with(json!({ "id": "a", "call": call, "body": wrong })));
        assert_eq!(is_valid, !is_known, "{call}");
    }
}

/// Two operations with the same pattern would both require their body.
#[test]
fn no_two_bodies_are_wanted_for_one_call() {
    let operations: Vec<_> =
        Catalog::embedded().operations().filter(|op| Catalog::embedded().body_schema(op).is_some()).collect();
    for one in &operations {
        let pattern = regex_lite::Regex::new(&pattern(one)).unwrap();
        let others = operations.iter().filter(|other| other.route != one.route);
        let taken: Vec<_> = others.filter(|other| pattern.is_match(&other.route.to_string())).collect();
        assert!(taken.is_empty(), "{}: {:?}", one.route, taken.iter().map(|other| &other.route).collect::<Vec<_>>());
    }
}

#[test]
fn undo_and_update_are_checked_like_steps() {
    let validator = validator();
    let mut step = network(json!({ "name": "web" }));
    step["on_change"] = json!({ "update": {
        "call": "PATCH /cloud/v1/networks/{project_id}/{region_id}/{{ self.id }}", "body": { "nmae": "x" }
    }});
    step["undo"] = json!("none");
    assert!(!validator.is_valid(&plan_with(step.clone())));
    step["on_change"]["update"]["body"] = json!({ "name": "other" });
    assert!(validator.is_valid(&plan_with(step)));
}
