//! The form of an answer: its fields, by place and type.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// Fields by place, in the notation of `observed.yaml`.
type Written = BTreeMap<String, String>;

#[derive(Deserialize)]
pub struct Observed {
    pub tasks: BTreeMap<String, Written>,
    pub data: BTreeMap<String, Written>,
    pub reads: BTreeMap<String, Written>,
}

pub fn observed() -> Observed {
    serde_yaml::from_str(include_str!("observed.yaml")).unwrap()
}

struct Field {
    types: String,
    optional: bool,
}

/// A form, and the places that answers have had so far.
pub struct Form {
    places: BTreeMap<String, BTreeMap<String, Field>>,
    seen: BTreeSet<String>,
}

impl Form {
    pub fn read(written: &Written) -> Self {
        let fields = |words: &String| {
            let field = |word: &str| {
                let (name, types) = word.split_once('=').unwrap_or_else(|| panic!("`{word}` is no field"));
                let optional = name.ends_with('?');
                (name.trim_end_matches('?').to_owned(), Field { types: types.to_owned(), optional })
            };
            words.split_whitespace().map(field).collect()
        };
        let place = |place: &String| if place == "itself" { String::new() } else { place.clone() };
        let places = written.iter().map(|(at, words)| (place(at), fields(words))).collect();
        Self { places, seen: BTreeSet::new() }
    }

    /// The differences between an answer and the form.
    pub fn differences(&mut self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.walk(value, String::new(), &mut found);
        found
    }

    /// Places that no answer had.
    pub fn unseen(&self) -> Vec<&str> {
        self.places.keys().filter(|place| !self.seen.contains(*place)).map(String::as_str).collect()
    }

    fn walk(&mut self, value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                for item in items {
                    self.walk(item, format!("{at}[]"), found);
                }
            }
            Value::Object(fields) => {
                // A place that was always empty in the recordings has no form.
                let Some(form) = self.places.get(&at) else { return };
                self.seen.insert(at.clone());
                let known = |name: &String| form.get(name).or_else(|| form.get("*"));
                for (name, field) in fields {
                    match known(name) {
                        None => found.push(format!("{at}.{name} was never seen")),
                        Some(known) if !known.types.contains(type_of(field)) => {
                            found.push(format!("{at}.{name} is {field}, not {}", known.types));
                        }
                        Some(_) => {}
                    }
                }
                let missing =
                    form.iter().filter(|(name, field)| !field.optional && *name != "*" && !fields.contains_key(*name));
                found.extend(missing.map(|(name, _)| format!("{at}.{name} is missing")));
                let wild = form.contains_key("*");
                for (name, field) in fields {
                    let name = if wild { "*" } else { name };
                    let inner = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
                    self.walk(field, inner, found);
                }
            }
            _ => {}
        }
    }
}

fn type_of(value: &Value) -> char {
    match value {
        Value::Null => '0',
        Value::Bool(_) => 'b',
        Value::Number(_) => 'n',
        Value::String(_) => 's',
        Value::Array(_) => 'a',
        Value::Object(_) => 'o',
    }
}
