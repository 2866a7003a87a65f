//! The work of evaluating templates with long inputs before a run: a list of a hundred thousand elements in a hundred
//! thousand templates is not evaluated ten thousand million times.

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::hash::{HashMap, HashSet};
use crate::template::Program;

/// The most elements of one input, over all templates with it.
const MOST: usize = 20_000_000;
/// Shorter ones are no work.
const LIGHT: usize = 1000;

/// The inputs that are left unknown, because evaluating all templates with them would take too long.
pub(super) fn too_heavy<'p>(
    inputs: &BTreeMap<String, Value>,
    programs: impl Iterator<Item = &'p Program>,
) -> HashSet<String> {
    let weights = inputs.iter().map(|(name, value)| (name.as_str(), weight(value)));
    let weights: HashMap<&str, usize> = weights.filter(|(_, weight)| *weight > LIGHT).collect();
    if weights.is_empty() {
        return HashSet::default();
    }
    let mut uses: HashMap<&str, usize> = HashMap::default();
    for used in programs.flat_map(|program| program.uses().inputs.iter()) {
        if let Some((name, _)) = weights.get_key_value(used.name.as_str()) {
            *uses.entry(name).or_default() += 1;
        }
    }
    let heavy = uses.into_iter().filter(|(name, uses)| weights[name].saturating_mul(*uses) > MOST);
    heavy.map(|(name, _)| name.to_owned()).collect()
}

/// The number of values in a value.
fn weight(value: &Value) -> usize {
    let inner = || value.try_iter().into_iter().flatten();
    match value.kind() {
        ValueKind::Seq => 1 + inner().map(|item| weight(&item)).sum::<usize>(),
        ValueKind::Map => {
            1 + inner().map(|key| value.get_item(&key).map_or(1, |field| 1 + weight(&field))).sum::<usize>()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::Span;
    use crate::template::Template;
    use crate::yaml::{Node, NodeKind, Scalar, Text};

    #[test]
    fn a_long_input_in_many_templates_is_too_heavy_and_either_alone_is_not() {
        let template = |text: &str| {
            let kind = NodeKind::Scalar(Scalar::Text(Text::plain(text)));
            Template::compile(&Node { span: Span::new(0, text.len()), kind }).unwrap()
        };
        let list = |many: usize| crate::template::value_of(&json!((0..many).collect::<Vec<usize>>()));
        let inputs = BTreeMap::from([("long".to_owned(), list(100_000)), ("short".to_owned(), list(1000 - 1))]);
        let (long, short) = (template("{{ inputs.long }}"), template("{{ inputs.short | length }}"));
        let found = |many: usize| {
            let programs = std::iter::repeat_n([&long, &short], many).flatten().flat_map(Template::programs);
            too_heavy(&inputs, programs)
        };
        assert_eq!(weight(&crate::template::value_of(&json!({ "a": [1, 2], "b": {} }))), 7);
        assert_eq!((found(1), found(199)), (HashSet::default(), HashSet::default()));
        assert_eq!(found(100_000), HashSet::from_iter(["long".to_owned()]));
    }
}
