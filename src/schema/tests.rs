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
    let schema = plan_schema(Catalog::embedded()).unwrap();
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
    let printed = plan_schema_text(Catalog::embedded()).unwrap();
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
fn a_written_out_path_is_not_taken_for_one_with_parameters() {
    let operations: Vec<_> = Catalog::embedded().operations().collect();
    let find = |path: &str| operations.iter().find(|op| op.route.to_string() == path).unwrap();
    let open = find("POST /cloud/v2/k8s/clusters/{project_id}/{region_id}/{cluster_name}/pools");
    let fixed = find("POST /cloud/v2/k8s/clusters/{project_id}/{region_id}/pools/check_limits");
    assert!(says_more(fixed, open) || !says_more(open, fixed));
    let condition = called(find("POST /cloud/v1/networks/{project_id}/{region_id}"), &operations);
    let validator = jsonschema::draft7::options().build(&condition).unwrap();
    for (call, fits) in [
        ("POST /cloud/v1/networks/{project_id}/{region_id}", true),
        ("POST /cloud/v1/networks/{{ inputs.a ~ '/' }}/7", true),
        ("POST /cloud/v1/networks/1/7/8", false),
        ("PATCH /cloud/v1/networks/1/7", false),
    ] {
        assert_eq!(validator.is_valid(&json!(call)), fits, "{call}");
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
    step["on_change"]["update"]["body"] = json!({ "name": "x" });
    assert!(validator.is_valid(&plan_with(step)));
}
