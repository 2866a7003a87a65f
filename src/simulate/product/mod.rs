//! The products besides the Cloud API: DNS, CDN, object storage, FastEdge, WAAP, streaming, IAM, DDoS protection.
//!
//! Their common behaviour follows from the catalogue: a create stores an item at the address that reads it, in the
//! form of that answer; lists show items, updates change them, a delete removes an item and everything below it;
//! references must exist, and an item that is referred to cannot be deleted. The particular behaviour of a product is
//! in the module of its name. All calls are synchronous; processing that continues after the answer shows in the
//! item.

mod call;
mod cdn;
mod create;
mod dns;
mod fastedge;
mod form;
mod item;
mod refusal;
mod security;
mod streaming;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::call::{Call, inner, parsed};
use self::item::{Item, Readying};
pub(super) use self::refusal::Refused;
use super::draw::SeededRandom;
use super::options::{Durations, Options, UnknownIds};
use super::state::Creation;
use crate::api::{Answer, Request};
use crate::catalog::{Catalog, Creates, Effect, IdAt, ListCall, Method, Operation, Resource, root_of};

/// How many seconds resources of a kind take to become ready: from, to.
const READYING: [(&str, [u64; 2]); 5] = [
    ("cdn_resources", [20, 60]),
    ("storage_object_storages", [5, 20]),
    ("storage_sftp_storages", [5, 20]),
    ("fastedge_binaries", [3, 10]),
    ("streaming_ai_tasks", [30, 90]),
];
/// Fields that only the answer of the create shows.
const SHOWN_ONCE: [(&str, &str); 2] = [("storage_access_keys", "secret_key"), ("iam_tokens", "token")];
/// The first number used as an id.
const FIRST_NUMBER: u64 = 100_001;

/// All resources of the products.
#[derive(Debug)]
pub(super) struct Products {
    items: Vec<Item>,
    numbers: u64,
    draw: SeededRandom,
    ever: Vec<Creation>,
    now: Timestamp,
}

