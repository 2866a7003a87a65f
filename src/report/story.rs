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
mod tests {
    use super::*;
    use crate::report::testing::{error, instance};

    #[test]
    fn a_failure_shows_cause_place_existing_resource_and_next_step() {
        let story = Story::of(&error("QuotaLimitExceed: no more\nforged line (request_id req-1)"));
        assert_eq!(story.what, "QuotaLimitExceed: no more⏎forged line (request_id req-1)");
        assert_eq!(story.place.as_deref(), Some("deploy.yaml:23:5"));
        let facts: Vec<_> = story.facts.iter().map(|fact| (fact.label(), fact.text.as_str())).collect();
        assert_eq!(
            facts,
            [
                ("call", "POST /cloud/v2/instances/1/7 (status 409)"),
                ("field", "`/flavor` is sold out"),
                ("now", "the call changed nothing"),
            ]
        );
        assert_eq!(story.help, ["raise the quota, or use a smaller flavor"]);
    }

    fn success_of(done: &StepDone) -> String {
        success(done, Duration::ZERO)
    }

    #[test]
    fn time_in_the_queue_is_shown_separately() {
        let done = StepDone {
            provenance: Provenance::Called,
            call: "POST /n".to_owned(),
            kind: Some("networks".to_owned()),
            id: Some("n1".to_owned()),
            name: None,
            did: Did::Created,
            tasks: vec![],
            duration_ms: 27_000,
        };
        assert_eq!(success(&done, Duration::from_secs(20)), "created network n1 in 7 s, after 20 s in the queue");
        assert_eq!(success(&done, Duration::from_millis(900)), "created network n1 in 27 s");
    }

    #[test]
    fn successes_show_their_provenance() {
        let done = |how, did, call: &str, id: Option<&str>| StepDone {
            provenance: how,
            did,
            call: call.to_owned(),
            kind: Some("networks".to_owned()),
            id: id.map(str::to_owned),
            name: Some("demo".to_owned()),
            tasks: vec![],
            duration_ms: 7000,
        };
        let called = |did, call, id| success_of(&done(Provenance::Called, did, call, id));
        assert_eq!(called(Did::Created, "POST /n", Some("n1")), "created network `demo` n1 in 7 s");
        assert_eq!(called(Did::Changed, "POST /n/grow", Some("n1")), "changed network `demo` n1 in 7 s");
        assert_eq!(existing(&done(Provenance::Called, Did::Changed, "POST /n/grow", Some("n1"))), None);
        assert_eq!(called(Did::Read, "GET /n", Some("n1")), "read network `demo` n1 in 7 s");
        assert_eq!(called(Did::Read, "POST /n/find", Some("n1")), "read network `demo` n1 in 7 s");
        assert_eq!(called(Did::Changed, "PATCH /n", None), "done: PATCH /n in 7 s");
        let kept = |did, call, id| success_of(&done(Provenance::Reused, did, call, id));
        assert_eq!(kept(Did::Created, "POST /n", Some("n1")), "reused network `demo` n1, created by an earlier run");
        assert_eq!(
            kept(Did::Changed, "PATCH /n/n1", Some("n1")),
            "reused network `demo` n1, changed by an earlier run"
        );
        // A PUT makes what is not there.
        assert_eq!(called(Did::Created, "PUT /n/n1", Some("n1")), "created network `demo` n1 in 7 s");
        assert_eq!(called(Did::Created, "POST /n", Some("demo")), "created network demo in 7 s");
    }

    #[test]
    fn a_failure_before_any_call_says_so() {
        let error = StepError { call: None, status: None, request_id: None, ..error("`name` is undefined") };
        let facts = Story::of(&error).facts;
        assert_eq!(facts.last().map(|fact| (fact.label(), fact.text.as_str())), Some(("now", "no call was made")));
        assert_eq!(reason(&instance("web[2]"), &error), "`web[2]`: `name` is undefined (deploy.yaml:23:5)");
    }

    #[test]
    fn the_head_names_instances_where_there_are_more_than_steps() {
        let crate::event::Event::RunStarted(started) = crate::report::testing::started() else { unreachable!() };
        let head = |command, steps, instances, recorded| {
            let text = start(&RunStarted { command, steps, instances, recorded, state: None, ..started.clone() });
            let text = text.split_once("environment default: ").unwrap().1.to_owned();
            text.split_once("; ").unwrap().0.to_owned()
        };
        assert_eq!(head(Activity::Run, 3, Some(4), 2), "3 steps, 4 instances, 2 recorded");
        assert_eq!(head(Activity::Run, 3, Some(3), 0), "3 steps");
        assert_eq!(head(Activity::Rehearse, 3, None, 0), "3 steps");
        assert_eq!(head(Activity::Destroy, 4, Some(4), 4), "4 instances");
        assert_eq!(head(Activity::Destroy, 1, Some(1), 1), "1 instance");
    }

    #[test]
    fn a_rehearsal_that_stops_waiting_promises_no_next_run() {
        let tasks = |number| vec!["t".to_owned(); number];
        let refused = Some("boom (status 500)");
        for (number, until, unread, now) in [
            (0, None, None, "no answer after 1 s"),
            (1, None, None, "still not done after 1 s: task t goes on"),
            (2, None, None, "still not done after 1 s: tasks t and t go on"),
            (1, None, refused, "not known to be done after 1 s: task t cannot be read: boom (status 500)"),
            (1, Some("`status` is `active`"), None, "not ready after 1 s, waiting until `status` is `active`"),
        ] {
            let words = |command| still_waiting(Some(command), &tasks(number), until, unread, Duration::from_secs(1));
            assert_eq!(words(Activity::Rehearse), now);
            assert!(words(Activity::Run).starts_with(now) && words(Activity::Run).contains("the next run"));
        }
    }

    #[test]
    fn megabytes_of_api_text_are_cut() {
        assert!(shorten(&"é".repeat(1_000_000)).ends_with("… (996000 characters more)"));
    }
}
