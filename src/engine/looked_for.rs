//! The items that a plan looks up by name or `find`, if known before the run: a rehearsal creates them in the
//! simulator, and `check --online` looks for them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::context::Settings;
use super::decide;
use super::render::{CallParts, RenderContext, Rendered, elements};
use crate::catalog::Method;
use crate::id::InstanceId;
use crate::plan::Plan;
use crate::secret::Secrets;
use crate::source::Span;

/// One look-up of a GET step.
pub struct LookedFor {
    pub instance: InstanceId,
    /// The GET of the list, rendered.
    pub rendered: Rendered,
    /// The fields that the item must have.
    pub wanted: Map<String, Value>,
    /// Where the step says `find`: there must be exactly one item.
    pub find: Option<Span>,
}

/// Every look-up of a plan whose call and wanted fields do not depend on other steps.
pub fn looked_for(
    plan: &Plan,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Vec<LookedFor> {
    let none = BTreeMap::new();
    let mut found = Vec::new();
    for step in plan.steps.values().filter(|step| step.call.method == Method::Get && decide::reads(step)) {
        let mut surroundings = RenderContext::before_run(plan, settings, secrets, inputs, &none);
        let elements = step.for_each.as_ref().map(|for_each| elements(for_each, &surroundings.scope()));
        let elements = match elements {
            None => vec![None],
            Some(Ok(elements)) => elements.into_iter().map(Some).collect(),
            // The elements depend on another step.
            Some(Err(_)) => continue,
        };
        for each in &elements {
            surroundings.each = each.as_ref();
            // A call that cannot be evaluated refers to another step, or has a finding of its own.
            let Ok(rendered) = surroundings.render(&CallParts::of_step(step), None) else { continue };
            let wanted = match &step.find {
                Some(find) => find.evaluate(&surroundings.scope()).ok().and_then(|wanted| secrets.reveal(&wanted).ok()),
                None => named(&rendered),
            };
            let Some(Value::Object(wanted)) = wanted else { continue };
            let key = each.as_ref().map(|each| each.key.clone());
            let instance = InstanceId::new(step.id.clone(), key);
            found.push(LookedFor { instance, rendered, wanted, find: step.find.as_ref().map(|find| find.span) });
        }
    }
    found
}

/// The name that the query of a list filters by.
fn named(rendered: &Rendered) -> Option<Value> {
    let (_, name) = rendered.request.query.iter().find(|(parameter, _)| parameter == "name")?;
    Some(Value::Object(Map::from_iter([("name".to_owned(), Value::from(name.as_str()))])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::apart::with_answers;
    use crate::engine::tests::harness::Trial;

    #[test]
    fn what_is_looked_up_by_name_is_known_before_the_run() {
        let text = "name: demo\nsteps:\n  - id: image\n    call: GET /cloud/v1/images/{project_id}/{region_id}\n    find: { name: debian }\n  \
                    - id: net\n    for_each: [a, b]\n    call: GET /cloud/v1/networks/{project_id}/{region_id}\n    \
                    query: { limit: 10, name: \"{{ each.value }}\" }\n  \
                    - id: all\n    call: GET /cloud/v1/images/{project_id}/{region_id}\n  \
                    - id: later\n    call: GET /cloud/v1/images/{project_id}/{region_id}\n    find: { name: \"{{ steps.image.name }}\" }\n  \
                    - id: each\n    for_each: \"{{ steps.image.response }}\"\n    call: GET /cloud/v1/images/{project_id}/{region_id}\n    \
                    find: { name: debian }\n  \
                    - id: disk\n    call: POST /cloud/v1/pricing/{project_id}/{region_id}/volumes\n    \
                    body: { source: new-volume, size: 10, type_name: standard }\n";
        let plan = Trial::plan("plan.yaml", text);
        let found = with_answers([], async |context| {
            let found = looked_for(&plan, &context.settings, &context.secrets, &BTreeMap::new());
            let words = |item: LookedFor| {
                let wanted = Value::Object(item.wanted);
                format!("{} {} {wanted} {}", item.instance, item.rendered.request.path, item.find.is_some())
            };
            found.into_iter().map(words).collect::<Vec<_>>()
        });
        let expected = [
            r#"image /cloud/v1/images/1/7 {"name":"debian"} true"#,
            r#"net[0] /cloud/v1/networks/1/7 {"name":"a"} false"#,
            r#"net[1] /cloud/v1/networks/1/7 {"name":"b"} false"#,
        ];
        assert_eq!(found, expected);
    }
}
