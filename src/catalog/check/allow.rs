//! `allow_unknown`: fields and parameters that may be sent although the catalogue does not know them.

use std::fmt;

use super::PathSegment;
use crate::catalog::operation::{BodyUse, Operation};
use crate::catalog::schema::{Additional, BodySchema, Schema};

/// The allowed names, as paths from `body` or `query`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowUnknown(Vec<AllowedPath>);

/// No unknown name is allowed.
pub const ALLOW_NOTHING: &AllowUnknown = &AllowUnknown(Vec::new());

/// The path of one field: `body/volumes/image_id`. Indices of lists may be omitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedPath {
    place: UnknownPlace,
    fields: Vec<String>,
}

/// Where an unknown name occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownPlace {
    Body,
    Query,
}

impl UnknownPlace {
    const ALL: [UnknownPlace; 2] = [UnknownPlace::Body, UnknownPlace::Query];

    fn word(self) -> &'static str {
        match self {
            UnknownPlace::Body => "body",
            UnknownPlace::Query => "query",
        }
    }
}

impl AllowedPath {
    /// Parses `body/…` or `query/…`; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, rest) = text.split_once('/')?;
        let place = UnknownPlace::ALL.into_iter().find(|place| place.word() == first)?;
        let fields: Vec<String> = rest.split('/').map(str::to_owned).collect();
        fields.iter().all(|field| !field.is_empty()).then_some(Self { place, fields })
    }

    /// Whether an operation has a body or query for such a path.
    pub fn concerns(&self, operation: &Operation) -> bool {
        match self.place {
            UnknownPlace::Body => operation.body != BodyUse::None,
            UnknownPlace::Query => !operation.query_parameters.is_empty(),
        }
    }

    /// Whether an operation takes this field according to its document, whatever other fields are present.
    pub fn is_known(&self, operation: &Operation, body: Option<&BodySchema>) -> bool {
        match self.place {
            UnknownPlace::Body => body.is_some_and(|body| takes(body, body.root(), &self.fields)),
            UnknownPlace::Query => {
                operation.query_parameters.iter().any(|known| [known.name.as_str()] == self.fields[..])
            }
        }
    }

    /// Whether an operation takes this field in any form of its body.
    pub fn may_be_taken(&self, operation: &Operation, body: Option<&BodySchema>) -> bool {
        match self.place {
            UnknownPlace::Body => body.is_some_and(|body| may_take(body, body.root(), &self.fields)),
            UnknownPlace::Query => self.is_known(operation, body),
        }
    }

    fn leads_to(&self, place: UnknownPlace, at: &[PathSegment]) -> bool {
        self.place == place && leads_to(&self.fields, at)
    }
}

impl fmt::Display for AllowedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place.word(), self.fields.join("/"))
    }
}

impl AllowUnknown {
    /// Allows these paths only.
    pub fn new(paths: Vec<AllowedPath>) -> Self {
        Self(paths)
    }

    pub fn paths(&self) -> &[AllowedPath] {
        &self.0
    }

    pub(super) fn allows(&self, place: UnknownPlace, at: &[PathSegment]) -> bool {
        self.0.iter().any(|path| path.leads_to(place, at))
    }
}

fn leads_to(fields: &[String], at: &[PathSegment]) -> bool {
    match (fields, at) {
        ([], []) => true,
        ([first, rest @ ..], [PathSegment::Key(key), below @ ..]) => first == key && leads_to(rest, below),
        (fields, [PathSegment::Index(index), below @ ..]) => {
            let named = fields.split_first().filter(|(first, _)| **first == index.to_string());
            leads_to(fields, below) || named.is_some_and(|(_, rest)| leads_to(rest, below))
        }
        _ => false,
    }
}

/// Whether every variant of a schema has a field with this path.
fn takes(body: &BodySchema, written: &Schema, fields: &[String]) -> bool {
    let shape = body.resolve(written);
    if !shape.variants.is_empty() {
        return shape.variants.iter().all(|variant| takes(body, &variant.schema, fields));
    }
    let Some((first, rest)) = fields.split_first() else { return true };
    if let Some(items) = &shape.items {
        let rest = if first.bytes().all(|byte| byte.is_ascii_digit()) { rest } else { fields };
        return takes(body, items, rest);
    }
    match (shape.properties.get(first), &shape.additional) {
        (Some(field), _) => takes(body, field, rest),
        (None, Additional::Of(field)) => takes(body, field, rest),
        (None, _) => !shape.takes_only_named(),
    }
}

/// Whether some variant of a schema has a field with this path. An item of a list is named by its position.
fn may_take(body: &BodySchema, written: &Schema, fields: &[String]) -> bool {
    let shape = body.resolve(written);
    let Some((first, rest)) = fields.split_first() else { return true };
    if shape.variants.iter().any(|variant| may_take(body, &variant.schema, fields)) {
        return true;
    }
    if let Some(items) = &shape.items {
        return first.bytes().all(|byte| byte.is_ascii_digit()) && may_take(body, items, rest);
    }
    match (shape.properties.get(first), &shape.additional) {
        (Some(field), _) => may_take(body, field, rest),
        (None, Additional::Of(field)) => may_take(body, field, rest),
        (None, _) => shape.variants.is_empty() && !shape.takes_only_named(),
    }
}

/// The help for a name that the API has and the catalogue does not know.
pub(super) fn newer(place: UnknownPlace, at: &[PathSegment]) -> String {
    let keys = at.iter().filter_map(|step| match step {
        PathSegment::Key(key) => Some(key.as_str()),
        PathSegment::Index(_) => None,
    });
    let path: Vec<&str> = std::iter::once(place.word()).chain(keys).collect();
    format!(
        "if the API has it: `--spec FILE` checks against a newer API document, and `allow_unknown: [{}]` on the step lets it through",
        path.join("/")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_field_with_or_without_positions() {
        let at = [PathSegment::Key("volumes".into()), PathSegment::Index(1), PathSegment::Key("kind".into())];
        for (path, leads) in [
            ("body/volumes/kind", true),
            ("body/volumes/1/kind", true),
            ("body/volumes/0/kind", false),
            ("body/volumes", false),
            ("body/volumes/kind/x", false),
            ("query/volumes/kind", false),
        ] {
            let allowed = AllowUnknown::new(AllowedPath::parse(path).into_iter().collect());
            assert_eq!(allowed.allows(UnknownPlace::Body, &at), leads, "{path}");
        }
        for no_path in ["body", "body/", "bdy/x", "/body/x", "body//x", ""] {
            assert_eq!(AllowedPath::parse(no_path), None, "{no_path}");
        }
    }
}
