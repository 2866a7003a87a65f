//! Checks one call against its operation, and finds the place of what is wrong with it.

use std::sync::Arc;

use super::model::{Call, FileTemplate, Segment};
use crate::catalog::{
    AllowUnknown, BodyFinding, Catalog, Method, Operation, ParameterPlace, Partial, PathSegment, parameter_name,
};
use crate::diagnostic::{Diagnostic, code};
use crate::hash::HashMap;
use crate::source::{Source, Span};
use crate::template::{Shape, Template};

/// A call with its values.
pub(super) struct Whole<'s> {
    pub call: &'s Call,
    pub operation: Option<&'s Arc<Operation>>,
    pub query: Option<&'s Template>,
    pub body: Option<&'s Template>,
    /// Whether there is a body, valid or not.
    pub has_body: bool,
    pub file: Option<&'s FileTemplate>,
    pub allowed: &'s AllowUnknown,
}

/// The values of a call, as far as they are known.
pub(super) struct CallValues {
    pub body: Option<Partial>,
    pub query: Option<Partial>,
    /// The values of path segments with templates.
    pub segments: Vec<Option<Partial>>,
}

/// Checks a call with its values against its operation.
pub(super) fn check_request(
    whole: &Whole<'_>,
    operation: &Operation,
    values: CallValues,
    (catalog, source): (&Catalog, &Source),
    findings: &mut Vec<Diagnostic>,
) {
    let CallValues { body, query, segments } = values;
    let (path, places) = path_parameters(whole.call, operation, segments);
    // A body that could not be parsed was reported already.
    if whole.call.method == Method::Get || (whole.file.is_some() && whole.has_body) {
        // Reported already.
    } else if let Some(file) = whole.file {
        let asked = file.content_type.as_ref();
        for found in operation.check_file(asked.map(|(asked, _)| asked.as_str())) {
            let place = asked.map(|(_, span)| *span).filter(|_| found.code == code::VALUE_NOT_ALLOWED);
            findings.push(diagnostic(found, place.unwrap_or(file.path.span), None));
        }
    } else if whole.body.is_some() == whole.has_body {
        let known = path.iter().filter_map(|(name, value)| match value {
            Partial::String(text) => Some((name.clone(), text.clone())),
            _ => None,
        });
        let of_records = operation.check_records(&known.collect::<Vec<_>>(), body.as_ref());
        for found in catalog.check_request(operation, body.as_ref(), whole.allowed).into_iter().chain(of_records) {
            findings.push(placed(found, whole.body, whole.call.span, source));
        }
    }
    let query = match query {
        Some(Partial::Map(fields)) => fields,
        _ => Vec::new(),
    };
    for found in operation.check_parameters(&path, &query, whole.allowed) {
        match found.place {
            ParameterPlace::Query => findings.push(placed(found.finding, whole.query, whole.call.span, source)),
            ParameterPlace::Path => {
                let name = found.finding.at.first().map(ToString::to_string);
                let place = name.and_then(|name| places.get(&name).copied()).unwrap_or(whole.call.span);
                findings.push(diagnostic(found.finding, place, None));
            }
        }
    }
}

/// The path parameters, by their names in the API reference, with their places.
fn path_parameters(
    call: &Call,
    operation: &Operation,
    segments: Vec<Option<Partial>>,
) -> (Vec<(String, Partial)>, HashMap<String, Span>) {
    let mut values = Vec::new();
    let mut places = HashMap::default();
    for ((pattern, segment), value) in operation.route.path.split('/').skip(1).zip(&*call.segments).zip(segments) {
        let Some(name) = parameter_name(pattern) else { continue };
        let (value, place) = match (segment, value) {
            (Segment::Literal(text), _) => (Partial::String(text.to_string()), call.span),
            (Segment::Template(template), Some(value)) => (value, template.span),
            _ => continue,
        };
        values.push((name.to_owned(), value));
        places.insert(name.to_owned(), place);
    }
    (values, places)
}

/// A finding about a body or query, with its place in the file.
fn placed(found: BodyFinding, template: Option<&Template>, call: Span, source: &Source) -> Diagnostic {
    let Some(template) = template else { return diagnostic(found, call, None) };
    let mut here = template;
    let (mut key, mut is_within) = (None, false);
    for step in &found.at {
        let next = match (step, here.shape()) {
            (PathSegment::Key(name), Shape::Mapping(entries)) => {
                entries.iter().find(|(key, _)| key.text == *name).map(|(key, value)| (Some(key.span), value))
            }
            (PathSegment::Index(index), Shape::List(items)) => items.get(*index).map(|item| (None, item)),
            (PathSegment::Index(_), Shape::For(list)) => Some((None, &list.each)),
            _ => None,
        };
        // Deeper in the path, the value is one template, which the finding is about.
        let Some((span, value)) = next else {
            is_within = true;
            break;
        };
        (key, here) = (span, value);
    }
    // The key is made by a template, and stands nowhere in the file.
    let on_key = found.on_key && !is_within;
    let place = match (on_key, key, here.shape()) {
        (true, Some(key), _) => key,
        // A whole list or mapping is too large to be underlined.
        (_, Some(key), Shape::List(_) | Shape::Mapping(_) | Shape::For(_)) => key,
        (_, None, Shape::Mapping(entries)) => entries.first().map_or(here.span, |(key, _)| key.span),
        _ => here.span,
    };
    // The value of a template cannot be fixed by replacing it.
    let mendable = on_key || matches!(here.shape(), Shape::Constant(_));
    if !mendable {
        return diagnostic(found.without_replacement(), place, None);
    }
    let written = source.slice(place);
    let is_number = matches!(crate::yaml::resolve(written), Ok(serde_json::Value::Number(_)));
    let found = match on_key && written.starts_with(['"', '\'']) {
        // The new key is in quotes as well: a value may follow them without a space.
        true => found.in_quotes(),
        false if is_number => found.written(written),
        false => found,
    };
    diagnostic(found, place, Some(place))
}

fn diagnostic(found: BodyFinding, place: Span, mend: Option<Span>) -> Diagnostic {
    let mut finding = Diagnostic::error(found.code, place, found.message);
    finding.severity = found.severity;
    let finding = found.help.into_iter().fold(finding, Diagnostic::help);
    match (found.replacement, mend) {
        (Some(text), Some(span)) => finding.suggest(span, text),
        _ => finding,
    }
}
