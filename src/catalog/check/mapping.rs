//! Checks the fields of a mapping: unknown, misspelt, missing and deprecated ones.

use super::allow::{UnknownPlace, newer};
use super::findings::PathSegment;
use super::words::{field_list, wanted};
use super::{Checker, MOST_UNKNOWN};
use crate::catalog::schema::{Additional, Schema};
use crate::catalog::value::Partial;
use crate::diagnostic::{Severity, code, nearest};

impl<'s> Checker<'s> {
    /// Checks the fields of a mapping, and reports those that are unknown, missing or deprecated.
    pub(super) fn mapping(&mut self, shape: &Schema, fields: &[(String, Partial)]) {
        let before = self.findings.len();
        let free = matches!(shape.additional, Additional::Of(_));
        let only_named = !free && shape.takes_only_named();
        let mut unknown = 0;
        for (name, value) in fields {
            let field = shape.properties.get(name);
            let allowed = || {
                let at = [self.at.as_slice(), &[PathSegment::Key(name.clone())]].concat();
                self.allowed.allows(UnknownPlace::Body, &at)
            };
            if field.is_none() && !free && allowed() {
                continue;
            }
            unknown += usize::from(field.is_none() && only_named);
            if field.is_none() && unknown > MOST_UNKNOWN {
                continue;
            }
            self.inside(PathSegment::Key(name.clone()), |checker| match field {
                Some(field) => {
                    checker.deprecated(field);
                    checker.value(field, value);
                    checker.null_alone(field, value, fields);
                }
                None => checker.unnamed_field(shape, name, value, fields),
            });
        }
        if unknown > MOST_UNKNOWN {
            let message = format!("{} has {} more unknown fields", self.name(), unknown - MOST_UNKNOWN);
            self.report(Self::error(code::UNKNOWN_FIELD, message));
        }
        for name in &shape.required {
            if !fields.iter().any(|(field, _)| field == name) && !self.misspelt(before, name) {
                self.missing_field(shape, name);
            }
        }
        self.count_of_fields(shape, fields.len());
    }

    /// Checks a `null` that is taken only together with others.
    fn null_alone(&mut self, field: &Schema, value: &Partial, all: &[(String, Partial)]) {
        let may_be_null = |value: &Partial| match value {
            Partial::OneOf(options) => {
                options.iter().any(|option| matches!(option, Partial::Null | Partial::Unknown(_)))
            }
            other => matches!(other, Partial::Null | Partial::Unknown(_)),
        };
        let is_other = |name: &&String| match all.iter().find(|(given, _)| given == *name) {
            Some((_, other)) => !may_be_null(other),
            None => true,
        };
        let is_null = match value {
            Partial::OneOf(options) => options.contains(&Partial::Null),
            other => matches!(other, Partial::Null),
        };
        if is_null && field.null_with.iter().any(|name| is_other(&name)) {
            let message = format!("{} is `null` only where {} are", self.name(), field_list(&field.null_with));
            let help = format!("{} wants {}", self.name(), wanted(self.schema, field));
            self.report(Self::error(code::WRONG_TYPE, message).help(help));
        }
    }

    /// Warns about a deprecated field.
    pub(super) fn deprecated(&mut self, field: &Schema) {
        if field.deprecated || self.schema.resolve(field).deprecated {
            let message = format!("{} is deprecated", self.name());
            let help = "the API still takes it, and says it will not for ever";
            self.report(Self::error("deprecated-field", message).warning().on_key().help(help));
        }
    }

    /// Whether an error since `before` says that this field is misspelt here.
    fn misspelt(&self, before: usize, name: &str) -> bool {
        self.findings[before..].iter().any(|found| {
            found.code == code::UNKNOWN_FIELD
                && found.severity == Severity::Error
                && found.at.len() == self.at.len() + 1
                && found.meant.as_deref() == Some(name)
        })
    }

    fn unnamed_field(&mut self, shape: &Schema, name: &str, value: &Partial, all: &[(String, Partial)]) {
        match &shape.additional {
            Additional::Of(field) => self.value(field, value),
            Additional::Usually(field) => {
                self.trial(field, value).into_iter().for_each(|found| self.report(found.warning()));
                self.unknown_field(shape, name, all);
            }
            _ => self.unknown_field(shape, name, all),
        }
        if let Some(keys) = &shape.keys {
            let before = self.findings.len();
            self.value(keys, &Partial::String(name.to_owned()));
            self.findings[before..].iter_mut().for_each(|found| found.on_key = true);
        }
    }

    fn unknown_field(&mut self, shape: &Schema, name: &str, all: &[(String, Partial)]) {
        let free = shape.properties.keys().filter(|known| !all.iter().any(|(given, _)| given == *known));
        let near = nearest_field(name, free.map(String::as_str));
        // Where any field is taken, another spelling of a known one is suspicious.
        let is_open = !shape.takes_only_named();
        let is_meaningless = shape.additional == Additional::Meaningless;
        if is_open && near.is_none() && !is_meaningless {
            return;
        }
        let message = if is_open {
            format!("`{name}` is no known field here")
        } else {
            format!("there is no field `{name}` here")
        };
        let found = Self::error(code::UNKNOWN_FIELD, message).on_key();
        let found = if is_open { found.warning() } else { found };
        let found = match near {
            Some(near) => found.meaning(near),
            None if shape.properties.is_empty() => found.help("nothing may stand here"),
            None => found.help(format!("fields here: {}", field_list(shape.properties.keys()))),
        };
        let found = found.help(newer(UnknownPlace::Body, &self.at));
        // Correcting the name does not help when the value is wrong as well.
        let value = all.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        let fits = |near: &&str| {
            let field = shape.properties.get(*near).zip(value);
            field.is_some_and(|(field, value)| self.fits(field, value))
        };
        let right = near.filter(fits);
        self.report(found.replace(right));
    }

    fn missing_field(&mut self, shape: &Schema, name: &str) {
        let message = match self.at.last() {
            None => format!("`{name}` is missing"),
            Some(_) => format!("`{name}` is missing in {}", self.name()),
        };
        let found = Self::error(code::MISSING_FIELD, message);
        let found = match shape.properties.get(name) {
            Some(field) => found.help(format!("`{name}` wants {}", wanted(self.schema, field))),
            None => found,
        };
        self.report(found);
    }

    fn count_of_fields(&mut self, shape: &Schema, count: usize) {
        let (least, most) = (shape.min_properties, shape.max_properties);
        self.count(count, least, most, "field");
    }
}

/// The field that is probably meant: a typo, or a word too many or too few.
fn nearest_field<'n>(name: &str, fields: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    const SHORTEST: usize = 3;
    let contained = |field: &&str| {
        let (short, long) = if field.len() < name.len() { (*field, name) } else { (name, *field) };
        short.len() > SHORTEST && (long.starts_with(short) || long.ends_with(short))
    };
    nearest(name, fields.clone()).or_else(|| fields.clone().find(contained))
}
