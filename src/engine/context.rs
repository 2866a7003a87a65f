//! The run context: what all steps of a run share.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{OnceCell, mpsc};

use super::access::Access;
use super::evidence::audit::sender;
use super::gates::Gates;
use super::listings::Listings;
use super::operation::operation_of;
use super::ownership::{Claimable, Ownership};
use super::project_region::ProjectRegion;
use super::record_flags::RecordFlags;
use super::stop::Stopped;
use super::watch::{Watcher, list_request};
use crate::api::{ApiError, Client, Meaning, ReadError, Request, Task, WITHHELD, new_trace};
use crate::catalog::Catalog;
use crate::catalog::Method;
use crate::clock::{Clock, millis};
use crate::event::{EffectKnown, ErrorClass, Event, SourceLocation, Stamped, StepError};
use crate::id::InstanceId;
use crate::journal::{Journal, Mark, RecordedCall, RecordedResource, id_text};
use crate::plan::Plan;
use crate::secret::Secrets;
use crate::shared::Shared;
use crate::source::{Position, Span};

/// What all steps of a run share: API client, journal, secrets, gates, events.
pub struct RunContext {
    pub client: Arc<Client>,
    pub catalog: &'static Catalog,
    pub journal: Journal,
    pub secrets: Secrets,
    pub gates: Gates,
    pub listings: Listings,
    pub watcher: Watcher,
    pub stopped: Stopped,
    pub events: Events,
    pub settings: Settings,
    /// The key of the digests that stand for secrets in the journal.
    pub digest_key: Vec<u8>,
    pub owners: Ownership,
    /// Set once the API has answered any request; see [`RunContext::contact`].
    pub contacted: OnceCell<()>,
    pub access: Access,
}

/// Settings from the command line.
#[derive(Debug, Clone)]
pub struct Settings {
    pub plan: String,
    pub environment: String,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// Whether creates are sent with the tags (stamps) of this environment.
    pub stamp: bool,
    /// How long the outcome of a write without an answer is searched for before the write is sent again.
    pub resolve_time: Duration,
    /// The most items that a GET step accepts from a list.
    pub max_items: usize,
    /// Outputs of other plans, as templates see them; `None` when the plan reads none.
    pub records: Option<minijinja::Value>,
    pub record_flags: RecordFlags,
    /// `plan/<version>`; every attempt appends plan, environment, step and its nonce.
    pub user_agent: String,
}

/// The channel for events to the reporters.
#[derive(Clone)]
pub struct Events {
    pub sender: mpsc::UnboundedSender<Stamped>,
    pub clock: Clock,
}

impl Events {
    pub fn emit(&self, event: Event) {
        let elapsed_ms = millis(self.clock.elapsed());
        // The receiver is gone when the reporters failed; the run goes on.
        let _ = self.sender.send(Stamped { at: self.clock.now(), elapsed_ms, event });
    }
}

impl RunContext {
    pub fn clock(&self) -> Clock {
        self.client.clock()
    }

    /// Whether another step of this record, or another record, owns a resource.
    pub fn is_owned_by_another(&self, instance: &InstanceId, kind: &str, id: &Value) -> bool {
        self.other_owner(instance, id, &Claimable::resource(kind, &id_text(id))).is_some()
    }

    /// The other step of this record, or the other record, that owns a resource, for people.
    pub fn other_owner(&self, instance: &InstanceId, id: &Value, claimable: &Claimable) -> Option<String> {
        let is_it = |made: &RecordedResource| Claimable::of(made).is_some_and(|held| held.is(claimable));
        let here = self.journal.with_status(|status| {
            let mut owners = status.owners_of(id).filter(|(owner, made)| *owner != instance && is_it(made));
            owners.next().map(|(owner, _)| format!("step `{owner}`"))
        });
        here.or_else(|| self.owners.other_record(claimable))
    }

    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Sends one read before the first write, to learn the API's clock and whether the API takes over our trace ids.
    /// The answer itself does not matter; without an answer both stay unknown.
    pub async fn contact(&self, project_region: &ProjectRegion) {
        if self.client.known_server_time(self.now()).is_some() {
            return;
        }
        let contacting = async {
            let _place = self.gates.request().await;
            // A refusal has a `Date` header as well; an invalid key is reported by the write that follows.
            drop(self.client.send(list_request(project_region, self.now()).query("limit", 1)).await);
        };
        self.contacted.get_or_init(|| contacting).await;
    }

