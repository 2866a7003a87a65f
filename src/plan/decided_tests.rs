//! Plans in which inputs decide what runs and what is used.

use std::sync::Arc;

use super::values_tests::checked;
use super::{check_before_values, check_in};
use crate::catalog::Catalog;
use crate::source::Source;

const NETWORK: &str = "call: POST /cloud/v1/networks/{project_id}/{region_id}";
const VOLUME: &str = "call: POST /cloud/v1/volumes/{project_id}/{region_id}";

/// A plan with these inputs and one network of this name.
fn named(inputs: &str, name: &str) -> String {
    format!(
        "name: demo\ninputs: {{ {inputs} }}\nsteps:\n- id: net\n  {NETWORK}\n  body:\n    name: \"{{{{ {name} }}}}\"\n"
    )
}

#[test]
fn a_branch_that_inputs_decide_against_is_not_judged() {
    let enumerated = "a: { enum: [x, y] }";
    for (inputs, name, set) in [
        ("a: { default: x }", "'ok-net' if inputs.a == 'x' else ''", &[][..]),
        (enumerated, "'ok-net' if inputs.a == 'x' else ''", &[("a", "x")]),
        ("a: {}", "'ok-net' if inputs.a == 'x' else ''", &[("a", "x")]),
        ("a: { required: false }", "inputs.a | default('')", &[("a", "ok-net")]),
        ("a: { default: x }", "{'x': 'ok-net', 'y': ''}[inputs.a]", &[]),
        ("a: { default: x }", "(inputs.a == 'x' and 'ok-net') or ''", &[]),
    ] {
        assert_eq!(checked(&named(inputs, name), set), [""; 0], "{inputs}: {name}");
    }
    for (inputs, name, set) in [
        ("a: { default: y }", "'ok-net' if inputs.a == 'x' else ''", &[][..]),
        ("a: { default: x }", "'ok-net' if inputs.a == 'x' else ''", &[("a", "y")]),
        (enumerated, "'ok-net' if inputs.a == 'x' else ''", &[]),
        (enumerated, "'ok-net' if inputs.a == 'x' else ''", &[("a", "y")]),
        ("a: {}", "'ok-net' if inputs.a == 'x' else ''", &[]),
        ("a: { required: false }", "inputs.a | default('')", &[]),
        ("a: { default: x }", "{'x': 'ok-net', 'y': ''}[inputs.a]", &[("a", "y")]),
    ] {
        assert_eq!(checked(&named(inputs, name), set).len(), 1, "{inputs}: {name} {set:?}");
    }
}

#[test]
fn before_a_run_what_its_values_decide_is_left_to_them() {
    let found = |name: &str, is_run: bool| {
        let other = format!("- id: other\n  {NETWORK}\n  body: {{ name: \"{{{{ inputs.a }}}}\" }}\n");
        let source = Arc::new(Source::new("plan.yaml", named("a: {}", name) + &other));
        let (catalog, folder) = (Catalog::embedded(), tempfile::tempdir().unwrap());
        match is_run {
            true => check_before_values(&source, catalog, folder.path()).findings.len(),
            false => check_in(&source, catalog, folder.path()).findings.len(),
        }
    };
    for name in ["'ok-net' if inputs.a == 'x' else ''", "'ok-net' if environment == 'x' else ''"] {
        assert_eq!((found(name, true), found(name, false)), (0, 1), "{name}");
    }
    assert_eq!(found("'ok-net' if steps.other.response.x else ''", true), 1, "no run decides it before its first call");
}

#[test]
fn of_a_step_without_a_running_instance_there_are_no_ids() {
    let plan = |output: &str| {
        format!(
            "name: demo\ninputs: {{ extra: {{ default: 'no' }} }}\nsteps:\n- id: disk\n  when: inputs.extra == 'yes'\n  for_each: {{ a: 1 }}\n  {VOLUME}\n  body: {{ name: \"disk-{{{{ each.key }}}}\", source: new-volume, size: 1 }}\noutputs: {{ disks: \"{{{{ {output} }}}}\" }}\n"
        )
    };
    for output in ["steps.disk.ids", "steps.disk.all | length", "steps.disk.each"] {
        assert_eq!(checked(&plan(output), &[]), [""; 0], "{output}");
    }
    assert_eq!(checked(&plan("steps.disk.all[0].id"), &[]), ["9:23 template-error"]);
}

#[test]
fn a_switch_decides_what_other_steps_refer_to() {
    let plan = |b: &str, when: &str, net: &str| {
        format!(
            "name: demo\ninputs: {{ b: {b} }}\nsteps:\n- id: a\n  when: inputs.b\n  {NETWORK}\n  body: {{ name: net-x }}\n- id: s\n  when: {when}\n  {VOLUME}\n  body: {{ source: new-volume, size: 1, name: v-1, tags: {{ n: \"{{{{ {net} }}}}\" }} }}\n"
        )
    };
    let required = "{ type: boolean }";
    assert_eq!(checked(&plan(required, "true", "steps.a.id"), &[]), ["11:66 template-error"]);
    assert_eq!(checked(&plan(required, "true", "steps.a.id"), &[("b", "true")]), [""; 0]);
    assert_eq!(checked(&plan(required, "true", "steps.a.id | default('none')"), &[]), [""; 0]);
    assert_eq!(checked(&plan(required, "inputs.b", "steps.a.id"), &[]), [""; 0]);
    assert_eq!(checked(&plan(required, "steps.a.id is defined", "steps.a.id"), &[]), [""; 0]);
}

#[test]
fn the_project_of_a_plan_is_a_positive_number() {
    let plan = |value: &str| {
        format!(
            "name: demo\nproject_id: \"{{{{ inputs.p }}}}\"\ninputs: {{ p: {value} }}\nsteps:\n- id: a\n  call: GET /cloud/v1/networks/{{project_id}}/{{region_id}}\n"
        )
    };
    for (value, is_right) in [("{ default: abc }", false), ("{ default: 0 }", false), ("{ default: 7 }", true)] {
        let found = checked(&plan(value), &[]);
        assert_eq!(found.is_empty(), is_right, "{value}: {found:?}");
    }
}
