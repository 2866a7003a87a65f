//! The instances of the steps of a plan, as far as they are known before it runs.

use std::collections::BTreeMap;

use super::context::Settings;
use super::render::{RenderContext, elements};
use crate::diagnostic::nearest;
use crate::hash::HashMap;
use crate::id::StepId;
use crate::plan::{Plan, Selection, Step};
use crate::secret::Secrets;

/// Instances listed in a hint.
const MOST_KEYS_NAMED: usize = 10;

/// The steps whose number of instances follows from the inputs; the others depend on what earlier steps make.
pub fn instance_counts(
    plan: &Plan,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> HashMap<StepId, usize> {
    let count = |step: &Step| match &step.for_each {
        None => Some(1),
        Some(_) => keys_of(plan, step, settings, secrets, inputs).map(|keys| keys.len()),
    };
    plan.steps.values().filter_map(|step| Some((step.id.clone(), count(step)?))).collect()
}

/// The keys of a step's instances, as far as they follow from the inputs.
pub fn keys_of(
    plan: &Plan,
    step: &Step,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Option<Vec<String>> {
    let none = BTreeMap::new();
    let surroundings = RenderContext::before_run(plan, settings, secrets, inputs, &none);
    let elements = elements(step.for_each.as_deref()?, &surroundings.scope()).ok()?;
    Some(elements.into_iter().map(|each| each.key).collect())
}

/// An instance that was named and that its step does not have.
#[derive(Debug, PartialEq, Eq)]
pub struct NoInstance {
    pub message: String,
    /// The instances that there are.
    pub help: String,
}

/// The first of the named instances that a step does not have. `keys`: those that it has.
pub fn no_instance<'k>(
    step: &StepId,
    mut named: impl Iterator<Item = &'k str>,
    keys: &[impl AsRef<str>],
) -> Option<NoInstance> {
    let missing = named.find(|key| !keys.iter().any(|known| known.as_ref() == *key))?;
    let message = format!("the plan has no instance `{step}[{missing}]`");
    let near = nearest(missing, keys.iter().map(AsRef::as_ref));
    let help = match (keys.len(), near) {
        (0, _) => format!("the `for_each` of `{step}` has no elements"),
        (_, Some(near)) => format!("did you mean `{step}[{near}]`?"),
        (many, None) => {
            let names: Vec<String> =
                keys.iter().take(MOST_KEYS_NAMED).map(|key| format!("`{step}[{}]`", key.as_ref())).collect();
            let more =
                if many > MOST_KEYS_NAMED { format!(", and {} more", many - MOST_KEYS_NAMED) } else { String::new() };
            format!("it has {}{more}", names.join(", "))
        }
    };
    Some(NoInstance { message, help })
}

/// The first instance of these that its step is known not to have before the run.
pub fn first_missing(
    plan: &Plan,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
    named: &Selection,
) -> Option<NoInstance> {
    named.steps().filter(|step| named.keys_of(step).next().is_some()).find_map(|id| {
        let keys = keys_of(plan, plan.steps.get(id)?, settings, secrets, inputs)?;
        no_instance(id, named.keys_of(id), &keys)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_does_not_have_is_told_with_what_it_has() {
        let many: Vec<String> = (100..112).map(|key| key.to_string()).collect();
        let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (named, keys, help) in [
            (vec!["a", "b"], keys(&["a", "b"]), None),
            (vec![], keys(&[]), None),
            (vec!["a", "zz"], keys(&["a", "b"]), Some("it has `sub[a]`, `sub[b]`")),
            (vec!["frnt"], keys(&["front", "back"]), Some("did you mean `sub[front]`?")),
            (vec!["0"], keys(&[]), Some("the `for_each` of `sub` has no elements")),
            (
                vec!["zz"],
                many,
                Some(
                    "it has `sub[100]`, `sub[101]`, `sub[102]`, `sub[103]`, `sub[104]`, `sub[105]`, `sub[106]`, \
                     `sub[107]`, `sub[108]`, `sub[109]`, and 2 more",
                ),
            ),
        ] {
            let missing = no_instance(&StepId::new("sub"), named.iter().copied(), &keys);
            assert_eq!(missing.map(|missing| missing.help).as_deref(), help, "{named:?}");
        }
    }
}
