//! What is known at one place of the names that a template refers to.

use serde_json::Value;

use super::paths::{is_known, knows_below, marked, value_below};
use super::{At, Known, NextCheck, SecretView};
use crate::catalog::schema::{Type, Types};
use crate::catalog::{Partial, Unknown, ValueSource};
use crate::plan::model::{Input, InputType};
use crate::plan::step_results::{result, typed};
use crate::secret::Secrets;
use crate::template::{KnownNames, Mention, Outline, Shape, ValueType};

/// What is known at one place: with an element, or without.
pub(super) struct View<'v, 'd> {
    pub(super) known: &'v Known<'d>,
    pub(super) at: At<'v>,
}

impl KnownNames for View<'_, '_> {
    fn knows(&self, root: &str, path: &[String]) -> bool {
        let given = &self.known.given;
        match (root, path) {
            ("inputs", [name, ..]) => {
                let declared = self.known.inputs.contains_key(name.as_str());
                let inputs = self.at.case.map(|(inputs, _)| inputs).or(given.inputs);
                let is_given = given.complete || inputs.is_some_and(|inputs| inputs.contains_key(name));
                declared && is_given && !self.known.heavy.contains(name)
            }
            // With other values the step may run.
            ("steps", [step, ..]) => match self.at.case {
                Some((_, skipped)) => skipped.contains_key(step.as_str()),
                None => self.known.is_skipped(step),
            },
            ("item", path) => self.at.item.is_some_and(|item| knows_below(&item.value, path)),
            ("key" | "index", _) => self.at.item.is_some(),
            // Other names were reported already.
            ("each", [name, ..]) if !["key", "value", "index"].contains(&name.as_str()) => false,
            ("each", path) => self.at.each.is_some_and(|element| match path {
                [first, rest @ ..] if first == "value" => knows_below(&element.value, rest),
                [] => is_known(&element.value),
                _ => true,
            }),
            ("environment", _) => given.environment.is_some(),
            ("records", _) => given.records.is_some(),
            ("project_id", _) => given.project_id.is_some(),
            ("region_id", _) => given.region_id.is_some(),
            _ => false,
        }
    }

    fn value_type(&self, mention: &Mention) -> Option<ValueType> {
        let value = self.mention(mention);
        let found = match &value {
            Partial::Unknown(unknown) => unknown.types.only()?,
            other => other.r#type()?,
        };
        Some(match found {
            Type::Boolean => ValueType::Boolean,
            Type::Integer => ValueType::Integer,
            Type::Number => ValueType::Number,
            Type::String => ValueType::Text,
            Type::Array => ValueType::List,
            Type::Object => ValueType::Map,
        })
    }

    fn knows_later(&self, root: &str, path: &[String]) -> bool {
        let later = self.known.given.later;
        match (root, path) {
            _ if matches!(later, NextCheck::None) => false,
            ("inputs", [name, ..]) => {
                let declared = self.known.inputs.get(name.as_str());
                declared.filter(|input| !input.secret).is_some_and(|input| match later {
                    NextCheck::These(inputs) => {
                        inputs.contains_key(name) || (input.has_few_values() && input.has_a_value())
                    }
                    _ => true,
                })
            }
            ("environment", []) => true,
            ("project_id" | "region_id" | "records", _) => matches!(later, NextCheck::All),
            _ => false,
        }
    }

    fn reads_files(&self) -> bool {
        self.known.given.folder.is_some()
    }

    fn instances(&self, step: &str, is_computed: bool) -> Option<&[String]> {
        // Constant keys were compared with those of a mapping as it is written.
        let is_written = matches!(self.known.steps.get(step)?.for_each?.shape(), Shape::Mapping(_) | Shape::List(_));
        // With other values there may be other instances.
        self.known.keys(step).filter(|_| self.at.case.is_none() && (is_computed || !is_written))
    }
}

impl View<'_, '_> {
    /// Converts a template's outline to a partly known value.
    pub(super) fn filled(&self, outline: Outline) -> Partial {
        match outline {
            Outline::Exactly(value) if self.at.secrets == SecretView::Markers => marked(&value),
            Outline::Exactly(value) => Partial::from(&self.revealed(value)),
            Outline::Text(pieces) => Partial::Text(pieces.into_iter().map(|piece| self.piece(piece?)).collect()),
            Outline::List(items) => Partial::List(items.into_iter().map(|item| self.filled(item)).collect()),
            Outline::Map(fields) => {
                Partial::Map(fields.into_iter().map(|(name, field)| (name, self.filled(field))).collect())
            }
            Outline::OneOf(options) => Partial::OneOf(options.into_iter().map(|option| self.filled(option)).collect()),
            Outline::OfType(value_type) => typed(&[match value_type {
                ValueType::Boolean => Type::Boolean,
                ValueType::Integer => Type::Integer,
                ValueType::Number => Type::Number,
                ValueType::Text => Type::String,
                ValueType::List => Type::Array,
                ValueType::Map => Type::Object,
            }]),
            Outline::Mention(mention) => self.mention(&mention),
            Outline::Open => Partial::unknown(),
        }
    }

