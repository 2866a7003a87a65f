//! A shared cloud account: other clients create resources of the same name before, during and after our calls; calls
//! are carried out late or never, answers are lost; lists and the audit log are late, or closed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::api::{Answer, Lost, Request, Transport, timestamp};
use crate::catalog::Method;
use crate::engine::evidence::tags::STAMP_ATTEMPT;
use crate::hash::HashMap;
use crate::simulate::InMemory;

/// What happens to one of our creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateFault {
    Answered,
    /// The connection is reset; the call is never carried out.
    NeverArrives,
    /// The call is carried out, and the connection is reset.
    AnswerLost,
    /// The connection is reset; the call is carried out after this time.
    Late(Duration),
    /// The call is carried out, and answered with this status and body.
    Instead(u16, &'static str),
    /// The call is carried out; only the head of the answer arrives.
    HeadOnly,
    /// The call is carried out, and its answer takes this long.
    Slow(Duration),
    /// The call is refused with this status, which takes this long.
    Refused(Duration, u16),
}

/// When another client creates the same resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bystander {
    /// Before our first call.
    Before,
    /// After our call was sent, before it is carried out.
    During,
    /// After it was carried out.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Log {
    #[default]
    Open,
    Closed,
}

/// The conditions that all requests meet. Clones share the log of what happened.
#[derive(Clone, Default)]
pub struct Conditions {
    pub fates: Vec<CreateFault>,
    pub bystanders: Vec<Bystander>,
    pub log: Log,
    /// Tasks younger than this are not listed yet.
    pub tasks_late: Duration,
    /// Lists show no times.
    pub untimed: bool,
    /// The API uses our trace ids as its request ids.
    pub takes_traces: bool,
    pub seen: Arc<Mutex<Seen>>,
}

/// The log of what happened.
#[derive(Default)]
pub struct Seen {
    creates: usize,
    /// Ids of resources that other clients made.
    pub theirs: BTreeSet<String>,
    /// Ids mentioned in our writes to existing resources.
    pub touched: BTreeSet<String>,
    /// By task: the request that started it.
    requests: HashMap<String, String>,
}

impl Conditions {
    /// Sends one of our requests under these conditions.
    pub async fn carry(&self, inner: &InMemory, request: Request) -> Result<Answer, Lost> {
        match request.method {
            Method::Get => self.read(inner, request).await,
            Method::Post if is_create(&request) => self.create(inner, request).await,
            _ => {
                self.seen.lock().unwrap().touched.extend(request.path.split('/').map(str::to_owned));
                inner.send(request).await
            }
        }
    }

