//! Texts about events, independent of the format that shows them. Each is one line without control characters.

use std::time::Duration;

use super::{count, duration, list, sanitize};
use crate::event::{Activity, Did, EffectKnown, Provenance, RunFinished, RunStarted, SkipReason, StepDone, StepError};
use crate::id::InstanceId;
use crate::kind::kind_name;

/// The most characters of an API message in lines for people; events and the record have the whole message.
const LONGEST_MESSAGE: usize = 4000;

/// Digits of an id: a UUID with or without dashes.
const SHORTEST_ID: usize = 32;

/// Shorter times in the queue are not reported.
const WORTH_REPORTING: Duration = Duration::from_secs(1);

/// A failure: what happened, where, what exists now, what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Story {
    pub what: String,
    /// `file:line:column`.
    pub place: Option<String>,
    pub facts: Vec<Fact>,
    pub help: Vec<String>,
}

/// A fact of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fact {
    kind: FactKind,
    /// One line.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum FactKind {
    /// `POST /… (status 409)`
    Call,
    /// A field that the API refused, and why.
    Field,
    /// What exists now.
    Now,
    /// What exists now: perhaps what the call created.
    MayExist,
}

impl Fact {
    /// The word before the text.
    pub fn label(&self) -> &'static str {
        match self.kind {
            FactKind::Call => "call",
            FactKind::Field => "field",
            FactKind::Now | FactKind::MayExist => "now",
        }
    }
}

impl Story {
    pub fn of(error: &StepError) -> Self {
        let mut facts = Vec::new();
        if let Some(call) = call(error) {
            facts.push(Fact { kind: FactKind::Call, text: call });
        }
        // A message that the API did not write is made of the fields.
        let fields = error.invalid_fields.iter().filter(|(_, wrong)| !error.message.contains(wrong.as_str()));
        facts.extend(fields.map(|(pointer, wrong)| {
            let text = format!("`{}` {}", sanitize(pointer), sanitize(wrong));
            Fact { kind: FactKind::Field, text }
        }));
        facts.extend(effect(error));
        Self {
            what: sanitize(&shorten(&error.message)).into_owned(),
            place: error.place.as_ref().map(|place| sanitize(&place.to_string()).into_owned()),
            facts,
            help: error.help.iter().map(|help| sanitize(help).into_owned()).collect(),
        }
    }

    /// What the call made is known: it exists, and not only may.
    pub fn made(&mut self, resource: &str) {
        for fact in self.facts.iter_mut().filter(|fact| fact.kind == FactKind::MayExist) {
            *fact = Fact { kind: FactKind::Now, text: format!("{resource} exists") };
        }
    }
}

/// The parts of a failure by which equal ones are grouped: all but the ids of requests, tasks and resources.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alike {
    what: String,
    place: Option<String>,
    facts: Vec<Fact>,
    help: Vec<String>,
}

impl Alike {
    pub fn of(story: &Story) -> Self {
        let facts = story.facts.iter().filter(|fact| fact.kind != FactKind::Call).cloned();
        Self {
            what: without_ids(&story.what),
            place: story.place.clone(),
            facts: facts.collect(),
            help: story.help.iter().map(|help| without_ids(help)).collect(),
        }
    }
}

/// The text without ids, of which each call has its own.
pub fn without_ids(text: &str) -> String {
    let is_part = |character: char| character.is_ascii_hexdigit() || character == '-';
    let mut rest = text;
    let mut left = String::new();
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|character| !is_part(character)).map_or(rest.len(), |length| start + length);
        left.push_str(&rest[..start]);
        if end - start < SHORTEST_ID {
            left.push_str(&rest[start..end]);
        }
        rest = &rest[end..];
    }
    left + rest
}

/// A failure in one line: `` `web[2]`: QuotaLimitExceed: … (deploy.yaml:23:5) ``.
pub fn reason(instance: &InstanceId, error: &StepError) -> String {
    let story = Story::of(error);
    let place = story.place.map(|place| format!(" ({place})")).unwrap_or_default();
    format!("`{}`: {}{place}", sanitize(&instance.to_string()), story.what)
}

/// `POST /cloud/… (status 409, task t1)`.
fn call(error: &StepError) -> Option<String> {
    let mut details = Vec::new();
    if let Some(status) = error.status {
        details.push(format!("status {status}"));
    }
    // The message usually contains the request id.
    if let Some(request) = error.request_id.as_ref().filter(|id| !error.message.contains(id.as_str())) {
        details.push(format!("request {}", sanitize(request)));
    }
    if let Some(task) = error.task.as_ref().filter(|id| !error.message.contains(id.as_str())) {
        details.push(format!("task {}", sanitize(task)));
    }
    let call = error.call.as_ref().map(|call| sanitize(call));
    match (call, details.is_empty()) {
        (Some(call), true) => Some(call.into_owned()),
        (Some(call), false) => Some(format!("{call} ({})", details.join(", "))),
        (None, true) => None,
        (None, false) => Some(details.join(", ")),
    }
}

