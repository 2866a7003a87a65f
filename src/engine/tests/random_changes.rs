//! Random changes of every kind: made in place where the API can, by a new resource only when that is allowed; the
//! resource then agrees with the plan, and the next run is silent.
//!
//! Seeds are fixed. `PLAN_CHANGES=20` makes so many changes of each kind instead of a few, `PLAN_CHANGES_SEED=1`
//! others.

use serde_json::{Map, Value, json};

use super::death::{Life, Moment, When};
use super::every_kind::{REFERENCES, before_and_after, differing, is_in, is_right, plan_of};
use super::harness::{Trial, paused};
use crate::catalog::schema::{Additional, BodySchema, Schema, Type};
use crate::catalog::update::top_fields;
use crate::catalog::{Catalog, Method, Operation};
use crate::engine::RunOptions;
use crate::engine::update::{Forced, UpdatedResource, split};
use crate::exit::Exit;
use crate::id::StepId;
use crate::journal::RecordedCall;
use crate::simulate::tests::every_operation::FILE;
use crate::simulate::{Options, UnknownIds};

const CHANGES: &str = "PLAN_CHANGES";
const SEED: &str = "PLAN_CHANGES_SEED";
/// Draws of one value before it is left as it is.
const DRAWS: usize = 8;
const TEXTS: [&str; 16] = [
    "box-1",
    "box-2",
    "a",
    "b2",
    "example.com",
    "www.example.org",
    "10.0.0.7",
    "10.0.0.9",
    "10.0.1.0/24",
    "https://example.com/y",
    "/health",
    "v1.99.0",
    "2027-01-01T00:00:00Z",
    "0a1b8f0e-7a3d-4c55-8f43-b1a0c5f4e6d2",
    "256mCPU-256MiB",
    "me@example.org",
];

/// Fields that are only valid together with another one, which the schemas do not say.
const TOGETHER: [&str; 1] = ["ip_version"];
/// Fields that refer to resources of the account whose relations the simulator does not know.
const UNKNOWN: [&str; 1] = ["interfaces"];
/// Earlier names of fields, which are not sent together with the later ones.
const EARLIER: [&str; 1] = ["filters"];
/// A cluster is removed with its last pool: another one keeps it, while the pool is replaced.
const LASTS_WITH_ANOTHER: [&str; 1] = ["POST /cloud/v2/k8s/clusters/{project_id}/{region_id}/{cluster_name}/pools"];

/// How many changes are made of each kind.
fn changes() -> usize {
    std::env::var(CHANGES).ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Added to the seeds.
fn seed() -> u64 {
    std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The same with another name.
fn another(operation: &Operation, body: &Value) -> RecordedCall {
    let plan: Value = serde_json::from_str(&plan_of(operation, body)).unwrap();
    let path = plan["steps"][0]["call"].as_str().unwrap().trim_start_matches("POST ").to_owned();
    let path = path.replace("{project_id}", "1").replace("{region_id}", "7");
    let mut body = body.clone();
    body["name"] = json!("another");
    RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) }
}

struct Draw<'a> {
    random: fastrand::Rng,
    body: &'a BodySchema,
}

