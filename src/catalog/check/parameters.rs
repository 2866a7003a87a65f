//! Checks parameters of path and query. They are sent as text, so that a number may be quoted or not.

use super::allow::{AllowUnknown, UnknownPlace, newer};
use super::records::unknown_type;
use super::{BodyFinding, Checker, MOST_FINDINGS, PathSegment, finding, holes, scalar};
use crate::catalog::operation::{Operation, Parameter};
use crate::catalog::schema::{BodySchema, Schema, Type, Types};
use crate::catalog::value::{Partial, Unknown};
use crate::diagnostic::{Severity, code, nearest};
use serde::Serialize;

/// Where a parameter is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterPlace {
    Path,
    Query,
}

/// A finding about a parameter; `finding.at` begins with its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterFinding {
    pub place: ParameterPlace,
    #[serde(flatten)]
    pub finding: BodyFinding,
}

impl Operation {
    /// Checks the path and query values of a call of this operation. Allowed unknown parameters are no findings.
    pub fn check_parameters(
        &self,
        path: &[(String, Partial)],
        query: &[(String, Partial)],
        allowed: &AllowUnknown,
    ) -> Vec<ParameterFinding> {
        let in_path = path.iter().filter_map(|(name, value)| {
            let parameter = self.path_parameters.iter().find(|parameter| parameter.name == *name)?;
            let mut found = check(parameter, name, value);
            // No path parameter can be a placeholder `<name>`.
            found
                .iter_mut()
                .filter(|found| found.code == code::PLACEHOLDER)
                .for_each(|found| found.severity = Severity::Error);
            found.extend(unknown_type(name, value));
            Some(found)
        });
        let in_path = in_path.flatten().map(|finding| ParameterFinding { place: ParameterPlace::Path, finding });
        let in_query = query.iter().flat_map(|(name, value)| self.in_query(name, value));
        let is_wrong = |found: &BodyFinding| {
            found.code != code::UNKNOWN_PARAMETER || !allowed.allows(UnknownPlace::Query, &found.at)
        };
        let mut in_query: Vec<BodyFinding> = in_query.filter(is_wrong).take(MOST_FINDINGS).collect();
        for parameter in self.query_parameters.iter().filter(|parameter| parameter.required) {
            if !query.iter().any(|(name, _)| base_name(name) == parameter.name) {
                let message = format!("the query parameter `{}` is missing", parameter.name);
                in_query.push(finding(Severity::Error, "missing-parameter", message));
            }
        }
        let in_query = in_query.into_iter().map(|finding| ParameterFinding { place: ParameterPlace::Query, finding });
        in_path.chain(in_query).collect()
    }

    fn in_query(&self, name: &str, value: &Partial) -> Vec<BodyFinding> {
        match self.query_parameters.iter().find(|parameter| parameter.name == base_name(name)) {
            // `name[prefix]=web`, `name.prefix=web`: fields of a filter.
            Some(parameter)
                if name != parameter.name && parameter.types != ["object"] && !parameter.types.is_empty() =>
            {
                vec![self.unknown_parameter(name)]
            }
            Some(_) if base_name(name) != name => Vec::new(),
            Some(parameter) => check(parameter, name, value),
            None => vec![self.unknown_parameter(name)],
        }
    }

    fn unknown_parameter(&self, name: &str) -> BodyFinding {
        let names = || self.query_parameters.iter().map(|parameter| parameter.name.as_str());
        let near = nearest(name, names());
        let message = format!("`{}` takes no query parameter `{name}`", self.route);
        let found = finding(Severity::Error, code::UNKNOWN_PARAMETER, message).on_key().replace(near);
        let found = match near {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None if self.query_parameters.is_empty() => found.help("it takes none at all"),
            None => found.help(format!("it takes {}", super::field_list(names()))),
        };
        let at = vec![PathSegment::Key(name.to_owned())];
        let help = newer(UnknownPlace::Query, &at);
        BodyFinding { at, ..found.help(help) }
    }
}

/// `name` of `name[prefix]`, and of `name.prefix`, as other clients write it.
fn base_name(name: &str) -> &str {
    name.split_once(['[', '.']).map_or(name, |(base, _)| base)
}

fn check(parameter: &Parameter, name: &str, value: &Partial) -> Vec<BodyFinding> {
    let shape = &parameter.schema;
    // How a mapping is encoded in a query is not documented.
    if shape.types.contains(Type::Object) || matches!(value, Partial::Map(_)) && shape.types.contains(Type::String) {
        return Vec::new();
    }
    let schema = BodySchema::alone(shape.clone());
    let mut checker = Checker::new(&schema);
    checker.inside(PathSegment::Key(name.to_owned()), |checker| {
        checker.deprecated(shape);
        checker.value(shape, &parsed_as_needed(shape, &listed(shape, value)));
    });
    checker.findings
}

/// A single value counts as a list of one, where a list is needed.
fn listed(shape: &Schema, value: &Partial) -> Partial {
    if !shape.types.contains(Type::Array) || shape.types.contains(Type::String) {
        return value.clone();
    }
    let is_scalar = |types: Types| !types.is_empty() && !types.contains(Type::Array) && !types.contains(Type::Object);
    let single = match value {
        Partial::OneOf(options) => {
            return Partial::OneOf(options.iter().map(|option| listed(shape, option)).collect());
        }
        Partial::Unknown(unknown) => is_scalar(unknown.types),
        value => value.r#type().is_some_and(|found| is_scalar(Types::of(&[found]))),
    };
    if single { Partial::List(vec![value.clone()]) } else { value.clone() }
}

