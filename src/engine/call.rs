//! One write, made once: on record before it leaves, on record when it is answered, never repeated on hope.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tracing::Instrument as _;

use super::collection::{item_id, named_items};
use super::context::{About, RunContext};
use super::evidence::likeness::contradicts;
use super::evidence::tags::{STAMP, STAMP_ATTEMPT};
use super::interruption::Interruption;
use super::lock::{Locks, Refused};
use super::ownership::Thing;
use super::resolve::{self, Doubt, Resolved};
use super::results::{self, Parameters, id_text};
use super::stop::{GRACE, Stop};
use super::turn::request_turn;
use super::update::{Seen, seen};
use super::watch::Place;
use crate::api::{Answer, ApiError, Client, Lost, Meaning, Policy, Request, json_of, trace, trace_header, tried};
use crate::catalog::Operation;
use crate::event::{Delay, EffectKnown, ErrorClass, Event, StepError};
use crate::id::InstanceId;
use crate::journal::{Evidence, Head, Intent, JournalError, Mark, Record, RecordedCall, Unanswered, is_identifier};
use crate::plan::Retry;
use crate::shared::Shared;

/// Refusals that ask to come back, before the step gives up: each is a pause the API asked for.
const PATIENCE: u32 = 40;
/// A write that was looked for and not found is sent again this often.
const RESENDS: u32 = 6;
/// The pause when nothing says how long it should be.
const PAUSE: Duration = Duration::from_secs(3);

/// A write, ready to be made.
pub struct Write {
    pub operation: Option<Arc<Operation>>,
    /// Path parameters by name.
    pub parameters: Parameters,
    /// With secrets in place, without stamp.
    pub request: Request,
    /// The intent of the next attempt, but for `attempt` and `nonce`.
    pub intent: Intent,
    pub about: About,
    pub retry: Option<Retry>,
    /// Leave a tag on what it makes.
    pub stamp: bool,
}

/// What came of a write.
#[derive(Debug)]
pub enum Called {
    /// Tasks were started; that is on record. `evidence`: how they were found, when no answer named them.
    Tasks { tasks: Vec<String>, status: Option<u16>, evidence: Option<Evidence> },
    /// Answered at once; not on record yet.
    Answered { status: u16, value: Value },
    /// The resource was found, its answer was lost or told of another (`on_conflict`); not on record yet.
    Found { item: Value, evidence: Option<Evidence> },
}

impl Called {
    /// How it was found, when no answer told of it.
    pub fn evidence(&self) -> Option<Evidence> {
        match self {
            Called::Tasks { evidence, .. } | Called::Found { evidence, .. } => *evidence,
            Called::Answered { .. } => None,
        }
    }

    /// It was found, not answered.
    pub fn is_recovered(&self) -> bool {
        matches!(self, Called::Found { .. } | Called::Tasks { evidence: Some(_), .. })
    }
}

/// One request and its answer, sorted.
pub enum Sent {
    Answer {
        value: Value,
        head: Head,
    },
    Refused(ApiError),
    Unsent(String),
    /// Trying again does not help: see [`Lost::NoConnection`].
    NoConnection(String),
    /// `head`: as much of an answer came.
    Lost {
        cause: String,
        slow: bool,
        head: Option<Head>,
    },
    /// The run ended before the answer came.
    Left(Stop),
}

fn head_of(answer: &Answer) -> Head {
    Head { status: answer.status, request_id: answer.request_id().map(str::to_owned) }
}

/// Whose request leaves, for those who watch.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'a> {
    pub instance: &'a InstanceId,
    pub call: &'a RecordedCall,
    pub attempt: u32,
}

/// Sends a write once, in its turn, unless the run ends first.
pub async fn send(context: &RunContext, leaving: Leaving<'_>, request: Request) -> Sent {
    let Some(permit) = request_turn(context, leaving.instance).await else {
        return Sent::Unsent("the run ended first".to_owned());
    };
    context.events.emit(Event::CallStarted {
        instance: leaving.instance.clone(),
        call: leaving.call.to_string(),
        attempt: leaving.attempt,
    });
    let sending = async {
        let answer = context.client.send(request).await;
        drop(permit);
        answer
    };
    let answer = tokio::select! {
        biased;
        answer = sending => answer,
        stop = async {
            let stop = context.stopped.leave().await;
            tokio::time::sleep(GRACE).await;
            stop
        } => return Sent::Left(stop),
    };
    sort(&context.client, answer)
}

