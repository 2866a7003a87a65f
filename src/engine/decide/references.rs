//! Which instance depends on which, read from the recorded calls.
//!
//! The plan orders steps; this module finds the single instances: those whose ids occur in a call. Where the call of
//! an instance mentions no instance of a step it comes after, it depends on that step as a whole. A name refers to an
//! instance only where no id of that step does: instances of one step often have one name.

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

/// The instances that own a resource, by its id and by its name.
#[derive(Default)]
struct Owners<'s> {
    by_id: HashMap<String, Vec<&'s InstanceId>>,
    by_name: HashMap<String, Vec<&'s InstanceId>>,
}

fn owners(status: &Status) -> Owners<'_> {
    let mut owners = Owners::default();
    let key = status.header.key.as_bytes();
    let words = |id: String| {
        let secret = digest_of(&Value::String(id.clone()), key);
        let word = secret.rsplit(':').next().unwrap_or_default().to_owned();
        [id, word]
    };
    for (instance, known) in &status.instances {
        for word in ids(known).into_iter().flat_map(words) {
            owners.by_id.entry(word).or_default().push(instance);
        }
        let name = known.result.as_ref().and_then(|result| result.name.clone()).filter(|name| !name.is_empty());
        for word in name.into_iter().flat_map(words) {
            owners.by_name.entry(word).or_default().push(instance);
        }
    }
    owners
}

fn ids(known: &InstanceStatus) -> HashSet<String> {
    let made = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
    let result = known.result.iter();
    let listed = result.clone().flat_map(|result| result.created.ids());
    let own = result.flat_map(|result| result.ids.iter().chain(&result.id).map(|id| &**id));
    let all = made.filter_map(|made: &RecordedResource| made.id.as_deref()).chain(listed).chain(own);
    all.map(id_text).filter(|id| !id.is_empty()).collect()
}

/// The instances whose ids, or else names, occur in the calls of this one.
fn used(known: &InstanceStatus, owners: &Owners<'_>) -> BTreeSet<InstanceId> {
    let mut words = HashSet::new();
    let intended = known.intent.as_ref().map(|intent| &intent.call);
    for call in known.agrees.iter().chain(intended) {
        words_of(call, &mut words);
    }
    // A name or a number may coincide: only instances of steps that it comes after count.
    let found = |owners: &HashMap<String, Vec<&InstanceId>>| -> BTreeSet<InstanceId> {
        let owners = words.iter().filter_map(|word| owners.get(word)).flatten();
        owners.filter(|owner| known.after.contains(&owner.step)).map(|owner| (*owner).clone()).collect()
    };
    let mut used = found(&owners.by_id);
    let by_id: BTreeSet<StepId> = used.iter().map(|owner| owner.step.clone()).collect();
    used.extend(found(&owners.by_name).into_iter().filter(|owner| !by_id.contains(&owner.step)));
    used
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