    /// The value with its secrets, when the place reveals them.
    fn revealed(&self, value: Value) -> Value {
        let secrets = self.known.given.secrets.filter(|_| self.at.secrets == SecretView::Values);
        secrets.and_then(|secrets| secrets.reveal(&value).ok()).unwrap_or(value)
    }

    /// A part of a text; a secret in it is known only where it is revealed.
    fn piece(&self, piece: String) -> Option<String> {
        match self.revealed(Value::String(piece)) {
            Value::String(text) => (self.at.secrets == SecretView::Markers || !Secrets::marks(&text)).then_some(text),
            other => Some(other.to_string()),
        }
    }

    /// What is known of a reference; equal references are known to be equal.
    fn mention(&self, mention: &Mention) -> Partial {
        let mut value = self.referred(mention);
        if let (Partial::Unknown(unknown), Some(source)) = (&mut value, source(mention)) {
            unknown.source = Some(source);
        }
        value
    }

    fn referred(&self, mention: &Mention) -> Partial {
        let goes_on = !mention.rest.is_empty();
        match (mention.root.as_str(), mention.path.as_slice()) {
            ("inputs", [name]) if !goes_on => self.known.inputs.get(name.as_str()).map_or_else(Partial::unknown, input),
            ("steps", [step, path @ ..]) => {
                let Some(step) = self.known.steps.get(step.as_str()) else { return Partial::unknown() };
                let path = path.iter().map(String::as_str);
                let path: Vec<&str> =
                    path.chain(mention.rest.iter().map(|key| key.as_deref().unwrap_or("*"))).collect();
                step.result(&path)
            }
            ("self", path) => self.at.own.map_or_else(Partial::unknown, |own| {
                let path = path.iter().map(String::as_str);
                let rest = mention.rest.iter().map(|key| key.as_deref().unwrap_or("*"));
                result(own, &path.chain(rest).collect::<Vec<_>>())
            }),
            ("environment", []) => typed(&[Type::String]),
            ("each", [key]) if key == "key" => typed(&[Type::String]),
            ("each", [index]) if index == "index" => typed(&[Type::Integer]),
            ("each", [value, path @ ..]) if value == "value" && !goes_on => match (self.at.each, self.at.each_of) {
                (Some(element), _) => value_below(&element.value, path),
                (None, Some(list)) => self.known.of_results(list, path),
                (None, None) => Partial::unknown(),
            },
            ("item", path) if !goes_on => match (self.at.item, self.at.item_of) {
                (Some(item), _) => value_below(&item.value, path),
                (None, Some(list)) => self.known.of_results(list, path),
                (None, None) => Partial::unknown(),
            },
            ("key", []) => typed(&[Type::String]),
            ("index", []) => typed(&[Type::Integer]),
            ("project_id" | "region_id", []) => typed(&[Type::Integer]),
            _ => Partial::unknown(),
        }
    }
}

fn input(input: &&Input) -> Partial {
    Partial::Unknown(Box::new(Unknown {
        types: match input.r#type {
            InputType::String => Types::of(&[Type::String]),
            InputType::Integer => Types::of(&[Type::Integer]),
            InputType::Number => Types::of(&[Type::Number]),
            InputType::Boolean => Types::of(&[Type::Boolean]),
            InputType::List => Types::of(&[Type::Array]),
            InputType::Map => Types::of(&[Type::Object]),
        },
        nullable: input.default.as_deref().is_some_and(Value::is_null),
        minimum: input.minimum,
        maximum: input.maximum,
        pattern: input.pattern.clone(),
        ..Unknown::default()
    }))
}

/// What a reference reads, when every key of it is known.
fn source(mention: &Mention) -> Option<ValueSource> {
    let keys = mention.path.iter().map(Some).chain(mention.rest.iter().map(Option::as_ref));
    let keys: Vec<&str> = keys.map(|key| key.map(String::as_str)).collect::<Option<_>>()?;
    match (mention.root.as_str(), keys.as_slice()) {
        ("inputs", path) => Some(ValueSource::Input(path.join("."))),
        ("steps", [step]) => Some(ValueSource::Step((*step).to_owned())),
        ("steps", [step, path @ ..]) => Some(ValueSource::Result { step: (*step).to_owned(), path: path.join(".") }),
        _ => None,
    }
}
