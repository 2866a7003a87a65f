//! What every step of a run works with.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{OnceCell, mpsc};

use super::gates::Gates;
use super::ownership::{Ownership, Thing};
use super::results::id_text;
use super::sight::Sight;
use super::stop::Stopped;
use super::watch::{Place as TaskPlace, Watcher, list_request};
use crate::api::{ApiError, Client, Meaning, ReadError, Request, Task, WITHHELD, new_trace};
use crate::catalog::Catalog;
use crate::catalog::Method;
use crate::clock::Clock;
use crate::event::{EffectKnown, ErrorClass, Event, Place, Stamped, StepError};
use crate::id::InstanceId;
use crate::journal::{Journal, Mark, RecordedCall};
use crate::secret::Secrets;
use crate::shared::Shared;

/// The means of a run. One for all its steps.
pub struct RunContext {
    pub client: Arc<Client>,
    pub catalog: &'static Catalog,
    pub journal: Journal,
    pub secrets: Secrets,
    pub gates: Gates,
    pub watcher: Watcher,
    pub stopped: Stopped,
    pub events: Events,
    pub settings: Settings,
    /// The key of the digests that stand for secrets in the journal.
    pub digest_key: Vec<u8>,
    pub owners: Ownership,
    /// The first answer of the API, whatever it was; see [`RunContext::meet`].
    pub met: OnceCell<()>,
    pub sight: Sight,
}

/// What was asked for on the command line.
#[derive(Debug, Clone)]
pub struct Settings {
    pub plan: String,
    pub environment: String,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// Leave tags of ours on what creates make.
    pub stamp: bool,
    /// How long a write whose answer was lost is looked for before it is sent again.
    pub resolve_time: Duration,
    /// The most items that a list may have which a GET step reads.
    pub max_items: usize,
    /// Outputs of other plans, as templates see them; `None` when the plan reads none.
    pub records: Option<minijinja::Value>,
    /// `plan/<version>`; every attempt adds whose it is, and a name of its own.
    pub user_agent: String,
}

/// Where events go.
#[derive(Clone)]
pub struct Events {
    pub sender: mpsc::UnboundedSender<Stamped>,
    pub clock: Clock,
}

impl Events {
    pub fn emit(&self, event: Event) {
        let elapsed_ms = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Nobody listens any more when the reporters gave up; the run goes on.
        let _ = self.sender.send(Stamped { at: self.clock.now(), elapsed_ms, event });
    }
}

impl RunContext {
    pub fn clock(&self) -> Clock {
        self.client.clock()
    }

    /// Whether another step of this record, or another record, owns a thing.
    pub fn is_anothers(&self, instance: &InstanceId, kind: &str, id: &Value) -> bool {
        self.journal.with_status(|status| status.owner_besides(instance, kind, id).is_some())
            || self.owners.elsewhere(&Thing::resource(kind, &id_text(id))).is_some()
    }

    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Hears from the API once before anything is written: its clock, and whether it takes our trace ids. What it answers
    /// is of no matter, and an answer that does not come leaves both unknown.
    pub async fn meet(&self, place: &TaskPlace) {
        if self.client.told_time(self.now()).is_some() {
            return;
        }
        let meeting = async {
            let _place = self.gates.request().await;
            // A refusal tells the time as well; what it says of the key, the write itself will say.
            drop(self.client.send(list_request(place, self.now()).query("limit", 1)).await);
        };
        self.met.get_or_init(|| meeting).await;
    }

    /// What tells an attempt apart that is about to leave.
    pub fn mark(&self, instance: &InstanceId, nonce: &str) -> Mark {
        Mark {
            server_time: self.client.told_time(self.now()),
            trace: Some(new_trace()),
            user_agent: Some(self.user_agent(instance, nonce)),
            before: None,
        }
    }

    /// The `User-Agent` of one attempt: who asks for whom. The audit log keeps it, and it cannot be made up later.
    pub fn user_agent(&self, instance: &InstanceId, nonce: &str) -> String {
        format!("{} {}{nonce})", self.settings.user_agent, self.agent_of_step(instance))
    }

    /// What the agents of all attempts of a step hold.
    pub fn agent_of_step(&self, instance: &InstanceId) -> String {
        let Settings { plan, environment, .. } = &self.settings;
        let whose = [plan.as_str(), environment.as_str(), &self.secrets.redact(&instance.to_string())].map(header_word);
        format!("(plan {}; environment {}; step {}; attempt ", whose[0], whose[1], whose[2])
    }

