//! A busy project: other clients create resources of the same names at the same time, and lists and the audit log are
//! late.
//!
//! Three simulated bystanders copy the client's creates: one some seconds before, one at the same moment, one half a
//! second after. Each has resources of its own: where the client's body names the client's network, a bystander's
//! names the bystander's. They do not copy creates of which only one can succeed (a unique name, an existing volume,
//! a reserved address). They send no tags and have other user agents, and act whether or not the client's request
//! arrives.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::draw::is_uuid;
use super::kinds;
use super::target::target;
use crate::api::Request;
use crate::catalog::{Catalog, Method, root_of};
use crate::hash::HashMap;

/// What other clients do in the project, and how late the API shows changes. `default()`: no other clients, no delay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Busy {
    /// Bystanders copy the client's creates: before, at the same moment, and after.
    pub bystanders: bool,
    /// Lists of resources and tasks omit items younger than this; reads by id do not.
    pub lists_late: Duration,
    pub audit: AuditLog,
    /// How far the server's clock is ahead of the clients'.
    pub clock_ahead: SignedDuration,
}

/// What a key sees of the audit log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuditLog {
    #[default]
    OnTime,
    /// Entries appear after this delay.
    Late(Duration),
    /// 403.
    Closed,
}

/// An invalid word of `--busy`, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` does not describe a busy project: {reason}")]
pub struct BusyError {
    pub word: String,
    pub reason: &'static str,
}

impl Busy {
    /// Bystanders, without delays.
    pub fn bystanders() -> Self {
        Self { bystanders: true, ..Self::default() }
    }

    /// Bystanders, and the given delays, separated by commas: `lists=3s` (late lists), `audit=60s` (a late audit log)
    /// or `audit=closed`, `clock=30s` (the server's clock is ahead; `clock=-30s`: behind).
    ///
    /// # Errors
    ///
    /// [`BusyError`] for the first word that is none of these.
    pub fn parse(words: &str) -> Result<Self, BusyError> {
        let mut busy = Self::bystanders();
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let wrong = |reason| BusyError { word: word.to_owned(), reason };
            let (name, value) = word.split_once('=').ok_or_else(|| wrong("it is one of lists=…, audit=…, clock=…"))?;
            let signed = || value.parse::<SignedDuration>().map_err(|_| wrong("it takes a duration such as `3s`"));
            let length = || Duration::try_from(signed()?).map_err(|_| wrong("it takes no negative duration"));
            match name {
                "lists" => busy.lists_late = length()?,
                "audit" if value == "closed" => busy.audit = AuditLog::Closed,
                "audit" => busy.audit = AuditLog::Late(length()?),
                "clock" => busy.clock_ahead = signed()?,
                _ => return Err(wrong("it is one of lists=…, audit=…, clock=…")),
            }
        }
        Ok(busy)
    }
}

/// How long before the client's request the first bystander acts.
pub(super) const BEFORE: Duration = Duration::from_secs(5);
/// How long after it the last one acts.
pub(super) const AFTER: Duration = Duration::from_millis(500);

/// The bystanders, by number.
pub(super) const EARLY: usize = 0;
pub(super) const SAME_MOMENT: usize = 1;
pub(super) const LATE: usize = 2;

const USER_AGENTS: [&str; 3] = ["gcore-terraform/0.32", "gcore-go/0.18", "python-requests/2.32"];

/// Kinds inside a resource of their own client: a bystander creates none inside another client's resource.
const INSIDE: [&str; 11] = [
    "subnets",
    "listeners",
    "pools",
    "members",
    "healthmonitors",
    "l7polices",
    "l7rules",
    "snapshots",
    "security_group_rules",
    "k8s_pools",
    "access_rules",
];

/// Fields with a resource that only one other can use.
const ONE_AT_A_TIME: [&str; 5] = ["volume_id", "port_id", "existing_floating_id", "vip_port_id", "instance_id"];

/// What the bystanders know: which of their resources corresponds to which of the client's.
#[derive(Debug, Default)]
pub(super) struct Bystanders {
    /// By id of a resource that the client created: the create, and its index among the resources of that create.
    ours: HashMap<String, (String, usize)>,
    /// The ids that a bystander created by the same create.
    theirs: HashMap<(String, usize), Vec<String>>,
}

