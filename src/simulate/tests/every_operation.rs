//! Catalogue and simulator compared: every operation is answered.

use super::*;
use serde_json::Map;

use crate::catalog::schema::{Additional, Schema, Type};
use crate::catalog::{BodyFinding, BodySchema, Catalog, IdAt, Operation, Partial};
use crate::diagnostic::Severity;
use crate::simulate::UnknownIds;

/// The id of a resource that no test created.
pub(crate) const STRANGER: &str = "5b1c8f0e-7a3d-4c55-8f43-b1a0c5f4e6d2";

/// The smallest valid value of a schema: only required fields, the first of all choices.
pub(crate) fn smallest(body: &BodySchema, written: &Schema) -> Value {
    let shape = body.resolve(written);
    if let Some(value) = shape.values.first() {
        return value.clone();
    }
    if let Some(variant) = shape.variants.first() {
        let mut value = smallest(body, &variant.schema);
        if let Value::Object(fields) = &mut value {
            for name in &shape.required {
                if let Some(field) = shape.properties.get(name) {
                    fields.entry(name.clone()).or_insert_with(|| smallest(body, field));
                }
            }
            if let (Some(field), Some(word)) = (&shape.discriminator, variant.when.first()) {
                fields.insert(field.clone(), word.clone());
            }
        }
        return value;
    }
    let first = shape.types.iter().next();
    // An object with known fields says more than a list of anything.
    let is_object = shape.types.contains(Type::Object) && !shape.properties.is_empty();
    match if is_object { Some(Type::Object) } else { first } {
        Some(Type::Boolean) => json!(false),
        Some(Type::Integer | Type::Number) => {
            let least = shape.minimum.as_ref().and_then(|bound| Some((bound.value.as_i64()?, bound.exclusive)));
            json!(least.map_or(1, |(least, exclusive)| if exclusive { least + 1 } else { least }))
        }
        Some(Type::Array) => {
            let count = shape.min_items.unwrap_or(0);
            let item = shape.items.as_ref().map(|item| smallest(body, item)).unwrap_or_default();
            (0..count).map(|_| item.clone()).collect()
        }
        Some(Type::Object) => {
            let fields = shape.required.iter().map(|name| {
                let field = shape.properties.get(name).map(|field| smallest(body, field));
                (name.clone(), field.unwrap_or_default())
            });
            let mut fields: Map<_, _> = fields.collect();
            if let (Additional::Of(any), Some(1..)) = (&shape.additional, shape.min_properties)
                && fields.is_empty()
            {
                fields.insert("key".into(), smallest(body, any));
            }
            Value::Object(fields)
        }
        // Some ids are plain texts in the documentation.
        Some(Type::String) | None if shape.kind.is_some() && !shape.by_name => json!(STRANGER),
        Some(Type::String) | None => json!(text(shape)),
    }
}

/// A file of this repository, for bodies that name one.
pub(crate) const FILE: &str = "examples/fastedge/app.wasm";

fn text(shape: &Schema) -> String {
    if shape.format.as_deref() == Some("binary") {
        return FILE.to_owned();
    }
    let candidates = [
        STRANGER,
        "2026-01-01T00:00:00Z",
        "10.0.0.0/24",
        "10.0.0.5",
        "https://example.com/x",
        "web-1",
        "web",
        "a1",
        "HTTP",
        "aws-iam",
        "128mCPU-128MiB",
        "128mCPU-128MB",
        "/health",
        "example.com",
        "library/nginx:1.27",
        "a",
        "me@example.com",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    let fits = |candidate: &&str| {
        let schema = BodySchema::gather(shape.clone(), |_| Ok::<_, std::convert::Infallible>(None)).unwrap();
        errors(&crate::catalog::check_body(&schema, &Partial::from(&json!(candidate)))).is_empty()
    };
    // The format determines the text; without one a name is valid.
    let named = candidates.iter().skip(if shape.format.is_some() { 0 } else { 5 });
    named.chain(&candidates).find(|candidate| fits(candidate)).unwrap_or(&"web-1").to_string()
}

fn errors(findings: &[BodyFinding]) -> Vec<&BodyFinding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error).collect()
}

/// The path of an operation with a value for every parameter.
pub fn concrete(operation: &Operation) -> String {
    let mut path = operation.route.path.replace("{project_id}", "1").replace("{region_id}", "7");
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        let name = &path[open + 1..close];
        let parameter = operation.path_parameters.iter().find(|parameter| parameter.name == name);
        let integer = parameter.is_some_and(|parameter| parameter.types.iter().any(|known| known == "integer"));
        path.replace_range(open..=close, if integer { "4711" } else { STRANGER });
    }
    path
}

