//! Several schemas for one place: determines which of them is meant, and reports findings for that one.

use serde_json::Value;

use super::{BodyFinding, Checker, PathSegment, finding, is_scalar, words};
use crate::catalog::schema::{Schema, Type, Variant};
use crate::catalog::value::Partial;
use crate::diagnostic::{Severity, code, nearest};

impl Checker<'_> {
    /// Checks a value against the variants of a schema, of which the discriminating field selects one.
    pub(super) fn variants(&mut self, shape: &Schema, value: &Partial) {
        if let Some(property) = &shape.discriminator
            && let Partial::Map(fields) = value
        {
            let given = fields.iter().find(|(name, _)| name == property).map(|(_, value)| value);
            return self.discriminated(shape, property, given, value);
        }
        self.nearest_of(&shape.variants.iter().collect::<Vec<_>>(), value);
    }

    fn discriminated(&mut self, shape: &Schema, property: &str, given: Option<&Partial>, value: &Partial) {
        let Some(given) = given else {
            // Variants that do not require the field can be meant without it.
            let silent: Vec<&Variant> = shape
                .variants
                .iter()
                .filter(|variant| !self.schema.resolve(&variant.schema).required.iter().any(|name| name == property))
                .collect();
            return match silent.as_slice() {
                [] => self.undecided(shape, property, value),
                _ => {
                    self.without_discriminator(shape, property);
                    self.nearest_of(&silent, value);
                }
            };
        };
        let Some(known) = given.known() else {
            return match given {
                Partial::OneOf(options) => self.one_of_several(shape, property, options, value),
                _ => self.nearest_of(&shape.variants.iter().collect::<Vec<_>>(), value),
            };
        };
        let meant = shape.variants.iter().find(|variant| variant.when.contains(&known));
        match meant {
            Some(variant) => self.as_variant(shape, variant, property, value),
            None => self.no_such_variant(shape, property, &known, value),
        }
    }

    /// Findings by the variant that was named; a field of another one says so.
    fn as_variant(&mut self, shape: &Schema, meant: &Variant, property: &str, value: &Partial) {
        let before = self.findings.len();
        self.value(&meant.schema, value);
        let depth = self.at.len();
        for found in &mut self.findings[before..] {
            let Some(PathSegment::Key(key)) = found.at.get(depth) else { continue };
            if found.code != code::UNKNOWN_FIELD || found.at.len() != depth + 1 || found.meant.is_some() {
                continue;
            }
            let owners = shape
                .variants
                .iter()
                .filter(|variant| self.schema.resolve(&variant.schema).properties.contains_key(key));
            let owners: Vec<String> = owners.flat_map(|variant| &variant.when).map(words::value).collect();
            if !owners.is_empty() {
                let this = meant.when.first().map(words::value).unwrap_or_default();
                found.message = format!("there is no field `{key}` with `{property}: {this}`");
                let newer = found.help.pop();
                found.help = vec![format!("it belongs to `{property}`: {}", words::field_list(owners))];
                found.help.extend(newer);
            }
        }
    }

    /// Checks a discriminating field with several possible values: each must be a known value, and the other fields
    /// must match one of these variants. More cannot be checked, because the other fields may depend on the same
    /// condition.
    fn one_of_several(&mut self, shape: &Schema, property: &str, options: &[Partial], value: &Partial) {
        let Partial::Map(fields) = value else { return };
        let mut first_wrong = None;
        let mut any_fits = false;
        for option in options {
            if let Some(known) = option.known()
                && !shape.variants.iter().any(|variant| variant.when.contains(&known))
            {
                return self.no_such_variant(shape, property, &known, value);
            }
            let with = fields
                .iter()
                .map(|(name, field)| (name.clone(), if name == property { option.clone() } else { field.clone() }));
            let findings = {
                let mut trial = self.fresh();
                trial.discriminated(shape, property, Some(option), &Partial::Map(with.collect()));
                trial.findings
            };
            match findings.iter().any(indicates_another_variant) {
                true => first_wrong = first_wrong.or(Some(findings)),
                false => any_fits = true,
            }
        }
        if !any_fits {
            self.findings.extend(first_wrong.into_iter().flatten());
        }
    }

    /// The discriminating field is absent, which the document allows, although one of several variants is meant.
    fn without_discriminator(&mut self, shape: &Schema, property: &str) {
        let all = words::field_list(shape.variants.iter().flat_map(|variant| &variant.when).map(words::value));
        let message = format!("`{property}` is left out, and says what the rest means");
        self.report(Self::error(code::MISSING_FIELD, message).warning().help(format!("one of {all}")));
    }

    fn undecided(&mut self, shape: &Schema, property: &str, value: &Partial) {
        let all = words::field_list(shape.variants.iter().flat_map(|variant| &variant.when).map(words::value));
        let message = format!("`{property}` is missing, and says what the rest means");
        let found = Self::error(code::MISSING_FIELD, message).help(format!("one of {all}"));
        self.report(found);
        // The other fields mostly show which variant is meant; then a misspelt `property` is one finding, not two.
        let Partial::Map(fields) = value else { return };
        if let Some((key, _)) = fields.iter().find(|(key, _)| nearest(key, [property]).is_some()) {
            let last = self.findings.len() - 1;
            let key = key.clone();
            let renamed = value.get(&key).cloned().and_then(|field| with_field(value, &key, (property, field)));
            let fits = renamed.is_some_and(|renamed| self.fits(shape, &renamed));
            self.inside(PathSegment::Key(key.clone()), |checker| {
                let message = format!("there is no field `{key}` here");
                let found = Self::error(code::UNKNOWN_FIELD, message).on_key().meaning(property);
                checker.report(found.replace(fits.then_some(property)));
            });
            self.findings.remove(last);
        }
    }

    fn no_such_variant(&mut self, shape: &Schema, property: &str, known: &Value, value: &Partial) {
        let values: Vec<Value> = shape.variants.iter().flat_map(|variant| variant.when.clone()).collect();
        let texts = values.iter().filter_map(Value::as_str);
        let near = known.as_str().and_then(|known| nearest(known, texts)).map(str::to_owned);
        let message = format!("`{}` is no value of `{property}`", words::value(known));
        let found = Self::error(code::VALUE_NOT_ALLOWED, message);
        let found = match &near {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found,
        };
        let found = found.help(format!("allowed: {}", words::field_list(values.iter().map(words::value))));
        let fits = |near: &String| {
            let right = with_field(value, property, (property, Partial::String(near.clone())));
            right.is_some_and(|right| self.fits(shape, &right))
        };
        let right = near.filter(fits).map(|near| words::yaml(&Value::String(near)));
        self.inside(PathSegment::Key(property.to_owned()), |checker| checker.report(found.replace(right)));
    }

    /// Without a discriminating field: any variant that matches is accepted; otherwise the nearest one determines the
    /// findings.
    fn nearest_of(&mut self, variants: &[&Variant], value: &Partial) {
        // Each possible value may match another variant.
        if value.has_alternatives()
            && let Some(combinations) = value.combinations()
        {
            let wrong = combinations.iter().find_map(|combination| {
                let mut trial = self.fresh();
                trial.nearest_of(variants, combination);
                trial.findings.iter().any(indicates_another_variant).then_some(trial.findings)
            });
            return self.findings.extend(wrong.into_iter().flatten());
        }
        let mut nearest: Option<((usize, i64, usize), Vec<BodyFinding>)> = None;
        for variant in variants {
            let findings = self.trial(&variant.schema, value);
            let errors = findings.iter().filter(|found| indicates_another_variant(found)).count();
            if errors == 0 {
                return self.findings.extend(findings);
            }
            let likeness = self.similarity(variants, &variant.schema, value);
            let score = (usize::from(!self.type_fits(&variant.schema, value)), -likeness, errors);
            if nearest.as_ref().is_none_or(|(best, _)| score < *best) {
                nearest = Some((score, findings));
            }
        }
        let scalars = variants.iter().all(|variant| {
            let types = self.schema.resolve(&variant.schema).types;
            !types.is_empty() && types.iter().all(is_scalar)
        });
        match nearest {
            Some((_, mut findings)) if !scalars => {
                findings.iter_mut().for_each(|found| self.widen(found, variants, value));
                self.findings.extend(findings);
            }
            Some(_) => self.none_of(variants, value),
            None => {}
        }
    }

    /// Extends a finding of the nearest variant by what the others would allow.
    fn widen(&self, found: &mut BodyFinding, variants: &[&Variant], value: &Partial) {
        let depth = self.at.len();
        let fields = |name: &str| {
            let shapes =
                variants.iter().filter_map(|variant| self.schema.resolve(&variant.schema).properties.get(name));
            shapes.cloned().map(|schema| Variant { when: Vec::new(), schema }).collect::<Vec<Variant>>()
        };
        match (found.code, found.at.get(depth..).unwrap_or_default()) {
            (code::VALUE_NOT_ALLOWED, [PathSegment::Key(name)]) => {
                let mut all: Vec<Value> = Vec::new();
                for field in fields(name) {
                    let more = self.schema.resolve(&field.schema).values.iter().filter(|value| !all.contains(value));
                    all.extend(more.cloned().collect::<Vec<_>>());
                }
                let given = value.get(name).and_then(Partial::known);
                let texts = all.iter().filter_map(Value::as_str);
                let near = given.as_ref().and_then(Value::as_str).and_then(|given| nearest(given, texts));
                found.help = near.map(super::did_you_mean).into_iter().collect();
                found.help.push(format!("allowed: {}", words::field_list(all.iter().map(words::value))));
                let fits = |near: &&str| {
                    let right = with_field(value, name, (name, Partial::String((*near).to_owned())));
                    right.is_some_and(|right| variants.iter().any(|variant| self.fits(&variant.schema, &right)))
                };
                found.replacement = near.filter(fits).map(|near| words::yaml(&Value::String(near.to_owned())));
            }
            (code::MISSING_FIELD, []) => {
                let Some(name) = found.message.split('`').nth(1) else { return };
                let whole = Schema { variants: fields(name), ..Schema::default() };
                if whole.variants.len() > 1 {
                    found.help = vec![format!("`{name}` wants {}", words::wanted(self.schema, &whole))];
                }
            }
            _ => {}
        }
    }

    /// Several schemas for a scalar: one finding that names all.
    fn none_of(&mut self, variants: &[&Variant], value: &Partial) {
        let whole =
            Schema { variants: variants.iter().map(|variant| (*variant).clone()).collect(), ..Schema::default() };
        let wanted = words::wanted(self.schema, &whole);
        let fits = variants.iter().any(|variant| self.type_fits(&variant.schema, value));
        let code = if fits { "wrong-format" } else { code::WRONG_TYPE };
        let given = value.known().map_or_else(|| "this".to_owned(), |value| format!("`{}`", words::value(&value)));
        let message = format!("{} wants {wanted}, and {given} is none", self.name());
        self.report(finding(Severity::Error, code, message));
    }

    fn type_fits(&self, schema: &Schema, value: &Partial) -> bool {
        let shape = self.schema.resolve(schema);
        value.r#type().is_none_or(|found| shape.types.allow(found))
    }

    /// How well a mapping matches one of several schemas: values that distinguish them count most, then fields that
    /// the schema has.
    fn similarity(&self, variants: &[&Variant], schema: &Schema, value: &Partial) -> i64 {
        let shape = self.schema.resolve(schema);
        let Partial::Map(fields) = value else { return 0 };
        if !shape.types.allow(Type::Object) {
            return i64::MIN / 2;
        }
        let weigh = |(name, value): &(String, Partial)| match shape.properties.get(name) {
            // A field that no schema has is a typo: it counts against all alike, and decides nothing.
            None => -1,
            Some(field) => {
                let takes = |field: &Schema, value: &Value| self.schema.resolve(field).values.contains(value);
                let elsewhere = |value: &Value| {
                    let shapes = variants.iter().map(|variant| self.schema.resolve(&variant.schema));
                    shapes.filter_map(|shape| shape.properties.get(name)).any(|field| takes(field, value))
                };
                match value.known() {
                    Some(value) if takes(field, &value) => 10,
                    Some(value) if elsewhere(&value) => -10,
                    // The schema has the field, and the value distinguishes no schemas.
                    _ => 1,
                }
            }
        };
        fields.iter().map(weigh).sum()
    }
}

/// A mapping with one field replaced.
fn with_field(value: &Partial, name: &str, (new, field): (&str, Partial)) -> Option<Partial> {
    let Partial::Map(fields) = value else { return None };
    let fields = fields.iter().map(|(own, value)| match own == name {
        true => (new.to_owned(), field.clone()),
        false => (own.clone(), value.clone()),
    });
    Some(Partial::Map(fields.collect()))
}

/// Whether a finding shows that another variant is meant.
fn indicates_another_variant(found: &BodyFinding) -> bool {
    found.severity == Severity::Error
}
