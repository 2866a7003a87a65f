//! Every kind of the catalogue: changed in place, adopted, drifted, and with lost updates. The bodies are made from the
//! catalogue's schemas.

use serde_json::{Map, Value, json};

use super::harness::{Trial, paused};
use crate::catalog::schema::{BodySchema, Schema};
use crate::catalog::update::{Act, resource_route, shown_at};
use crate::catalog::{ALLOW_NOTHING, Catalog, Operation, Partial};
use crate::diagnostic::Severity;
use crate::engine::DriftState;
use crate::engine::operation;
use crate::engine::paths;
use crate::engine::refresh::{Comparison, ReadResource, field};
use crate::engine::update::{UpdatedResource, split};
use crate::exit::Exit;
use crate::journal::{RecordedCall, StepResult, fields_of, fields_of_mut, id_text};
use crate::simulate::tests::every_operation::{STRANGER, body_of, smallest};
use crate::simulate::{Options, UnknownIds};

pub(super) fn is_right(operation: &Operation, body: &Value) -> bool {
    let findings = Catalog::embedded().check_request(operation, Some(&Partial::from(body)), ALLOW_NOTHING);
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

/// The schema of a top-level field.
fn shape_of<'b>(body: &'b BodySchema, name: &str) -> Option<&'b Schema> {
    let mut open = vec![body.element()];
    while let Some(schema) = open.pop() {
        let schema = body.resolve(schema);
        if let Some(found) = schema.properties.get(name) {
            return Some(found);
        }
        open.extend(schema.variants.iter().map(|variant| &variant.schema));
    }
    None
}

/// Values other than this one, the likeliest first.
fn others(body: &BodySchema, shape: &Schema, value: &Value) -> Vec<Value> {
    let resolved = body.resolve(shape);
    let mut found: Vec<Value> = resolved.values.iter().filter(|other| *other != value).cloned().collect();
    match value {
        Value::Bool(on) => found.push(json!(!on)),
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or_default();
            found.extend([json!(number + 1), json!(number + 10), json!(number - 1)]);
        }
        Value::String(_) => found.extend(
            [
                "web-2",
                "v1.99.0",
                "2027-01-01T00:00:00Z",
                "10.0.0.9",
                "a2",
                "/other",
                "6b1c8f0e-7a3d-4c55-8f43-b1a0c5f4e6d2",
            ]
            .map(Value::from),
        ),
        Value::Array(items) => {
            let item = resolved.items.as_ref().map(|item| smallest(body, item)).unwrap_or_default();
            found.push(items.iter().chain([&item]).cloned().collect());
            if !items.is_empty() {
                found.push(json!([]));
            }
        }
        Value::Object(fields) => {
            found.push(json!({ "team": "db", "extra": "1" }));
            for (name, inner) in fields {
                let below = resolved.properties.get(name);
                for other in below.map(|shape| others(body, shape, inner)).unwrap_or_default() {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), other);
                    found.push(Value::Object(changed));
                }
            }
        }
        Value::Null => {}
    }
    found
}

/// Fields that refer to resources which these tests do not create.
pub(super) const REFERENCES: [&str; 3] = ["port_id", "fixed_ip_address", "routes"];

/// Fields that the API sets by itself, though its document lets a body have them.
const OF_THE_API: [&str; 4] = ["client_id", "serial", "app_count", "revision"];

/// Whether all differences can be changed in place.
fn is_in_place(operation: &Operation, before: &Value, after: &Value) -> bool {
    let call = |body: &Value| RecordedCall {
        body: Some(body.clone().into()),
        ..RecordedCall::new(
            operation.route.method,
            concrete(operation).replace("{project_id}", "1").replace("{region_id}", "7"),
        )
    };
    let result =
        StepResult { id: Some(json!(STRANGER).into()), name: Some("web-1".to_owned()), ..StepResult::default() };
    let resource = UpdatedResource::of(Catalog::embedded(), &call(before), &result);
    split(Catalog::embedded(), resource.as_ref(), &call(before), &call(after), None, false).forced.is_empty()
}

