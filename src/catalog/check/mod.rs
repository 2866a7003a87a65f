//! Checks bodies: reports every finding at once, each with its place in the body, the reason, and what would be
//! right.
//!
//! `Checker` walks a value and its schema in parallel. `scalar` checks single values; `variants` determines which of
//! several schemas is meant and reports findings for that one only; `unknown` checks what is known of a template's
//! value, and `holes` what is known of a text with unknown parts; `refusals` knows what the API refuses although its
//! document allows it; `records` knows the contents of DNS records; `parameters` checks path and query; `allow` accepts
//! unknown names that the plan allows; `findings` is what all of them report. This module does not know YAML: a finding
//! has a path, and the caller determines the line.

mod allow;
mod content;
mod findings;
mod format;
mod holes;
mod mapping;
mod parameters;
mod pattern;
mod records;
pub(super) mod refusals;
mod scalar;
mod unknown;
mod variants;
pub(super) mod words;

use std::collections::hash_map::Entry;

use serde_json::Value;

pub use self::allow::{ALLOW_NOTHING, AllowUnknown, AllowedPath};
pub(in crate::catalog) use self::content::is_form;
pub use self::content::{BYTES, MULTIPART};
pub use self::findings::{BodyFinding, CODES, PathSegment};
use self::findings::{did_you_mean, finding};
pub use self::holes::may_be_integer;
pub use self::parameters::{ParameterFinding, ParameterPlace};
pub use self::unknown::same_kind;
use self::words::{a_type, field_list, wanted};
use super::operation::{BodyUse, Operation};
use super::placeholder::is_placeholder;
use super::schema::{BodySchema, Schema};
use super::value::Partial;
use super::{Catalog, schema::Type};
use crate::diagnostic::{Severity, code};
use crate::hash::HashMap;

/// The most findings for one body; up to twice as many errors.
const MOST_FINDINGS: usize = 1000;

/// The most unknown fields reported in one mapping; a mapping with more is in the wrong place.
const MOST_UNKNOWN: usize = 50;

impl Catalog {
    /// Checks the body of a call against the API's document; `None` is a call without one.
    pub fn check_body(&self, operation: &Operation, body: Option<&Partial>) -> Vec<BodyFinding> {
        self.check_document(operation, body, ALLOW_NOTHING)
    }

    fn check_document(
        &self,
        operation: &Operation,
        body: Option<&Partial>,
        allowed: &AllowUnknown,
    ) -> Vec<BodyFinding> {
        if let Some(found) = operation.check_no_file(body.is_some()) {
            return vec![found];
        }
        match (operation.body, body, self.body_schema(operation)) {
            (BodyUse::Required, None, schema) => vec![missing_body(operation, schema.as_deref())],
            (_, Some(body), Some(schema)) => check_allowing(&schema, body, allowed),
            (BodyUse::None, Some(_), _) => {
                let message = format!("`{}` takes no body", operation.route);
                vec![finding(Severity::Error, "body-not-taken", message).help("leave `body` out")]
            }
            _ => Vec::new(),
        }
    }

    /// Checks the body of a call against the API's document and against recorded refusals. Allowed unknown fields are
    /// no findings.
    pub fn check_request(
        &self,
        operation: &Operation,
        body: Option<&Partial>,
        allowed: &AllowUnknown,
    ) -> Vec<BodyFinding> {
        let mut findings = self.check_document(operation, body, allowed);
        findings.extend(refusals::refusals(operation, body));
        findings
    }
}

/// Checks a body against a schema.
pub fn check_body(schema: &BodySchema, body: &Partial) -> Vec<BodyFinding> {
    check_allowing(schema, body, ALLOW_NOTHING)
}

fn check_allowing(schema: &BodySchema, body: &Partial, allowed: &AllowUnknown) -> Vec<BodyFinding> {
    let mut checker = Checker { allowed, ..Checker::new(schema) };
    checker.value(schema.root(), body);
    checker.findings
}

fn missing_body(operation: &Operation, schema: Option<&BodySchema>) -> BodyFinding {
    let required = schema.map(|schema| schema.resolve(schema.root()).required.clone()).unwrap_or_default();
    let found = finding(Severity::Error, "missing-body", format!("`{}` needs a body", operation.route));
    if required.is_empty() { found } else { found.help(format!("required: {}", field_list(&required))) }
}

impl BodyFinding {
    /// Adapts the finding to a number's spelling in the file: `1e3` in quotes is `"1e3"`, not `"1000.0"`. A
    /// replacement that would be wrong as well is removed.
    pub(crate) fn written(self, number: &str) -> Self {
        let Some(shape) = self.quoted.clone() else { return self };
        let found = self.without_replacement();
        let fits = check_body(&BodySchema::alone(*shape), &Partial::String(number.to_owned())).is_empty();
        found.write(fits.then(|| format!("\"{number}\"")))
    }
}

