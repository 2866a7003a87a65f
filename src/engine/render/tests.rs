use super::*;
use crate::engine::tests::apart::with_answers;
use crate::engine::tests::harness::Trial;
use crate::journal::StepResult;

type RenderedTexts = (String, Vec<(String, String)>, Parameters);

/// The call of a plan's only step with this value of `inputs.x`: method and path, headers; or what is wrong with
/// it.
fn rendered(step: &str, value: &str) -> Result<RenderedTexts, String> {
    let text = format!("name: demo\ninputs: {{ x: {{}} }}\nsteps:\n  - id: it\n    {step}\n");
    let plan = Trial::plan("plan.yaml", &text);
    let inputs = BTreeMap::from([("x".to_owned(), minijinja::Value::from(value))]);
    with_answers([], async |context| {
        let none = BTreeMap::new();
        let surroundings = RenderContext::before_run(&plan, &context.settings, &context.secrets, &inputs, &none);
        let rendered = surroundings.render(&CallParts::of_step(&plan.steps[0]), None);
        rendered
            .map(|rendered| (rendered.recorded.to_string(), rendered.request.headers, rendered.parameters))
            .map_err(|error| error.message)
    })
}

#[test]
fn every_segment_of_a_path_has_a_value_that_stays_one_segment() {
    let step = "call: \"DELETE /cloud/v1/volumes/{project_id}/{region_id}/{{ inputs.x }}\"";
    for (value, segment) in
        [("v1", Some("v1")), ("a/b", Some("a%2Fb")), ("...", Some("...")), ("", None), (".", None), ("..", None)]
    {
        match (rendered(step, value), segment) {
            (Ok((call, _, parameters)), Some(segment)) => {
                assert_eq!(call, format!("DELETE /cloud/v1/volumes/1/7/{segment}"));
                assert_eq!(parameters.last(), Some(&("volume_id".to_owned(), value.to_owned())));
            }
            (Err(message), None) => assert_eq!(message, format!("a segment of the path became `{value}`")),
            (other, _) => panic!("{value}: {other:?}"),
        }
    }
}

#[test]
fn the_answer_of_a_call_with_tasks_is_their_ids() {
    let result = StepResult { tasks: ["t1".to_owned()].into_iter().collect(), ..StepResult::default() };
    assert_eq!(step_value(&result, None)["response"], serde_json::json!({ "tasks": ["t1"] }));
    assert_eq!(step_value(&StepResult::default(), None).get("response"), None);
}

#[test]
fn a_header_is_one_line() {
    let step = "call: DELETE /cloud/v1/volumes/{project_id}/{region_id}/726ecfcc-7fd0-4e30-a86e-7892524aa483\n    headers: { x-own: \"{{ inputs.x }}\" }";
    for (value, is_right) in [("a b", true), ("a\tb", true), ("a\nb", false), ("a\rb", false), ("a\u{7f}b", false)] {
        match rendered(step, value) {
            Ok((_, headers, _)) => assert!(is_right && headers == [("x-own".to_owned(), value.to_owned())]),
            Err(message) => {
                assert!(!is_right && message == "the header `x-own` would hold a line break", "{message}")
            }
        }
    }
}

#[test]
fn a_region_is_a_positive_number() {
    let step = "region_id: \"{{ inputs.x }}\"\n    call: DELETE /cloud/v1/volumes/{project_id}/{region_id}/726ecfcc-7fd0-4e30-a86e-7892524aa483";
    for (value, is_right) in [("8", true), (" 8 ", true), ("0", false), ("-8", false), ("8.5", false), ("x", false)] {
        match rendered(step, value) {
            Ok((call, _, _)) => assert!(
                is_right && call == "DELETE /cloud/v1/volumes/1/8/726ecfcc-7fd0-4e30-a86e-7892524aa483",
                "{value}: {call}"
            ),
            Err(message) => assert!(!is_right && message.contains("positive whole number"), "{value}: {message}"),
        }
    }
}