/// A body with every field that can be changed in place, and the same body with each of them changed.
pub(super) fn before_and_after(operation: &Operation) -> Option<(Value, Value)> {
    let catalog = Catalog::embedded();
    let schema = catalog.body_schema(operation)?;
    let mut before = body_of(operation)?;
    if before == json!([]) {
        before = json!([smallest(&schema, schema.element())]);
    }
    let update_calls = catalog.update_calls_of(operation);
    let fields: Vec<String> = update_calls
        .iter()
        .flat_map(|way| match &way.act {
            Act::Fields { fields, .. } => fields.clone(),
            Act::Set { field, .. } => vec![(*field).to_owned()],
            _ => Vec::new(),
        })
        .collect();
    let put = |body: &Value, name: &str, value: Value| {
        let mut body = body.clone();
        fields_of_mut(&mut body)?.insert(name.to_owned(), value);
        Some(body).filter(|body| is_right(operation, body))
    };
    let get = |body: &Value, name: &str| fields_of(body)?.get(name).cloned();
    // A unique name, because some kinds are identified by their name.
    for name in ["name", "cluster_name"].into_iter().filter(|name| get(&before, name).is_some()).collect::<Vec<_>>() {
        before = put(&before, name, json!("thing-1")).unwrap_or(before);
    }
    let is_ours = |name: &String| !REFERENCES.contains(&name.as_str()) && !OF_THE_API.contains(&name.as_str());
    let fields: Vec<String> = fields.into_iter().filter(is_ours).collect();
    for name in &fields {
        if let (None, Some(shape)) = (get(&before, name), shape_of(&schema, name)) {
            let value = if name == "tags" && schema.resolve(shape).items.is_none() {
                json!({ "team": "web", "old": "1" })
            } else {
                smallest(&schema, shape)
            };
            before = put(&before, name, value).unwrap_or(before);
        }
    }
    let mut after = before.clone();
    for name in &fields {
        let (Some(value), Some(shape)) = (get(&before, name), shape_of(&schema, name)) else { continue };
        let mut candidates = others(&schema, shape, &value).into_iter().filter_map(|other| put(&after, name, other));
        let changed = candidates.find(|other| is_in_place(operation, &before, other));
        after = changed.unwrap_or(after);
    }
    (before != after).then_some((before, after))
}

/// The path of a create, with ids of other clients' resources for all parameters but project and region.
fn concrete(operation: &Operation) -> String {
    let mut path = operation.route.path.clone();
    for parameter in &operation.path_parameters {
        let place = format!("{{{}}}", parameter.name);
        if !["project_id", "region_id"].contains(&parameter.name.as_str()) {
            let integer = parameter.types.iter().any(|known| known == "integer");
            let named = parameter.name.ends_with("_name");
            path = path.replace(
                &place,
                if integer {
                    "4711"
                } else if named {
                    "web-1"
                } else {
                    STRANGER
                },
            );
        }
    }
    path
}

pub(super) fn plan_of(operation: &Operation, body: &Value) -> String {
    let call = format!("{} {}", operation.route.method, concrete(operation));
    let step = json!({ "id": "thing", "call": call, "body": body });
    json!({ "name": "demo", "steps": [step] }).to_string()
}

/// Fields of the recorded body that the API shows differently.
pub(super) fn differing(trial: &Trial) -> Vec<String> {
    let status = trial.status();
    let known = &status.instances[0];
    let call = known.agrees.as_ref().unwrap();
    let (create, parameters) = operation::operation_of(Catalog::embedded(), call).unwrap();
    let Some(path) = paths::read_path(&create, &parameters, known.result.as_ref().unwrap()) else {
        return Vec::new();
    };
    let object = trial.read(&path);
    let object = shown_at(&create).and_then(|pointer| object.pointer(pointer).cloned()).unwrap_or(object);
    let shown = ReadResource {
        route: resource_route(&create).unwrap(),
        object: &object,
        digest_key: status.header.key.as_bytes(),
        is_owned_by_another: &|_| false,
    };
    let body = call.body.as_deref().and_then(fields_of).cloned().unwrap_or_else(Map::new);
    let fields = body.iter().filter_map(|(name, value)| match field(name, Some(value), &shown) {
        Comparison::Differs(seen) => Some(format!("{name}: {value} is shown as {seen:?}")),
        Comparison::Same | Comparison::CannotTell => None,
    });
    fields.collect()
}

