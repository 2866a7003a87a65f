//! Which instance depends on which, read from the recorded calls.
//!
//! The plan orders steps; this module finds the single instances: those whose ids occur in a call. Where the call of
//! an instance mentions no instance of a step it comes after, it depends on that step as a whole.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::engine::results::id_text;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, RecordedCall, RecordedResource, Status};
use crate::secret::digest_of;

/// Separates the words of a text.
const BETWEEN: fn(char) -> bool = |character| !character.is_ascii_alphanumeric() && !['-', '_'].contains(&character);

/// The dependencies between the instances of one record.
pub struct References {
    /// By an instance: those whose ids occur in its call.
    uses: HashMap<InstanceId, BTreeSet<InstanceId>>,
    /// By an instance: the steps it comes after without mentioning any of their instances.
    steps: HashMap<InstanceId, BTreeSet<StepId>>,
    /// By an instance: those whose calls mention it.
    users: HashMap<InstanceId, Vec<InstanceId>>,
}

impl References {
    /// Reads the dependencies from a record.
    pub fn of(status: &Status) -> Self {
        let owners = owners(status);
        let mut references = Self { uses: HashMap::new(), steps: HashMap::new(), users: HashMap::new() };
        for (instance, known) in &status.instances {
            let mut uses = used(known, &owners);
            uses.remove(instance);
            let named = |step: &StepId| *step == instance.step || uses.iter().any(|other| other.step == *step);
            let steps = known.after.iter().filter(|step| !named(step)).cloned().collect();
            for used in &uses {
                references.users.entry(used.clone()).or_default().push(instance.clone());
            }
            references.uses.insert(instance.clone(), uses);
            references.steps.insert(instance.clone(), steps);
        }
        references
    }

    /// The instances that this one's call mentions.
    pub fn uses(&self, instance: &InstanceId) -> impl Iterator<Item = &InstanceId> {
        self.uses.get(instance).into_iter().flatten()
    }

    /// The steps that this one depends on as a whole.
    pub fn steps(&self, instance: &InstanceId) -> impl Iterator<Item = &StepId> {
        self.steps.get(instance).into_iter().flatten()
    }

    /// The instances whose calls mention this one.
    pub fn users(&self, instance: &InstanceId) -> impl Iterator<Item = &InstanceId> {
        self.users.get(instance).into_iter().flatten()
    }

    /// All dependants of an instance, direct and indirect, without the instance itself.
    pub fn dependants(&self, instance: &InstanceId) -> HashSet<InstanceId> {
        let mut found = HashSet::new();
        let mut open = vec![instance.clone()];
        while let Some(earlier) = open.pop() {
            let whole = self.steps.iter().filter(|(_, steps)| steps.contains(&earlier.step)).map(|(later, _)| later);
            for later in self.users(&earlier).chain(whole) {
                if later != instance && found.insert(later.clone()) {
                    open.push(later.clone());
                }
            }
        }
        found
    }
}

/// By id: the instances that own a resource with it.
fn owners(status: &Status) -> HashMap<String, Vec<&InstanceId>> {
    let mut owners: HashMap<String, Vec<&InstanceId>> = HashMap::new();
    let key = status.header.key.as_bytes();
    for (instance, known) in &status.instances {
        for id in ids(known) {
            let secret = digest_of(&Value::String(id.clone()), key);
            let word = secret.rsplit(':').next().unwrap_or_default().to_owned();
            for word in [id, word] {
                owners.entry(word).or_default().push(instance);
            }
        }
    }
    owners
}

fn ids(known: &InstanceStatus) -> HashSet<String> {
    let made = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
    let result = known.result.iter();
    let listed = result.clone().flat_map(|result| result.created.values()).filter_map(Value::as_array).flatten();
    let own = result.clone().flat_map(|result| result.ids.iter().chain(&result.id));
    let names = result.filter_map(|result| result.name.clone());
    let all = made.filter_map(|made: &RecordedResource| made.id.as_ref()).chain(listed).chain(own);
    all.map(id_text).chain(names).filter(|id| !id.is_empty()).collect()
}

/// The instances whose ids occur in the calls of this one.
fn used(known: &InstanceStatus, owners: &HashMap<String, Vec<&InstanceId>>) -> BTreeSet<InstanceId> {
    let mut words = HashSet::new();
    let intended = known.intent.as_ref().map(|intent| &intent.call);
    for call in known.agrees.iter().chain(intended) {
        words_of(call, &mut words);
    }
    let found = words.iter().filter_map(|word| owners.get(word)).flatten();
    // A name or a number may coincide: only instances of steps that it comes after count.
    found.filter(|owner| known.after.contains(&owner.step)).map(|owner| (*owner).clone()).collect()
}

fn words_of(call: &RecordedCall, words: &mut HashSet<String>) {
    let mut add = |text: &str| {
        words.insert(text.to_owned());
        words.extend(text.split(BETWEEN).filter(|word| !word.is_empty()).map(str::to_owned));
    };
    for segment in call.path.split('/') {
        add(&percent_encoding::percent_decode_str(segment).decode_utf8_lossy());
    }
    call.query.iter().for_each(|(_, value)| add(value));
    if let Some(body) = &call.body {
        scalars(body, &mut add);
    }
}

fn scalars(value: &Value, add: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => add(text),
        Value::Number(number) => add(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| scalars(item, add)),
        Value::Object(fields) => fields.values().for_each(|field| scalars(field, add)),
        Value::Null | Value::Bool(_) => {}
    }
}
