//! Checks bodies and parameters of every operation, valid and mutated, whose values come through templates in all
//! ways that can be known before the first call.
//!
//! What is invalid as a literal must be found through a template as well, and what is valid must not. More of both:
//! `PLAN_TEMPLATES=20 cargo test through_templates -- --nocapture`; other seeds: `PLAN_SEED`.

mod table;
mod wrappers;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::*;
use crate::catalog::check::CODES;
use crate::catalog::check::generated::{Generator, mutate};
use crate::catalog::schema::BodySchema;
use crate::catalog::{ALLOW_NOTHING, BodyFinding, Catalog, Operation, Parameter, Partial, PathSegment};
use crate::diagnostic::{Diagnostic, Severity};
use crate::secret::Secrets;
use crate::source::Source;
use table::{Table, number};
use wrappers::{OF_A_TYPE, WRAPPERS, Wrap, Wrapped, fields};

/// A value as a template expression.
fn literal(value: &Value) -> String {
    let listed = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Null => "none".to_owned(),
        Value::Array(items) => format!("[{}]", listed(items.iter().map(literal).collect())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| format!("{}: {}", json!(name), literal(field)));
            // Two closing braces would end the template.
            format!("{{ {} }}", listed(fields.collect()))
        }
        scalar => scalar.to_string(),
    }
}

/// The deepest path at which two values differ.
fn difference(one: &Value, two: &Value) -> Vec<PathSegment> {
    let differing = match (one, two) {
        (Value::Object(one), Value::Object(two)) if one.len() == two.len() => {
            let pairs: Option<Vec<_>> = one.iter().map(|(key, value)| Some((key, value, two.get(key)?))).collect();
            pairs.map(|pairs| {
                let differ = pairs.into_iter().filter(|(_, one, two)| one != two);
                differ.map(|(key, one, two)| (PathSegment::Key(key.clone()), one, two)).collect::<Vec<_>>()
            })
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            let pairs = one.iter().zip(two).enumerate().filter(|(_, (one, two))| one != two);
            Some(pairs.map(|(index, (one, two))| (PathSegment::Index(index), one, two)).collect())
        }
        _ => None,
    };
    match differing.as_deref() {
        Some([(step, one, two)]) => std::iter::once(step.clone()).chain(difference(one, two)).collect(),
        _ => Vec::new(),
    }
}

fn at<'v>(value: &'v Value, path: &[PathSegment]) -> &'v Value {
    path.iter().fold(value, |value, step| match step {
        PathSegment::Key(key) => &value[key],
        PathSegment::Index(index) => &value[index],
    })
}

fn replaced(value: &Value, path: &[PathSegment], with: Value) -> Value {
    let Some((step, rest)) = path.split_first() else { return with };
    let mut value = value.clone();
    let place = match step {
        PathSegment::Key(key) => &mut value[key],
        PathSegment::Index(index) => &mut value[index],
    };
    *place = replaced(place, rest, with);
    value
}

/// A plan with one step under test, with valid parameters.
struct Setting<'o> {
    operation: &'o Operation,
    path: Map<String, Value>,
    query: Map<String, Value>,
    body: Option<Value>,
}

impl<'o> Setting<'o> {
    fn new(operation: &'o Operation, rng: &mut Rng) -> Self {
        let mut named = |parameter: &Parameter| (parameter.name.clone(), sample(parameter, rng));
        // Some ids are UUIDs though the document says only that they are texts.
        let valid = |(name, value): (String, Value)| {
            let is_valid = parameter_literally(operation, &name, &value, true).is_empty();
            (name, if is_valid { value } else { json!("8f1c0a3e-0000-4000-8000-000000000001") })
        };
        let path = operation.path_parameters.iter().map(&mut named).map(valid).collect();
        let needed = operation.query_parameters.iter().filter(|parameter| parameter.required);
        let query = needed.map(&mut named).collect();
        Self { operation, path, query, body: None }
    }

    fn plan(&self, wrapped: &Wrapped) -> String {
        let segments = self.operation.route.path.split('/').map(|segment| {
            let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            match name {
                Some(name) if !["project_id", "region_id"].contains(&name) => {
                    let value = &self.path[name];
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                }
                _ => segment.to_owned(),
            }
        });
        let segments: Vec<String> = segments.collect();
        let mut step = fields([("id", json!("it"))]);
        let call = format!("{} {}", self.operation.route.method, segments.join("/"));
        step.insert("call".to_owned(), Value::String(call));
        if !self.query.is_empty() {
            step.insert("query".to_owned(), Value::Object(self.query.clone()));
        }
        step.extend(self.body.iter().map(|body| ("body".to_owned(), body.clone())));
        step.extend(wrapped.for_each.iter().map(|for_each| ("for_each".to_owned(), for_each.clone())));
        let first = json!({
            "id": "first",
            "call": "POST /cloud/v1/networks/{project_id}/{region_id}",
            "body": { "name": "first" },
        });
        json!({ "name": "demo", "inputs": wrapped.inputs, "steps": [first, step] }).to_string()
    }