impl Bystanders {
    /// The create without the client's tags and names of its own, and a key for it. `None` when bystanders do not
    /// copy it.
    pub(super) fn copied(request: &Request) -> Option<(String, Request)> {
        if root_of(&request.path) != "cloud" {
            return None;
        }
        let (operation, _) = Catalog::embedded().matching(request.method, &request.path)?;
        let segments: Vec<_> = request.path.trim_matches('/').split('/').skip(2).map(str::to_owned).collect();
        let target = target(&segments)?;
        let kind = kinds::named(target.kind);
        let create = request.method == Method::Post && target.key.is_none() && operation.creates.is_some();
        if !create || kind.unique_name || kind.by_name || kind.name == "projects" {
            return None;
        }
        let mut copy = Request::new(request.method, &request.path);
        copy.query.clone_from(&request.query);
        copy.body.clone_from(&request.body);
        copy.headers =
            request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).cloned().collect();
        if let Some(body) = &mut copy.body {
            strip_tags(body);
        }
        Some((format!("{} {}", copy.path, copy.body.as_deref().unwrap_or(&Value::Null)), copy))
    }

    /// The create of one bystander, with that bystander's resources; `None` when it refers to a resource that only
    /// one client can use.
    pub(super) fn translated(&self, copy: &Request, bystander: usize) -> Option<Request> {
        let mut request = copy.clone();
        let segments: Vec<_> = copy.path.trim_matches('/').split('/').skip(2).map(str::to_owned).collect();
        let inside = target(&segments).is_some_and(|target| INSIDE.contains(&target.kind));
        let mut path = Vec::new();
        for segment in copy.path.split('/') {
            path.push(if is_uuid(segment) { self.twin(segment, bystander)? } else { segment });
        }
        request.path = path.join("/");
        if let Some(body) = &mut request.body {
            self.translate(body, "", inside, bystander)?;
        }
        request.headers.push(("user-agent".into(), USER_AGENTS[bystander].into()));
        Some(request)
    }

    fn translate(&self, value: &mut Value, field: &str, inside: bool, bystander: usize) -> Option<()> {
        match value {
            Value::Object(fields) => {
                fields.iter_mut().try_for_each(|(field, value)| self.translate(value, field, inside, bystander))
            }
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.translate(item, field, inside, bystander)),
            Value::String(text) if is_uuid(text) => match self.twin(text, bystander) {
                Some(twin) => {
                    *text = twin.to_owned();
                    Some(())
                }
                None if inside || ONE_AT_A_TIME.contains(&field) => None,
                None => Some(()),
            },
            _ => Some(()),
        }
    }

    fn twin(&self, id: &str, bystander: usize) -> Option<&str> {
        let (create, place) = self.ours.get(id)?;
        self.theirs.get(&(create.clone(), bystander))?.get(*place).map(String::as_str)
    }

    /// Stores which resources the client's create made.
    pub(super) fn client_made(&mut self, create: &str, ids: Vec<String>) {
        self.ours.extend(ids.into_iter().enumerate().map(|(place, id)| (id, (create.to_owned(), place))));
    }

    /// Stores which resources a bystander's create made.
    pub(super) fn bystander_made(&mut self, create: &str, bystander: usize, ids: Vec<String>) {
        self.theirs.insert((create.to_owned(), bystander), ids);
    }
}

fn strip_tags(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("tags");
            fields.values_mut().for_each(strip_tags);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_tags),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NETWORK: &str = "8f1c3b5e-9a44-4b43-9d2c-0f8f0e6d1f10";
    const THEIRS: &str = "5b1c8f0e-7a3d-4c55-8f43-b1a0c5f4e6d2";

    fn post(path: &str, body: Value) -> Request {
        let mut request = Request::new(Method::Post, path);
        request.headers = vec![("Authorization".into(), "APIKey k".into()), ("user-agent".into(), "plan".into())];
        request.body = Some(body.into());
        request
    }

    #[test]
    fn a_bystander_copies_creates_without_tags_inside_its_own_resources() {
        let mut bystanders = Bystanders::default();
        let (network, _) =
            Bystanders::copied(&post("/cloud/v1/networks/1/7", json!({ "name": "net", "tags": { "plan": "x" } })))
                .unwrap();
        bystanders.client_made(&network, vec![NETWORK.into()]);
        bystanders.bystander_made(&network, SAME_MOMENT, vec![THEIRS.into()]);
        let subnet = json!({ "name": "sub", "network_id": NETWORK, "cidr": "10.0.0.0/24", "tags": { "plan": "x" } });
        let (_, copy) = Bystanders::copied(&post("/cloud/v1/subnets/1/7", subnet)).unwrap();
        let theirs = bystanders.translated(&copy, SAME_MOMENT).unwrap();
        assert_eq!(theirs.body, Some(json!({ "name": "sub", "network_id": THEIRS, "cidr": "10.0.0.0/24" }).into()));
        assert_eq!(theirs.headers.len(), 2);
        // A bystander without a network creates no subnet in the client's.
        assert!(bystanders.translated(&copy, LATE).is_none());
    }

    #[test]
    fn bystanders_do_not_use_exclusive_resources() {
        assert!(Bystanders::copied(&post("/cloud/v1/ssh_keys/1", json!({ "name": "mine" }))).is_none());
        let machine = json!({ "name": "web", "volumes": [{ "source": "existing-volume", "volume_id": NETWORK }] });
        let (_, copy) = Bystanders::copied(&post("/cloud/v2/instances/1/7", machine)).unwrap();
        assert!(Bystanders::default().translated(&copy, EARLY).is_none());
        let machine = json!({ "name": "web", "volumes": [{ "source": "image", "image_id": NETWORK }] });
        let (_, copy) = Bystanders::copied(&post("/cloud/v2/instances/1/7", machine)).unwrap();
        assert!(Bystanders::default().translated(&copy, EARLY).is_some());
    }

    #[test]
    fn the_words_of_busy_are_read() {
        let busy = Busy::parse("lists=3s, audit=closed,clock=-30s").unwrap();
        let expected = Busy {
            bystanders: true,
            lists_late: Duration::from_secs(3),
            audit: AuditLog::Closed,
            clock_ahead: SignedDuration::from_secs(-30),
        };
        assert_eq!(busy, expected);
        assert_eq!(Busy::parse("").unwrap(), Busy::bystanders());
        for wrong in ["lists", "lists=soon", "lists=-1s", "audit=open", "people=3"] {
            assert!(Busy::parse(wrong).is_err(), "{wrong}");
        }
    }
}
