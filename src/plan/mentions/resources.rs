//! Which steps' resources templates refer to: these are read after the step.

use std::collections::BTreeSet;

use crate::id::StepId;
use crate::plan::doc::PlanDoc;
use crate::plan::programs::programs;
use crate::template::Program;
use crate::word::Word;

/// Where resources are read.
#[derive(Default)]
pub(in crate::plan) struct ResourceUses {
    /// The steps whose `.resource` templates may refer to.
    pub used: BTreeSet<StepId>,
    /// The steps with such a template: where the path of a reference is computed, it may lead to the resource.
    pub used_by: BTreeSet<StepId>,
}

/// Where a plan reads resources.
pub(in crate::plan) fn resource_uses(doc: &PlanDoc) -> ResourceUses {
    let ResourceUses { mut used, mut used_by } = ResourceUses::default();
    let mut look = |program: &Program, own: Option<&str>, is_near: bool| {
        for reference in &program.uses().steps {
            if asks_for_resource(&reference.path, is_near) {
                used.insert(reference.step.clone());
            }
        }
        for name in &program.uses().names {
            if let (Some(own), "self") = (own, name.name)
                && asks_for_resource(&name.path, is_near)
            {
                used.insert(StepId::new(own));
            }
        }
    };
    for step in &doc.steps {
        // Results of a step go from one template to another: as the elements of its `for_each`, or of a list with `for`.
        let programs = programs(step);
        let is_near = programs.iter().any(|(_, program)| program.source().contains("resource"));
        let id = step.id.as_ref().map(|id| id.value.as_str());
        used_by.extend(id.filter(|_| is_near).map(StepId::new));
        for (_, program) in programs {
            look(program, id, is_near);
        }
    }
    for output in &doc.outputs {
        let programs: Vec<&Program> = output.value.iter().flat_map(|value| value.programs()).collect();
        let is_near = programs.iter().any(|program| program.source().contains("resource"));
        programs.into_iter().for_each(|program| look(program, None, is_near));
    }
    ResourceUses { used, used_by }
}

/// Whether a reference may be about the resource of a step, by the constant part of its path: `net.resource`,
/// `web.all[0].resource`. Where the rest is computed, by whether the templates there mention `resource`: `is_near`.
pub fn asks_for_resource(path: &[Word], is_near: bool) -> bool {
    match path {
        [first, ..] if first == "resource" => true,
        [first, _, third, ..] if first == "all" || first == "each" => third == "resource",
        [] => is_near,
        [first] | [first, _] if first == "all" || first == "each" => is_near,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::plan::load;
    use crate::source::Source;

    #[test]
    fn a_resource_is_read_wherever_results_of_its_step_go() {
        const VOLUME: &str = "call: POST /cloud/v1/volumes/{project_id}/{region_id}";
        let is_used = |rest: &str| {
            let text = format!(
                "name: demo\nsteps:\n- id: v\n  for_each: {{ a: 1 }}\n  {VOLUME}\n  body: {{ name: \"v-{{{{ each.key }}}}\", source: new-volume, size: 1 }}\n{rest}"
            );
            let plan = load(&Arc::new(Source::new("plan.yaml", text))).unwrap_or_else(|found| panic!("{found:#?}"));
            plan.steps["v"].resource_used
        };
        let body = |size: &str| {
            format!("  {VOLUME}\n  body: {{ name: w-1, source: new-volume, size: \"{{{{ {size} }}}}\" }}\n")
        };
        let each = |size: &str| format!("- id: w\n  for_each: \"{{{{ steps.v.all }}}}\"\n{}", body(size));
        assert!(is_used(&each("each.value.resource.size")));
        assert!(!is_used(&each("each.index + 1")));
        let list = |item: &str| {
            format!(
                "outputs:\n  sizes:\n    value: {{ for: \"{{{{ steps.v.all }}}}\", each: \"{{{{ item.{item} }}}}\" }}\n"
            )
        };
        assert!(is_used(&list("resource.size")));
        assert!(!is_used(&list("id")));
    }
}
