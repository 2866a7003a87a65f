//! Outlines: what is known of a template's value while some references are not known yet.
//!
//! An [`Outline`] keeps constants around an unknown part, the branches of an undecided condition, and the type of a
//! computation. `interpret` builds it; [`KnownNames`] provides what is known of inputs and steps.

use serde_json::Value;

/// A value with parts that may be open.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// It is completely known.
    Exactly(Value),
    /// A text in parts; `None` parts are open.
    Text(Vec<Option<String>>),
    List(Vec<Outline>),
    Map(Vec<(String, Outline)>),
    /// One of these.
    OneOf(Vec<Outline>),
    /// A value of this type.
    OfType(ValueType),
    /// The value of a reference that is not known yet.
    Mention(Mention),
    /// Nothing is known.
    Open,
}

/// The type of an unknown value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    Boolean,
    Integer,
    Number,
    Text,
    List,
    Map,
}

/// A reference: a name of the scope and its path, such as `steps`, `["net", "id"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub root: String,
    /// Attributes and constant keys, up to the first computed key.
    pub path: Vec<String>,
    /// From the first computed key on; computed keys are `None`.
    pub rest: Vec<Option<String>>,
}

/// What is known of the names of the scope.
pub trait KnownNames {
    /// Whether the value, including everything below, is known.
    fn knows(&self, root: &str, path: &[String]) -> bool;
    /// The type of an unknown value.
    fn value_type(&self, mention: &Mention) -> Option<ValueType>;
    /// Whether a later check will know this unknown value; what depends on it is not judged before.
    fn knows_later(&self, _root: &str, _path: &[String]) -> bool {
        false
    }
    /// Whether `file(...)` may read files.
    fn reads_files(&self) -> bool;
    /// The keys of the instances of a step with `for_each`, where they are known; for a computed key, or a constant one
    /// that was not looked up yet.
    fn instances(&self, _step: &str, _is_computed: bool) -> Option<&[String]> {
        None
    }
}

/// More alternatives than this are not distinguished.
pub(super) const MOST_ALTERNATIVES: usize = 32;

impl Outline {
    /// An unknown text.
    pub(super) fn some_text() -> Self {
        Outline::Text(vec![None])
    }

    /// One of several; flattened and without duplicates.
    pub(super) fn one_of(options: impl IntoIterator<Item = Outline>) -> Self {
        let mut flat: Vec<Outline> = Vec::new();
        for option in options {
            let more = match option {
                Outline::OneOf(inner) => inner,
                other => vec![other],
            };
            for option in more {
                if !flat.contains(&option) {
                    flat.push(option);
                }
                if flat.len() > MOST_ALTERNATIVES {
                    return Outline::Open;
                }
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Outline::OneOf(flat) }
    }

    /// Joined parts; an exact text when none is open.
    pub(super) fn of_pieces(pieces: Vec<Option<String>>) -> Self {
        let mut merged: Vec<Option<String>> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match (merged.last_mut(), piece) {
                (Some(Some(last)), Some(text)) => last.push_str(&text),
                (Some(None), None) => {}
                (_, piece) => merged.push(piece),
            }
        }
        match merged.as_slice() {
            [] => Outline::Exactly(Value::String(String::new())),
            [Some(text)] => Outline::Exactly(Value::String(text.clone())),
            _ => Outline::Text(merged),
        }
    }

    /// Its possible texts.
    fn texts(&self) -> Vec<Vec<Option<String>>> {
        match self {
            Outline::Exactly(Value::String(text)) => vec![vec![Some(text.clone())]],
            Outline::Exactly(scalar @ (Value::Bool(_) | Value::Number(_))) => vec![vec![Some(scalar.to_string())]],
            Outline::Text(pieces) => vec![pieces.clone()],
            Outline::OneOf(options) => options.iter().flat_map(Outline::texts).collect(),
            _ => vec![vec![None]],
        }
    }

    /// The value as text.
    pub(super) fn as_text(&self) -> Self {
        Self::one_of(self.texts().into_iter().map(Self::of_pieces))
    }