/// Whether the resource exists now; `None` for a read, which changes nothing.
fn effect(error: &StepError) -> Option<Fact> {
    // A failed call is known by its text alone.
    let is_read = error.call.as_deref().is_some_and(|call| call.starts_with("GET "));
    let (kind, text) = match error.effect {
        EffectKnown::NotApplied if is_read => return None,
        EffectKnown::NotApplied if error.call.is_none() => (FactKind::Now, "no call was made"),
        EffectKnown::NotApplied => (FactKind::Now, "the call changed nothing"),
        EffectKnown::Applied => (FactKind::MayExist, "the call was carried out, what it created may exist"),
        EffectKnown::Unknown => (FactKind::Now, "not known whether the call was carried out"),
    };
    Some(Fact { kind, text: text.to_owned() })
}

/// ``created network `demo-net` 7b5c… in 7 s``. A long time in the queue before the call was sent is given
/// separately.
pub fn success(done: &StepDone, queued: Duration) -> String {
    let all = Duration::from_millis(done.duration_ms);
    let took = match queued < WORTH_REPORTING {
        true => duration(all),
        false => format!("{}, after {} in the queue", duration(all.saturating_sub(queued)), duration(queued)),
    };
    let Some(resource) = resource(done) else {
        let call = sanitize(&done.call);
        return match done.provenance {
            Provenance::Called => format!("done: {call} in {took}"),
            Provenance::Updated => format!("updated by {call} in {took}"),
            Provenance::Continued => format!("done: {call}, sent by an earlier run"),
            Provenance::Reused => format!("reused: {call}, done by an earlier run"),
            Provenance::Recovered => format!("done: {call}: its outcome was in doubt, and is resolved"),
            Provenance::Adopted => format!("adopted what {call} would have made"),
        };
    };
    match done.provenance {
        Provenance::Called => format!("{} {resource} in {took}", verb(done)),
        Provenance::Updated => format!("updated {resource} in {took}"),
        Provenance::Continued => format!("{} {resource}, started by an earlier run", verb(done)),
        Provenance::Reused => format!("reused {resource}, {} by an earlier run", verb(done)),
        Provenance::Recovered => format!("recovered {resource}: the outcome of its call was in doubt, and is resolved"),
        Provenance::Adopted => format!("adopted {resource}: it existed already"),
    }
}

/// What a call did with its resource.
pub fn verb(done: &StepDone) -> &'static str {
    match done.did {
        Did::Read => "read",
        Did::Deleted => "deleted",
        Did::Changed => "changed",
        Did::Created => "created",
    }
}

fn resource(done: &StepDone) -> Option<String> {
    let id = done.id.as_ref()?;
    Some(named(done.kind.as_deref(), done.name.as_deref(), Some(id)))
}

/// The resource that a step made; `None` when it only read, changed or removed one.
pub fn existing(done: &StepDone) -> Option<String> {
    let id = done.id.as_deref().filter(|_| done.did == Did::Created)?;
    Some(named(done.kind.as_deref(), None, Some(id)))
}

/// ``network `demo-net` 7b5c…``, as far as it is known.
pub fn named(kind: Option<&str>, name: Option<&str>, id: Option<&str>) -> String {
    let mut words = vec![kind.map_or_else(|| "resource".to_owned(), |kind| kind_name(&sanitize(kind)))];
    // The id of some resources is their name.
    if let Some(name) = name.filter(|name| Some(*name) != id) {
        words.push(format!("`{}`", sanitize(name)));
    }
    words.extend(id.map(|id| sanitize(id).into_owned()));
    words.join(" ")
}

/// ``left: network 7b5c…``; of a call whose outcome is not known there is nothing to name.
pub fn left(kind: Option<&str>, id: Option<&str>) -> String {
    match (kind, id) {
        (None, None) => "left".to_owned(),
        (kind, id) => format!("left: {}", named(kind, None, id)),
    }
}

/// `removed network 7b5c…`; `reverted_by`: the undo that set it back instead.
pub fn removal(kind: Option<&str>, id: Option<&str>, already_gone: bool, reverted_by: Option<&str>) -> String {
    let what = named(kind, None, id);
    match (already_gone, reverted_by) {
        (true, None) => format!("{what} was gone already"),
        // The undo was refused, or not sent: another client took it back.
        (true, Some(_)) => format!("{what} was reverted already"),
        (false, None) => format!("removed {what}"),
        (false, Some(call)) => format!("reverted by {}", sanitize(call)),
    }
}

