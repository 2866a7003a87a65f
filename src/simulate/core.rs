//! The simulator: a pure state machine from a request and a time to a reaction. No I/O and no clock; randomness only
//! from the seed. Times must not decrease; an earlier time counts as the latest seen.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::answer::{Refusal, http_date};
use super::audit::{Entry, action_of};
use super::busy::{AFTER, BEFORE, Bystanders, EARLY, LATE, SAME_MOMENT};
use super::call::Call;
use super::deferred::{Deferred, Sender, Ticket};
use super::draw::SeededRandom;
use super::faults::{FaultKind, Meanwhile};
use super::options::Options;
use super::product::Products;
use super::state::{CloudState, TaskFault};
use super::store::ProjectRegion;
use super::target::{Target, target};
use super::{account, action, audit, body, delete, make, read, slow, update, view};
use crate::api::{Answer, Request};
use crate::catalog::{Catalog, Effect, Method, Operation, root_of};

/// The fate of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    Answer(Answer),
    /// The connection is reset; the request has no effect.
    Reset,
    /// The request was carried out; the connection is reset instead of an answer.
    LoseAnswer,
    /// Only the answer's head and this many bytes of its body arrive.
    Cut {
        answer: Answer,
        bytes: usize,
    },
    /// The reaction comes after this much simulated time.
    Delay(Duration, Box<Reaction>),
    /// The request is carried out after this much simulated time, even when the client has stopped waiting;
    /// [`Simulator::answer_of`] gives its answer then.
    Later {
        after: Duration,
        ticket: Ticket,
    },
}

/// A simulated Cloud API.
#[derive(Debug)]
pub struct Simulator {
    pub(super) state: CloudState,
    pub(super) products: Products,
    deferred: Deferred,
    bystanders: Bystanders,
    /// A generator of its own, so that additional reads do not change the ids of resources.
    request_ids: SeededRandom,
    pub(super) requests: BTreeMap<String, u64>,
}

impl Simulator {
    pub fn new(options: Options) -> Self {
        let request_ids = SeededRandom::fixed(("request ids", options.seed));
        let (deferred, bystanders) = (Deferred::default(), Bystanders::default());
        let products = Products::new(options.seed, Timestamp::UNIX_EPOCH);
        Self { state: CloudState::new(options), products, deferred, bystanders, request_ids, requests: BTreeMap::new() }
    }

