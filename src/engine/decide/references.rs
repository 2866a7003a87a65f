//! Which instance depends on which, read from the recorded calls.
//!
//! The plan orders steps; this module finds the single instances: those whose ids occur in a call. Where the call of
//! an instance mentions no instance of a step it comes after, it depends on that step as a whole. A name refers to an
//! instance only where no id of that step does: instances of one step often have one name.

use serde_json::Value;

use crate::catalog::update::takes_off;
use crate::catalog::{Catalog, Method};
use crate::engine::operation::operation_of;
use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, RecordedCall, RecordedResource, Status, id_text};
use crate::secret::digest_of;

/// Separates the words of a text.
const BETWEEN: fn(char) -> bool = |character| !character.is_ascii_alphanumeric() && !['-', '_'].contains(&character);

/// The dependencies between the instances of one record. Instances are given by their places in it.
///
/// Thousands of instances may have one name that thousands of calls mention: they are not compared one by one.
pub struct References<'s> {
    status: &'s Status,
    mentions: Vec<Mention>,
    /// By instance: what its call mentions.
    uses: Vec<Vec<usize>>,
    /// By instance: the mentions that mean it.
    meant_by: Vec<Vec<usize>>,
    /// By instance: the steps it comes after without mentioning any of their instances.
    steps: Vec<Vec<&'s StepId>>,
    /// By step: the instances that come after it as a whole.
    after: HashMap<&'s StepId, Vec<usize>>,
}

/// An id or a name in calls, and the instances of one step that have it: a call that mentions it mentions all of them.
#[derive(Default)]
struct Mention {
    instances: Vec<usize>,
    /// Those whose calls mention it.
    users: Vec<usize>,
}

impl<'s> References<'s> {
    /// Reads the dependencies from a record.
    pub fn of(status: &'s Status) -> Self {
        Self::where_after(status, |_, _| true)
    }

    /// As [`Self::of`], but a dependency of an instance on a whole step counts only where `comes_after` holds of the
    /// two.
    pub fn where_after(status: &'s Status, comes_after: impl Fn(&InstanceId, &StepId) -> bool) -> Self {
        let number = status.instances.len();
        let RecordNames { by_id, by_name, mut mentions } = words(status);
        let mut uses = Vec::with_capacity(number);
        let mut steps = Vec::with_capacity(number);
        let mut after: HashMap<&StepId, Vec<usize>> = HashMap::default();
        for (at, (instance, known)) in status.instances.iter().enumerate() {
            let earlier: HashSet<&StepId> = known.after.iter().filter(|step| **step != instance.step).collect();
            let said = words_in_calls(known);
            // A name or a number may coincide: only instances of steps that it comes after count.
            let mut used = by_id.used(&said, &earlier);
            let mut named: HashSet<&StepId> = used.iter().map(|(step, _)| *step).collect();
            let by_name = by_name.used(&said, &earlier).into_iter().filter(|(step, _)| !named.contains(step));
            used.extend(by_name.collect::<Vec<_>>());
            named.extend(used.iter().map(|(step, _)| *step));
            let mut used: Vec<usize> = used.into_iter().map(|(_, mention)| mention).collect();
            used.sort_unstable();
            used.iter().for_each(|mention| mentions[*mention].users.push(at));
            uses.push(used);
            let is_whole =
                |step: &&StepId| earlier.contains(step) && !named.contains(step) && comes_after(instance, step);
            let whole: Vec<&StepId> = known.after.iter().filter(is_whole).collect();
            whole.iter().for_each(|step| after.entry(step).or_default().push(at));
            steps.push(whole);
        }
        let mut meant_by = vec![Vec::new(); number];
        for (at, mention) in mentions.iter().enumerate().filter(|(_, mention)| !mention.users.is_empty()) {
            mention.instances.iter().for_each(|instance| meant_by[*instance].push(at));
        }
        Self { status, mentions, uses, meant_by, steps, after }
    }

    /// The instances that a mention means.
    pub fn meaning(&self, mention: usize) -> &[usize] {
        &self.mentions[mention].instances
    }

    /// What the call of an instance mentions.
    pub fn uses(&self, instance: usize) -> &[usize] {
        &self.uses[instance]
    }

    /// The mentions in other calls that mean an instance.
    pub fn meant_by(&self, instance: usize) -> &[usize] {
        &self.meant_by[instance]
    }

    /// The steps that an instance depends on as a whole.
    pub fn steps(&self, instance: usize) -> &[&'s StepId] {
        &self.steps[instance]
    }