    pub fn warn(&self, message: impl AsRef<str>) {
        self.events.emit(Event::Warned { message: self.secrets.redact(message.as_ref()).into_owned() });
    }

    /// An error for people: nothing in it shows a secret.
    pub fn error(&self, about: &About, effect: EffectKnown, class: ErrorClass, message: impl AsRef<str>) -> StepError {
        StepError {
            effect,
            class,
            message: self.secrets.redact(message.as_ref()).into_owned(),
            call: about.call.as_ref().map(|call| self.secrets.redact(&call.to_string()).into_owned()),
            status: None,
            request_id: None,
            task: None,
            invalid_fields: Vec::new(),
            place: about.place.clone(),
            help: Vec::new(),
        }
    }

    /// The same for an answer that said no.
    pub fn refusal(&self, about: &About, error: &ApiError) -> StepError {
        let (class, help) = match error.meaning() {
            Meaning::NotAllowed => (ErrorClass::NotAllowed, not_allowed_help(error.status)),
            Meaning::Quota => (
                ErrorClass::Quota,
                vec!["ask for a higher limit, choose another flavor or region, or take something down".to_owned()],
            ),
            Meaning::Conflict if about.call.as_ref().is_some_and(|call| call.method == Method::Post) => (
                ErrorClass::Rejected,
                vec!["if it exists already and should be used, say `on_conflict: adopt` in the step".to_owned()],
            ),
            Meaning::NotFound => (
                ErrorClass::Rejected,
                vec!["check the ids in the call, and that project and region are the right ones".to_owned()],
            ),
            Meaning::RateLimited | Meaning::Unavailable | Meaning::Locked => {
                (ErrorClass::Unreachable, vec!["run again later: the run continues where it stopped".to_owned()])
            }
            Meaning::Conflict | Meaning::Rejected | Meaning::Unknown => (ErrorClass::Rejected, Vec::new()),
        };
        StepError {
            status: Some(error.status),
            request_id: error.request_id.as_deref().map(|id| self.secrets.redact(id).into_owned()),
            invalid_fields: error
                .invalid_fields
                .iter()
                .map(|(at, words)| (self.secrets.redact(at).into_owned(), self.secrets.redact(words).into_owned()))
                .collect(),
            help,
            ..self.error(about, EffectKnown::NotApplied, class, error.story())
        }
    }

    /// The same for a read that failed.
    pub fn read_failed(&self, about: &About, error: &ReadError) -> StepError {
        match error {
            ReadError::Refused(error) => self.refusal(about, error),
            ReadError::Failed { .. } => {
                self.error(about, EffectKnown::NotApplied, ErrorClass::Unreachable, error.to_string())
            }
        }
    }

    /// Why a task failed, in the API's words, unless these may repeat a secret that is not known here.
    pub fn words_of(&self, task: &Task) -> String {
        match &task.error {
            Some(_) if self.secrets.may_be_unknown() => WITHHELD.to_owned(),
            Some(words) => words.clone(),
            None => "the API gives no reason".to_owned(),
        }
    }

    /// The request of a recorded call that holds no secrets any more (an undo).
    pub fn request(call: &RecordedCall) -> Request {
        Request {
            method: call.method,
            path: call.path.clone(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        }
    }

    /// Hides what an answer shows only once, before anything of it can be told.
    pub fn hide_sensitive(&self, answer: &Value) {
        super::results::hide_once_shown(&self.secrets, answer);
    }
}

/// Longest part of a `User-Agent`: the whole stays below 255 characters.
const LONGEST_WORD: usize = 56;

/// A name as it may stand in a header's comment (RFC 9110 §5.6.5): what may not is shown as `_`.
pub(super) fn header_word(name: &str) -> String {
    let plain = |character: char| character.is_ascii_graphic() && !r#"();\"#.contains(character);
    name.chars().take(LONGEST_WORD).map(|character| if plain(character) { character } else { '_' }).collect()
}

fn not_allowed_help(status: u16) -> Vec<String> {
    if status == 401 {
        vec!["check `GCORE_API_KEY`: a permanent API token, whole, without the word `APIKey`".to_owned()]
    } else {
        vec!["the key is valid but may not do this: check its role in the project".to_owned()]
    }
}

/// What an error is about.
#[derive(Debug, Clone, Default)]
pub struct About {
    pub call: Option<Shared<RecordedCall>>,
    /// The step in the plan file.
    pub place: Option<Place>,
}