    /// The identifying marks of an attempt that is about to be sent: nonce, trace id, agent, the server's time.
    pub fn mark(&self, instance: &InstanceId, nonce: &str) -> Mark {
        Mark {
            server_time: self.client.known_server_time(self.now()),
            trace: Some(new_trace()),
            user_agent: Some(self.user_agent(instance, nonce)),
            before: None,
            secondary_before: None,
        }
    }

    /// The `User-Agent` of one attempt: plan, environment, step, nonce. The audit log stores it, so it identifies the
    /// sender.
    pub fn user_agent(&self, instance: &InstanceId, nonce: &str) -> String {
        let Settings { plan, environment, user_agent, .. } = &self.settings;
        let sender =
            [plan.as_str(), environment.as_str(), &self.secrets.redact(&instance.to_string())].map(header_word);
        let [plan, environment, step] = sender.each_ref().map(String::as_str);
        let parts =
            [user_agent, " (plan ", plan, "; environment ", environment, "; step ", step, "; attempt ", nonce, ")"];
        parts.concat()
    }

    /// Whether this `User-Agent` is that of an attempt of this plan and environment, under whatever name of its step.
    pub fn may_have_sent(&self, agent: &str) -> bool {
        let Some([plan, environment, ..]) = sender(agent) else { return false };
        plan == header_word(&self.settings.plan) && environment == header_word(&self.settings.environment)
    }

    pub fn warn(&self, message: impl AsRef<str>) {
        self.events.emit(Event::Warned { message: self.secrets.redact(message.as_ref()).into_owned() });
    }

    /// A [`StepError`] with this message; secrets in it are redacted.
    pub fn error(&self, about: &About, effect: EffectKnown, class: ErrorClass, message: impl AsRef<str>) -> StepError {
        StepError {
            call: about.call.as_ref().map(|call| self.secrets.redact(&call.to_string()).into_owned()),
            place: about.place.as_ref().map(PlanSpan::place),
            ..StepError::new(effect, class, self.secrets.redact(message.as_ref()).into_owned())
        }
    }

    /// The [`StepError`] for a request that the API refused.
    pub fn refusal(&self, about: &About, error: &ApiError) -> StepError {
        let class = match error.meaning() {
            Meaning::NotAllowed => ErrorClass::NotAllowed,
            Meaning::Quota => ErrorClass::Quota,
            Meaning::RateLimited | Meaning::Unavailable | Meaning::Locked => ErrorClass::Unreachable,
            Meaning::Conflict | Meaning::NotFound | Meaning::Rejected | Meaning::Unknown => ErrorClass::Rejected,
        };
        let call = about.call.as_deref();
        let help = vec![refusal_help(error, call, call.is_some_and(|call| may_create(self.catalog, call)))];
        StepError {
            status: Some(error.status),
            request_id: error.request_id.as_deref().map(|id| self.secrets.redact(id).into_owned()),
            gone: Vec::new(),
            invalid_fields: error
                .invalid_fields
                .iter()
                .map(|(at, words)| (self.secrets.redact(at).into_owned(), self.secrets.redact(words).into_owned()))
                .collect(),
            help,
            ..self.error(about, EffectKnown::NotApplied, class, error.story())
        }
    }

    /// The [`StepError`] for a read that failed.
    pub fn read_failed(&self, about: &About, error: &ReadError) -> StepError {
        match error {
            ReadError::Refused(error) => self.refusal(about, error),
            ReadError::Failed { .. } => {
                self.error(about, EffectKnown::NotApplied, ErrorClass::Unreachable, error.to_string())
            }
        }
    }

    /// The API's message for a failed task; withheld when it may repeat a secret that this run does not know.
    pub fn words_of(&self, task: &Task) -> String {
        match &task.error {
            Some(_) if self.secrets.may_be_unknown() => WITHHELD.to_owned(),
            Some(words) => words.clone(),
            None => "the API gives no reason".to_owned(),
        }
    }