pub fn skip(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Condition => "skipped: its `when` is false".to_owned(),
        SkipReason::Dependency { step } => format!("skipped: `{}` did not succeed", sanitize(&step.to_string())),
        SkipReason::NotStarted { why } => format!("not started: {}", sanitize(why)),
    }
}

/// Why a wanted resource was not made; `None` when it was not wanted.
pub fn why_not_made(reason: &SkipReason) -> Option<String> {
    match reason {
        SkipReason::Condition => None,
        SkipReason::Dependency { step } => Some(format!("`{}` did not succeed", sanitize(&step.to_string()))),
        SkipReason::NotStarted { why } => Some(sanitize(why).into_owned()),
    }
}

/// Why a step is not done: its tasks run, its resource is not ready (`until`), or a call has no answer yet. A rehearsal
/// keeps no record, from which another run could go on.
///
/// `unread`: the last answer, when the tasks could not be read.
pub fn still_waiting(
    command: Option<Activity>,
    tasks: &[String],
    until: Option<&str>,
    unread: Option<&str>,
    waited: Duration,
) -> String {
    let waited = duration(waited);
    let listed = list(tasks.iter().map(|task| sanitize(task)), 3);
    let (now, next) = match (until, tasks) {
        (Some(until), _) => {
            (format!("not ready after {waited}, waiting until {}", sanitize(until)), "; the next run goes on waiting")
        }
        (None, [_, ..]) if unread.is_some() => (
            format!(
                "not known to be done after {waited}: task {listed} cannot be read: {}",
                sanitize(unread.unwrap_or_default())
            ),
            "; the next run asks for it again",
        ),
        (None, []) => (format!("no answer after {waited}"), ": the next run resolves its outcome"),
        (None, [_]) => (format!("still not done after {waited}: task {listed} goes on"), ", the next run waits for it"),
        (None, _) => (format!("still not done after {waited}: tasks {listed} go on"), ", the next run waits for them"),
    };
    match command {
        Some(Activity::Rehearse) => now,
        _ => now + next,
    }
}

/// ``waiting until `status` is `active`; `status` is `queued` ``.
pub fn readiness(until: &str, shown: Option<&str>) -> String {
    let now = shown.map(|shown| format!(": {}", sanitize(shown))).unwrap_or_default();
    format!("waiting until {}{now}", sanitize(until))
}

/// `running web-demo (deploy.yaml), environment default: 3 steps, 4 instances, 2 recorded`.
pub fn start(run: &RunStarted) -> String {
    let verb = match run.command {
        Activity::Run => "running",
        Activity::Rehearse => "rehearsing",
        Activity::Destroy => "destroying",
    };
    let mut text = format!("{verb} {}", sanitize(&run.plan));
    if let Some(file) = &run.file {
        text.push_str(&format!(" ({})", sanitize(file)));
    }
    text.push_str(&format!(", environment {}: ", sanitize(&run.environment)));
    match (run.command, run.instances) {
        (Activity::Destroy, _) => text.push_str(&count(run.steps, "instance")),
        (_, Some(instances)) if instances != run.steps => {
            text.push_str(&format!("{}, {}", count(run.steps, "step"), count(instances, "instance")));
        }
        _ => text.push_str(&count(run.steps, "step")),
    }
    if run.recorded > 0 && run.command != Activity::Destroy {
        text.push_str(&format!(", {} recorded", run.recorded));
    }
    match &run.state {
        Some(state) => text.push_str(&format!("; the record is in {}", sanitize(state))),
        None => text.push_str("; nothing is recorded"),
    }
    text
}

/// `2 done, 1 failed, 2 skipped`.
pub fn totals(run: &RunFinished) -> String {
    let parts: Vec<String> = [
        (run.succeeded, "done"),
        (run.reused, "unchanged"),
        (run.removed, "removed"),
        (run.reverted, "reverted"),
        (run.failed, "failed"),
        (run.unknown, "unknown"),
        (run.waiting, "still waiting"),
        (run.left, "left"),
        (run.skipped, "skipped"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

/// `12 requests, 7 of them polls`.
pub fn requests(run: &RunFinished) -> String {
    let number = usize::try_from(run.requests).unwrap_or(usize::MAX);
    let requests = count(number, "request");
    if run.polls > 0 { format!("{requests}, {} of them polls", run.polls) } else { requests }
}

/// Cuts a text between characters.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        Some((at, _)) => format!("{}… ({} more)", &text[..at], count(text[at..].chars().count(), "character")),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
