//! The ways in which a value can come through a template.

use super::*;

/// A value replaced by a template, and what the plan needs for it.
#[derive(Default)]
pub(super) struct Wrapped {
    pub(super) value: Value,
    pub(super) inputs: Map<String, Value>,
    pub(super) for_each: Option<Value>,
    pub(super) set: Vec<(String, String)>,
    pub(super) environment: Vec<(String, String)>,
    /// Text of `value.txt`.
    pub(super) file: Option<String>,
}

/// Wraps a value in a template, given the value and another valid one for the same place. `None` when it cannot be
/// wrapped this way.
pub(super) type Wrap = fn(&Value, &Value) -> Option<Wrapped>;

pub(super) const WRAPPERS: [(&str, Wrap); 29] = [
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
pub(super) const OF_A_TYPE: [(&str, Wrap); 6] = [
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

pub(super) fn fields<const N: usize>(of: [(&str, Value); N]) -> Map<String, Value> {
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