    /// The request for a recorded call in which there are no secrets (an undo).
    pub fn request(call: &RecordedCall) -> Request {
        Request {
            method: call.method,
            path: call.path.clone(),
            query: call.query.to_vec(),
            headers: call.headers.to_vec(),
            body: call.body.as_deref().cloned().map(Shared::from),
            // A file is sent with the call of the plan that names it, never from the record.
            body_file: None,
            form: None,
        }
    }

    /// Registers as secrets the fields of an answer that the API shows only once; called before the answer is
    /// reported.
    pub fn hide_sensitive(&self, answer: &Value) {
        crate::engine::conceal::hide_once_shown(&self.secrets, answer);
    }
}

/// The most characters of one name in the `User-Agent`, so that the whole header stays below 255.
const LONGEST_WORD: usize = 56;

/// A name in the form that a header's comment allows (RFC 9110 §5.6.5): other characters become `_`.
pub(super) fn header_word(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_graphic() && !matches!(character, '(' | ')' | ';' | '\\');
    if name.len() <= LONGEST_WORD && name.chars().all(is_plain) {
        return name.to_owned();
    }
    name.chars().take(LONGEST_WORD).map(|character| if is_plain(character) { character } else { '_' }).collect()
}

/// Whether a call may make something: an action, such as one that attaches a volume, does not.
fn may_create(catalog: &Catalog, call: &RecordedCall) -> bool {
    let operation = || operation_of(catalog, call);
    call.method == Method::Post && operation().is_none_or(|(operation, _)| operation.creates.is_some())
}

/// What helps against a refusal: each has an answer to "what now".
fn refusal_help(error: &ApiError, call: Option<&RecordedCall>, is_create: bool) -> String {
    let help = match error.meaning() {
        _ if (300..400).contains(&error.status) => {
            "the base URL is not that of the API: set `GCORE_BASE_URL`; a redirect is not followed, because the key would \
             be sent along"
        }
        _ if error.is_foreign() && error.status < 500 => {
            "a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`"
        }
        Meaning::NotAllowed if error.status == 401 => {
            "check `GCORE_API_KEY`: a permanent API token, whole, without the word `APIKey`"
        }
        Meaning::NotAllowed => "the key is valid but may not do this: check its role in the project",
        Meaning::Quota => "ask for a higher limit, choose another flavor or region, or delete resources",
        Meaning::Conflict if is_create => "to use the existing resource, say `on_conflict: adopt` in the step",
        Meaning::Conflict => "resolve the conflict and run again: the run continues with this step",
        Meaning::NotFound => "check the ids in the call, and that project and region are the right ones",
        Meaning::RateLimited | Meaning::Unavailable | Meaning::Locked | Meaning::Unknown => {
            "run again later: the run continues with this step"
        }
        Meaning::Rejected => {
            let fields = call.filter(|call| call.body.is_some() && matches!(error.status, 400 | 422));
            return match fields {
                Some(call) => format!(
                    "correct the call in the plan and run again; `plan ops --show '{} {}'` lists its fields",
                    call.method, call.path
                ),
                None => "correct the call in the plan and run again: the run continues with this step".to_owned(),
            };
        }
    };
    help.to_owned()
}

/// The subject of an error message.
#[derive(Debug, Clone, Default)]
pub struct About {
    pub call: Option<Shared<RecordedCall>>,
    /// The step in the plan file.
    pub place: Option<PlanSpan>,
}

/// A part of the plan. Its line and column are computed only when they are shown.
#[derive(Debug, Clone)]
pub struct PlanSpan {
    pub plan: Arc<Plan>,
    pub span: Span,
}

impl PlanSpan {
    /// The place in the plan file.
    pub fn place(&self) -> SourceLocation {
        let Position { line, column } = self.plan.source.position(self.span.start());
        SourceLocation { file: self.plan.source.path_at(self.span.start()).display().to_string(), line, column }
    }
}

#[cfg(test)]
mod tests;
