//! Partly known values: templates are not evaluated before a run, but often something is known of their value.

use std::fmt;

use serde_json::{Number, Value};

use super::schema::{Type, Types};
use crate::order::sort_by_key;
use crate::secret::{REDACTED, Secrets};

/// A value of a request with parts that are known only later.
#[derive(Debug, Clone, PartialEq)]
pub enum Partial {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Partial>),
    /// In the order of the file.
    Map(Vec<(String, Partial)>),
    /// A string in parts; `None` parts are known later.
    Text(Vec<Option<String>>),
    /// One of these, known later: each must be valid.
    OneOf(Vec<Partial>),
    /// Known later.
    Unknown(Box<Unknown>),
}

/// What is known of a value that is known later. The default knows nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unknown {
    /// JSON types it may have; empty when any.
    pub types: Types,
    /// It may be `null` as well; meaningless when any type is possible.
    pub nullable: bool,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    /// A regular expression that it matches.
    pub pattern: Option<String>,
    /// It refers to a resource of a step.
    pub reference: Option<Reference>,
    /// It is another result of a step, as text: `the task`.
    pub result: Option<&'static str>,
    /// What it is read from: what is read from the same is equal.
    pub source: Option<ValueSource>,
}

/// What a value that is known later is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// An input, or a part of it: `disk.size` of `inputs.disk.size`.
    Input(String),
    /// All results of a step: `net` of `steps.net`.
    Step(String),
    /// One result of a step, or a part of it: `net` and `response.mtu` of `steps.net.response.mtu`.
    Result { step: String, path: String },
}

impl ValueSource {
    /// The step, when it is read from one.
    pub fn step(&self) -> Option<&str> {
        match self {
            ValueSource::Input(_) => None,
            ValueSource::Step(step) | ValueSource::Result { step, .. } => Some(step),
        }
    }
}

/// As written in a template.
impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueSource::Input(path) => write!(f, "inputs.{path}"),
            ValueSource::Step(step) => write!(f, "steps.{step}"),
            ValueSource::Result { step, path } => write!(f, "steps.{step}.{path}"),
        }
    }
}

/// The most combinations of alternatives that are checked one by one.
const MOST_COMBINATIONS: usize = 32;

/// A reference to a resource that a step creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The kind of resource: `networks`.
    pub kind: String,
    pub attribute: Attribute,
}

/// Which attribute of a resource a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    Id,
    Name,
    /// Another field.
    Other,
}

impl Partial {
    /// A value of which nothing is known.
    pub fn unknown() -> Partial {
        Partial::Unknown(Box::default())
    }

    /// A value that refers to a resource of a step.
    pub fn reference(kind: impl Into<String>, attribute: Attribute) -> Partial {
        Partial::Unknown(Box::new(Unknown {
            reference: Some(Reference { kind: kind.into(), attribute }),
            ..Unknown::default()
        }))
    }