#[test]
fn resources_of_every_kind_are_updated_in_place_and_agree_with_the_plan() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for operation in Catalog::embedded().operations() {
        if operation.creates.is_none() || operation.deprecated {
            continue;
        }
        let Some((before, after)) = before_and_after(&operation) else { continue };
        tried += 1;
        paused(async {
            let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
            let end = trial.run(&plan_of(&operation, &before)).await;
            if end.finished.exit != Exit::Done {
                return wrong.push(format!("{}: not made: {:?}", operation.route, trial.failures()));
            }
            let untouched = differing(&trial);
            if !untouched.is_empty() {
                wrong.push(format!("{}: untouched, and {untouched:?}", operation.route));
            }
            let made = trial.made();
            let plan = plan_of(&operation, &after);
            let end = trial.run(&plan).await;
            if end.finished.exit != Exit::Done {
                return wrong.push(format!("{}: {before} → {after}: {:?}", operation.route, trial.failures()));
            }
            let main = &operation.creates.as_ref().unwrap().kind;
            if trial.made().get(main.as_str()) != made.get(main.as_str()) {
                wrong.push(format!("{}: made anew", operation.route));
            }
            let now = differing(&trial);
            if !now.is_empty() {
                wrong.push(format!("{}: changed, and {now:?}", operation.route));
            }
            let writes = trial.writes();
            trial.run(&plan).await;
            if trial.writes() != writes {
                wrong.push(format!("{}: the next run is not silent", operation.route));
            }
        });
    }
    assert!(wrong.is_empty(), "{tried} tried\n{}", wrong.join("\n"));
    assert!(tried >= 35, "{tried} tried");
}

pub(super) fn is_in(list: &[&str], operation: &Operation) -> bool {
    list.contains(&operation.route.to_string().as_str())
}

/// A plan that adopts the resource instead of creating it.
fn adopting(operation: &Operation, body: &Value, adopt: &Value) -> String {
    let mut plan: Value = serde_json::from_str(&plan_of(operation, body)).unwrap();
    plan["steps"][0]["adopt"] = adopt.clone();
    plan.to_string()
}

#[test]
fn resources_of_every_kind_are_adopted_by_id_and_by_name() {
    let mut wrong = Vec::new();
    let (mut by_id, mut by_name) = (0, 0);
    for operation in Catalog::embedded().operations().filter(|operation| !operation.deprecated) {
        let Some(creates) = &operation.creates else { continue };
        let Some(resource) =
            creates.resource.as_ref().filter(|resource| resource.read.is_some() || resource.list.is_some())
        else {
            continue;
        };
        let Some(body) = before_and_after(&operation).map(|(before, _)| before).or_else(|| body_of(&operation)) else {
            continue;
        };
        paused(async {
            let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
            let end = trial.run(&plan_of(&operation, &body)).await;
            let made = trial.status();
            let result = made.instances.values().next().and_then(|known| known.result.clone());
            let Some(result) = result.filter(|_| end.finished.exit == Exit::Done) else { return };
            let id = id_text(result.id.as_ref().unwrap());
            let mut ways_to_adopt =
                vec![json!({ "id": if resource.by_name { result.name.clone().unwrap_or(id) } else { id } })];
            let listed = resource.list.as_ref().is_some_and(|list| list.name_field.is_some());
            ways_to_adopt.extend(result.name.clone().filter(|_| listed).map(|name| json!({ "name": name })));
            for adopt in ways_to_adopt {
                trial.another_record();
                let before = (trial.made(), trial.writes());
                let end = trial.run(&adopting(&operation, &body, &adopt)).await;
                if end.finished.exit != Exit::Done || (trial.made(), trial.writes()) != before {
                    wrong.push(format!("{}: {adopt}: {:?}", operation.route, trial.failures()));
                }
                if adopt.get("id").is_some() {
                    by_id += 1
                } else {
                    by_name += 1
                }
                trial.events.clear();
            }
        });
    }
    assert!(wrong.is_empty(), "{by_id} by id, {by_name} by name\n{}", wrong.join("\n"));
    assert!(by_id >= 40 && by_name >= 25, "{by_id} by id, {by_name} by name");
}