fn sort(client: &Client, answer: Result<crate::api::Answer, Lost>) -> Sent {
    match answer {
        Ok(answer) if answer.is_success() => match json_of(&answer) {
            Some(value) => Sent::Answer { value, head: head_of(&answer) },
            None => Sent::Lost {
                cause: format!("the answer (status {}) is not readable JSON", answer.status),
                slow: false,
                head: Some(head_of(&answer)),
            },
        },
        Ok(answer) => {
            let error = client.error(&answer);
            match error.meaning() {
                Meaning::Unknown => Sent::Lost {
                    slow: matches!(error.status, 408 | 504),
                    cause: error.story(),
                    head: Some(Head { status: error.status, request_id: error.request_id }),
                },
                _ => Sent::Refused(error),
            }
        }
        Err(Lost::NotSent(cause)) => Sent::Unsent(cause),
        Err(Lost::NoConnection(cause)) => Sent::NoConnection(cause),
        Err(Lost::Unknown(cause)) => Sent::Lost { slow: cause.contains("no answer in time"), cause, head: None },
        Err(Lost::Broken { head, cause }) => Sent::Lost { slow: false, cause, head: Some(head_of(&head)) },
    }
}

impl Write {
    fn instance(&self) -> &InstanceId {
        &self.intent.instance
    }

    fn call(&self) -> &RecordedCall {
        &self.intent.call
    }

    fn is_repeatable(&self) -> bool {
        results::is_repeatable(self.call().method, self.operation.as_deref())
    }

    /// Writes through the same gate may be told apart only by looking at all of them.
    fn route(&self) -> String {
        route_of(self.operation.as_deref(), self.call())
    }

    /// Makes the write, starting with `attempts` on record. `doubt`: the last of those has no answer on record.
    ///
    /// # Errors
    ///
    /// [`Interruption`], with everything on record that is known.
    pub async fn make(
        &self,
        context: &RunContext,
        attempts: u32,
        doubt: Option<Doubt>,
    ) -> Result<Called, Interruption> {
        let mut state = Attempts { attempt: attempts, ..Attempts::default() };
        if !self.is_repeatable() {
            let place = place_of(&self.parameters);
            context.stopped.or_leave(context.meet(&place)).await.map_err(Interruption::Stopped)?;
            state.before = match &doubt {
                // What was there before the first attempt; what is there now may be its work.
                Some(doubt) => doubt.attempt.intent.mark.before.clone(),
                None => context.stopped.or_leave(self.there_before(context)).await.map_err(Interruption::Stopped)?,
            };
        }
        let mut doubt = doubt;
        loop {
            if let Some(doubt) = doubt.take()
                && !self.is_repeatable()
                && let Some(called) = self.resolve(context, &doubt, &mut state).await?
            {
                return Ok(called);
            }
            match self.attempt(context, &mut state).await? {
                Attempt::Called(called) => return Ok(called),
                Attempt::Again => {}
                Attempt::Doubt(next) => doubt = Some(next),
            }
        }
    }

    /// Looks for what an earlier attempt did, and never sends. `None`: nothing was found.
    ///
    /// # Errors
    ///
    /// As [`Write::make`].
    pub async fn find(&self, context: &RunContext, doubt: &Doubt) -> Result<Option<Called>, Interruption> {
        self.resolve(context, doubt, &mut Attempts::default()).await
    }

