//! What is known of a template's value before a run: constants, inputs, elements of `for_each`, and the kinds of
//! resources that steps create.

mod paths;
mod view;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use self::paths::with_nulls;
pub(super) use self::paths::{results_of, source_of};
use self::view::View;
use super::model::Input;
use super::step_results::{KnownStep, typed};
use super::weight::too_heavy;
use crate::catalog::schema::Type;
use crate::catalog::{Operation, Partial, Unknown, ValueSource};
use crate::hash::{HashMap, HashSet};
use crate::id::StepId;
use crate::secret::Secrets;
use crate::source::Span;
use crate::template::{
    Each, Expression, ListFrom, Outline, Program, Scope, Shape, Template, TemplateError, ValueType, no_instances,
    skipped_step, value_of,
};

/// The values that a plan is checked with.
#[derive(Clone, Copy, Default)]
pub struct Given<'g> {
    /// Secret ones as secret markers. `None` when no values are given.
    pub inputs: Option<&'g Inputs>,
    /// Whether these are all values of a run: other inputs have none. Otherwise the values of other inputs are not
    /// known yet.
    pub complete: bool,
    /// The values of a further check that will follow: what they decide is judged then.
    pub later: NextCheck<'g>,
    pub environment: Option<&'g str>,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// `records`, once they are read.
    pub records: Option<&'g minijinja::Value>,
    /// The folder where `file(...)` reads; `None`: files are not read.
    pub folder: Option<&'g Path>,
    pub secrets: Option<&'g Secrets>,
}

/// The values that a plan is checked with later.
#[derive(Clone, Copy, Default)]
pub enum NextCheck<'g> {
    #[default]
    None,
    /// These inputs, and the name of the environment.
    These(&'g Inputs),
    /// All values: a run checks the plan with them before it begins.
    All,
}

/// The place of a template: with an element of the step's `for_each`, with one of a list built with `for`, or
/// without.
#[derive(Clone, Copy, Default)]
pub(super) struct At<'e> {
    /// The inputs that are known instead of those given, and the steps that do not run with them.
    case: Option<(&'e Inputs, &'e Skipped)>,
    each: Option<&'e Element>,
    item: Option<&'e Element>,
    /// What elements that are not known are read from: `steps.web.all`.
    each_of: Option<&'e ValueSource>,
    item_of: Option<&'e ValueSource>,
    /// The operation whose results are `self`.
    own: Option<&'e Operation>,
    secrets: SecretView,
}

/// Values of inputs, as templates see them.
pub(super) type Inputs = BTreeMap<String, minijinja::Value>;

/// The results of steps that do not run.
pub(super) type Skipped = BTreeMap<StepId, minijinja::Value>;

/// What is seen of the secrets in a value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum SecretView {
    /// Nothing: they are unknown.
    #[default]
    Nothing,
    /// Their markers, for templates that pass them on.
    Markers,
    /// The secrets, as they are sent. Whatever is said of the value must not repeat them.
    Values,
}

impl<'e> At<'e> {
    pub(super) fn case(case: Option<(&'e Inputs, &'e Skipped)>) -> Self {
        Self { case, ..Self::default() }
    }

    pub(super) fn element(self, each: Option<&'e Element>) -> Self {
        Self { each, ..self }
    }

    /// With `each` as an unknown element of this list.
    pub(super) fn element_of(self, elements: &'e Partial) -> Self {
        Self { each_of: source_of(elements), ..self }
    }

    /// In a call about what this operation made.
    pub(super) fn own(self, own: Option<&'e Operation>) -> Self {
        Self { own, ..self }
    }

    pub(super) fn revealing(self) -> Self {
        Self { secrets: SecretView::Values, ..self }
    }
}

/// What is known of the names in templates.
pub(super) struct Known<'d> {
    pub given: Given<'d>,
    inputs: HashMap<&'d str, &'d Input>,
    steps: HashMap<&'d str, KnownStep<'d>>,
    /// Steps that certainly do not run: their results are undefined.
    skipped: Skipped,
    /// Inputs that are left unknown: evaluating all templates with them would take too long.
    heavy: HashSet<String>,
    /// The empty set of inputs.
    none: Inputs,
}

/// An element of `for_each`, as far as it is known.
pub(super) struct Element {
    /// With `null` in place of unknown values, which are never used.
    each: Each,
    value: Partial,
    /// Its place in the file, if it has one.
    pub span: Option<Span>,
}

impl Element {
    pub(super) fn key(&self) -> &str {
        &self.each.key
    }
}

impl<'d> Known<'d> {
    pub(super) fn new(
        given: Given<'d>,
        inputs: HashMap<&'d str, &'d Input>,
        steps: HashMap<&'d str, KnownStep<'d>>,
    ) -> Self {
        Self { given, inputs, steps, skipped: BTreeMap::new(), heavy: HashSet::default(), none: BTreeMap::new() }
    }

