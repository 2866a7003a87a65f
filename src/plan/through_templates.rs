//! Checks bodies and parameters of every operation, valid and mutated, whose values come through templates in all
//! ways that can be known before the first call.
//!
//! What is invalid as a literal must be found through a template as well, and what is valid must not. More of both:
//! `PLAN_TEMPLATES=20 cargo test through_templates -- --nocapture`; other seeds: `PLAN_SEED`.

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

/// A value replaced by a template, and what the plan needs for it.
#[derive(Default)]
struct Wrapped {
    value: Value,
    inputs: Map<String, Value>,
    for_each: Option<Value>,
    set: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    /// Text of `value.txt`.
    file: Option<String>,
}

/// Wraps a value in a template, given the value and another valid one for the same place. `None` when it cannot be
/// wrapped this way.
type Wrap = fn(&Value, &Value) -> Option<Wrapped>;

const WRAPPERS: [(&str, Wrap); 29] = [
    ("--set", |value, _| given(value, true)),
    ("PLAN_INPUT_*", |value, _| given(value, false)),
    ("secret", |value, _| {
        let inputs = fields([("v", json!({ "type": type_of(value)?, "secret": true }))]);
        Some(Wrapped { inputs, ..given(value, false)? })
    }),
    ("secret in a text", |value, _| {
        let (start, end) = halves(value)?;
        let inputs = fields([("v", json!({ "secret": true }))]);
        Some(Wrapped {
            value: Value::String(format!("{{{{ inputs.v }}}}{end}")),
            inputs,
            ..given(&json!(start), true)?
        })
    }),
    ("default", |value, _| Some(default(value, "{{ inputs.v }}"))),
    ("default, and one set", |value, other| {
        let wrapped = given(value, true).filter(|_| type_of(value) == type_of(other))?;
        let inputs = fields([("v", json!({ "type": type_of(value)?, "default": other }))]);
        Some(Wrapped { inputs, ..wrapped })
    }),
    ("field of an input", |value, other| {
        Some(default(&json!({ "a": other, "b": { "c": value } }), "{{ inputs.v.b.c }}"))
    }),
    ("item of an input", |value, other| Some(default(&json!([other, value]), "{{ inputs.v[1] }}"))),
    ("constant", |value, _| Some(expression(&literal(value)))),
    ("constant in a mapping", |value, other| {
        Some(expression(&format!("{{'a': {}, 'b': {}}}['b']", literal(other), literal(value))))
    }),
    ("default filter", |value, _| {
        let inputs = fields([("v", json!({ "type": type_of(value)?, "required": false }))]);
        Some(Wrapped { inputs, ..expression(&format!("inputs.v | default({})", literal(value))) })
    }),
    ("condition, decided", |value, other| {
        let wrapped = choice(value, other);
        let set = vec![("big".to_owned(), "true".to_owned())];
        Some(Wrapped { set, ..wrapped })
    }),
    ("condition, decided by a default", |value, other| {
        let inputs = fields([("big", json!({ "default": true }))]);
        Some(Wrapped { inputs, ..choice(value, other) })
    }),
    ("condition, open", |value, other| Some(choice(value, other))),
    ("condition on a step", |value, other| {
        Some(expression(&format!("{} if steps.first.response.x == 1 else {}", literal(other), literal(value))))
    }),
    ("and, or", |value, _| {
        let told = !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != &json!([]);
        told.then(|| expression(&format!("false or {}", literal(value))))
    }),
    ("for_each over a list", |value, other| Some(each(json!([other, value]), "{{ each.value }}"))),
    ("for_each over a mapping", |value, other| Some(each(json!({ "a": other, "b": value }), "{{ each.value }}"))),
    ("for_each, fields", |value, other| Some(each(json!([{ "x": other }, { "x": value }]), "{{ each.value.x }}"))),
    ("for_each over an input", |value, other| {
        let wrapped = each(json!("{{ inputs.v }}"), "{{ each.value }}");
        Some(Wrapped { inputs: fields([("v", json!({ "default": { "a": other, "b": value } }))]), ..wrapped })
    }),
    ("for_each over a set list", |value, other| {
        let set = vec![("v".to_owned(), json!([other, value]).to_string())];
        let wrapped = each(json!("{{ inputs.v }}"), "{{ each.value }}");
        Some(Wrapped { inputs: fields([("v", json!({ "type": "list" }))]), set, ..wrapped })
    }),
    ("for_each over templates", |value, other| {
        let items = [other, value].map(|value| Value::String(format!("{{{{ {} }}}}", literal(value))));
        Some(each(json!(items), "{{ each.value }}"))
    }),
    ("for_each, part open", |value, other| {
        let item = |value| json!({ "x": value, "y": "{{ steps.first.response.y }}" });
        Some(each(json!([item(other), item(value)]), "{{ each.value.x }}"))
    }),
    ("texts joined", |value, _| {
        let (start, end) = halves(value)?;
        Some(expression(&format!("{} ~ {}", literal(&json!(start)), literal(&json!(end)))))
    }),
    ("text with a hole", |value, _| {
        let (start, end) = halves(value)?;
        let wrapped = given(&json!(start), true)?;
        Some(Wrapped { value: Value::String(format!("{{{{ inputs.v }}}}{end}")), ..wrapped })
    }),
    ("file", |value, _| {
        let text = value.as_str()?.to_owned();
        Some(Wrapped { file: Some(text), ..expression("file('value.txt')") })
    }),
    ("environment", |value, other| {
        Some(expression(&format!("{{'production': {}, 'test': {}}}[environment]", literal(other), literal(value))))
    }),
    ("filters that keep it", |value, _| {
        let filter = match value {
            Value::String(_) => "string",
            Value::Number(number) if number.is_f64() => "float",
            Value::Number(_) => "int",
            Value::Bool(_) => "bool",
            Value::Array(_) => "list",
            _ => return None,
        };
        Some(expression(&format!("{} | {filter}", literal(value))))
    }),
    ("set", |value, _| {
        // A template with a statement gives text.
        let text = value.as_str()?;
        let written = format!("{{% set x = {} %}}{{{{ x }}}}", literal(&json!(text)));
        Some(Wrapped { value: Value::String(written), ..Wrapped::default() })
    }),
];