    /// Handles a request that arrives at `now`, on the client's clock.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Reaction {
        self.advance(now);
        let request_id = self.request_id(request);
        *self.requests.entry(route_of(request)).or_default() += 1;
        let copied = if self.state.options.busy.bystanders { Bystanders::copied(request) } else { None };
        if let Some((create, copy)) = &copied {
            self.bystander(EARLY, create, copy, self.state.now - BEFORE);
        }
        let reaction = match self.state.options.faults.decide(request) {
            None => {
                let answer = self.carry_out(request, &request_id);
                self.delayed(request, Reaction::Answer(answer))
            }
            Some(what) => self.fail(what, request, &request_id),
        };
        if let Some((create, copy)) = copied {
            self.bystander(SAME_MOMENT, &create, &copy, self.state.now);
            self.deferred.add(self.state.now + AFTER, copy, Sender::Bystander { number: LATE, create });
        }
        reaction
    }

    /// The id of a request: the client's trace id, where the simulated API uses it.
    fn request_id(&mut self, request: &Request) -> String {
        let own = self.request_ids.request_id();
        let header = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent"));
        let sent = header.and_then(|(_, value)| value.split('-').nth(1));
        let sent = sent.filter(|id| id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        sent.filter(|_| self.state.options.takes_traceparent).map_or(own, str::to_owned)
    }

    /// Delays an answer by the time that the call takes.
    fn delayed(&mut self, request: &Request, reaction: Reaction) -> Reaction {
        let takes =
            if self.state.options.slow_calls { slow::answering_time(request, &mut self.request_ids) } else { None };
        match takes {
            Some(length) => Reaction::Delay(length, Box::new(reaction)),
            None => reaction,
        }
    }

    /// Sends a bystander's copy of a client's create; `at` may be in the past.
    fn bystander(&mut self, number: usize, create: &str, copy: &Request, at: Timestamp) {
        let Some(request) = self.bystanders.translated(copy, number) else { return };
        let request_id = self.request_ids.request_id();
        let now = std::mem::replace(&mut self.state.now, at);
        self.state.bystander = true;
        // A refused copy has no effect, and its refusal is not reported.
        let made = self.respond(&request, &request_id).is_ok();
        self.state.bystander = false;
        self.state.advance(now);
        if made {
            let ids = self.state.touched.iter().map(|uid| self.state.id(*uid)).collect();
            self.bystanders.bystander_made(create, number, ids);
        }
    }

    fn fail(&mut self, what: FaultKind, request: &Request, request_id: &str) -> Reaction {
        match what {
            FaultKind::Reset => Reaction::Reset,
            FaultKind::LoseAnswer => {
                self.carry_out(request, request_id);
                Reaction::LoseAnswer
            }
            FaultKind::Status { status, retry_after, html, acted } => {
                if acted {
                    self.carry_out(request, request_id);
                }
                let answer = error_answer(status, retry_after, html, request_id);
                Reaction::Answer(if html {
                    self.with_date(answer)
                } else {
                    self.with_headers(answer, request, request_id)
                })
            }
            FaultKind::Cut => {
                let answer = self.carry_out(request, request_id);
                let bytes = answer.body.len() / 2;
                Reaction::Cut { answer, bytes }
            }
            FaultKind::Html => {
                self.carry_out(request, request_id);
                Reaction::Answer(self.with_date(page(200)))
            }
            FaultKind::BadJson => {
                let mut answer = self.carry_out(request, request_id);
                let half = answer.body.len() / 2;
                answer.body.truncate(half);
                answer.body.extend_from_slice(b"\x00}]");
                Reaction::Answer(answer)
            }
            FaultKind::TaskError { text, leaves } => {
                self.state.task_fault = Some(TaskFault { text, leaves });
                let answer = self.carry_out(request, request_id);
                self.state.task_fault = None;
                Reaction::Answer(answer)
            }
            FaultKind::Delay(length) => {
                let answer = self.carry_out(request, request_id);
                Reaction::Delay(length, Box::new(Reaction::Answer(answer)))
            }
            FaultKind::Late { after, meanwhile } => {
                let sender = Sender::Client { request_id: request_id.to_owned() };
                let ticket = self.deferred.add(self.state.now + after, request.clone(), sender);
                match meanwhile {
                    Meanwhile::Reset => Reaction::Reset,
                    Meanwhile::Page => Reaction::Answer(self.with_date(page(504))),
                    Meanwhile::Silence => Reaction::Later { after, ticket },
                }
            }
            FaultKind::Quota => {
                let kind = route_kind(request).unwrap_or("resources");
                let refusal = Refusal::quota(kind, 10, 1, 10);
                let refusal = if account::counts_many(request) { refusal.of_several() } else { refusal };
                Reaction::Answer(self.with_headers(refusal.answer(request_id), request, request_id))
            }
        }
    }

    /// The answer of a client's request without a fault.
    fn carry_out(&mut self, request: &Request, request_id: &str) -> Answer {
        let answer = match self.respond(request, request_id) {
            Ok(answer) => {
                self.note_made(request);
                answer
            }
            Err(refusal) => refusal.answer(request_id),
        };
        self.with_headers(answer, request, request_id)
    }

    /// Stores what a client's request created, for the bystanders.
    fn note_made(&mut self, request: &Request) {
        if self.state.options.busy.bystanders
            && let Some((create, _)) = Bystanders::copied(request)
        {
            let ids = self.state.touched.iter().map(|uid| self.state.id(*uid)).collect();
            self.bystanders.client_made(&create, ids);
        }
    }

    fn with_date(&self, mut answer: Answer) -> Answer {
        answer.headers.push(("date".into(), http_date(self.state.now)));
        answer
    }

    /// Adds the headers of the API's own answers (`observed.md` §7, §8); those of a proxy in front of it have no
    /// request id.
    fn with_headers(&self, mut answer: Answer, request: &Request, request_id: &str) -> Answer {
        let (method, path) = (request.method, request.path.as_str());
        if answer.status == 401 {
            answer.headers.push(("www-authenticate".into(), "Bearer error=\"invalid_request\"".into()));
            return self.with_date(answer);
        }
        if root_of(path) != CLOUD {
            return self.with_date(answer);
        }
        answer.headers.push(("request_id".into(), request_id.to_owned()));
        let span = &view::opaque(request_id)[..16];
        answer.headers.push(("traceparent".into(), format!("00-{request_id}-{span}-01")));
        if method == Method::Get && answer.status == 200 {
            answer.headers.push(("etag".into(), format!("\"{}\"", etag(&answer.body))));
        }
        self.with_date(answer)
    }

    fn respond(&mut self, request: &Request, request_id: &str) -> Result<Answer, Refusal> {
        self.authenticate(request)?;
        if root_of(&request.path) != CLOUD && Catalog::embedded().roots().any(|root| root == root_of(&request.path)) {
            return Ok(self.products.respond(request, &self.state.options, self.state.now));
        }
        let operation = operation(request)?;
        let segments = segments(&request.path);
        let body = body::check(&operation, request)?;
        let target = target(segments.get(2..).unwrap_or_default());
        let call = Call {
            request,
            target: target.clone().unwrap_or(Target::NOWHERE),
            body,
            operation,
            request_id: request_id.to_owned(),
        };
        self.check_place(&call)?;
        self.state.open(call.project_region());
        if call.target.kind == "projects" {
            let named = call.target.key.iter().filter_map(|key| key.parse().ok());
            let known = self.state.options.projects.clone().unwrap_or_else(|| vec![1]);
            named.chain(known).for_each(|project| self.state.open_project(project));
        }
        self.state.touched.clear();
        let words: Vec<_> = segments.iter().skip(2).map(String::as_str).collect();
        if let Some(answer) = account::respond(&mut self.state, &call, &words) {
            return answer;
        }
        let answer = match target {
            Some(_) => self.route(&call),
            None => account::remainder(&mut self.state, &call),
        }?;
        if call.operation.effect != Effect::Read {
            self.log(&call, &answer);
        }
        Ok(answer)
    }

    fn authenticate(&self, request: &Request) -> Result<(), Refusal> {
        let header = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let Some((_, value)) = header else { return Err(Refusal::unauthorized("")) };
        let key = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("apikey"));
        let key = key.map(|(_, key)| key.trim()).filter(|key| !key.is_empty());
        match key {
            Some(key) if self.state.options.api_key.as_ref().is_none_or(|wanted| wanted == key) => Ok(()),
            other => Err(Refusal::unauthorized(other.unwrap_or_default())),
        }
    }

    /// Checks that project and region of a path exist.
    fn check_place(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let Options { projects, regions, .. } = &self.state.options;
        let ProjectRegion { project, region } = call.project_region();
        let given = &call.operation.route.path;
        for (name, label, id, known) in
            [("{project_id}", "Project", project, projects), ("{region_id}", "Region", region, regions)]
        {
            let made = name == "{project_id}" && self.state.store.by_id("projects", &id.to_string()).is_some();
            let exists = id > 0 && (made || known.as_ref().is_none_or(|known| known.contains(&id)));
            let in_place = call.target.kind != "projects" && call.target.kind != Target::NOWHERE.kind;
            if in_place && given.contains(name) && !exists {
                return Err(Refusal::not_found(format!("{label} with id {id} not found")));
            }
        }
        Ok(())
    }

    fn route(&mut self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let state = &mut self.state;
        let target = &call.target;
        match (call.method(), target.kind, target.key.as_deref()) {
            (Method::Get, ..) => read::read(state, call),
            // The whole list of a pool's members: an action on the pool.
            (Method::Put, "members", None) => {
                let (kind, key) = target.parent.clone().unwrap_or(("pools", String::new()));
                let pool =
                    Target { kind, key: Some(key), parent: None, rest: vec!["members".into()], ..target.clone() };
                action::act(state, &Call { target: pool, body: call.body.clone(), ..call.shared() })
            }
            (Method::Delete, _, Some(_)) if target.rest.is_empty() => delete::delete(state, call),
            (Method::Delete, "healthmonitors", None) => delete::delete(state, call),
            (Method::Post | Method::Put, _, None) => make::create(state, call),
            (Method::Post, "registry_users", Some("batch")) => make::create(state, call),
            (Method::Patch | Method::Put, _, Some(_)) if target.rest.is_empty() => update::update(state, call),
            (_, _, Some(_)) => action::act(state, call),
            (Method::Patch | Method::Delete, _, None) => Err(Refusal::new(405, "HTTPError", "Method Not Allowed")),
        }
    }

    fn log(&mut self, call: &Call<'_>, answer: &Answer) {
        let resources: Vec<_> = self.state.touched.iter().filter_map(|uid| self.state.store.get(*uid)).collect();
        let resources: Vec<_> = resources.iter().map(|resource| (resource.kind.name, resource.id.clone())).collect();
        let shown: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let task = shown.as_ref().and_then(|body| body.pointer("/tasks/0")?.as_str()).map(str::to_owned);
        let agent = call.request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
        let entry = Entry {
            id: self.state.draw.uuid(),
            at: self.state.now,
            action: action_of(call),
            group: audit::group(call.target.kind),
            project: call.target.project,
            region: call.target.region,
            user_agent: agent.map(|(_, agent)| agent.clone()),
            task,
            resources,
        };
        self.state.audit.add(entry);
    }

    // ── inspection ─────────────────────────────────────────────────────────────────────────────────────────────

    /// Carries out what is due by a time of the client's clock, without a request: tasks end, late requests are
    /// carried out, bystanders act.
    pub fn advance(&mut self, now: Timestamp) {
        let now = now + self.state.options.busy.clock_ahead;
        while let Some((at, waiting)) = self.deferred.due(now) {
            self.state.advance(at);
            match waiting.sender {
                Sender::Client { request_id } => {
                    let answer = self.carry_out(&waiting.request, &request_id);
                    self.deferred.keep(waiting.ticket, answer);
                }
                Sender::Bystander { number, create } => {
                    self.bystander(number, &create, &waiting.request, self.state.now);
                }
            }
        }
        self.state.advance(now);
    }

    /// The answer of a late request, for a client that waited: `now` is a time of the client's clock, not before the
    /// one in [`Reaction::Later`].
    pub fn answer_of(&mut self, ticket: Ticket, now: Timestamp) -> Reaction {
        // A clock with a coarser resolution may be a little early.
        let due = self.deferred.moment_of(ticket).map_or(now, |at| at - self.state.options.busy.clock_ahead);
        self.advance(now.max(due));
        self.deferred.take(ticket).map_or(Reaction::LoseAnswer, Reaction::Answer)
    }

    /// Makes the audit log readable, and without delay.
    #[cfg(test)]
    pub fn open_audit_log(&mut self) {
        self.state.options.busy.audit = super::busy::AuditLog::OnTime;
    }

    /// When the next task ends, resource becomes ready, or late request is carried out, on the client's clock.
    pub fn next_end(&self) -> Option<Timestamp> {
        let readying = self.products.next(self.state.now);
        let next = self.state.next().into_iter().chain(self.deferred.next()).chain(readying).min()?;
        Some(next - self.state.options.busy.clock_ahead)
    }

    /// The faults that no request met, each with why.
    pub fn unmet_faults(&self) -> Vec<(String, String)> {
        self.state.options.faults.unmet()
    }

    /// Replaces the faults from now on.
    #[cfg(test)]
    pub fn set_faults(&mut self, faults: super::faults::Faults) {
        self.state.options.faults = faults;
    }
}

