//! Looking for recorded things: one list for those of a kind and place, else one read each. Changes nothing.
//!
//! What a list shows as gone or different, or not whole, is read once more by itself before anybody is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::compare::{Comparison, Shown, field};
use crate::api::{Client, Meaning, ReadError, Request};
use crate::catalog::update::{shown_at, thing_route};
use crate::catalog::{Catalog, IdAt, Operation};
use crate::engine::collection::list_call;
use crate::engine::pages::{Paging, pages};
use crate::engine::results::{self, Parameters, id_text};
use crate::id::InstanceId;
use crate::journal::{Drifted, InstanceStatus, Phase, Record, RecordedCall, Status};
use crate::secret::is_sensitive_name;

/// What was found of one recorded thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub enum Found {
    /// As far as can be told, it is what the record says.
    Same,
    /// It is not there any more.
    Gone,
    /// Fields that somebody else changed.
    Changed { fields: Vec<Drifted> },
    /// It could not be looked for.
    CannotTell { why: String },
}

/// One thing, and what was found of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fate {
    pub instance: InstanceId,
    #[serde(flatten)]
    pub found: Found,
}

/// Whose it is that is looked: where, what is on record, and the key of its digests.
pub struct Refresh<'a> {
    pub client: &'a Client,
    pub catalog: &'a Catalog,
    pub status: &'a Status,
    pub digest_key: &'a [u8],
}

/// A recorded thing and how it is read.
struct Thing<'a> {
    instance: &'a InstanceId,
    known: &'a InstanceStatus,
    call: &'a RecordedCall,
    create: std::sync::Arc<Operation>,
    parameters: Parameters,
    /// Where it is read; `None`: only in a list.
    read: Option<String>,
    id: String,
}

/// Why nothing can be said of anything.
#[derive(Debug)]
pub enum Blind {
    /// A read that should succeed was refused or failed.
    Read(ReadError),
    /// The project of things that seem gone cannot be seen: they may be there.
    Project { id: String, error: ReadError },
}

/// The records of what was found: what is gone, and what is changed.
pub fn records(looked: &[Fate]) -> Vec<Record> {
    let records = looked.iter().filter_map(|looked| {
        let instance = looked.instance.clone();
        match &looked.found {
            Found::Gone => Some(Record::Gone { instance }),
            Found::Changed { fields } => Some(Record::Drifted { instance, fields: fields.clone() }),
            Found::Same | Found::CannotTell { .. } => None,
        }
    });
    records.collect()
}

/// What an object shows of the fields that can be compared.
#[derive(Default)]
struct Drift {
    fields: Vec<Drifted>,
    /// Of some nothing can be told.
    unsure: bool,
}

impl Drift {
    /// Every field is as recorded: a read would tell nothing more.
    fn is_all_there(&self) -> bool {
        self.fields.is_empty() && !self.unsure
    }

    fn found(self) -> Found {
        if self.fields.is_empty() { Found::Same } else { Found::Changed { fields: self.fields } }
    }
}