/// Walks a value and its schema in parallel.
struct Checker<'s> {
    schema: &'s BodySchema,
    allowed: &'s AllowUnknown,
    at: Vec<PathSegment>,
    findings: Vec<BodyFinding>,
}

impl<'s> Checker<'s> {
    fn new(schema: &'s BodySchema) -> Self {
        Self { schema, allowed: ALLOW_NOTHING, at: Vec::new(), findings: Vec::new() }
    }

    /// A checker at the same place without findings.
    fn fresh(&self) -> Checker<'s> {
        Checker { schema: self.schema, allowed: self.allowed, at: self.at.clone(), findings: Vec::new() }
    }

    /// The findings for a value at the same place.
    fn trial(&self, schema: &Schema, value: &Partial) -> Vec<BodyFinding> {
        let mut checker = self.fresh();
        checker.value(schema, value);
        checker.findings
    }

    /// Whether a value has no errors at the same place.
    fn fits(&self, schema: &Schema, value: &Partial) -> bool {
        self.trial(schema, value).iter().all(|found| found.severity != Severity::Error)
    }

    /// Adds a finding about the current value, up to the limit.
    fn report(&mut self, found: BodyFinding) {
        if self.findings.len() >= MOST_FINDINGS && found.severity != Severity::Error
            || self.findings.len() >= 2 * MOST_FINDINGS
        {
            return;
        }
        self.findings.push(BodyFinding { at: self.at.clone(), ..found });
    }

    fn error(code: &'static str, message: impl Into<String>) -> BodyFinding {
        finding(Severity::Error, code, message)
    }

    /// The name of the current value in messages.
    fn name(&self) -> String {
        match self.at.last() {
            None => "the body".to_owned(),
            Some(PathSegment::Key(key)) => format!("`{key}`"),
            Some(PathSegment::Index(_)) => {
                match self.at.iter().rev().find(|step| matches!(step, PathSegment::Key(_))) {
                    Some(key) => format!("an item of `{key}`"),
                    None => "an item".to_owned(),
                }
            }
        }
    }

    fn inside(&mut self, step: PathSegment, look: impl FnOnce(&mut Self)) {
        self.at.push(step);
        look(self);
        self.at.pop();
    }

    fn value(&mut self, written: &Schema, value: &Partial) {
        let shape = self.schema.resolve(written);
        match value {
            Partial::Unknown(unknown) => return self.unknown(written, unknown),
            Partial::OneOf(options) => return self.possible_values(written, options),
            Partial::Null if self.schema.nullable(written) || takes_anything(shape) => return,
            Partial::Null if shape.variants.is_empty() => return self.wrong_type(shape, "nothing (`null`)", None),
            _ => {}
        }
        if let Partial::String(text) = value
            && is_placeholder(text)
        {
            return self.placeholder(written, text);
        }
        if !shape.variants.is_empty() {
            return self.variants(shape, value);
        }
        let Some(found) = value.r#type() else { return };
        if let Partial::Text(pieces) = value
            && !shape.types.allow(found)
        {
            return self.text_for_other(shape, pieces);
        }
        if !shape.types.allow(found) {
            let before = self.findings.len();
            self.wrong_type(shape, a_type(found), scalar::requoted(shape, value));
            let meant = self.meant_by(shape, value);
            self.findings[before..].iter_mut().for_each(|found| found.help.extend(meant.clone()));
            if shape.types.allow(Type::Array) && (value.get("for").is_some() || value.get("each").is_some()) {
                let help = "a list made from another needs both `for:` and `each:`";
                self.findings[before..].iter_mut().for_each(|found| found.help.push(help.to_owned()));
            }
            if matches!(value, Partial::Number(_)) && shape.types.contains(Type::String) {
                self.findings[before..].iter_mut().for_each(|found| found.quoted = Some(Box::new(shape.clone())));
            }
            return;
        }
        if !shape.values.is_empty() {
            return self.allowed(shape, value);
        }
        match value {
            Partial::Map(fields) => self.mapping(shape, fields),
            Partial::List(items) => self.list(shape, items),
            _ => self.scalar(shape, value),
        }
    }

    /// Reports a placeholder that a pasted step left to fill in. Where any text is valid, a single word in angle
    /// brackets may be intended, so that `plan new` writes several.
    fn placeholder(&mut self, written: &Schema, text: &str) {
        let shape = self.schema.resolve(written);
        let plain = self.schema.referred(written).is_none() && shape.variants.is_empty();
        let any_format = shape.format.as_deref().and_then(format::words).is_none();
        let free = plain && any_format && scalar::is_text_of(shape, text);
        let message = format!("{} is still to be filled in", self.name());
        let help = format!("{} wants {}", self.name(), wanted(self.schema, written));
        let found = Self::error(code::PLACEHOLDER, message).help(help);
        self.report(if free && !text.contains(' ') { found.warning() } else { found });
    }

    fn wrong_type(&mut self, shape: &Schema, found: &str, replacement: Option<Value>) {
        let message = format!("{} wants {}, and this is {found}", self.name(), wanted(self.schema, shape));
        let fits = replacement.filter(|right| self.fits(shape, &Partial::from(right)));
        self.report(Self::error(code::WRONG_TYPE, message).write(fits.map(|right| right.to_string())));
    }

    /// What to write instead of a value of a wrong type, where that is not another spelling of it.
    fn meant_by(&self, shape: &Schema, value: &Partial) -> Option<String> {
        let one = shape.items.as_deref().filter(|_| shape.types.contains(Type::Array));
        if one.is_some_and(|item| self.fits(item, value)) {
            return Some(
                "a list of one is written `[x]`, or on lines of its own with `- ` before each item".to_owned(),
            );
        }
        let Partial::String(text) = value else { return None };
        let word = text.to_ascii_lowercase();
        let is_flag =
            shape.types.contains(Type::Boolean) && ["yes", "no", "on", "off", "y", "n"].contains(&word.as_str());
        is_flag.then(|| format!("`{text}` is a text: write `true` or `false`"))
    }

    /// Reports a partly known text where another type is needed.
    fn text_for_other(&mut self, shape: &Schema, pieces: &[Option<String>]) {
        let is_whole = matches!(pieces, [None]);
        let given = if is_whole { "this template gives" } else { "this is" };
        let message = format!("{} wants {}, and {given} a string", self.name(), wanted(self.schema, shape));
        let as_number = shape.types.contains(Type::Integer) || shape.types.contains(Type::Number);
        let help = match is_whole {
            false => "a template keeps its type only when it is the whole string: `\"{{ … }}\"`",
            true if as_number => "`| int` makes a number of a text",
            true if shape.types.contains(Type::Boolean) => "compare it, as in `{{ x == 'on' }}`, or use `| bool`",
            true if shape.types.contains(Type::Array) => {
                "`| split(',')` makes a list of a text, and `[x]` a list of one"
            }
            true => "`| fromjson` reads the value of a JSON text",
        };
        self.report(Self::error(code::WRONG_TYPE, message).help(help));
    }

    fn list(&mut self, shape: &Schema, items: &[Partial]) {
        if let Some(schema) = &shape.items {
            for (index, item) in items.iter().enumerate() {
                self.inside(PathSegment::Index(index), |checker| checker.value(schema, item));
            }
        }
        self.count(items.len(), shape.min_items, shape.max_items, "item");
        if shape.unique_items {
            self.unique(items);
        }
    }

    fn unique(&mut self, items: &[Partial]) {
        let mut first: HashMap<String, usize> = HashMap::default();
        for (index, item) in items.iter().enumerate() {
            let Some(written) = item.identity() else { continue };
            match first.entry(written) {
                Entry::Vacant(place) => drop(place.insert(index)),
                Entry::Occupied(earlier) => {
                    let message = format!("this stands at item {} already", earlier.get());
                    self.inside(PathSegment::Index(index), |checker| {
                        checker.report(Self::error("duplicate-item", message));
                    });
                }
            }
        }
    }

    fn count(&mut self, count: usize, least: Option<u64>, most: Option<u64>, what: &str) {
        let count = count as u64;
        let limit = if least.is_some_and(|least| count < least) {
            least.map(|least| format!("at least {}", words::count(least, what)))
        } else if most.is_some_and(|most| count > most) {
            most.map(|most| format!("at most {}", words::count(most, what)))
        } else {
            None
        };
        if let Some(limit) = limit {
            let message = format!("{} wants {limit}, and has {count}", self.name());
            self.report(Self::error("wrong-length", message));
        }
    }
}

/// Whether a schema has no types, so that `null` is valid as well.
fn takes_anything(shape: &Schema) -> bool {
    shape.types.is_empty() && shape.variants.is_empty() && shape.values.is_empty()
}

/// Whether a type is scalar, and so may be one of several types.
fn is_scalar(r#type: Type) -> bool {
    !matches!(r#type, Type::Array | Type::Object)
}

#[cfg(test)]
pub(crate) mod generated;
#[cfg(test)]
mod tests;