    /// The errors that `check` finds.
    fn errors(&self, wrapped: &Wrapped, folder: &Path) -> Vec<Diagnostic> {
        if let Some(text) = &wrapped.file {
            std::fs::write(folder.join("value.txt"), text).unwrap();
        }
        let secrets = Secrets::default();
        let sources =
            inputs::InputSources { set: &wrapped.set, environment: &wrapped.environment, ..Default::default() };
        let assumed = Assumed {
            inputs: &|declared| {
                let (values, problems) = inputs::resolve_known(declared, &sources, &secrets);
                let given = problems.iter().filter(|problem| problem.origin != inputs::Origin::Plan);
                assert_eq!(given.collect::<Vec<_>>(), [] as [&inputs::InputProblem; 0]);
                values
            },
            environment: "test",
            secrets: &secrets,
        };
        let source = Arc::new(Source::new("plan.yaml", self.plan(wrapped)));
        let mut findings = check_assuming(&source, Catalog::embedded(), folder, &assumed).findings;
        // Very large constants do not occur in real templates.
        findings.retain(|finding| finding.is_error() && !finding.message.starts_with("more than "));
        findings
    }
}

fn literally(operation: &Operation, body: &Value) -> Vec<BodyFinding> {
    let mut findings = Catalog::embedded().check_request(operation, Some(&Partial::from(body)), ALLOW_NOTHING);
    findings.retain(|finding| finding.severity == Severity::Error);
    findings
}

/// One of this many operations is checked.
const STRIDE: u64 = 20;
/// The mutated bodies of an operation.
const SPOILT: usize = 3;

/// The operations of one run, with the seeds of their values.
fn operations() -> impl Iterator<Item = (Arc<Operation>, Rng)> {
    let (scale, seed) = (number("PLAN_TEMPLATES", 0), number("PLAN_SEED", 0));
    let looked_at = move |nth: u64| scale > 0 || (nth + seed).is_multiple_of(STRIDE);
    let operations = (0_u64..).zip(Catalog::embedded().operations()).filter(move |(nth, _)| looked_at(*nth));
    operations.flat_map(move |(nth, operation)| {
        let rounds = 0..scale.max(1);
        rounds.map(move |round| (Arc::clone(&operation), Rng::with_seed((seed << 32) | (round << 16) | nth)))
    })
}

#[test]
fn bodies_from_templates_are_checked_like_literal_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::default();
    for (operation, rng) in operations() {
        let Some(schema) = Catalog::embedded().body_schema(&operation) else { continue };
        let mut generator = Generator { schema: &schema, rng };
        let good = generator.value(schema.root(), 0);
        if !literally(&operation, &good).is_empty() {
            continue;
        }
        let mut setting = Setting::new(&operation, &mut generator.rng);
        for bad in mutated(&good, &mut generator.rng) {
            let path = difference(&good, &bad);
            let (value, other) = (at(&bad, &path), at(&good, &path));
            let found = literally(&operation, &bad);
            let wrong_type = |found: &BodyFinding| found.code == "wrong-type" && found.at == path;
            let by_type = !found.is_empty() && found.iter().all(wrong_type);
            let expected = messages(found);
            let place = |setting: &mut Setting<'_>, written| setting.body = Some(replaced(&good, &path, written));
            let look = Trial { place: &place, value, other, expected, by_type };
            look.through_all(&mut setting, folder.path(), &mut table);
        }
    }
    table.close();
}