    async fn create(&self, inner: &InMemory, request: Request) -> Result<Answer, Lost> {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.creates += 1;
            seen.creates - 1
        };
        if number == 0 && self.bystanders.contains(&Bystander::Before) {
            self.by_another(inner, &request).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        if self.bystanders.contains(&Bystander::During) {
            self.by_another(inner, &request).await;
        }
        let fate = self.fates.get(number).copied().unwrap_or(CreateFault::Answered);
        let reset = || Err(Lost::unknown("connection reset by peer"));
        let answer = match fate {
            CreateFault::NeverArrives => reset(),
            CreateFault::Late(after) => {
                let (this, inner) = (self.clone(), inner.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = this.carried_out(&inner, request.clone()).await;
                });
                return reset();
            }
            CreateFault::Slow(length) => {
                let answer = self.carried_out(inner, request.clone()).await;
                tokio::time::sleep(length).await;
                answer
            }
            CreateFault::Refused(length, status) => {
                tokio::time::sleep(length).await;
                let headers = vec![("retry-after".to_owned(), "30".to_owned())];
                Ok(Answer { status, headers, body: b"{\"message\": \"no\"}".to_vec() })
            }
            CreateFault::Answered => self.carried_out(inner, request.clone()).await,
            CreateFault::AnswerLost => {
                let _ = self.carried_out(inner, request.clone()).await;
                reset()
            }
            CreateFault::Instead(status, body) => {
                let answer = self.carried_out(inner, request.clone()).await?;
                Ok(Answer { status, body: body.into(), ..answer })
            }
            CreateFault::HeadOnly => {
                let head = self.carried_out(inner, request.clone()).await?;
                Err(Lost::Broken { head: Answer { body: Vec::new(), ..head }, cause: "it broke off".to_owned() })
            }
        };
        if self.bystanders.contains(&Bystander::After) {
            self.by_another(inner, &request).await;
        }
        answer
    }

    /// Creates the same resource as another client would.
    async fn by_another(&self, inner: &InMemory, request: &Request) {
        let mut theirs = request.clone();
        theirs.headers = vec![("user-agent".to_owned(), "terraform/1.9".to_owned())];
        if let Some(Value::Object(body)) = theirs.body.as_deref_mut() {
            body.remove("tags");
            without_our_text(body);
            body.values_mut().filter_map(Value::as_object_mut).for_each(without_our_text);
        }
        let before = everything(inner);
        let _ = inner.send(theirs).await;
        let made = everything(inner);
        self.seen.lock().unwrap().theirs.extend(made.difference(&before).cloned());
    }

    async fn carried_out(&self, inner: &InMemory, request: Request) -> Result<Answer, Lost> {
        let trace = trace_of(&request);
        let mut answer = inner.send(request).await?;
        let tasks: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let mut seen = self.seen.lock().unwrap();
        for task in tasks["tasks"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let request = match self.takes_traces {
                true => trace.clone().unwrap_or_default(),
                false => format!("request of {task}"),
            };
            set(&mut answer, "request_id", &request);
            seen.requests.insert(task.to_owned(), request);
        }
        Ok(answer)
    }

    async fn read(&self, inner: &InMemory, request: Request) -> Result<Answer, Lost> {
        if request.path == "/cloud/v1/user_actions" && self.log == Log::Closed {
            let body = json!({ "exception_class": "ForbiddenError", "message": "not for this key" });
            return Ok(Answer { status: 403, headers: Vec::new(), body: body.to_string().into() });
        }
        let (trace, path, now) = (trace_of(&request), request.path.clone(), inner.clock().now());
        let mut answer = inner.send(request).await?;
        if let (true, Some(trace)) = (self.takes_traces, trace) {
            set(&mut answer, "request_id", &trace);
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return Ok(answer) };
        if let Some(items) = body.get_mut("results").and_then(Value::as_array_mut) {
            if path == "/cloud/v1/tasks" {
                items.retain(|task| !self.is_too_young(task, now));
                items.iter_mut().for_each(|task| self.set_request_id(task));
            } else if self.untimed {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| {
                    item.retain(|field, _| !field.starts_with("created"));
                });
            }
            answer.body = body.to_string().into();
        }
        Ok(answer)
    }

    fn is_too_young(&self, task: &Value, now: Timestamp) -> bool {
        let late = SignedDuration::try_from(self.tasks_late).unwrap();
        task["created_on"].as_str().and_then(timestamp).is_some_and(|created| now.duration_since(created) < late)
    }

    fn set_request_id(&self, task: &mut Value) {
        let id = task["id"].as_str().unwrap_or_default().to_owned();
        let seen = self.seen.lock().unwrap();
        task["request_id"] = json!(seen.requests.get(&id).cloned().unwrap_or_else(|| format!("request of {id}")));
    }
}

/// Removes the stamp that is in a text.
fn without_our_text(fields: &mut serde_json::Map<String, Value>) {
    fields.retain(|_, value| !value.as_str().is_some_and(|text| text.starts_with(STAMP_ATTEMPT)));
}

/// Whether the request is a POST to a collection.
fn is_create(request: &Request) -> bool {
    let known = crate::catalog::Catalog::embedded().matching(request.method, &request.path);
    known.is_some_and(|(operation, _)| operation.creates.is_some())
}

fn everything(inner: &InMemory) -> BTreeSet<String> {
    let simulator = inner.simulator().lock().unwrap();
    simulator.everything().into_iter().map(|held| held.id).collect()
}

fn trace_of(request: &Request) -> Option<String> {
    let (_, header) = request.headers.iter().find(|(name, _)| name == "traceparent")?;
    header.split('-').nth(1).map(str::to_owned)
}

fn set(answer: &mut Answer, name: &str, value: &str) {
    answer.headers.retain(|(known, _)| known != name);
    answer.headers.push((name.to_owned(), value.to_owned()));
}