    /// Its JSON type; `None` for `null`, unknown values and alternatives.
    pub fn r#type(&self) -> Option<Type> {
        match self {
            Partial::Null | Partial::Unknown(_) | Partial::OneOf(_) => None,
            Partial::Bool(_) => Some(Type::Boolean),
            Partial::Number(number) if is_integer(number) => Some(Type::Integer),
            Partial::Number(_) => Some(Type::Number),
            Partial::String(_) | Partial::Text(_) => Some(Type::String),
            Partial::List(_) => Some(Type::Array),
            Partial::Map(_) => Some(Type::Object),
        }
    }

    /// The value, when it is known completely.
    pub fn known(&self) -> Option<Value> {
        Some(match self {
            Partial::Null => Value::Null,
            Partial::Bool(value) => Value::Bool(*value),
            Partial::Number(value) => Value::Number(value.clone()),
            Partial::String(value) => Value::String(value.clone()),
            Partial::List(items) => Value::Array(items.iter().map(Partial::known).collect::<Option<_>>()?),
            Partial::Map(fields) => {
                let fields = fields.iter().map(|(name, field)| Some((name.clone(), field.known()?)));
                Value::Object(fields.collect::<Option<_>>()?)
            }
            Partial::Text(_) | Partial::OneOf(_) | Partial::Unknown(_) => return None,
        })
    }

    /// A text that two values have in common exactly when they are certainly equal; `None` when that is not known.
    pub(super) fn identity(&self) -> Option<String> {
        match self {
            Partial::Unknown(unknown) => unknown.source.as_ref().map(|source| format!("{{{{ {source} }}}}")),
            // Keys are sorted.
            other => other.known().map(|value| in_order(value).to_string()),
        }
    }

    /// The field of this name, when it is a mapping that has one.
    pub fn get(&self, name: &str) -> Option<&Partial> {
        match self {
            Partial::Map(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

impl Partial {
    /// Every value this may be, when it contains alternatives: with one of them chosen at each place. `None` when
    /// there are none, or too many.
    pub(super) fn combinations(&self) -> Option<Vec<Partial>> {
        let all = self.ways()?;
        (all.len() > 1).then_some(all)
    }

    fn ways(&self) -> Option<Vec<Partial>> {
        let product = |parts: &mut dyn Iterator<Item = &Partial>| {
            let mut all: Vec<Vec<Partial>> = vec![Vec::new()];
            for part in parts {
                let ways = part.ways()?;
                if all.len() * ways.len() > MOST_COMBINATIONS {
                    return None;
                }
                if let [only] = ways.as_slice() {
                    all.iter_mut().for_each(|chosen| chosen.push(only.clone()));
                    continue;
                }
                let longer = all.iter().flat_map(|chosen| {
                    ways.iter().map(move |way| [chosen.as_slice(), std::slice::from_ref(way)].concat())
                });
                all = longer.collect();
            }
            Some(all)
        };
        match self {
            Partial::OneOf(options) => {
                let mut all = Vec::new();
                for option in options {
                    all.extend(option.ways()?);
                }
                (all.len() <= MOST_COMBINATIONS).then_some(all)
            }
            Partial::List(items) => Some(product(&mut items.iter())?.into_iter().map(Partial::List).collect()),
            Partial::Map(fields) => {
                let names = || fields.iter().map(|(name, _)| name.clone());
                let all = product(&mut fields.iter().map(|(_, value)| value))?;
                Some(all.into_iter().map(|values| Partial::Map(names().zip(values).collect())).collect())
            }
            other => Some(vec![other.clone()]),
        }
    }

    /// Whether any part has alternatives.
    pub(super) fn has_alternatives(&self) -> bool {
        match self {
            Partial::OneOf(_) => true,
            Partial::List(items) => items.iter().any(Partial::has_alternatives),
            Partial::Map(fields) => fields.iter().any(|(_, value)| value.has_alternatives()),
            _ => false,
        }
    }
}

/// The value with sorted keys in every mapping.
fn in_order(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(in_order).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(name, field)| (name, in_order(field))).collect();
            sort_by_key(&mut fields, |(name, _)| name.clone());
            Value::Object(fields.into_iter().collect())
        }
        other => other,
    }
}

/// Whether a number is an integer by JSON Schema: `1.0` is.
pub(super) fn is_integer(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|value| value.fract() == 0.0)
}

/// A text with a secret marker: its value is not known here.
fn from_text(text: &str) -> Partial {
    if !Secrets::marks(text) {
        return Partial::String(text.to_owned());
    }
    let hidden = Secrets::default().redact(text).into_owned();
    if hidden == REDACTED {
        return Partial::unknown();
    }
    let mut pieces = Vec::new();
    for (nth, piece) in hidden.split(REDACTED).enumerate() {
        if nth > 0 {
            pieces.push(None);
        }
        if !piece.is_empty() {
            pieces.push(Some(piece.to_owned()));
        }
    }
    Partial::Text(pieces)
}

impl From<&Value> for Partial {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Partial::Null,
            Value::Bool(value) => Partial::Bool(*value),
            Value::Number(value) => Partial::Number(value.clone()),
            Value::String(value) => from_text(value),
            Value::Array(items) => Partial::List(items.iter().map(Partial::from).collect()),
            Value::Object(fields) => {
                Partial::Map(fields.iter().map(|(name, field)| (name.clone(), Partial::from(field))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_completely_known_value_is_evaluated() {
        let value = json!({ "a": [1, "two", null, { "b": true }], "c": 1.5 });
        assert_eq!(Partial::from(&value).known(), Some(value));
        assert_eq!(Partial::List(vec![Partial::unknown()]).known(), None);
    }

    #[test]
    fn a_secret_is_an_unknown_part_of_a_text() {
        let secrets = Secrets::default();
        let marker = secrets.conceal(&json!("hunter22"));
        assert_eq!(Partial::from(&json!(marker)), Partial::unknown());
        let text = Partial::from(&json!(format!("user:{marker}@host")));
        assert_eq!(text, Partial::Text(vec![Some("user:".into()), None, Some("@host".into())]));
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        assert_eq!(Partial::from(&json!(1.0)).r#type(), Some(Type::Integer));
        assert_eq!(Partial::from(&json!(1.5)).r#type(), Some(Type::Number));
    }
}
