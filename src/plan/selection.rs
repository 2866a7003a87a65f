//! Steps and single instances selected on the command line.

use std::collections::BTreeSet;

use crate::id::{InstanceId, StepId};

/// The selection: `net` is every instance of a step, `net[1]` a single one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection(BTreeSet<InstanceId>);

impl Selection {
    /// Parses a name as it is shown: `net`, `net[1]`.
    pub fn name(text: &str) -> InstanceId {
        let parts = text.strip_suffix(']').and_then(|text| text.split_once('['));
        match parts {
            Some((step, key)) => InstanceId::new(StepId::new(step), Some(key.to_owned())),
            None => InstanceId::new(StepId::new(text), None),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an instance is selected, by its own name or its step's.
    pub fn covers(&self, instance: &InstanceId) -> bool {
        self.0.contains(instance) || self.takes_whole(&instance.step)
    }

    /// Whether a whole step is selected.
    pub fn takes_whole(&self, step: &StepId) -> bool {
        self.0.contains(&InstanceId::new(step.clone(), None))
    }

    /// The steps that are selected as a whole or in part.
    pub fn steps(&self) -> impl Iterator<Item = &StepId> {
        self.0.iter().map(|named| &named.step)
    }

    /// The keys of a step's selected instances.
    pub fn keys_of(&self, step: &StepId) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |named| named.step == *step).filter_map(|named| named.key.as_deref())
    }
}

impl FromIterator<InstanceId> for Selection {
    fn from_iter<T: IntoIterator<Item = InstanceId>>(names: T) -> Self {
        Self(names.into_iter().collect())
    }
}

impl<const N: usize> From<[StepId; N]> for Selection {
    fn from(steps: [StepId; N]) -> Self {
        steps.into_iter().map(|step| InstanceId::new(step, None)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_selects_all_its_instances_and_an_instance_only_itself() {
        let named: Selection = ["net", "web[a]"].map(Selection::name).into_iter().collect();
        for (name, covered) in [("net", true), ("net[1]", true), ("web[a]", true), ("web[b]", false), ("web", false)] {
            assert_eq!(named.covers(&Selection::name(name)), covered, "{name}");
        }
        assert_eq!(named.keys_of(&StepId::new("web")).collect::<Vec<_>>(), ["a"]);
        assert!(named.takes_whole(&StepId::new("net")) && !named.takes_whole(&StepId::new("web")));
    }
}
