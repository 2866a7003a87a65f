//! Which steps' resources templates refer to: these are read after the step.

use std::collections::BTreeSet;

use crate::id::StepId;
use crate::plan::doc::PlanDoc;
use crate::plan::programs::programs;
use crate::template::Program;
use crate::yaml::Word;

/// The steps whose `.resource` templates may refer to.
pub(in crate::plan) fn resources_used(doc: &PlanDoc) -> BTreeSet<StepId> {
    let mut used = BTreeSet::new();
    let mut look = |program: &Program, own: Option<&str>| {
        for reference in &program.uses().steps {
            if asks_for_resource(&reference.path, program) {
                used.insert(reference.step.clone());
            }
        }
        for name in &program.uses().names {
            if let (Some(own), "self") = (own, name.name)
                && asks_for_resource(&name.path, program)
            {
                used.insert(StepId::new(own));
            }
        }
    };
    for step in &doc.steps {
        for (_, program) in programs(step) {
            look(program, step.id.as_ref().map(|id| id.value.as_str()));
        }
    }
    for output in &doc.outputs {
        for program in output.value.iter().flat_map(|value| value.programs()) {
            look(program, None);
        }
    }
    used
}

/// `net.resource`, `web.all[0].resource`; or all results of a step in a template that mentions `resource`.
fn asks_for_resource(path: &[Word], program: &Program) -> bool {
    match path {
        [first, ..] if first == "resource" => true,
        [first, _, third, ..] if first == "all" || first == "each" => third == "resource",
        [] => program.source().contains("resource"),
        [first] | [first, _] if first == "all" || first == "each" => program.source().contains("resource"),
        _ => false,
    }
}
