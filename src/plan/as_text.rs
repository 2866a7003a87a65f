//! Checks values that are sent as text: segments of the path, headers, the ids of project and region; and those that
//! `find` compares.

use super::partial::source_of;
use crate::catalog::schema::Type;
use crate::catalog::{Partial, may_be_integer};
use crate::diagnostic::{Diagnostic, code};
use crate::pointer;
use crate::template::{Shape, Template};

/// What a value is that certainly has no text form.
fn type_without_text(value: &Partial) -> Option<&'static str> {
    match value {
        Partial::Null => Some("null"),
        Partial::Map(_) => Some("a mapping"),
        Partial::List(_) => Some("a list"),
        Partial::Unknown(unknown) => match unknown.types.only()? {
            Type::Object => Some("a mapping"),
            Type::Array => Some("a list"),
            _ => None,
        },
        _ => None,
    }
}

/// The first finding about one of the values that this may be.
fn first_of(value: &Partial, check: &dyn Fn(&Partial) -> Option<Diagnostic>) -> Option<Diagnostic> {
    match value {
        Partial::OneOf(options) => options.iter().find_map(|option| first_of(option, check)),
        other => check(other),
    }
}

/// The finding about a path segment that would address another path, or is not text.
pub(super) fn segment(template: &Template, value: &Partial) -> Option<Diagnostic> {
    first_of(value, &|value| {
        let (message, help) = match value {
            Partial::String(text) if text.is_empty() || text == "." || text == ".." => {
                (format!("this segment of the path becomes `{text}`"), "every segment of a path needs a value")
            }
            other => {
                let what = type_without_text(other)?;
                let help =
                    if is_result(other) { "use `.id` of the step" } else { "every segment of a path needs a value" };
                (format!("a segment of a path is text, and this is {what}"), help)
            }
        };
        Some(Diagnostic::error("bad-call", template.span, message).help(help))
    })
}

/// Whether a value is read from the results of a step.
fn is_result(value: &Partial) -> bool {
    source_of(value).is_some_and(|source| source.step().is_some())
}

/// The finding about an id or a name by which nothing can be adopted.
pub(super) fn adopted(template: &Template, value: &Partial) -> Option<Diagnostic> {
    first_of(value, &|value| {
        let what = match value {
            Partial::String(text) if text.trim().is_empty() => "empty".to_owned(),
            other => type_without_text(other)?.to_owned(),
        };
        let message = format!("what is adopted has a text or a number as its id or name, and this is {what}");
        let help =
            if is_result(value) { "use `.id` or `.name` of the step" } else { "write the id or the name of one" };
        Some(Diagnostic::error(code::WRONG_TYPE, template.span, message).help(help))
    })
}

/// The findings about headers.
pub(super) fn headers(template: &Template, value: &Partial) -> Vec<Diagnostic> {
    let Partial::Map(fields) = value else { return Vec::new() };
    let of = |(name, value): &(String, Partial)| {
        first_of(value, &|value| {
            let span = field(template, name).span;
            let is_broken = |text: &str| text.contains(['\r', '\n', '\0']);
            let broken = match value {
                Partial::String(text) => is_broken(text),
                Partial::Text(pieces) => pieces.iter().flatten().any(|piece| is_broken(piece)),
                _ => false,
            };
            if broken {
                let message = format!("the header `{name}` holds a line break");
                return Some(Diagnostic::error("header-not-allowed", span, message));
            }
            let message = format!("the header `{name}` is text, and this is {}", type_without_text(value)?);
            Some(
                Diagnostic::error(code::WRONG_TYPE, span, message)
                    .help("use `| join(',')` or `| tojson`, or one of its parts"),
            )
        })
    };
    fields.iter().filter_map(of).collect()
}

/// The finding about the id of a project or region.
pub(super) fn place(template: &Template, value: &Partial) -> Option<Diagnostic> {
    let what = "the id of a project or region is a positive whole number";
    first_of(value, &|value| {
        let told = |given: String| Some(Diagnostic::error(code::OUT_OF_RANGE, template.span, format!("{what}{given}")));
        match value {
            Partial::Text(pieces) if !may_be_integer(pieces) => told(", and this text is none".to_owned()),
            Partial::Text(_) => None,
            Partial::Unknown(unknown) => match (&unknown.reference, unknown.types.only()) {
                (Some(of), _) if !["projects", "regions"].contains(&of.kind.as_str()) => {
                    told(format!(", and this is one of `{}`", of.kind))
                }
                (None, Some(Type::Boolean)) => told(", and this template gives `true` or `false`".to_owned()),
                (None, Some(Type::Array)) => told(", and this template gives a list".to_owned()),
                (None, Some(Type::Object)) => told(", and this template gives a mapping".to_owned()),
                _ => None,
            },
            other => {
                let value = other.known()?;
                let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
                if number.is_none_or(|number| number <= 0) { told(String::new()) } else { None }
            }
        }
    })
}

/// The findings about the values that `find` compares.
pub(super) fn find(template: &Template, value: &Partial) -> Vec<Diagnostic> {
    let Partial::Map(fields) = value else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in fields {
        let here = field(template, name);
        if matches!(value, Partial::Map(_)) && matches!(here.shape(), Shape::Mapping(_)) {
            found.extend(find(here, value));
            continue;
        }
        found.extend(first_of(value, &|value| {
            let what = type_without_text(value).filter(|_| !matches!(value, Partial::Null | Partial::Map(_)))?;
            let message = format!("`{name}` of an item is compared with a single value, and this is {what}");
            let help = if is_result(value) { "use `.id` or `.name` of the step" } else { "take one of its elements" };
            Some(Diagnostic::error(code::WRONG_TYPE, here.span, message).help(help))
        }));
    }
    found
}

fn field<'t>(template: &'t Template, name: &str) -> &'t Template {
    template.at(&pointer::to_field(name))
}