/// The first path segment of the Cloud API; other products are in `product`.
const CLOUD: &str = "cloud";

/// The operation of a request.
fn operation(request: &Request) -> Result<std::sync::Arc<Operation>, Refusal> {
    let catalog = Catalog::embedded();
    if let Some((operation, _)) = catalog.matching(request.method, &request.path) {
        return Ok(operation);
    }
    let other = Method::ALL.into_iter().any(|method| catalog.matching(method, &request.path).is_some());
    Err(if other {
        Refusal::new(405, "HTTPError", "Method Not Allowed")
    } else {
        Refusal::not_found("The requested URL was not found on the server.")
    })
}

/// The decoded segments of a path: `cloud`, the version, and what follows.
fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

/// Method and path, with parameter names in place of ids; the path itself when it belongs to no operation.
fn route_of(request: &Request) -> String {
    let known = Catalog::embedded().matching(request.method, &request.path);
    known.map_or_else(|| format!("{} {}", request.method, request.path), |(operation, _)| operation.route.to_string())
}

fn route_kind(request: &Request) -> Option<&'static str> {
    target(segments(&request.path).get(2..)?).map(|target| target.kind)
}

/// An error status, in the API's form or as the page of a proxy.
fn error_answer(status: u16, retry_after: Option<u64>, html: bool, request_id: &str) -> Answer {
    let mut answer = if html {
        page(status)
    } else {
        let (class, message) = match status {
            429 => ("TooManyRequests", "Too many requests"),
            503 => ("ServiceUnavailable", "Service temporarily unavailable"),
            500 => ("InternalServerError", "Internal server error"),
            _ => ("HTTPError", "Request failed"),
        };
        Refusal::new(status, class, message).answer(request_id)
    };
    answer.headers.extend(retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
    answer
}

/// 40 hexadecimal digits that stand for a body.
fn etag(body: &[u8]) -> String {
    let mut digits = SeededRandom::fixed(("etag", body)).request_id();
    digits.push_str(&SeededRandom::fixed(("etag, continued", body)).request_id()[..8]);
    digits
}

/// The error page of a proxy.
fn page(status: u16) -> Answer {
    let body =
        format!("<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>");
    Answer { status, headers: vec![("content-type".into(), "text/html".into())], body: body.into_bytes() }
}

impl Call<'_> {
    /// The same call without target and body, for a caller that sets its own.
    fn shared(&self) -> Call<'_> {
        Call {
            request: self.request,
            target: Target::NOWHERE,
            body: Map::new(),
            operation: self.operation.clone(),
            request_id: self.request_id.clone(),
        }
    }
}