    async fn attempt(&self, context: &RunContext, state: &mut Attempts) -> Result<Attempt, Interruption> {
        context.stopped.may_start().map_err(Interruption::Stopped)?;
        let place = context.stopped.or_leave(context.gates.intent()).await.map_err(Interruption::Stopped)?;
        state.attempt += 1;
        state.tries += 1;
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let (intended_at, since) = (context.now(), context.clock().elapsed());
        let mark = Mark { before: state.before.clone(), ..context.mark(self.instance(), &nonce) };
        let (request, stamped) = self.marked_request(context, &nonce, &mark);
        let intent = Shared::from(Intent { attempt: state.attempt, nonce, stamped, mark, ..self.intent.clone() });
        context.journal.append(vec![Record::Intent(intent.clone())]).await?;
        let doubt = Doubt {
            attempt: Unanswered { intent, at: intended_at, head: None },
            earlier: self.earlier(context),
            since,
            cause: String::new(),
            slow: false,
            disowned: Vec::new(),
        };

        // Held until the answer is on record: whoever settles on this route must not take this call's task for its own.
        let gate = context.gates.sending(&self.route()).await;
        let leaving = Leaving { instance: self.instance(), call: self.call(), attempt: state.attempt };
        let sent = send(context, leaving, request).instrument(trace::attempt(state.attempt)).await;
        let outcome = self.answered(context, state, sent, doubt).await;
        // Whoever has to wait keeps nobody else from going.
        drop((gate, place));
        match outcome? {
            Next::Pause(reason, pause) => {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                context.events.emit(Event::CallDelayed { instance: self.instance().clone(), reason, pause_ms });
                context.stopped.or_leave(context.clock().sleep(pause)).await.map_err(Interruption::Stopped)?;
                Ok(Attempt::Again)
            }
            Next::WaitForLock(error) => {
                let refused = Refused {
                    instance: self.instance(),
                    operation: self.operation.as_deref(),
                    call: self.call(),
                    parameters: &self.parameters,
                };
                state.locks.wait(context, &refused, &error).await.map_err(Interruption::Stopped)?;
                state.tries = 0;
                Ok(Attempt::Again)
            }
            Next::Done(called) => Ok(Attempt::Called(called)),
            Next::Doubt(doubt) => {
                if doubt.attempt.head.is_some() {
                    // Whoever has to look for it later must know this much, too.
                    let error = self.doubtful(context, &doubt, doubt.cause.clone());
                    let record = Record::Unknown { instance: self.instance().clone(), error };
                    context.journal.append(vec![record]).await?;
                }
                Ok(Attempt::Doubt(Doubt { since: context.clock().elapsed(), ..doubt }))
            }
        }
    }

