//! Checks values that a template will give, by what is known of them.

use super::{Checker, words};
use crate::catalog::schema::{Referred, Schema, Type, Types};
use crate::catalog::value::{Attribute, Partial, Reference, Unknown, ValueSource};
use crate::diagnostic::{Severity, code};

/// Kinds whose ids are the same: one is the older key in `created_resources` for the other.
const SAME_KINDS: [[&str; 2]; 1] = [["clusters", "ai_clusters"]];

impl Checker<'_> {
    /// Checks a value that is known later: its kind, its possible types and its range.
    pub(super) fn unknown(&mut self, written: &Schema, unknown: &Unknown) {
        if let Some(reference) = &unknown.reference
            && self.reference(written, reference)
        {
            return;
        }
        if let Some(result) = unknown.result
            && self.other_result(written, result)
        {
            return;
        }
        if self.types_clash(written, unknown) {
            return;
        }
        self.possible_range(written, unknown);
    }

    /// Reports a step result other than id and name, where one of these is needed. Returns whether it did.
    fn other_result(&mut self, written: &Schema, result: &str) -> bool {
        let Some(referred) = self.schema.referred(written) else { return false };
        let (kind, word) = (referred.kind, referred.attribute());
        let message = format!("{} wants the {word} of one of `{kind}`, and this is {result} of a step", self.name());
        self.report(Self::error("wrong-kind", message).help(format!("use `.{word}` of the step")));
        true
    }

    /// Checks the kind of a reference. Returns whether there is a finding.
    fn reference(&mut self, written: &Schema, reference: &Reference) -> bool {
        let Some(referred) = self.schema.referred(written) else { return false };
        let Referred { kind, by_name } = referred;
        if reference.attribute == Attribute::Other {
            return false;
        }
        let word = referred.attribute();
        if !same_kind(kind, &reference.kind) {
            let (name, given) = (self.name(), &reference.kind);
            let message = format!("{name} wants the {word} of one of `{kind}`, and this is one of `{given}`");
            self.report(Self::error("wrong-kind", message));
            return true;
        }
        let found = match (by_name, reference.attribute) {
            (true, Attribute::Id) => Self::error(
                "id-for-name",
                format!("{} wants the name of one of `{kind}`, and this is its id", self.name()),
            )
            .help("use the name that the step sends: the same template as in its body"),
            (false, Attribute::Name) if self.has_opaque_ids(written) => Self::error(
                "name-for-id",
                format!("{} wants the id of one of `{kind}`, and this is its name", self.name()),
            )
            .help("use `.id` of the step"),
            _ => return false,
        };
        self.report(found);
        true
    }

    /// Whether the ids of the kind are chosen by the API; those of some kinds are their names.
    fn has_opaque_ids(&self, written: &Schema) -> bool {
        let shape = self.schema.resolve(written);
        shape.format.as_deref() == Some("uuid4") || shape.types == Types::of(&[Type::Integer])
    }

    fn types_clash(&mut self, written: &Schema, unknown: &Unknown) -> bool {
        let wanted = self.all_types(written);
        if wanted.is_empty() || unknown.types.is_empty() {
            return false;
        }
        let fits = unknown
            .types
            .iter()
            .any(|r#type| wanted.allow(r#type) || (r#type == Type::Number && wanted.contains(Type::Integer)));
        let null = unknown.nullable && self.schema.nullable(written);
        if !fits && !null {
            let given: Vec<&str> = unknown.types.iter().map(words::a_type).collect();
            let wanted = words::wanted(self.schema, written);
            let message = format!("{} wants {wanted}, and this template gives {}", self.name(), given.join(" or "));
            let help = self.instead(written, unknown);
            let found = Self::error(code::WRONG_TYPE, message);
            self.report(help.into_iter().fold(found, |found, help| found.help(help)));
        }
        !fits && !null
    }

    /// What to write instead of a value of a wrong type.
    fn instead(&self, written: &Schema, unknown: &Unknown) -> Option<String> {
        let Some(ValueSource::Step(step)) = &unknown.source else { return None };
        Some(match self.schema.referred(written) {
            Some(referred) => format!("use `steps.{step}.{}`", referred.attribute()),
            None => format!("use one of its results, such as `steps.{step}.id`"),
        })
    }

    /// The types of all variants; empty when any is valid.
    fn all_types(&self, written: &Schema) -> Types {
        let shape = self.schema.resolve(written);
        if shape.variants.is_empty() {
            return shape.types;
        }
        let mut types = Types::default();
        for variant in &shape.variants {
            let own = self.all_types(&variant.schema);
            if own.is_empty() {
                return own;
            }
            types = types.union(own);
        }
        types
    }

    /// Checks every possible value; each must be valid.
    pub(super) fn possible_values(&mut self, written: &Schema, options: &[Partial]) {
        for option in options {
            if self.possible_value(written, option) {
                return;
            }
        }
    }

    /// Checks one possible value and reports the first finding, if any. Returns whether there is one.
    fn possible_value(&mut self, written: &Schema, value: &Partial) -> bool {
        let findings = self.trial(written, value);
        let Some(mut found) = findings.into_iter().find(|found| found.severity == Severity::Error) else {
            return false;
        };
        if let Some(known) = value.known() {
            found.help.push(format!("`{}` is one of the values that this template may give", words::value(&known)));
        }
        found.at.truncate(self.at.len());
        found.on_key = false;
        found.replacement = None;
        self.findings.push(found);
        true
    }

    /// Reports a range that is entirely invalid; an overlapping one is accepted.
    fn possible_range(&mut self, written: &Schema, unknown: &Unknown) {
        let shape = self.schema.resolve(written);
        let limit =
            |bound: &Option<crate::catalog::schema::Bound>| bound.as_ref().and_then(|bound| bound.value.as_f64());
        let below = unknown.maximum.zip(limit(&shape.minimum)).is_some_and(|(most, least)| most < least);
        let above = unknown.minimum.zip(limit(&shape.maximum)).is_some_and(|(least, most)| least > most);
        if below || above {
            let range = words::range(shape.minimum.as_ref(), shape.maximum.as_ref());
            let message = format!("{} is {range}, and no value that this may have is", self.name());
            self.report(Self::error(code::OUT_OF_RANGE, message));
        }
    }
}

/// Whether resources of these kinds have the same ids.
pub fn same_kind(one: &str, two: &str) -> bool {
    one == two || SAME_KINDS.iter().any(|same| same.contains(&one) && same.contains(&two))
}