impl Refresh<'_> {
    /// Looks for everything that is on record as made.
    ///
    /// # Errors
    ///
    /// [`Blind`], when what is not seen may be there all the same.
    pub async fn look(&self) -> Result<Vec<Fate>, Blind> {
        let things: Vec<Thing<'_>> =
            self.status.instances.iter().filter_map(|(id, known)| self.thing(id, known)).collect();
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        let list_of = |thing: &Thing<'_>| {
            let creates = thing.create.creates.as_ref()?;
            // What its own path tells apart has no such id in a list.
            let by_path = matches!(creates.id_at, IdAt::Path(_)) && thing.read.is_some();
            let list = creates.resource.as_ref()?.list.clone().filter(|_| !by_path)?;
            Some((list_call(&list, &thing.parameters)?, list))
        };
        for path in things.iter().filter_map(list_of).map(|(request, _)| request.path) {
            *groups.entry(path).or_default() += 1;
        }
        let mut lists: BTreeMap<String, Option<Vec<Value>>> = BTreeMap::new();
        let mut looked = Vec::new();
        for thing in &things {
            let mut listed = None;
            if let Some((request, list)) =
                list_of(thing).filter(|(request, _)| groups[&request.path] > 1 || thing.read.is_none())
            {
                if !lists.contains_key(&request.path) {
                    let items = match pages(self.client, &request, &list.items_at, Paging::of(&list)).await {
                        Ok(items) => Some(items),
                        // The parent is gone, and with it whatever was in it.
                        Err(error) if error.is_not_found() => Some(Vec::new()),
                        Err(error) => return Err(Blind::Read(error)),
                    };
                    lists.insert(request.path.clone(), items);
                }
                let items = lists[&request.path].as_deref().unwrap_or_default();
                let is_it = |item: &&Value| item.get(&list.id_field).map(id_text).as_deref() == Some(&thing.id);
                listed = Some(items.iter().find(is_it).cloned());
            }
            let found = self.found(thing, listed).await?;
            looked.push(Fate { instance: thing.instance.clone(), found });
        }
        self.see_projects(&things, &looked).await?;
        Ok(looked)
    }

    /// How a recorded thing is read; `None` for what makes nothing, or is not done.
    fn thing<'s>(&self, instance: &'s InstanceId, known: &'s InstanceStatus) -> Option<Thing<'s>> {
        let (call, result) = (known.agrees.as_ref()?, known.result.as_ref()?);
        if known.phase != Phase::Succeeded || known.made.is_empty() {
            return None;
        }
        let (create, parameters) = results::operation_of(self.catalog, call)?;
        create.creates.as_ref()?.resource.as_ref()?;
        let read = results::read_path(&create, &parameters, result);
        let id = result.id.as_ref().map(id_text)?;
        Some(Thing { instance, known, call, create, parameters, read, id })
    }

    /// `listed`: what a list shows of it, where one was read.
    async fn found(&self, thing: &Thing<'_>, listed: Option<Option<Value>>) -> Result<Found, Blind> {
        match (listed, &thing.read) {
            (Some(Some(item)), None) => Ok(self.drift(thing, &item).found()),
            (Some(Some(item)), Some(_)) if self.drift(thing, &item).is_all_there() => Ok(Found::Same),
            (Some(None), None) => Ok(Found::Gone),
            (_, Some(path)) => match self.client.read(Request::get(path.clone())).await {
                Ok(object) => {
                    let shown = shown_at(&thing.create);
                    match shown.map_or(Some(&object), |pointer| object.pointer(pointer)) {
                        None | Some(Value::Null) => Ok(Found::Gone),
                        Some(object) => Ok(self.drift(thing, object).found()),
                    }
                }
                Err(error) if error.is_not_found() => Ok(Found::Gone),
                Err(error @ ReadError::Failed { .. }) => Err(Blind::Read(error)),
                Err(error) if error.meaning() == Some(Meaning::NotAllowed) => Err(Blind::Read(error)),
                Err(error) => Ok(Found::CannotTell { why: error.to_string() }),
            },
            (None, None) => Ok(Found::CannotTell { why: "the API has no call that reads it".to_owned() }),
        }
    }

    /// Fields that can be changed in place, that the plan set, and that the object shows otherwise.
    fn drift(&self, thing: &Thing<'_>, object: &Value) -> Drift {
        let secret = thing.known.intent.as_ref().is_some_and(|intent| intent.secret);
        let (Some(route), Some(body), false) =
            (thing_route(&thing.create), thing.call.body.as_ref().and_then(Value::as_object), secret)
        else {
            return Drift::default();
        };
        let ways = self.catalog.ways(&thing.create);
        let is_anothers = |id: &Value| self.status.is_made_elsewhere(thing.instance, id);
        let shown = Shown { thing: route, object, digest_key: self.digest_key, is_anothers: &is_anothers };
        // What is found would be written down; a switch whose name speaks of a key is none.
        let may_be_told = |name: &String, value: &Value| !is_sensitive_name(name) || value.is_boolean();
        let comparable =
            body.iter().filter(|(name, value)| may_be_told(name, value) && ways.iter().any(|way| way.act.takes(name)));
        let mut drift = Drift::default();
        for (name, value) in comparable {
            match field(name, Some(value), &shown) {
                Comparison::Differs(now) => drift.fields.push(Drifted { field: name.clone(), now }),
                Comparison::CannotTell => drift.unsure = true,
                Comparison::Same => {}
            }
        }
        drift
    }

    /// A thing of a project that cannot be seen answers as one that is gone (`observed.md` §8).
    async fn see_projects(&self, things: &[Thing<'_>], looked: &[Fate]) -> Result<(), Blind> {
        let gone = things.iter().zip(looked).filter(|(_, looked)| looked.found == Found::Gone);
        let project = |thing: &Thing<'_>| {
            let named = thing.parameters.iter().find(|(name, _)| name == "project_id");
            named.map(|(_, id)| id.clone())
        };
        let projects: BTreeSet<String> = gone.filter_map(|(thing, _)| project(thing)).collect();
        for id in projects {
            let path = format!("/cloud/v1/projects/{}", results::encode(&id));
            if let Err(error) = self.client.read(Request::get(path)).await {
                return Err(Blind::Project { id, error });
            }
        }
        Ok(())
    }
}