    /// Puts the answer on record and says what to do next.
    async fn answered(
        &self,
        context: &RunContext,
        state: &mut Attempts,
        sent: Sent,
        doubt: Doubt,
    ) -> Result<Next, Interruption> {
        match sent {
            Sent::Answer { value, head } => match tasks_of(&value) {
                Some(tasks) if !tasks.is_empty() => {
                    for task in &tasks {
                        context.owners.claim(Thing::task(task), self.instance());
                    }
                    self.accept(context, tasks, Some(head.status), None).await.map(Next::Done)
                }
                none => match self.names_nothing(&value, none.is_some(), head.status) {
                    true => {
                        let cause = format!("the answer (status {}) does not say what was made", head.status);
                        Ok(Next::Doubt(Doubt {
                            cause,
                            attempt: Unanswered { head: Some(head), ..doubt.attempt },
                            ..doubt
                        }))
                    }
                    false => Ok(Next::Done(Called::Answered { status: head.status, value })),
                },
            },
            Sent::Unsent(cause) => {
                let error = self.unreachable(context, &cause, state.tries);
                self.not_applied(context, &error).await?;
                context.stopped.may_start().map_err(Interruption::Stopped)?;
                match self.policy().pause(state.tries, None, fastrand::f64()) {
                    Some(pause) => {
                        Ok(Next::Pause(Delay::NotSent { cause: context.secrets.redact(&cause).into_owned() }, pause))
                    }
                    None => Err(Interruption::Failed(error)),
                }
            }
            Sent::NoConnection(cause) => {
                let error = self.unreachable(context, &cause, state.tries);
                self.not_applied(context, &error).await?;
                Err(Interruption::Failed(error))
            }
            Sent::Refused(error) => self.refused(context, state, &error).await,
            Sent::Lost { cause, .. } if self.is_repeatable() => {
                let error = context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, &cause);
                match self.policy().pause(state.tries, None, fastrand::f64()) {
                    Some(pause) => Ok(Next::Pause(Delay::Failed { cause: error.message }, pause)),
                    None => {
                        context
                            .journal
                            .append(vec![Record::Unknown { instance: self.instance().clone(), error: error.clone() }])
                            .await?;
                        Err(Interruption::Unknown(error))
                    }
                }
            }
            Sent::Lost { cause, slow, head } => {
                Ok(Next::Doubt(Doubt { cause, slow, attempt: Unanswered { head, ..doubt.attempt }, ..doubt }))
            }
            Sent::Left(stop) => Err(Interruption::Stopped(stop)),
        }
    }

    async fn refused(
        &self,
        context: &RunContext,
        state: &mut Attempts,
        error: &ApiError,
    ) -> Result<Next, Interruption> {
        let meaning = error.meaning();
        if meaning == Meaning::NotFound
            && self.call().method == crate::catalog::Method::Delete
            && !self.earlier(context).is_empty()
        {
            // An earlier attempt, whose answer was lost, took it away.
            return Ok(Next::Done(Called::Answered { status: error.status, value: Value::Null }));
        }
        let refusal = context.refusal(&self.about, error);
        self.not_applied(context, &refusal).await?;
        let after = error.retry_after.map(Duration::from_secs);
        match meaning {
            Meaning::RateLimited | Meaning::Unavailable if state.patience < PATIENCE => {
                state.patience += 1;
                state.tries = 0;
                let reason = match meaning {
                    Meaning::RateLimited => Delay::RateLimited,
                    _ => Delay::Unavailable { status: error.status },
                };
                let pause = Policy::REQUEST.pause(state.patience.min(6), after, fastrand::f64()).unwrap_or(PAUSE);
                Ok(Next::Pause(reason, pause))
            }
            Meaning::Locked if !state.locks.are_spent() => Ok(Next::WaitForLock(Box::new(error.clone()))),
            Meaning::Conflict => Err(Interruption::Conflict(refusal)),
            _ if self.retry.as_ref().is_some_and(|retry| retry.on.contains(&error.status)) => {
                match self.policy().pause(state.tries, after, fastrand::f64()) {
                    Some(pause) => Ok(Next::Pause(Delay::Unavailable { status: error.status }, pause)),
                    None => Err(Interruption::Failed(refusal)),
                }
            }
            _ => Err(Interruption::Failed(refusal)),
        }
    }

    /// Looks for what a write without answer did. `None`: nothing, and it may be sent again.
    async fn resolve(
        &self,
        context: &RunContext,
        doubt: &Doubt,
        state: &mut Attempts,
    ) -> Result<Option<Called>, Interruption> {
        let reason = context.secrets.redact(&doubt.cause).into_owned();
        if self.is_done(context).await {
            return Ok(Some(self.done(doubt)));
        }
        context.events.emit(Event::ResolvingStarted { instance: self.instance().clone(), reason: reason.clone() });
        let resolving = resolve::resolve(context, doubt);
        match context.stopped.or_leave(resolving).await.map_err(Interruption::Stopped)? {
            Resolved::Task { attempt, task, evidence } => {
                self.found(context, doubt, attempt).await?;
                self.accept(context, vec![task], None, Some(evidence)).await.map(Some)
            }
            Resolved::Resource { attempt, item, evidence } => {
                self.found(context, doubt, attempt).await?;
                Ok(Some(Called::Found { item, evidence: Some(evidence) }))
            }
            Resolved::Done => Ok(Some(self.done(doubt))),
            Resolved::Nothing if doubt.is_carried_out() && !self.makes_something() => Ok(Some(self.done(doubt))),
            // The thing shows what a late look at the tasks did not.
            Resolved::Nothing | Resolved::Undecided(_) if self.is_done(context).await => Ok(Some(self.done(doubt))),
            Resolved::Nothing if doubt.is_carried_out() => {
                let words = format!("the API carried it out, and what it made was not found: {reason}");
                self.unknown(context, doubt, words, &[]).await
            }
            Resolved::Nothing if state.resends < RESENDS => {
                state.resends += 1;
                Ok(None)
            }
            Resolved::Nothing => {
                let words =
                    format!("sent {} times, never answered and nothing was found of it: {reason}", state.resends + 1);
                self.unknown(context, doubt, words, &[]).await
            }
            Resolved::Undecided(candidates) => {
                let words = format!(
                    "the answer was lost ({reason}); what may be its work may be somebody else's as well: {}",
                    candidates.join(", ")
                );
                self.unknown(context, doubt, words, &candidates).await
            }
            Resolved::CannotTell(why) => {
                let words = format!("the answer was lost ({reason}), and looking for it failed: {why}");
                self.unknown(context, doubt, words, &[]).await
            }
        }
    }

    /// It changes something, and that shows what it asks for.
    async fn is_done(&self, context: &RunContext) -> bool {
        self.intent.update.is_some() && seen(context, &self.intent).await == Seen::Done
    }

    /// Puts on record which attempt it was, when it is not the last one.
    async fn found(&self, context: &RunContext, doubt: &Doubt, attempt: u32) -> Result<(), JournalError> {
        if attempt == doubt.attempt.intent.attempt {
            return Ok(());
        }
        context.journal.append(vec![Record::Found { instance: self.instance().clone(), attempt }]).await
    }

    /// It was carried out, and there is nothing of it to find.
    fn done(&self, doubt: &Doubt) -> Called {
        Called::Answered { status: doubt.attempt.head.as_ref().map_or(200, |head| head.status), value: Value::Null }
    }

    fn makes_something(&self) -> bool {
        self.operation.as_ref().is_none_or(|operation| operation.creates.is_some())
    }

    /// A create whose answer tells no id: what it made would be on no record. `no_tasks`: the answer is an empty list of
    /// tasks, which some calls give when there was nothing to do.
    fn names_nothing(&self, value: &Value, no_tasks: bool, status: u16) -> bool {
        let Some(operation) = self.operation.as_deref().filter(|operation| operation.creates.is_some()) else {
            return false;
        };
        let idle = no_tasks && operation.may_be_no_op;
        !idle && results::of_answer(Some(operation), self.call(), status, value).id.is_none()
    }

    /// Attempts before this one that may have been carried out: they were neither answered nor resolved.
    fn earlier(&self, context: &RunContext) -> Vec<Unanswered> {
        let known = |status: &crate::journal::Status| {
            status.instances.get(self.instance()).map(|known| known.earlier.clone()).unwrap_or_default()
        };
        context.journal.with_status(known)
    }

    /// Ids of what exists already and might later be taken for what this call makes. Only what nothing else would tell
    /// apart is looked at: no tag of ours, and no task that made it. `None` when nobody could look.
    async fn there_before(&self, context: &RunContext) -> Option<Vec<String>> {
        let operation = self.operation.as_deref()?;
        let creates = operation.creates.as_ref()?;
        let list = creates.resource.as_ref()?.list.as_ref()?;
        if list.creator_task || (self.is_stamped(context) && list.tags) {
            return None;
        }
        let _place = context.gates.request().await;
        // What cannot be listed now cannot be told apart later: then nobody can, and the step says so.
        let found = named_items(context, creates, list, self.call(), &self.parameters).await.ok()?;
        let alike = found.iter().filter(|item| !contradicts(item, self.call(), &[]));
        Some(alike.filter_map(|item| item_id(operation, list, self.call(), item)).map(|id| id_text(&id)).collect())
    }

    fn doubtful(&self, context: &RunContext, doubt: &Doubt, words: String) -> StepError {
        let mut error = context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        error.status = doubt.attempt.head.as_ref().map(|head| head.status);
        error.request_id = doubt.attempt.head.as_ref().and_then(|head| head.request_id.clone());
        error
    }

    async fn unknown(
        &self,
        context: &RunContext,
        doubt: &Doubt,
        words: String,
        candidates: &[String],
    ) -> Result<Option<Called>, Interruption> {
        let mut error = self.doubtful(context, doubt, words);
        let instance = self.instance();
        error.help = if candidates.is_empty() {
            vec!["run again: it will be looked for once more".to_owned()]
        } else {
            vec![
                format!("decide with `plan state resolve '{instance}' --id ID` (it is that one)"),
                format!("or `plan state resolve '{instance}' --not-applied` (it is none of them)"),
            ]
        };
        context.journal.append(vec![Record::Unknown { instance: instance.clone(), error: error.clone() }]).await?;
        Err(Interruption::Unknown(error))
    }

    async fn accept(
        &self,
        context: &RunContext,
        tasks: Vec<String>,
        status: Option<u16>,
        evidence: Option<Evidence>,
    ) -> Result<Called, Interruption> {
        let accepted = Record::Accepted {
            instance: self.instance().clone(),
            tasks: tasks.clone(),
            recovered: evidence.is_some(),
            status,
            evidence,
        };
        context.journal.append(vec![accepted]).await?;
        Ok(Called::Tasks { tasks, status, evidence })
    }

    async fn not_applied(&self, context: &RunContext, error: &StepError) -> Result<(), JournalError> {
        let record = Record::NotApplied { instance: self.instance().clone(), error: error.clone(), unanswered: false };
        context.journal.append(vec![record]).await
    }

    fn unreachable(&self, context: &RunContext, cause: &str, tries: u32) -> StepError {
        let mut error = context.error(
            &self.about,
            EffectKnown::NotApplied,
            ErrorClass::Unreachable,
            format!("the API could not be reached ({}): {cause}", tried(tries)),
        );
        error.help.push("check the network, the proxy and `GCORE_BASE_URL`, then run again".to_owned());
        error
    }

    fn policy(&self) -> Policy {
        let attempts = self.retry.as_ref().map_or(Policy::REQUEST.attempts, |retry| retry.attempts);
        Policy { attempts, ..Policy::REQUEST }
    }

    /// The request of one attempt: with a name for itself in its headers, and tags where the operation takes them.
    fn marked_request(&self, context: &RunContext, nonce: &str, mark: &Mark) -> (Request, bool) {
        let mut request = self.request.clone();
        request.headers.extend(headers_of(mark));
        let stamped = self.is_stamped(context) && stamp(context, &mut request, self.instance(), nonce);
        (request, stamped)
    }

    /// Tags of ours are left on what it makes.
    fn is_stamped(&self, context: &RunContext) -> bool {
        let takes_tags =
            self.operation.as_ref().is_some_and(|operation| operation.takes_tags && operation.creates.is_some());
        self.stamp && context.settings.stamp && takes_tags && self.intent.update.is_none()
    }
}