/// Whether a partly known text may be that of a value of a type that the schema takes.
fn may_become_one(shape: &Schema, pieces: &[Option<String>]) -> bool {
    let takes = |r#type: Type| shape.types.is_empty() || shape.types.contains(r#type);
    let composed = takes(Type::Array) || takes(Type::Object) || !shape.variants.is_empty();
    composed
        || (takes(Type::Integer) && holes::may_be_number(pieces, true))
        || (takes(Type::Number) && holes::may_be_number(pieces, false))
        || (takes(Type::Boolean) && ["true", "false"].iter().any(|word| scalar::may_become(pieces, word)))
}

fn is_text(types: Types) -> bool {
    types.contains(Type::String)
}

/// The value as the needed type parses its text.
fn parsed_as_needed(shape: &Schema, value: &Partial) -> Partial {
    match value {
        Partial::String(text) if !shape.types.contains(Type::String) => {
            let bare = serde_json::from_str(text).map(|value| Partial::from(&value));
            bare.ok()
                .filter(|bare| bare.r#type().is_some_and(|found| shape.types.allow(found)))
                .unwrap_or_else(|| value.clone())
        }
        Partial::Number(_) | Partial::Bool(_) if shape.types.contains(Type::String) => {
            value.known().map_or_else(|| value.clone(), |value| Partial::String(value.to_string()))
        }
        Partial::List(items) => {
            let open = Schema::default();
            let shape = shape.items.as_deref().unwrap_or(&open);
            Partial::List(items.iter().map(|item| parsed_as_needed(shape, item)).collect())
        }
        // A partly known text may become a value of another type.
        Partial::Text(pieces) if !shape.types.contains(Type::String) => match may_become_one(shape, pieces) {
            true => Partial::unknown(),
            false => value.clone(),
        },
        Partial::OneOf(options) => {
            Partial::OneOf(options.iter().map(|option| parsed_as_needed(shape, option)).collect())
        }
        Partial::Unknown(unknown) if is_text(shape.types) || unknown.types == Types::of(&[Type::String]) => {
            // Any scalar is sent as text, and a mapping as JSON; a list is sent as several values.
            let list = Types::of(&[Type::Array]);
            let types = if unknown.types == list { list } else { Types::default() };
            let Unknown { reference, result, .. } = unknown.as_ref().clone();
            Partial::Unknown(Box::new(Unknown { types, reference, result, ..Unknown::default() }))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{ALLOW_NOTHING, Catalog, Route};

    fn found(value: Partial) -> Vec<String> {
        let operation = Catalog::embedded().find(&Route::parse("GET /dns/v2/zones").unwrap()).unwrap();
        let found = operation.check_parameters(&[], &[("id".to_owned(), value)], ALLOW_NOTHING);
        found.into_iter().map(|found| found.finding.message).collect()
    }

    /// A value of which only its type is known.
    fn later(types: &[Type]) -> Partial {
        Partial::Unknown(Box::new(Unknown { types: Types::of(types), ..Unknown::default() }))
    }

    #[test]
    fn a_parameter_takes_only_the_choices_of_a_schema_that_it_refers_to() {
        for (call, name, right, wrong) in [
            ("GET /waap/v1/domains/{domain_id}/stats", "action", "block", "unblock"),
            ("GET /waap/v1/domains/{domain_id}/stats", "ip", "192.0.2.1", "192.0.2"),
            ("GET /waap/v1/domains/{domain_id}/api-paths", "method", "GET", "FETCH"),
            ("GET /security/notifier/v1/event_logs", "alert_type", "ddos_alert", "ddos"),
        ] {
            let operation = Catalog::embedded().find(&Route::parse(call).unwrap()).unwrap();
            let found = |value: &str| {
                let query = [(name.to_owned(), Partial::String(value.to_owned()))];
                let found = operation.check_parameters(&[], &query, ALLOW_NOTHING);
                found.iter().filter(|found| found.finding.code != "missing-parameter").count()
            };
            assert_eq!((found(right), found(wrong)), (0, 1), "{call} {name}");
        }
    }

    #[test]
    fn a_list_of_numbers_is_written_in_many_ways() {
        let number = || Partial::from(&json!(7));
        for right in [
            Partial::from(&json!([7, "8"])),
            Partial::from(&json!("7")),
            number(),
            Partial::OneOf(vec![number(), Partial::from(&json!(["8"]))]),
            later(&[Type::Array]),
            later(&[Type::Integer]),
            later(&[Type::String]),
            later(&[]),
        ] {
            assert_eq!(found(right.clone()), Vec::<String>::new(), "{right:?}");
        }
        for wrong in [
            Partial::from(&json!("web")),
            Partial::from(&json!([7, "web"])),
            Partial::OneOf(vec![number(), Partial::from(&json!("web"))]),
            later(&[Type::Boolean]),
        ] {
            assert_eq!(found(wrong.clone()).len(), 1, "{wrong:?}");
        }
    }
}