    /// Two texts joined.
    pub(super) fn then(self, next: Outline) -> Self {
        Self::joined([self, next])
    }

    /// Texts joined, in all combinations of their alternatives.
    pub(super) fn joined(texts: impl IntoIterator<Item = Outline>) -> Self {
        let mut ways: Vec<Vec<Option<String>>> = vec![Vec::new()];
        for text in texts {
            let next = text.texts();
            match next.as_slice() {
                [only] => ways.iter_mut().for_each(|way| way.extend(only.iter().cloned())),
                several if ways.len() * several.len() > MOST_ALTERNATIVES => {
                    ways.iter_mut().for_each(|way| way.push(None));
                }
                several => {
                    let longer =
                        ways.iter().flat_map(|way| several.iter().map(move |next| [way.as_slice(), next].concat()));
                    ways = longer.collect();
                }
            }
        }
        Self::one_of(ways.into_iter().map(Self::of_pieces))
    }

    /// The value at a key or index.
    pub(super) fn at(&self, key: &Value) -> Self {
        let position = || key.as_u64().and_then(|at| usize::try_from(at).ok());
        let found = match (self, key) {
            (Outline::Map(fields), Value::String(name)) => {
                fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
            }
            (Outline::List(items), _) => position().and_then(|at| items.get(at).cloned()),
            (Outline::Exactly(Value::Object(fields)), Value::String(name)) => {
                fields.get(name).cloned().map(Outline::Exactly)
            }
            (Outline::Exactly(Value::Array(items)), _) => {
                position().and_then(|at| items.get(at).cloned()).map(Outline::Exactly)
            }
            (Outline::OneOf(options), _) => Some(Self::one_of(options.iter().map(|option| option.at(key)))),
            _ => None,
        };
        found.unwrap_or(Outline::Open)
    }

    /// The values of an undecided condition, where all are known.
    pub(super) fn options(&self) -> Option<Vec<&Value>> {
        match self {
            Outline::Exactly(value) => Some(vec![value]),
            Outline::OneOf(options) => {
                let options = options.iter().map(|option| match option {
                    Outline::Exactly(value) => Some(value),
                    _ => None,
                });
                options.collect()
            }
            _ => None,
        }
    }

    /// The elements of a list, or the values of a mapping, where they are known separately.
    pub(super) fn elements(&self) -> Option<Vec<Outline>> {
        match self {
            Outline::List(items) => Some(items.clone()),
            Outline::Map(fields) => Some(fields.iter().map(|(_, value)| value.clone()).collect()),
            Outline::Exactly(Value::Array(items)) => Some(items.iter().cloned().map(Outline::Exactly).collect()),
            Outline::Exactly(Value::Object(fields)) => Some(fields.values().cloned().map(Outline::Exactly).collect()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_joined_around_holes_and_over_alternatives() {
        let text = |text: &str| Outline::Exactly(json!(text));
        assert_eq!(text("a").then(text("b")), text("ab"));
        assert_eq!(text("a").then(Outline::Open), Outline::Text(vec![Some("a".into()), None]));
        let either = Outline::one_of([text("x"), Outline::Exactly(json!(1))]);
        assert_eq!(text("a").then(either), Outline::OneOf(vec![text("ax"), text("a1")]));
        let many = Outline::one_of((0..20).map(|nth| Outline::Exactly(json!(nth))));
        assert_eq!(many.clone().then(many.clone()).as_text(), many.then(Outline::Open));
    }

    #[test]
    fn parts_of_known_and_unknown_values_are_found() {
        let map = Outline::Map(vec![("a".into(), Outline::List(vec![Outline::Open, Outline::Exactly(json!(2))]))]);
        assert_eq!(map.at(&json!("a")).at(&json!(1)), Outline::Exactly(json!(2)));
        assert_eq!(map.at(&json!("b")), Outline::Open);
        assert_eq!(Outline::Exactly(json!({ "a": [7] })).at(&json!("a")).at(&json!(0)), Outline::Exactly(json!(7)));
    }
}