impl Draw<'_> {
    fn one<'v, T>(&mut self, of: &'v [T]) -> Option<&'v T> {
        if of.is_empty() { None } else { Some(&of[self.random.usize(..of.len())]) }
    }

    /// A value of a schema; it may be invalid. `now`: the current one, of which parts are kept.
    fn value(&mut self, written: &Schema, now: Option<&Value>) -> Value {
        let shape = self.body.resolve(written).clone();
        if let Some(value) = self.one(&shape.values) {
            return value.clone();
        }
        let variants: Vec<&Schema> = shape.variants.iter().map(|variant| &variant.schema).collect();
        if let (Some(variant), true) = (self.one(&variants).copied(), now.is_none()) {
            return self.value(variant, None);
        }
        match (shape.types.iter().next(), now) {
            (Some(Type::Boolean), _) => json!(self.random.bool()),
            (Some(Type::Integer | Type::Number), now) => {
                let least = shape.minimum.as_ref().and_then(|bound| bound.value.as_i64()).unwrap_or(1);
                let near = now.and_then(Value::as_i64).unwrap_or(least);
                json!(if self.random.bool() { near + self.random.i64(-2..8) } else { least + self.random.i64(0..30) })
            }
            (Some(Type::Array), now) => {
                let mut items = now.and_then(Value::as_array).cloned().unwrap_or_default();
                items.retain(|_| self.random.u8(..4) > 0);
                for _ in 0..self.random.usize(..3) {
                    items.extend(shape.items.as_ref().map(|item| self.value(item, None)));
                }
                Value::Array(items)
            }
            (Some(Type::Object), now) => self.object(&shape, now.and_then(Value::as_object)),
            (Some(Type::String) | None, Some(Value::Object(now))) => self.object(&shape, Some(now)),
            (Some(Type::String), _) if shape.format.as_deref() == Some("binary") => json!(FILE),
            (Some(Type::String) | None, _) => json!(self.one(&TEXTS).copied().unwrap_or_default()),
        }
    }

    fn object(&mut self, shape: &Schema, now: Option<&Map<String, Value>>) -> Value {
        let mut fields = now.cloned().unwrap_or_default();
        if shape.properties.is_empty() || matches!(shape.additional, Additional::Of(_)) {
            fields.retain(|_, _| self.random.u8(..3) > 0);
            for _ in 0..self.random.usize(..3) {
                let key = format!("key-{}", self.random.u8(..4));
                fields.insert(key, json!(format!("value-{}", self.random.u8(..9))));
            }
            return Value::Object(fields);
        }
        for (name, field) in &shape.properties {
            let required = shape.required.contains(name);
            match self.random.u8(..4) {
                0 if !required => drop(fields.shift_remove(name)),
                1 | 2 => {}
                _ if !required && self.random.bool() => {}
                _ => drop(fields.insert(name.clone(), self.value(field, now.and_then(|now| now.get(name))))),
            }
            if required && !fields.contains_key(name) {
                fields.insert(name.clone(), self.value(field, None));
            }
        }
        Value::Object(fields)
    }

    /// Another valid body, with some of its fields changed, added, removed or empty, and lists in another order.
    fn change(&mut self, operation: &Operation, body: &Value) -> Value {
        let root = self.body.resolve(self.body.root()).clone();
        let fields: Vec<(&String, &Schema)> = root.properties.iter().filter(|(name, _)| is_free(name)).collect();
        let mut changed = body.clone();
        for _ in 0..1 + self.random.usize(..4) {
            let Some((name, shape)) = self.one(&fields).copied() else { continue };
            for _ in 0..DRAWS {
                let mut next = changed.as_object().cloned().unwrap_or_default();
                let now = next.get(name).cloned();
                let turned = now.as_ref().and_then(|now| Some(now.as_array()?.iter().rev().cloned().collect()));
                let value = match self.random.u8(..10) {
                    0 => None,
                    1 => Some(Value::Null),
                    2 if turned.is_some() => Some(json!([])),
                    3 => turned.or(now),
                    _ => Some(self.value(shape, now.as_ref())),
                };
                match value {
                    Some(value) => drop(next.insert(name.clone(), value)),
                    None => drop(next.shift_remove(name)),
                }
                let next = Value::Object(next);
                if is_right(operation, &next) {
                    changed = next;
                    break;
                }
            }
        }
        changed
    }
}

fn is_free(name: &str) -> bool {
    ![&REFERENCES[..], &TOGETHER, &UNKNOWN, &EARLIER].concat().contains(&name)
}

/// Whether the simulator, which knows more of a kind than its schema, creates a resource with this body.
async fn is_makeable(operation: &Operation, body: &Value) -> bool {
    let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
    trial.run(&plan_of(operation, body)).await.finished.exit == Exit::Done
}

/// What the plan's change needs a new resource for.
fn forced(trial: &Trial, after: &Value) -> Vec<Forced> {
    let status = trial.status();
    let known = &status.instances[0];
    let before = known.agrees.as_ref().unwrap();
    let resource = UpdatedResource::of(Catalog::embedded(), before, known.result.as_ref().unwrap());
    let call = RecordedCall { body: Some(after.clone().into()), ..before.clone().into_owned() };
    split(Catalog::embedded(), resource.as_ref(), before, &call, None, false).forced
}

/// Whether the update call of the resource takes a field of this name: its PATCH, or its PUT where there is none. A PUT
/// beside a PATCH would reset what the plan does not have.
fn is_taken(operation: &Operation, name: &str) -> bool {
    let Some(read) = operation.creates.as_ref().and_then(|creates| creates.resource.as_ref()?.read.clone()) else {
        return false;
    };
    let update = |method: Method| {
        let mut operations = Catalog::embedded().operations();
        operations.find(|other| other.route.method == method && other.route.path == read && !other.deprecated)
    };
    let body = update(Method::Patch).or_else(|| update(Method::Put));
    let body = body.and_then(|update| Catalog::embedded().body_schema(&update));
    body.is_some_and(|body| top_fields(&body).iter().any(|field| field == name))
}

/// The API refuses, or ignores, what its document says.
fn is_said_to_be_fixed(operation: &Operation, name: &str) -> bool {
    operation.route.path == "/dns/v2/network-mappings" && ["name", "id"].contains(&name)
}