#[test]
fn drift_is_detected_for_every_kind_and_corrected() {
    let mut wrong = Vec::new();
    let (mut changed, mut found) = (0, 0);
    for operation in Catalog::embedded().operations().filter(|operation| !operation.deprecated) {
        let Some((before, after)) = before_and_after(&operation) else { continue };
        paused(async {
            let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
            let plan = plan_of(&operation, &before);
            let end = trial.run(&plan).await;
            if end.finished.exit != Exit::Done {
                return wrong.push(format!("{}: not made: {:?}", operation.route, trial.failures()));
            }
            let status = trial.status();
            let known = status.instances.values().next().unwrap();
            let recorded = known.agrees.clone().unwrap().into_owned();
            let other = RecordedCall { body: Some(after.clone().into()), ..recorded.clone() };
            let catalog = Catalog::embedded();
            let resource = UpdatedResource::of(catalog, &recorded, known.result.as_ref().unwrap());
            let calls = split(catalog, resource.as_ref(), &recorded, &other, None, false).calls;
            changed += calls.iter().map(|call| call.fields.len()).sum::<usize>();
            for call in &calls {
                trial.by_hand(&call.recorded).await;
            }
            let fields = match trial.looked().await.pop().map(|looked| looked.found) {
                Some(DriftState::Changed { fields }) => fields,
                other => return wrong.push(format!("{}: {other:?} after {calls:?}", operation.route)),
            };
            found += fields.len();
            let fields_found: Vec<String> = fields.iter().map(|field| field.field.clone()).collect();
            let drifted =
                crate::journal::Record::Drifted { instance: status.instances.keys().next().unwrap().clone(), fields };
            trial.record(drifted);
            let end = trial.run(&plan).await;
            let left = differing(&trial);
            // A value that can only grow, or is invalid, cannot be corrected: the step fails as a whole, and says so.
            let says = ["the API cannot change it back", "which needs a new resource"];
            let stays = trial.failures().iter().all(|failure| says.iter().any(|words| failure.contains(words)));
            if end.finished.exit != Exit::Done && stays {
                return;
            }
            // Fields with secrets are not compared.
            let is_secret = |field: &String| field.contains("secret") || field.starts_with("token:");
            let left: Vec<String> = left.into_iter().filter(|field| !is_secret(field)).collect();
            if end.finished.exit != Exit::Done || !left.is_empty() {
                wrong.push(format!("{}: {:?} {left:?} {fields_found:?}", operation.route, trial.failures()));
            }
        });
    }
    assert!(wrong.is_empty(), "{found} of {changed} fields\n{}", wrong.join("\n"));
    assert!(found * 100 >= changed * 91, "{found} of {changed} fields");
}

#[test]
fn lost_updates_of_every_kind_are_sent_once_and_resolved() {
    let mut wrong = Vec::new();
    for operation in Catalog::embedded().operations().filter(|operation| !operation.deprecated) {
        let Some((before, after)) = before_and_after(&operation) else { continue };
        for fault in ["lost-answer:PATCH", "lost-answer:PUT"] {
            let faults = crate::simulate::Faults::parse([&*format!("{fault}:1")]).unwrap();
            paused(async {
                let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, faults, ..Options::default() });
                let end = trial.run(&plan_of(&operation, &before)).await;
                let (made, plan) = (trial.made(), plan_of(&operation, &after));
                if end.finished.exit != Exit::Done {
                    return;
                }
                let end = trial.run(&plan).await;
                let writes = trial.writes();
                let again = trial.run(&plan).await;
                let kind = operation.creates.as_ref().unwrap().kind.as_str();
                let done = end.finished.exit == Exit::Done && again.finished.exit == Exit::Done;
                if !done
                    || trial.writes() != writes
                    || trial.made().get(kind) != made.get(kind)
                    || !differing(&trial).is_empty()
                {
                    wrong.push(format!("{}: {fault}: {:?}", operation.route, trial.failures()));
                }
            });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