    /// Leaves inputs unknown that are too long for the number of these programs that refer to them.
    pub(super) fn weigh<'p>(&mut self, programs: impl Iterator<Item = &'p Program>) {
        self.heavy = self.given.inputs.map(|inputs| too_heavy(inputs, programs)).unwrap_or_default();
    }

    pub(super) fn is_for_each(&self, step: &str) -> bool {
        self.steps.get(step).is_some_and(|step| step.is_for_each)
    }

    pub(super) fn is_secret(&self, input: &str) -> bool {
        self.inputs.get(input).is_some_and(|input| input.secret)
    }

    /// The input of this name, where it may have few values and none is given.
    pub(super) fn open(&self, input: &str) -> Option<&'d Input> {
        let declared = *self.inputs.get(input)?;
        let has_few = declared.has_few_values();
        let is_open = !self.given.complete && self.given.inputs.is_some() && self.fixed_value(input).is_none();
        (has_few && is_open).then_some(declared)
    }

    /// The value of an input that holds whatever else is given: one that is not the default, or a list or mapping with
    /// something in it, as a table of values by name.
    pub(super) fn fixed_value(&self, input: &str) -> Option<&'d minijinja::Value> {
        let value = self.given.inputs?.get(input)?;
        let is_other = match self.inputs.get(input)?.default.as_deref() {
            Some(Value::Array(_) | Value::Object(_)) => value.len().is_some_and(|many| many > 0),
            Some(default) => value_of(default) != *value,
            None => true,
        };
        is_other.then_some(value)
    }

    /// Marks a step as skipped.
    pub(super) fn skip(&mut self, step: &str) {
        self.skipped.insert(StepId::new(step), self.without_running(step));
    }

    /// The results of a step that does not run. Of one with `for_each` no instance does.
    fn without_running(&self, step: &str) -> minijinja::Value {
        if self.is_for_each(step) { no_instances() } else { skipped_step() }
    }

    /// The conditions of the steps that these programs refer to, and of those that the conditions refer to, as far as
    /// one may be skipped because of another.
    pub(super) fn conditions<'p>(&self, programs: impl Iterator<Item = &'p Program>) -> Vec<(StepId, &'d Expression)>
    where
        'd: 'p,
    {
        let mut found: Vec<(StepId, &'d Expression)> = Vec::new();
        let mut seen: HashSet<&StepId> = HashSet::default();
        let mut open: Vec<&StepId> =
            programs.flat_map(|program| &program.uses().steps).map(|used| &used.step).collect();
        for _ in 0..SKIPPED_IN_A_ROW {
            let before = found.len();
            open.retain(|id| seen.insert(id));
            let conditions = open.drain(..).map(|id| (id, self.steps.get(id.as_str()).and_then(|step| step.when)));
            found.extend(conditions.filter_map(|(id, when)| Some((id.clone(), when?))));
            open.extend(found[before..].iter().flat_map(|(_, when)| when.references()).map(|used| &used.step));
        }
        found
    }

    /// The steps of these that do not run with these inputs.
    pub(super) fn off(&self, conditions: &[(StepId, &Expression)], inputs: &Inputs) -> Skipped {
        let mut skipped = Skipped::new();
        // A condition may refer to a step that is skipped itself; those come last.
        for _ in 0..conditions.len().min(SKIPPED_IN_A_ROW) {
            let off = conditions.iter().filter(|(id, when)| {
                !skipped.contains_key(id) && self.truth(when, At::case(Some((inputs, &skipped)))) == Ok(Some(false))
            });
            let off: Vec<StepId> = off.map(|(id, _)| id.clone()).collect();
            if off.is_empty() {
                break;
            }
            skipped.extend(off.into_iter().map(|id| {
                let results = self.without_running(id.as_str());
                (id, results)
            }));
        }
        skipped
    }

    /// Whether a step may not run, depending on inputs that have no value yet.
    pub(super) fn may_not_run(&self, step: &StepId) -> bool {
        let when = self.steps.get(step.as_str()).and_then(|step| step.when);
        when.is_some_and(|when| when.inputs().any(|used| self.open(&used.name).is_some()))
    }

    pub(super) fn is_skipped(&self, step: &str) -> bool {
        self.skipped.contains_key(step)
    }

    fn scope<'s>(&'s self, at: At<'s>) -> Scope<'s> {
        Scope {
            environment: self.given.environment.unwrap_or_default(),
            project_id: self.given.project_id,
            region_id: self.given.region_id,
            inputs: at.case.map(|(inputs, _)| inputs).or(self.given.inputs).unwrap_or(&self.none),
            steps: at.case.map_or(&self.skipped, |(_, skipped)| skipped),
            records: self.given.records,
            each: at.each.map(|element| &element.each),
            item: at.item.map(|item| &item.each),
            this: None,
            resource: None,
            folder: self.given.folder.unwrap_or(Path::new("")),
            secrets: self.given.secrets,
        }
    }

    /// The value of a template as far as it is known; an evaluation error is reported, and the value unknown.
    pub(super) fn partial(&self, template: &Template, at: At<'_>, errors: &mut Vec<TemplateError>) -> Partial {
        let view = View { known: self, at };
        match template.shape() {
            Shape::Constant(value) => Partial::from(&value.to_value()),
            Shape::List(items) => Partial::List(items.iter().map(|item| self.partial(item, at, errors)).collect()),
            Shape::Mapping(entries) => {
                let fields = entries.iter().map(|(key, value)| (key.text.to_string(), self.partial(value, at, errors)));
                Partial::Map(fields.collect())
            }
            Shape::Expression(_) | Shape::Text(_) => view.filled(template.outline(&self.scope(at), &view, errors)),
            Shape::For(list) => {
                // Templates pass on markers.
                let secrets = if at.secrets == SecretView::Nothing { SecretView::Nothing } else { SecretView::Markers };
                let value = self.partial(&list.list, At { secrets, ..at }, errors);
                if let Some(secret) = self.secret_alone(&list.list) {
                    let message =
                        format!("the secret input `{secret}` cannot be the list itself: templates do not see it");
                    let help = "write the list out with a secret for each of its elements";
                    errors.push(TemplateError { span: list.list.span, message, help: Some(help.to_owned()) });
                }
                self.made_from(list, &value, at, errors)
            }
        }
    }

    /// The secret input that a template is, without anything else.
    fn secret_alone<'t>(&self, template: &'t Template) -> Option<&'t str> {
        let Shape::Expression(program) = template.shape() else { return None };
        let [only] = &*program.uses().inputs else { return None };
        let name = only.name.as_str();
        (program.uses().alone && self.is_secret(name)).then_some(name)
    }

    /// The value of a list built with `for`, as far as it is known. Of unknown elements one stands for all.
    fn made_from(&self, list: &ListFrom, value: &Partial, at: At<'_>, errors: &mut Vec<TemplateError>) -> Partial {
        /// Of a longer list only one element is checked.
        const MOST_ELEMENTS: usize = 1000;
        if let Partial::OneOf(options) = value {
            return Partial::OneOf(options.iter().map(|option| self.made_from(list, option, at, errors)).collect());
        }
        match self.elements(&list.list, value, MOST_ELEMENTS + 1) {
            Ok(Some(elements)) if elements.len() <= MOST_ELEMENTS => {
                let each = elements.iter().map(|item| self.partial(&list.each, At { item: Some(item), ..at }, errors));
                Partial::List(each.collect())
            }
            Ok(_) => {
                let at = At { item: None, item_of: source_of(value), ..at };
                Partial::List(vec![self.partial(&list.each, at, errors)])
            }
            Err(what) => {
                errors.push(list.not_a_list(what));
                typed(&[Type::Array])
            }
        }
    }

    /// What is known below an element of `steps.x.all` or `steps.x.ids`.
    fn of_results(&self, list: &ValueSource, path: &[String]) -> Partial {
        let ValueSource::Result { step, path: which } = list else { return Partial::unknown() };
        let Some(step) = self.steps.get(step.as_str()).filter(|step| step.is_for_each) else {
            return Partial::unknown();
        };
        let path = path.iter().map(String::as_str);
        match which.as_str() {
            "all" => step.result(&["all", "*"].into_iter().chain(path).collect::<Vec<_>>()),
            "ids" if path.len() == 0 => step.result(&["all", "*", "id"]),
            _ => Partial::unknown(),
        }
    }

    /// Whether the instances of a step depend on the given values.
    pub(super) fn has_given_instances(&self, step: &str) -> bool {
        let for_each = self.steps.get(step).and_then(|step| step.for_each);
        for_each.is_some_and(|for_each| for_each.inputs().next().is_some() || for_each.mentions("environment"))
    }

    /// The keys of a step's instances, where they are known.
    ///
    /// Lists that are made of the instances of other steps are evaluated after these, one by one: a chain of them may
    /// be longer than the stack, and a cycle, which is a finding of its own, has no end.
    fn keys(&self, step: &str) -> Option<&[String]> {
        let (name, step) = self.steps.get_key_value(step)?;
        let is_open = step.keys.get().is_none();
        let mut open: Vec<_> = is_open.then_some((*name, step)).into_iter().collect();
        let mut waiting = HashSet::from_iter([*name]);
        while let Some(&(name, next)) = open.last() {
            match self.lists_of(next).find(|(_, earlier)| earlier.keys.get().is_none()) {
                Some((name, earlier)) if waiting.insert(name) => open.push((name, earlier)),
                Some((_, on_circle)) => drop(on_circle.keys.set(None)),
                None => {
                    next.keys.get_or_init(|| self.evaluated_keys(next));
                    waiting.remove(name);
                    open.pop();
                }
            }
        }
        step.keys.get()?.as_deref()
    }

    /// The steps with `for_each` that the list of one refers to.
    fn lists_of(&self, step: &KnownStep<'d>) -> impl Iterator<Item = (&'d str, &KnownStep<'d>)> {
        let used = step.for_each.into_iter().flat_map(Template::programs).flat_map(|program| &program.uses().steps);
        let steps = used.filter_map(|used| self.steps.get_key_value(used.step.as_str()));
        steps.filter(|(_, step)| step.for_each.is_some()).map(|(name, step)| (*name, step))
    }

    fn evaluated_keys(&self, step: &KnownStep<'d>) -> Option<Vec<String>> {
        let for_each = step.for_each?;
        let value = self.partial(for_each, At::default(), &mut Vec::new());
        let elements = self.elements(for_each, &value, MOST_KEYS + 1).ok()??;
        let is_one = !matches!(value, Partial::OneOf(_)) && elements.len() <= MOST_KEYS;
        is_one.then(|| elements.into_iter().map(|element| element.each.key).collect())
    }

    /// Whether a condition holds; `None` when that is not known.
    ///
    /// # Errors
    ///
    /// When it cannot be evaluated, or is not a condition.
    pub(super) fn truth(&self, condition: &Expression, at: At<'_>) -> Result<Option<bool>, TemplateError> {
        let view = View { known: self, at };
        let scope = self.scope(at);
        let Some(program) = condition.program() else { return condition.is_true(&scope).map(Some) };
        match program.outline(&scope, &view)? {
            Outline::Exactly(_) => condition.is_true(&scope).map(Some),
            open => match open.value_type(&view) {
                Some(ValueType::Text) => Err(condition.ambiguous("text")),
                Some(ValueType::Integer | ValueType::Number) => Err(condition.ambiguous("a number")),
                _ => Ok(None),
            },
        }
    }

    /// The first elements of a `for_each`, at most `most`; `None` when they are not known.
    ///
    /// # Errors
    ///
    /// The type of the value, when it is neither a list nor a mapping.
    pub(super) fn elements(
        &self,
        for_each: &Template,
        value: &Partial,
        most: usize,
    ) -> Result<Option<Vec<Element>>, &'static str> {
        let span = |nth: usize| match for_each.shape() {
            Shape::List(items) => items.get(nth).map(|item| item.span),
            Shape::Mapping(entries) => entries.get(nth).map(|(key, value)| key.span.to(value.span)),
            _ => None,
        };
        let element = |index: usize, key: String, value: &Partial| Element {
            each: Each { key, value: with_nulls(value), index },
            value: value.clone(),
            span: span(index),
        };
        Ok(match value {
            Partial::List(items) => {
                let items = items.iter().enumerate().take(most);
                Some(items.map(|(index, item)| element(index, index.to_string(), item)).collect())
            }
            Partial::Map(fields) => {
                let fields = fields.iter().enumerate().take(most);
                Some(fields.map(|(index, (key, value))| element(index, key.clone(), value)).collect())
            }
            Partial::OneOf(options) => {
                let mut all = Vec::new();
                for option in options {
                    match self.elements(for_each, option, most)? {
                        Some(elements) => all.extend(elements),
                        None => return Ok(None),
                    }
                }
                Some(all)
            }
            Partial::Null => return Err("null"),
            Partial::Bool(_) => return Err("a boolean"),
            Partial::Number(_) => return Err("a number"),
            Partial::String(_) | Partial::Text(_) => return Err("text"),
            Partial::Unknown(unknown) => match never_elements(unknown) {
                Some(what) => return Err(what),
                None => None,
            },
        })
    }
}

/// What an unknown value is, when it is certainly neither a list nor a mapping.
fn never_elements(unknown: &Unknown) -> Option<&'static str> {
    match unknown.types.only()? {
        Type::Boolean => Some("a boolean"),
        Type::Integer | Type::Number => Some("a number"),
        Type::String => Some("text"),
        _ => None,
    }
}

/// The most steps of which each is skipped because its condition refers to the one before it.
const SKIPPED_IN_A_ROW: usize = 3;

/// Of more instances the keys are not looked through.
const MOST_KEYS: usize = 10_000;