/// The headers that carry a mark.
pub fn headers_of(mark: &Mark) -> impl Iterator<Item = (String, String)> {
    let agent = mark.user_agent.iter().map(|agent| ("user-agent".to_owned(), agent.clone()));
    agent.chain(mark.trace.as_deref().map(trace_header))
}

/// Longest value of a tag.
const LONGEST_TAG: usize = 255;

fn stamp(context: &RunContext, request: &mut Request, instance: &InstanceId, nonce: &str) -> bool {
    let Some(Value::Object(body)) = &mut request.body else { return false };
    let tags = body.entry("tags").or_insert_with(|| Value::Object(serde_json::Map::new()));
    let Value::Object(tags) = tags else { return false };
    let owner = stamp_value(&context.settings.plan, &context.settings.environment, instance);
    tags.entry(STAMP).or_insert(Value::String(owner));
    tags.insert(STAMP_ATTEMPT.to_owned(), Value::String(nonce.to_owned()));
    true
}

/// `<plan>/<environment>/<step>[key]`, as long as a tag may be.
pub fn stamp_value(plan: &str, environment: &str, instance: &InstanceId) -> String {
    format!("{plan}/{environment}/{instance}").chars().take(LONGEST_TAG).collect()
}

#[derive(Default)]
struct Attempts {
    /// Over all runs.
    attempt: u32,
    /// Since the last answer that asked for patience.
    tries: u32,
    patience: u32,
    resends: u32,
    locks: Locks,
    /// See [`Mark::before`].
    before: Option<Vec<String>>,
}

enum Attempt {
    Called(Called),
    Again,
    Doubt(Doubt),
}

enum Next {
    Done(Called),
    Pause(Delay, Duration),
    WaitForLock(Box<ApiError>),
    Doubt(Doubt),
}

/// The gate of a call: its operation, or the call itself when the catalogue does not know it.
pub fn route_of(operation: Option<&Operation>, call: &RecordedCall) -> String {
    operation.map_or_else(|| call.to_string(), |operation| operation.route.to_string())
}

/// The task ids of an answer; `None` when it is not a list of tasks.
pub fn tasks_of(value: &Value) -> Option<Vec<String>> {
    let id = |task: &Value| task.as_str().filter(|id| is_identifier(id)).map(str::to_owned);
    value.as_object()?.get("tasks")?.as_array()?.iter().map(id).collect()
}

/// Project and region of a call.
pub fn place_of(parameters: &[(String, String)]) -> Place {
    let number = |name: &str| {
        parameters.iter().find(|(parameter, _)| parameter == name).and_then(|(_, value)| value.parse().ok())
    };
    Place { project_id: number("project_id"), region_id: number("region_id") }
}