impl Products {
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        let draw = SeededRandom::fixed(("products", seed));
        Self { items: Vec::new(), numbers: FIRST_NUMBER, draw, ever: Vec::new(), now }
    }

    /// Answers an authorised request.
    pub(super) fn respond(&mut self, request: &Request, options: &Options, now: Timestamp) -> Answer {
        self.now = now;
        let root = root_of(&request.path).to_owned();
        let answer = match parsed(request) {
            Ok(call) => self.carry_out(&call, options),
            Err(refused) => Err(refused),
        };
        let answer = answer.unwrap_or_else(|refused| refused.answer(&root));
        if root == "dns" { dns::with_charset(answer) } else { answer }
    }

    fn carry_out(&mut self, call: &Call<'_>, options: &Options) -> Result<Answer, Refused> {
        self.parents_exist(call, options)?;
        if options.unknown_ids == UnknownIds::Assume {
            self.assume_itself(call);
        }
        if let Some(answer) = self.special_answer(call, options) {
            return answer;
        }
        let operation = &call.operation;
        match (operation.route.method, &operation.creates) {
            (_, Some(creates)) if operation.effect == Effect::Create => self.create(call, creates, options),
            (Method::Get, _) => self.read(call),
            (Method::Delete, _) => self.delete(call, options),
            (Method::Put | Method::Patch, _) if self.at(&call.own_address()).is_some() => self.change(call, options),
            (Method::Put | Method::Patch, _) if options.unknown_ids == UnknownIds::Refuse => match self.missing(call) {
                Some(kind) => Err(Refused::not_found(&kind)),
                None => Ok(self.answer(call, &call.fields())),
            },
            _ => Ok(self.answer(call, &call.fields())),
        }
    }

    /// The particular behaviour of a product, if it has one for this call.
    fn special_answer(&mut self, call: &Call<'_>, options: &Options) -> Option<Result<Answer, Refused>> {
        match call.root() {
            "dns" => dns::respond(self, call),
            "cdn" => cdn::respond(self, call, options),
            "fastedge" => fastedge::respond(self, call),
            "security" => security::respond(self, call, options),
            _ => None,
        }
    }

    // ── state ───────────────────────────────────────────────────────────────────────────────────────────

    fn at(&self, address: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.address == address)
    }

    fn at_mut(&mut self, address: &str) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.address == address)
    }

    fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Item> {
        self.items.iter().filter(move |item| item.kind == kind)
    }

    fn below<'s>(&'s self, address: &'s str) -> impl Iterator<Item = &'s Item> {
        self.items.iter().filter(move |item| item.is_below(address))
    }

    /// The fields of an item as a read shows them now, among them what refers to it.
    fn shown(&self, item: &Item) -> Map<String, Value> {
        let mut shown = item.shown(self.now);
        let users = || self.items.iter().filter(|other| other.refers_to(&item.kind, &item.id));
        match item.kind.split_once('_').map(|(product, _)| product) {
            Some("cdn") => cdn::relate(&item.kind, &mut shown, users()),
            Some("streaming") => streaming::relate(&item.kind, &mut shown),
            Some("fastedge") => fastedge::relate(&item.kind, &mut shown, users(), item::time(self.now)),
            Some("security") => security::relate(&item.kind, &mut shown, self.of_kind(security::PROFILES)),
            _ => {}
        }
        shown
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn add(&mut self, item: Item) {
        if !item.seeded {
            self.ever.push(item.creation());
        }
        self.items.push(item);
    }

    /// Existing resources that clients created.
    pub(super) fn held(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.seeded)
    }

    pub(super) fn ever(&self) -> &[Creation] {
        &self.ever
    }

    /// When the next resource becomes ready.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.items.iter().filter_map(|item| item.readying.as_ref()).map(|ready| ready.at).filter(|at| *at > now).min()
    }

    /// Checks that the parents in the path exist.
    fn parents_exist(&mut self, call: &Call<'_>, options: &Options) -> Result<(), Refused> {
        let operation = &call.operation;
        let creates_last = operation.effect == Effect::Create
            && operation
                .creates
                .as_ref()
                .and_then(|creates| creates.resource.as_ref())
                .is_some_and(|r| r.parameter.is_empty());
        let last = operation.route.path.ends_with('}').then(|| operation.path_parameters.last()).flatten();
        for parameter in &operation.path_parameters {
            let is_itself = last.is_some_and(|last| last.name == parameter.name);
            let Some(kind) = &parameter.kind else { continue };
            if is_itself && (creates_last || operation.route.method != Method::Post) {
                continue;
            }
            let address = call.address_until(&parameter.name);
            if self.known(kind, &address, call.parameter(&parameter.name)).is_none() {
                match options.unknown_ids {
                    UnknownIds::Refuse => return Err(Refused::not_found(kind)),
                    UnknownIds::Assume => self.assume(kind, address, call.parameter(&parameter.name)),
                }
            }
        }
        Ok(())
    }

    /// The resource of a kind with this address or id; several versions of a path can lead to it.
    fn known(&self, kind: &str, address: &str, id: &str) -> Option<&Item> {
        let same = |item: &&Item| item.kind == kind && item.id_text() == id;
        self.at(address).or_else(|| self.items.iter().find(same))
    }

    /// Adds a resource that is assumed to exist in the account.
    fn assume(&mut self, kind: &str, address: String, id: &str) {
        let shown = json!({ "id": id.parse::<u64>().map_or_else(|_| json!(id), |id| json!(id)), "name": id });
        let mut shown = shown.as_object().cloned().unwrap_or_default();
        self.complete(kind, id, &[], &mut shown);
        self.items.push(Item::new(kind, address, id.into(), id, shown).seeded());
    }

    /// Assumes that the resource of a path exists, in a rehearsal. A resource that only its path identifies is read
    /// before its creation, so that it exists only after it was created.
    fn assume_itself(&mut self, call: &Call<'_>) {
        let operation = &call.operation;
        let itself = operation.path_parameters.last().filter(|_| operation.route.path.ends_with('}'));
        let Some((kind, parameter)) = itself.and_then(|last| Some((last.kind.clone()?, last.name.clone()))) else {
            return;
        };
        let address = call.own_address();
        let creators = Catalog::embedded().creators_of(&kind);
        let resource = creators.first().and_then(|creator| creator.creates.as_ref()?.resource.as_ref());
        let told_by_path = resource.is_some_and(|resource| resource.parameter.is_empty());
        let makes = operation.effect == Effect::Create || (told_by_path && operation.route.method == Method::Get);
        let id = call.parameter(&parameter);
        // What a client has made and removed is not there any more.
        let was_made = self.ever.iter().any(|made| made.kind == kind && made.id == id);
        if !makes && !was_made && self.known(&kind, &address, id).is_none() {
            let id = id.to_owned();
            self.assume(&kind, address, &id);
        }
    }

    // ── writes ─────────────────────────────────────────────────────────────────────────────────────────

    /// The fields that a read of the resource would show.
    fn form_of_read(&self, call: &Call<'_>, resource: &Resource, fields: &Map<String, Value>) -> Map<String, Value> {
        let read = resource.read.as_ref().and_then(|path| {
            let route = crate::catalog::Route { method: Method::Get, path: path.clone() };
            Catalog::embedded().find(&route)
        });
        let shape = read.as_ref().unwrap_or(&call.operation);
        match form::answer_body(shape, fields, self.now) {
            Value::Object(mut shown) => {
                for (name, value) in fields {
                    shown.entry(name.clone()).or_insert_with(|| value.clone());
                }
                shown
            }
            _ => fields.clone(),
        }
    }

    fn get_ready(&mut self, mut item: Item, call: &Call<'_>, options: &Options) -> Item {
        let Some(ready) = call.operation.ready.as_ref().filter(|ready| ready.read.is_none()) else { return item };
        let range = READYING.iter().find(|(kind, _)| *kind == item.kind).map_or([1, 5], |(_, range)| *range);
        let [earliest, latest] = range.map(Duration::from_secs);
        let takes = match options.durations {
            Durations::Documented => self.draw.between(earliest, latest),
            Durations::Scaled(factor) => self.draw.between(earliest, latest).mul_f64(factor),
            Durations::Fixed(length) => length,
        };
        let done = ready.is.first().cloned().unwrap_or_else(|| item::ready_word(&item.kind));
        let until = ready.not.first().cloned().unwrap_or_else(|| item::waiting_word(&done));
        item.set(&ready.at, done);
        item.readying = (!takes.is_zero()).then(|| Readying { pointer: ready.at.clone(), until, at: self.now + takes });
        item
    }

    fn read(&self, call: &Call<'_>) -> Result<Answer, Refused> {
        let operation = &call.operation;
        if let Some(item) = self.at(&call.own_address()) {
            return Ok(self.answer(call, &self.shown(item)));
        }
        if let Some((kind, list)) = listed(operation) {
            return Ok(self.list(call, kind, &list));
        }
        let itself = operation.path_parameters.last().filter(|_| operation.route.path.ends_with('}'));
        match itself.and_then(|parameter| parameter.kind.as_deref()) {
            Some(kind) => Err(Refused::not_found(kind)),
            None => Ok(self.answer(call, &Map::new())),
        }
    }

    fn list(&self, call: &Call<'_>, kind: &'static str, list: &ListCall) -> Answer {
        let asked = |name: &str| call.request.query.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let by_name = asked("name").or(asked("cname"));
        // The last resource in the path contains what is listed.
        let parent = call.operation.path_parameters.last().map(|parameter| call.address_until(&parameter.name));
        let found = self.of_kind(kind).filter(|item| parent.as_ref().is_none_or(|parent| item.is_below(parent)));
        let found: Vec<Value> = found
            .filter(|item| by_name.is_none_or(|name| item.name == *name))
            .map(|item| Value::Object(self.shown(item)))
            .collect();
        let found = if kind == streaming::DIRECTORIES { streaming::tree(found) } else { found };
        let total = found.len();
        let number = |name: &str| asked(name).and_then(|value| value.parse::<usize>().ok());
        let page = number("page").filter(|page| *page > 1).map_or(0, |_| total);
        let items: Vec<Value> = found
            .into_iter()
            .skip(number("offset").unwrap_or(page))
            .take(number("limit").unwrap_or(usize::MAX))
            .collect();
        form::listing(&call.operation, items, (total, asked("limit").is_some()), &list.id_field, self.now)
    }

    /// The kind of the resource that the path ends with, when there is none.
    fn missing(&self, call: &Call<'_>) -> Option<String> {
        let itself = call.operation.path_parameters.last().filter(|_| call.operation.route.path.ends_with('}'))?;
        let kind = itself.kind.as_ref()?;
        self.known(kind, &call.own_address(), call.parameter(&itself.name)).is_none().then(|| kind.clone())
    }

    fn change(&mut self, call: &Call<'_>, options: &Options) -> Result<Answer, Refused> {
        self.check_references(call, options)?;
        let (address, now) = (call.own_address(), self.now);
        let mut fields = inner(call);
        match call.root() {
            "fastedge" => fastedge::seal(&mut fields),
            "cdn" => cdn::tag(&mut fields),
            "security" => security::complete_protection(&mut fields),
            _ => {}
        }
        if let Some(item) = self.at_mut(&address) {
            if call.operation.route.method == Method::Put {
                item.replace(&fields);
            } else {
                item.merge(&fields);
            }
            item.touch(now);
        }
        let shown = self.at(&address).map(|item| self.shown(item)).unwrap_or_default();
        Ok(self.answer(call, &shown))
    }

    fn delete(&mut self, call: &Call<'_>, options: &Options) -> Result<Answer, Refused> {
        let address = call.own_address();
        let kind = call.operation.path_parameters.last().and_then(|parameter| parameter.kind.clone());
        let last =
            call.operation.path_parameters.last().map(|parameter| call.parameter(&parameter.name)).unwrap_or_default();
        let found = self.at(&address).or_else(|| kind.as_deref().and_then(|kind| self.known(kind, &address, last)));
        let Some(item) = found.map(|item| (item.address.clone(), item.kind.clone(), item.id.clone())) else {
            return match (options.unknown_ids, kind) {
                (UnknownIds::Refuse, Some(kind)) => Err(Refused::not_found(&kind)),
                _ => Ok(self.answer(call, &Map::new())),
            };
        };
        let (address, kind, id) = item;
        let users: Vec<&Item> = self.items.iter().filter(|item| item.refers_to(&kind, &id)).collect();
        if let Some(user) = users.iter().find(|user| !user.is_below(&address)) {
            return Err(Refused::in_use(&kind, &user.kind, users.iter().map(|user| user.id.clone()).collect()));
        }
        self.items.retain(|item| item.address != address && !item.is_below(&address));
        Ok(self.answer(call, &Map::new()))
    }

    /// Checks that everything a body refers to exists, and stores the references.
    fn check_references(&mut self, call: &Call<'_>, options: &Options) -> Result<(), Refused> {
        for (field, kind, id) in form::references(&call.operation, &call.body) {
            let text = item::text(&id);
            if self.of_kind(&kind).any(|item| item.id_text() == text) {
                continue;
            }
            match options.unknown_ids {
                UnknownIds::Refuse => return Err(Refused::no_such(&field, &kind, &text)),
                UnknownIds::Assume => self.assume(&kind, format!("/{}/assumed/{kind}/{text}", call.root()), &text),
            }
        }
        Ok(())
    }

    /// The answer of an operation, in its documented form.
    fn answer(&self, call: &Call<'_>, fields: &Map<String, Value>) -> Answer {
        form::answer(&call.operation, fields, self.now)
    }
}

/// The kind of resources that a read lists, and how.
fn listed(operation: &Operation) -> Option<(&'static str, ListCall)> {
    let root = root_of(&operation.route.path);
    let creators = Catalog::embedded().operations_of(root).filter_map(|creator| creator.creates.clone());
    creators.into_iter().find_map(|creates| {
        let list = creates.resource?.list.filter(|list| list.path == operation.route.path)?;
        Some((item::known_kind(&creates.kind)?, list))
    })
}

/// Sets the fields in which reads show the identity of the resource.
fn id_fields(fields: &mut Map<String, Value>, resource: &Resource, creates: &Creates, id: &Value, name: &str) {
    let field = resource.list.as_ref().map_or("id", |list| list.id_field.as_str());
    let at = match &creates.id_at {
        IdAt::Response(pointer) => pointer.rsplit('/').next().unwrap_or(field),
        _ => field,
    };
    let value = if at == "name" { name.into() } else { id.clone() };
    fields.insert(at.to_owned(), value);
    if at != "name" {
        // The create may name it in another field than the list.
        fields.entry(field).or_insert_with(|| id.clone());
    }
}