/// One change; returns what is wrong about it. `killed`: when a first run of it dies.
async fn changed(trial: &mut Trial, operation: &Operation, after: &Value, killed: Option<When>) -> Option<String> {
    let kind = operation.creates.as_ref().unwrap().kind.clone();
    let plan = plan_of(operation, after);
    let of_kind = |trial: &Trial| trial.alive().iter().filter(|alive| alive.starts_with(&format!("{kind} "))).count();
    let (made, alive) = (trial.made().get(kind.as_str()).copied(), of_kind(trial));
    let forced = forced(trial, after);
    if let Some(when) = killed {
        trial.run_until(&Trial::plan("plan.yaml", &plan), &Life::until(when)).await;
    }
    trial.events.clear();
    let end = trial.run(&plan).await;
    let in_place = end.finished.exit == Exit::Done;
    if trial.made().get(kind.as_str()).copied() != made {
        return Some("made anew without permission".to_owned());
    }
    if in_place != forced.is_empty() {
        return Some(format!("{:?}, forced {forced:?}: {:?}", end.finished.exit, trial.failures()));
    }
    let unnamed = forced.iter().find(|forced| !trial.failures().join("\n").contains(&forced.field));
    if let Some(unnamed) = unnamed {
        return Some(format!("{unnamed:?} is not named: {:?}", trial.failures()));
    }
    let could = forced.iter().find(|forced| {
        let name = forced.field.trim_start_matches("body/");
        forced.reason.contains("no call") && is_taken(operation, name) && !is_said_to_be_fixed(operation, name)
    });
    if let Some(could) = could {
        return Some(format!("{could:?}, and an update takes it"));
    }
    if !in_place {
        let options = RunOptions { replace: [StepId::new("thing")].into(), ..RunOptions::default() };
        let end = trial.run_with(&plan, options, std::future::pending()).await;
        if end.finished.exit != Exit::Done {
            return Some(format!("not replaced: {:?}", trial.failures()));
        }
        if trial.made().get(kind.as_str()).copied() != made.map(|made| made + 1) {
            return Some("replaced by none, or by more than one".to_owned());
        }
        let resource = operation.creates.as_ref().and_then(|creates| creates.resource.as_ref());
        if of_kind(trial) > alive && resource.is_some_and(|resource| resource.delete.is_some()) {
            return Some(format!("the former one is still there: {:?}", trial.alive()));
        }
    }
    let different = differing(trial);
    if !different.is_empty() {
        return Some(format!("differs: {different:?}"));
    }
    let writes = trial.writes();
    let end = trial.run(&plan).await;
    (end.finished.exit != Exit::Done || trial.writes() != writes).then(|| "the next run is not silent".to_owned())
}

#[test]
fn random_changes_of_every_kind_end_in_the_plans_state() {
    change_every_kind(7, |_| None);
}

#[test]
fn random_changes_that_are_interrupted_anywhere_go_on_in_the_next_run() {
    change_every_kind(11, |random| {
        let moment = Moment::ALL[random.usize(..Moment::ALL.len())];
        Some(match random.bool() {
            true => When::Request { nth: random.u64(1..5), moment },
            false => When::Records { kept: random.usize(1..6), torn: random.bool() },
        })
    });
}

/// Changes every kind at random; `killed`: when a first run of each change dies.
fn change_every_kind(first: u64, killed: impl Fn(&mut fastrand::Rng) -> Option<When>) {
    let (mut wrong, mut tried, mut kinds) = (Vec::new(), 0, 0);
    for operation in Catalog::embedded().operations() {
        if operation.creates.is_none() || operation.deprecated {
            continue;
        }
        let Some((before, _)) = before_and_after(&operation) else { continue };
        let Some(schema) = Catalog::embedded().body_schema(&operation) else { continue };
        kinds += 1;
        paused(async {
            let first = first + seed();
            let seed =
                operation.route.to_string().bytes().fold(first, |seed: u64, byte| seed * 31 % 65_521 + u64::from(byte));
            let mut draw = Draw { random: fastrand::Rng::with_seed(seed), body: &schema };
            let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
            if is_in(&LASTS_WITH_ANOTHER, &operation) {
                trial.by_hand(&another(&operation, &before)).await;
            }
            let end = trial.run(&plan_of(&operation, &before)).await;
            if end.finished.exit != Exit::Done {
                return wrong.push(format!("{}: not made: {:?}", operation.route, trial.failures()));
            }
            let mut body = before.clone();
            for _ in 0..changes() {
                let after = draw.change(&operation, &body);
                if after == body || !is_makeable(&operation, &after).await {
                    continue;
                }
                tried += 1;
                let killed = killed(&mut draw.random);
                if let Some(why) = changed(&mut trial, &operation, &after, killed).await {
                    let killed = killed.map(|when| format!(" ({when:?})")).unwrap_or_default();
                    return wrong.push(format!("{}{killed}: {why}: {body} → {after}", operation.route));
                }
                body = after;
            }
        });
    }
    assert!(wrong.is_empty(), "{} of {tried} changes of {kinds} kinds\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > kinds, "{tried} changes of {kinds} kinds");
}