#[test]
fn parameters_from_templates_are_checked_like_literal_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::default();
    for (operation, mut rng) in operations() {
        // Only the parameter may be invalid.
        if !Catalog::embedded().check_request(&operation, None, ALLOW_NOTHING).is_empty() {
            continue;
        }
        let mut setting = Setting::new(&operation, &mut rng);
        let (path, query) = (setting.path.clone(), setting.query.clone());
        let ours = |name: &str| ["project_id", "region_id"].contains(&name);
        let in_path = operation.path_parameters.iter().filter(|parameter| !ours(&parameter.name));
        let in_path = in_path.map(|parameter| (parameter, true));
        for (parameter, in_path) in in_path.chain(operation.query_parameters.iter().map(|parameter| (parameter, false)))
        {
            let name = parameter.name.as_str();
            // For lists and alternatives in queries of other products, text for a number is valid as a literal and
            // reported through a template.
            let is_plain = parameter.schema.variants.is_empty() && parameter.schema.items.is_none();
            if !is_plain && !operation.route.path.starts_with("/cloud/") {
                continue;
            }
            let other = sample(parameter, &mut rng);
            if !parameter_literally(&operation, name, &other, in_path).is_empty() {
                continue;
            }
            for value in mutated(&other, &mut rng) {
                let expected = parameter_literally(&operation, name, &value, in_path);
                let place = |setting: &mut Setting<'_>, written: Value| {
                    let place = if in_path { &mut setting.path } else { &mut setting.query };
                    place.insert(name.to_owned(), written);
                };
                let look = Trial { place: &place, value: &value, other: &other, expected, by_type: false };
                look.through_all(&mut setting, folder.path(), &mut table);
            }
            (setting.path, setting.query) = (path.clone(), query.clone());
        }
    }
    table.close();
}

/// Some mutations of a value.
fn mutated(good: &Value, rng: &mut Rng) -> Vec<Value> {
    let mut all = Vec::new();
    mutate(good, &mut |bad| all.push(bad));
    rng.shuffle(&mut all);
    all.truncate(SPOILT);
    all
}

fn sample(parameter: &Parameter, rng: &mut Rng) -> Value {
    let schema = BodySchema::alone(parameter.schema.clone());
    Generator { schema: &schema, rng: rng.fork() }.value(schema.root(), 0)
}

fn parameter_literally(operation: &Operation, name: &str, value: &Value, in_path: bool) -> Vec<String> {
    let no_segment = matches!(value, Value::Null | Value::Array(_) | Value::Object(_)) || value == "";
    if in_path && no_segment {
        return vec![format!("{value} is no segment of a path")];
    }
    let given = [(name.to_owned(), Partial::from(value))];
    let (path, query): (&[_], &[_]) = if in_path { (&given, &[]) } else { (&[], &given) };
    let found = operation.check_parameters(path, query, ALLOW_NOTHING).into_iter().map(|found| found.finding);
    messages(found.filter(|found| found.severity == Severity::Error && found.code != "missing-parameter"))
}

fn messages(findings: impl IntoIterator<Item = BodyFinding>) -> Vec<String> {
    findings.into_iter().map(|found| found.message).collect()
}

/// One value in a call, which is invalid when `expected` is not empty, and a valid one for the same place.
struct Trial<'l> {
    place: &'l dyn Fn(&mut Setting<'_>, Value),
    value: &'l Value,
    other: &'l Value,
    /// The findings for the value as a literal.
    expected: Vec<String>,
    /// Whether only its type is wrong.
    by_type: bool,
}

impl Trial<'_> {
    fn through_all(&self, setting: &mut Setting<'_>, folder: &Path, table: &mut Table) {
        for (name, wrap) in WRAPPERS {
            self.through(name, wrap, setting, folder, table);
        }
        // An unknown value has a wrong type where every known one would have.
        for (name, wrap) in OF_A_TYPE {
            self.right(name, wrap, setting, folder, table);
            if self.by_type {
                self.through(name, wrap, setting, folder, table);
            }
        }
    }

    fn through(&self, name: &'static str, wrap: Wrap, setting: &mut Setting<'_>, folder: &Path, table: &mut Table) {
        self.right(name, wrap, setting, folder, table);
        let Some(wrapped) = wrap(self.value, self.other) else { return };
        (self.place)(setting, wrapped.value.clone());
        let errors = setting.errors(&wrapped, folder);
        match self.expected.as_slice() {
            [] => table.right(name, &errors, || setting.plan(&wrapped)),
            expected => table.wrong(name, expected, &errors, || setting.plan(&wrapped)),
        }
    }

    fn right(&self, name: &'static str, wrap: Wrap, setting: &mut Setting<'_>, folder: &Path, table: &mut Table) {
        let Some(wrapped) = wrap(self.other, self.other) else { return };
        (self.place)(setting, wrapped.value.clone());
        let errors = setting.errors(&wrapped, folder);
        table.right(name, &errors, || setting.plan(&wrapped));
    }
}