/// Values of which only the type is known, where only the type is wrong.
const OF_A_TYPE: [(&str, Wrap); 6] = [
    ("input of a type", |value, _| {
        // A number may turn out to be an integer.
        let value = Some(value).filter(|value| !value.is_f64())?;
        let inputs = fields([("v", json!({ "type": type_of(value)? }))]);
        Some(Wrapped { inputs, ..expression("inputs.v") })
    }),
    ("~ makes text", |value, _| value.is_string().then(|| expression("steps.first.response.x ~ ''"))),
    ("text around a hole", |value, _| value.is_string().then(|| expression("steps.first.response.x | string"))),
    ("tojson makes text", |value, _| value.is_string().then(|| expression("steps.first.response.x | tojson"))),
    ("length makes a number", |value, _| value.is_i64().then(|| expression("steps.first.response.x | length"))),
    ("a comparison", |value, _| value.is_boolean().then(|| expression("steps.first.response.x > 1"))),
];

fn fields<const N: usize>(of: [(&str, Value); N]) -> Map<String, Value> {
    of.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn expression(written: &str) -> Wrapped {
    Wrapped { value: Value::String(format!("{{{{ {written} }}}}")), ..Wrapped::default() }
}

fn type_of(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    })
}

fn given(value: &Value, on_the_command_line: bool) -> Option<Wrapped> {
    let inputs = fields([("v", json!({ "type": type_of(value)? }))]);
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let wrapped = Wrapped { inputs, ..expression("inputs.v") };
    Some(match on_the_command_line {
        true => Wrapped { set: vec![("v".to_owned(), text)], ..wrapped },
        false => Wrapped { environment: vec![("PLAN_INPUT_V".to_owned(), text)], ..wrapped },
    })
}

fn default(value: &Value, written: &str) -> Wrapped {
    let inputs = fields([("v", json!({ "default": value, "required": false }))]);
    Wrapped { value: json!(written), inputs, ..Wrapped::default() }
}

fn choice(value: &Value, other: &Value) -> Wrapped {
    let inputs = fields([("big", json!({ "type": "boolean" }))]);
    Wrapped { inputs, ..expression(&format!("{} if inputs.big else {}", literal(value), literal(other))) }
}

fn each(for_each: Value, written: &str) -> Wrapped {
    Wrapped { value: json!(written), for_each: Some(for_each), ..Wrapped::default() }
}

fn halves(value: &Value) -> Option<(&str, &str)> {
    let text = value.as_str().filter(|text| text.is_ascii())?;
    Some(text.split_at(text.len() / 2))
}

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

#[derive(Default, Clone, Copy)]
struct Count {
    right: usize,
    false_alarms: usize,
    wrong: usize,
    found: usize,
}

/// The results, one line for each way of wrapping.
#[derive(Default)]
struct Table {
    counts: BTreeMap<&'static str, Count>,
    missed: Vec<String>,
}

impl Table {
    fn right(&mut self, wrapper: &'static str, errors: &[Diagnostic], plan: impl FnOnce() -> String) {
        let count = self.counts.entry(wrapper).or_default();
        count.right += 1;
        if let Some(error) = errors.first() {
            count.false_alarms += 1;
            self.missed.push(format!("{wrapper}: false alarm: {}: {}", error.message, shortened(&plan())));
        }
    }

    fn wrong(
        &mut self,
        wrapper: &'static str,
        expected: &[String],
        errors: &[Diagnostic],
        plan: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry(wrapper).or_default();
        count.wrong += 1;
        // The other values are valid, so that any error is about this one.
        if errors.iter().any(|error| CODES.contains(&error.code) || error.code == "bad-call") {
            count.found += 1;
            return;
        }
        let instead = errors.first().map_or("nothing", |error| error.message.as_str());
        let wanted = &expected[0];
        self.missed.push(format!("{wrapper}: missed: {wanted}; found {instead}: {}", shortened(&plan())));
    }

    /// Prints the table, with examples of missed errors.
    #[expect(clippy::disallowed_macros, reason = "the test harness shows what a test prints, no job's runner does")]
    fn close(&self) {
        const SHOWN: usize = 40;
        let mut told = String::new();
        let (mut wrong, mut found, mut alarms, mut right) = (0, 0, 0, 0);
        for (wrapper, count) in &self.counts {
            let _ = writeln!(
                told,
                "{wrapper:<34} right {:>6} false alarms {:>4}   wrong {:>6} found {:>6}",
                count.right, count.false_alarms, count.wrong, count.found
            );
            wrong += count.wrong;
            found += count.found;
            alarms += count.false_alarms;
            right += count.right;
        }
        let _ = writeln!(told, "all: {right} right, {alarms} false alarms; {found} of {wrong} wrong ones found");
        for missed in self.missed.iter().take(SHOWN) {
            let _ = writeln!(told, "{missed}");
        }
        println!("{told}");
        assert_eq!(alarms, 0, "{told}");
        assert!(found * 1000 >= wrong * 995, "{told}");
    }
}

fn shortened(plan: &str) -> String {
    const LONGEST: usize = 500;
    let start = plan.find(r#"{"id":"it""#).unwrap_or_default();
    plan[start..].chars().take(LONGEST).collect()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Of so many operations one is taken.
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
