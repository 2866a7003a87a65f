//! Checks the documents' examples against the catalogue: none may have findings. The documents are not in the
//! repository; name some in `PLAN_OPENAPI`, separated by `:`, to check them by hand. Findings of such checks are kept
//! as a table in `catalog::tests`.

use serde_json::{Map, Value};

use super::Document;
use crate::catalog::check::BodyFinding;
use crate::catalog::{ALLOW_NOTHING, Catalog, Method, Partial, Route};
use crate::diagnostic::{Severity, code};

/// The greatest depth of combined examples.
const DEEPEST: usize = 12;

struct Examples<'d> {
    document: &'d Document,
}

impl Examples<'_> {
    /// The document's examples of a call's body.
    fn of(&self, raw: &Value) -> Vec<Value> {
        let Some(body) = raw.get("requestBody").and_then(|body| self.document.resolve(body).ok()) else {
            return Vec::new();
        };
        let Some(content) = body.pointer("/content/application~1json") else { return Vec::new() };
        let mut found: Vec<Value> = content.get("example").cloned().into_iter().collect();
        for named in content.get("examples").and_then(Value::as_object).into_iter().flat_map(Map::values) {
            found.extend(self.document.resolve(named).ok().and_then(|named| named.get("value")).cloned());
        }
        if let Some(shape) = content.get("schema") {
            found.extend(self.whole(shape, 0));
        }
        found
    }

    /// The examples of a schema: its own, or combined from those of its fields.
    fn whole(&self, shape: &Value, depth: usize) -> Vec<Value> {
        let Ok(shape) = self.document.resolve(shape) else { return Vec::new() };
        if let Some(own) = shape.get("example") {
            return Some(own.clone()).filter(|own| !own.is_null()).into_iter().collect();
        }
        if let Some(own) = shape.get("examples").and_then(Value::as_array).filter(|own| !own.is_empty()) {
            return own.clone();
        }
        if depth > DEEPEST {
            return Vec::new();
        }
        for word in ["oneOf", "anyOf"] {
            if let Some(branches) = shape.get(word).and_then(Value::as_array) {
                return branches.iter().flat_map(|branch| self.whole(branch, depth + 1)).collect();
            }
        }
        let mut fields = Map::new();
        for part in shape.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            match self.whole(part, depth + 1).into_iter().next() {
                Some(Value::Object(more)) => fields.extend(more),
                Some(other) => return vec![other],
                None => {}
            }
        }
        for (name, field) in shape.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let is_for_answers =
                self.document.resolve(field).is_ok_and(|field| field.get("readOnly") == Some(&true.into()));
            if let Some(example) = self.whole(field, depth + 1).into_iter().next().filter(|_| !is_for_answers) {
                fields.insert(name.clone(), example);
            }
        }
        if !fields.is_empty() {
            return vec![Value::Object(fields)];
        }
        let items = shape.get("items").map(|items| self.whole(items, depth + 1)).unwrap_or_default();
        if items.is_empty() { Vec::new() } else { vec![Value::Array(items)] }
    }
}

/// Whether a finding is a false alarm: an error, but no missing field, since examples may show a part of a body.
fn is_false_alarm(finding: &BodyFinding) -> bool {
    finding.severity == Severity::Error && finding.code != code::MISSING_FIELD
}

#[test]
fn no_example_of_a_document_is_found_wrong() {
    let mut wrong = Vec::new();
    for path in std::env::var("PLAN_OPENAPI").unwrap_or_default().split(':').filter(|path| !path.is_empty()) {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let document = Document::parse(&text).unwrap();
        let catalog = Catalog::from_openapi(&text).unwrap();
        let examples = Examples { document: &document };
        let mut tried = 0;
        for (path, item) in document.paths() {
            for method in Method::ALL {
                let Some(raw) = item.get(method.as_str().to_lowercase()) else { continue };
                let segments: Vec<_> = path.split('/').skip(1).map(Some).collect();
                let Some(operation) = catalog.matching_segments(method, &segments) else {
                    wrong.push(format!("{method} {path} is not in the catalogue"));
                    continue;
                };
                for body in examples.of(raw) {
                    tried += 1;
                    let found = catalog.check_request(&operation, Some(&Partial::from(&body)), ALLOW_NOTHING);
                    let route = Route { method, path: path.clone() };
                    let found = found.iter().filter(|finding| is_false_alarm(finding));
                    wrong.extend(found.map(|finding| {
                        let at: Vec<String> = finding.at.iter().map(ToString::to_string).collect();
                        format!("{route}: {}: {}: {} in {body}", at.join("."), finding.code, finding.message)
                    }));
                }
            }
        }
        assert!(tried > 0, "{path} shows no example");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