    /// All dependants of an instance, direct and indirect, without the instance itself.
    pub fn dependants(&self, instance: &InstanceId) -> HashSet<InstanceId> {
        let (mut found, mut mentions, mut steps) = (HashSet::default(), HashSet::default(), HashSet::default());
        let start = self.status.instances.get_index_of(instance);
        let mut open: Vec<usize> = start.into_iter().collect();
        while let Some((at, (earlier, _))) = open.pop().and_then(|at| Some((at, self.status.instances.get_index(at)?)))
        {
            let mentioned = self.meant_by[at].iter().filter(|mention| mentions.insert(**mention));
            let users = mentioned.flat_map(|mention| &self.mentions[*mention].users);
            let whole = self.after.get(&earlier.step).filter(|_| steps.insert(&earlier.step));
            let later = users.chain(whole.into_iter().flatten()).copied();
            open.extend(later.filter(|later| Some(*later) != start && found.insert(*later)));
        }
        found.into_iter().filter_map(|at| self.status.instances.get_index(at)).map(|(id, _)| id.clone()).collect()
    }
}

/// The ids and names of a record.
#[derive(Default)]
struct RecordNames<'s> {
    by_id: Index<'s>,
    by_name: Index<'s>,
    mentions: Vec<Mention>,
}

/// What a word in a call means, by the step of the instances that have it.
#[derive(Default)]
struct Index<'s>(HashMap<String, HashMap<&'s StepId, usize>>);

impl<'s> Index<'s> {
    fn add(&mut self, word: String, step: &'s StepId, instance: usize, mentions: &mut Vec<Mention>) {
        let mention = *self.0.entry(word).or_default().entry(step).or_insert_with(|| {
            mentions.push(Mention::default());
            mentions.len() - 1
        });
        mentions[mention].instances.push(instance);
    }

    /// What these words mean among the instances of some steps.
    fn used(&self, said: &HashSet<String>, steps: &HashSet<&'s StepId>) -> HashSet<(&'s StepId, usize)> {
        let mut used = HashSet::default();
        for by_step in said.iter().filter_map(|word| self.0.get(word)) {
            // Whichever are fewer.
            if by_step.len() <= steps.len() {
                let among = by_step.iter().filter(|(step, _)| steps.contains(*step));
                used.extend(among.map(|(step, mention)| (*step, *mention)));
            } else {
                used.extend(steps.iter().filter_map(|step| Some((*step, *by_step.get(step)?))));
            }
        }
        used
    }
}

fn words(status: &Status) -> RecordNames<'_> {
    let mut found = RecordNames::default();
    let key = status.header.key.as_bytes();
    let words = |id: String| {
        let secret = digest_of(&Value::String(id.clone()), key);
        let word = secret.rsplit(':').next().unwrap_or_default().to_owned();
        [id, word]
    };
    for (at, (instance, known)) in status.instances.iter().enumerate() {
        for word in ids(known).into_iter().flat_map(words) {
            found.by_id.add(word, &instance.step, at, &mut found.mentions);
        }
        let name = known.result.as_ref().and_then(|result| result.name.clone()).filter(|name| !name.is_empty());
        for word in name.into_iter().flat_map(words) {
            found.by_name.add(word, &instance.step, at, &mut found.mentions);
        }
    }
    found
}

fn ids(known: &InstanceStatus) -> HashSet<String> {
    let made = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
    let result = known.result.iter();
    let listed = result.clone().flat_map(|result| result.created.ids());
    let own = result.flat_map(|result| result.ids.iter().chain(&result.id).map(|id| &**id));
    let all = made.filter_map(|made: &RecordedResource| made.id.as_deref()).chain(listed).chain(own);
    all.map(id_text).filter(|id| !id.is_empty()).collect()
}

/// The words in the calls of an instance. A call that takes something off the resource mentions what that does not use any
/// more; until it has, the call that the resource agrees with mentions it, too.
fn words_in_calls(known: &InstanceStatus) -> HashSet<String> {
    let mut words = HashSet::default();
    let intended = known.intent.as_ref().filter(|intent| intent.update.is_none() || !is_taking_off(&intent.call));
    let intended = intended.map(|intent| &intent.call);
    for call in known.agrees.iter().chain(intended) {
        words_of(call, &mut words);
    }
    words
}

fn is_taking_off(call: &RecordedCall) -> bool {
    let takes_off = || operation_of(Catalog::embedded(), call).is_some_and(|(operation, _)| takes_off(&operation));
    call.method == Method::Delete || takes_off()
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