/// The smallest valid body of an operation.
pub(crate) fn body_of(operation: &Operation) -> Option<Value> {
    let body = Catalog::embedded().body_schema(operation)?;
    let mut value = smallest(&body, body.root());
    if operation.route.path.ends_with("/lbpools/{project_id}/{region_id}") {
        // One of two fields is required, which the documentation does not say.
        value["load_balancer_id"] = json!(STRANGER);
    }
    if operation.route.path.ends_with("/rules") && value.get("direction").is_some() {
        // An egress rule for everything is refused.
        value["direction"] = json!("ingress");
    }
    let findings = Catalog::embedded().check_body(operation, Some(&Partial::from(&value)));
    assert!(errors(&findings).is_empty(), "{}: {value}: {findings:?}", operation.route);
    Some(value)
}

#[test]
fn every_operation_is_answered_in_the_apis_shape() {
    for operation in Catalog::embedded().operations_of("cloud") {
        for unknown_ids in [UnknownIds::Refuse, UnknownIds::Assume] {
            let mut world = world(Options { unknown_ids, ..Options::default() });
            let (status, body) = world.send(operation.route.method, &concrete(&operation), body_of(&operation));
            let refused = status >= 400;
            assert!(status < 500, "{}: {status} {body}", operation.route);
            assert_eq!(refused, body.get("exception_class").is_some(), "{}: {status} {body}", operation.route);
            assert!(refused || !operation.asynchronous || body["tasks"].is_array(), "{}: {body}", operation.route);
            world.settle();
        }
    }
}

#[test]
fn every_create_makes_what_the_catalogue_says_and_where() {
    let mut wrong = Vec::new();
    for operation in Catalog::embedded().operations_of("cloud") {
        let Some(creates) = &operation.creates else { continue };
        let mut world = world(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
        let body = body_of(&operation);
        let (status, answer) = world.send(operation.route.method, &concrete(&operation), body.clone());
        if !(200..300).contains(&status) {
            wrong.push(format!("{}: {status} {answer}", operation.route));
            continue;
        }
        world.settle();
        let id = match &creates.id_at {
            IdAt::Response(pointer) => answer.pointer(pointer).cloned(),
            IdAt::Body(pointer) => body.as_ref().and_then(|body| body.pointer(pointer)).cloned(),
            IdAt::Path(_) => panic!("no path of the Cloud API says what is made"),
            IdAt::Task(keys) => {
                let task = answer.pointer("/tasks/0").and_then(Value::as_str).unwrap_or_default();
                let (_, task) = world.send(Method::Get, &format!("/cloud/v1/tasks/{task}"), None);
                let of = |key: &String| task["created_resources"].get(key)?.get(0).cloned();
                keys.iter().find_map(of)
            }
        };
        let Some(id) = id.filter(|id| !id.is_null() && id != "") else {
            wrong.push(format!("{}: no id at {:?} in {answer}", operation.route, creates.id_at));
            continue;
        };
        let Some(resource) = &creates.resource else { continue };
        let name = creates.name_at.as_ref().and_then(|at| body.as_ref()?.pointer(at)?.as_str().map(str::to_owned));
        let text = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let key = if resource.by_name { name.unwrap_or(text) } else { text };
        let place = |path: &str| {
            let path = path.replace(&format!("{{{}}}", resource.parameter), &key);
            let known =
                Operation { route: crate::catalog::Route { method: Method::Get, path }, ..(*operation).clone() };
            concrete(&known)
        };
        if let Some(path) = &resource.read {
            let (status, shown) = world.send(Method::Get, &place(path), None);
            if status != 200 {
                wrong.push(format!("{}: reading {}: {status} {shown}", operation.route, place(path)));
            }
        }
        if let Some(list) = &resource.list {
            let (status, shown) = world.send(Method::Get, &place(&list.path), None);
            let items = shown.pointer(&list.items_at).and_then(Value::as_array).cloned().unwrap_or_default();
            if status != 200 || !items.iter().any(|item| item.get(&list.id_field) == Some(&id)) {
                wrong.push(format!(
                    "{}: not in the list {} under {}: {status}",
                    operation.route,
                    place(&list.path),
                    list.id_field
                ));
            }
        }
        if let Some(delete) = &resource.delete {
            let (status, answer) = world.send(delete.method, &place(&delete.path), None);
            world.settle();
            if status >= 300 {
                wrong.push(format!("{}: deleting {}: {status} {answer}", operation.route, place(&delete.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
