//! Evaluates the calls of a plan as far as their values are known, and checks them against the catalogue.
//!
//! This happens twice: for the plan as written, before values are given, and with the values of a run. For a
//! `for_each` with known elements every element is checked.

mod files;
mod modules;
mod moved;
mod secrets;
mod step_view;

use self::files::FileAt;
use self::step_view::StepView;
use super::as_text;
use super::cases::{Case, cases, most_for_each};
use super::doc::PlanDoc;
use super::model::{ModuleInput, Plan, Segment};
use super::of_step::OfStep;
use super::partial::{At, Element, Given, Known, results_of};
use super::request::{CallValues, Whole, check_request};
use super::step_results::KnownStep;
use crate::catalog::{Catalog, Method, Partial};
use crate::diagnostic::{Diagnostic, Findings, Severity, code, sort_by_place};
use crate::hash::{HashMap, HashSet};
use crate::parts::in_parts;
use crate::source::{Source, Span};
use crate::template::{Each, Program, Template, TemplateError};

/// The most elements of all `for_each` together that are checked one by one.
const MOST_ELEMENTS: usize = 10_000;
/// Fewer steps than this are not worth a thread.
const LEAST_PART: usize = 1_000;

/// Checks an accepted plan with its input values.
///
/// Only what depends on these values is checked; the rest was checked when the plan was accepted.
pub fn check_values(plan: &Plan, catalog: &Catalog, given: Given<'_>) -> Vec<Diagnostic> {
    let inputs = plan.inputs.iter().map(|(name, input)| (name.as_str(), input)).collect();
    let steps = Views {
        number: plan.steps.len(),
        view: |at: usize| StepView::at_step(&plan.steps[at]),
        is_open: |at: usize| !plan.steps[at].is_constant(),
    };
    let outputs = || plan.outputs.values().map(|output| &output.value);
    let mut known = Known::new(given, inputs, known_steps(&steps, outputs(), catalog));
    known.weigh(steps.programs().chain(outputs().flat_map(Template::programs)));
    let mut findings = Findings::default();
    let places = [&plan.project_id, &plan.region_id].into_iter().flatten();
    skip(&steps, &mut known);
    check_all(&steps, &known, (catalog, &plan.source), &mut findings);
    check_texts(outputs(), &known, &mut findings);
    check_places(places, &known, &mut findings);
    modules::check(&plan.module_inputs, &known, &mut findings);
    let for_each = |step: &str| plan.steps.get(step).and_then(|step| step.for_each.as_deref());
    moved::check(plan.moved.iter(), for_each, &known, &mut findings);
    let (mut findings, _) = findings.finish();
    sort_by_place(&mut findings);
    findings
}

/// Checks a plan as written; with values, only what depends on them.
pub(super) fn check_written(
    doc: &PlanDoc,
    of: &[OfStep],
    given_to_modules: &[ModuleInput],
    (catalog, source): (&Catalog, &Source),
    given: Given<'_>,
    findings: &mut Findings,
) {
    let inputs = doc.inputs.iter().map(|input| (input.name.as_str(), &input.input)).collect();
    let steps = Views {
        number: doc.steps.len(),
        view: |at: usize| StepView::at_doc(&doc.steps[at], &of[at]),
        is_open: |at: usize| !doc.steps[at].is_constant || doc.steps[at].when.is_some(),
    };
    let outputs = || doc.outputs.iter().filter_map(|output| output.value.as_ref());
    let mut known = Known::new(given, inputs, known_steps(&steps, outputs(), catalog));
    known.weigh(steps.programs().chain(outputs().flat_map(Template::programs)));
    skip(&steps, &mut known);
    check_all(&steps, &known, (catalog, source), findings);
    let places = [&doc.project_id, &doc.region_id].into_iter().flatten();
    check_texts(outputs(), &known, findings);
    check_places(places, &known, findings);
    modules::check(given_to_modules, &known, findings);
    let step = |name: &str| doc.steps.iter().find(|step| step.id.as_ref().is_some_and(|id| id.value == name));
    moved::check(doc.moved.iter(), |name| step(name)?.for_each.as_deref(), &known, findings);
}

/// The steps of a plan, whose views are made when they are looked at.
struct Views<V, O> {
    number: usize,
    view: V,
    /// Whether a step may have a template or a condition. Of a long plan most steps have none, and no view for it.
    is_open: O,
}

impl<'s, V: Fn(usize) -> StepView<'s>, O: Fn(usize) -> bool> Views<V, O> {
    fn open(&self) -> impl Iterator<Item = StepView<'s>> {
        (0..self.number).filter(|at| (self.is_open)(*at)).map(|at| (self.view)(at))
    }

    /// The programs of all steps.
    fn programs(&self) -> impl Iterator<Item = &'s Program> {
        self.open().flat_map(|view| view.programs().collect::<Vec<_>>())
    }
}

/// What is known of the steps that templates refer to.
fn known_steps<'s>(
    steps: &Views<impl Fn(usize) -> StepView<'s>, impl Fn(usize) -> bool>,
    outputs: impl Iterator<Item = &'s Template>,
    catalog: &Catalog,
) -> HashMap<&'s str, KnownStep<'s>> {
    let programs = steps.programs().chain(outputs.flat_map(Template::programs));
    let referred: HashSet<&str> =
        programs.flat_map(|program| program.uses().steps.iter().map(|used| used.step.as_str())).collect();
    if referred.is_empty() {
        return HashMap::default();
    }
    let views = (0..steps.number).map(|at| (steps.view)(at));
    let known = views.filter(|view| view.id.is_some_and(|id| referred.contains(id)));
    known.filter_map(|view| view.known(catalog)).collect()
}

/// Marks the steps that certainly do not run.
fn skip<'s>(steps: &Views<impl Fn(usize) -> StepView<'s>, impl Fn(usize) -> bool>, known: &mut Known<'_>) {
    /// The most rounds: a condition may refer to a step that an earlier round has marked.
    const ROUNDS: usize = 3;
    for _ in 0..ROUNDS {
        let off = steps.open().filter_map(|view| {
            let (id, when) = view.id.zip(view.when)?;
            let is_off = !known.is_skipped(id) && known.truth(when, At::default()) == Ok(Some(false));
            is_off.then_some(id)
        });
        let off: Vec<&str> = off.collect();
        if off.is_empty() {
            return;
        }
        off.into_iter().for_each(|id| known.skip(id));
    }
}

/// Checks all steps: those without `for_each` on several threads; the others, which share a number of elements, in the
/// order of the file.
fn check_all<'s>(
    steps: &Views<impl Fn(usize) -> StepView<'s> + Sync, impl Fn(usize) -> bool + Sync>,
    known: &Known<'_>,
    (catalog, source): (&Catalog, &Source),
    findings: &mut Findings,
) {
    let (with_values, most) = (known.given.inputs.is_some(), most_for_each(steps.number));
    let check = |view: &StepView<'_>, elements: &mut usize, findings: &mut Findings| {
        if !with_values || depends_on_values(view, known) {
            let (cases, seen) = (cases(known, view.programs(), most), HashSet::default());
            let checker = Checker { known, catalog, source, with_values, case: None, seen, findings };
            checker.step(view, &cases, elements);
        }
    };
    let mut elements = MOST_ELEMENTS;
    let parts = in_parts(steps.number, LEAST_PART, |part| {
        let (mut found, mut of_each) = (Findings::default(), Vec::new());
        for at in part.filter(|at| !with_values || (steps.is_open)(*at)) {
            let view = (steps.view)(at);
            match view.for_each {
                Some(_) => of_each.push(at),
                None => check(&view, &mut 0, &mut found),
            }
        }
        (found.finish(), of_each)
    });
    let mut of_each = Vec::new();
    for ((found, more), steps) in parts {
        findings.add(found, more);
        of_each.extend(steps);
    }
    of_each.into_iter().for_each(|at| check(&(steps.view)(at), &mut elements, findings));
}

/// Whether a step depends on the given values.
fn depends_on_values(view: &StepView<'_>, known: &Known<'_>) -> bool {
    view.programs().any(|program| {
        let uses = program.uses();
        !uses.inputs.is_empty()
            || ["environment", "project_id", "region_id", "records"].into_iter().any(|name| uses.mentions(name))
            || uses.steps.iter().any(|used| {
                let is_instance = used.path.first().is_some_and(|first| ["all", "each"].contains(&first.as_str()));
                known.is_skipped(used.step.as_str())
                    || known.may_not_run(&used.step)
                    || (is_instance && known.has_given_instances(used.step.as_str()))
            })
    })
}

/// Checks templates that have no schema: they must evaluate.
fn check_texts<'t>(templates: impl Iterator<Item = &'t Template>, known: &Known<'_>, findings: &mut Findings) {
    for template in templates {
        let mut errors = Vec::new();
        known.partial(template, At::default(), &mut errors);
        findings.extend(errors.iter().map(failed));
        for case in cases(known, template.programs().into_iter(), most_for_each(1)) {
            let mut more = Vec::new();
            known.partial(template, At::case(Some((&case.inputs, &case.skipped))), &mut more);
            more.retain(|error| !errors.iter().any(|told: &TemplateError| told.span == error.span));
            findings.extend(more.iter().map(|error| failed(error).help(format!("with {}", case.described))));
            errors.extend(more);
        }
    }
}

/// Checks the ids of project and region of the plan.
fn check_places<'t>(places: impl Iterator<Item = &'t Template>, known: &Known<'_>, findings: &mut Findings) {
    for place in places {
        let mut errors = Vec::new();
        let value = known.partial(place, At::default(), &mut errors);
        findings.extend(errors.iter().map(failed));
        findings.extend(as_text::place(place, &value));
    }
}

struct Checker<'c, 'd> {
    known: &'c Known<'d>,
    catalog: &'c Catalog,
    source: &'c Source,
    with_values: bool,
    case: Option<&'c Case>,
    /// One finding per place, code and severity: an error in every element is reported once.
    seen: HashSet<(Span, &'static str, Severity)>,
    findings: &'c mut Findings,
}

impl<'c> Checker<'c, '_> {
    /// Checks a step with what is known, and in each of these cases.
    fn step(mut self, view: &StepView<'_>, cases: &'c [Case], budget: &mut usize) {
        self.instances(view, budget);
        for case in cases {
            self.case = Some(case);
            self.instances(view, budget);
        }
    }

    fn at(&self) -> At<'c> {
        At::case(self.case.map(|case| (&case.inputs, &case.skipped)))
    }

    fn instances(&mut self, view: &StepView<'_>, budget: &mut usize) {
        let Some(for_each) = view.for_each else { return self.instance(view, None) };
        let mut errors = Vec::new();
        let value = self.known.partial(for_each, self.at(), &mut errors);
        self.report(errors.iter().map(failed), None);
        match self.known.elements(for_each, &value, *budget) {
            Ok(Some(elements)) => {
                let is_sent = view.calls[0].as_ref().is_some_and(|own| own.call.method != Method::Get);
                let broken = elements.iter().filter(|element| is_sent && element.key().contains(char::is_control));
                self.report(broken.take(1).map(|element| broken_key(element.span.unwrap_or(for_each.span))), None);
                for element in elements.iter().take(*budget) {
                    self.instance(view, Some(element));
                }
                *budget = budget.saturating_sub(elements.len());
            }
            Ok(None) => {
                if let Some(step) = results_of(&value) {
                    let message =
                        format!("`for_each` needs a list or a mapping, and this is the result of step `{step}`");
                    let finding = Diagnostic::error(code::WRONG_TYPE, for_each.span, message);
                    let help = match self.known.is_for_each(step) {
                        true => format!("all of its instances are `steps.{step}.all`"),
                        false => format!("use a list in it, as in `steps.{step}.ids`"),
                    };
                    self.report([finding.help(help)], None);
                }
                self.at_instance(view, self.at().element_of(&value), None);
            }
            // What cannot stand here at all was reported already.
            Err(_) if for_each.mentions("each") || for_each.inputs().any(|used| self.known.is_secret(&used.name)) => {
                self.instance(view, None);
            }
            Err(what) => {
                let message = format!("`for_each` needs a list or a mapping, and this is {what}");
                let finding = Diagnostic::error(code::WRONG_TYPE, for_each.span, message);
                self.report([finding.help(Each::instead_of(what))], None);
                self.instance(view, None);
            }
        }
    }

    fn instance(&mut self, view: &StepView<'_>, element: Option<&Element>) {
        self.at_instance(view, self.at().element(element), element);
    }

    fn at_instance(&mut self, view: &StepView<'_>, at: At<'_>, element: Option<&Element>) {
        if let Some(when) = view.when {
            match self.known.truth(when, at) {
                // A step that does not run may be invalid with these values.
                Ok(Some(false)) => return,
                Ok(_) => {}
                Err(error) => self.report([failed(&error)], element),
            }
        }
        let found = self.parts(view, at);
        // Once more with the values of secrets: what was not found without them is about these.
        let mut with_secrets = Vec::new();
        if self.with_values && self.secrets_in(view, None).next().is_some() {
            let errors = found.iter().filter(|finding| finding.is_error());
            let told: HashSet<(Span, &str)> = errors.map(|finding| (finding.primary, finding.code)).collect();
            let more = self.parts(view, at.revealing()).into_iter();
            let new = more.filter(|finding| finding.is_error() && !told.contains(&(finding.primary, finding.code)));
            with_secrets.extend(new.map(|finding| self.without_value(&finding, view)));
        }
        self.report(found, element);
        self.report(with_secrets, element);
    }

    /// The findings about the calls of a step, and about its headers, places, `find` and conditions.
    fn parts(&self, view: &StepView<'_>, at: At<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let [own, about_own @ ..] = &view.calls;
        own.iter().for_each(|whole| self.call(whole, at, &mut found));
        let about = at.own(own.as_ref().and_then(|own| own.operation).map(|operation| &**operation));
        about_own.iter().flatten().for_each(|whole| self.call(whole, about, &mut found));
        let mut errors = Vec::new();
        let mut value = |template: &Template| self.known.partial(template, at, &mut errors);
        if let Some(headers) = view.headers {
            found.extend(as_text::headers(headers, &value(headers)));
        }
        for place in view.places.into_iter().flatten() {
            found.extend(as_text::place(place, &value(place)));
        }
        if let Some(find) = view.find {
            found.extend(as_text::find(find, &value(find)));
        }
        found.extend(view.adopt.and_then(|adopt| as_text::adopted(adopt, &value(adopt))));
        found.extend(errors.iter().map(failed));
        let waits = view.waits.into_iter().flatten();
        found.extend(waits.filter_map(|condition| self.known.truth(condition, at).err()).map(|error| failed(&error)));
        found
    }

    fn report(&mut self, found: impl IntoIterator<Item = Diagnostic>, element: Option<&Element>) {
        for mut finding in found {
            if !self.seen.insert((finding.primary, finding.code, finding.severity)) {
                continue;
            }
            if let Some(element) = element {
                finding = match element.span {
                    Some(span) => finding.related(span, "with this element"),
                    None => finding.help(format!("with the element `{}`", element.key())),
                };
            }
            self.findings.push(match self.case {
                Some(case) => finding.help(format!("with {}", case.described)),
                None => finding,
            });
        }
    }

    fn call(&self, whole: &Whole<'_>, at: At<'_>, found: &mut Vec<Diagnostic>) {
        let mut errors = Vec::new();
        let mut partial = |template: &Template| self.known.partial(template, at, &mut errors);
        let body = whole.body.map(&mut partial);
        let query = whole.query.map(&mut partial);
        let file = whole.file.map(|file| (file, partial(&file.path)));
        let segments: Vec<Option<Partial>> = whole
            .call
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Template(template) => Some(partial(template)),
                _ => None,
            })
            .collect();
        found.extend(errors.iter().map(failed));
        let of_segment = |(segment, value): (&Segment, &Option<Partial>)| match (segment, value) {
            (Segment::Template(template), Some(value)) => as_text::segment(template, value),
            _ => None,
        };
        let no_segments: Vec<Diagnostic> = whole.call.segments.iter().zip(&segments).filter_map(of_segment).collect();
        if let Some((file, path)) = file {
            let named = FileAt { key: "body_file", place: file.path.span };
            let is_other = || self.of_another_kind(&named, &path, whole.operation);
            found.extend(self.unusable(&named, &path).or_else(is_other));
        }
        if let Some(operation) = whole.operation {
            if let (Some(template), Some(body)) = (whole.body, &body) {
                self.files_in_form(operation, template, body, found);
            }
            let values = CallValues { body, query, segments };
            let before = found.len();
            check_request(whole, operation, values, (self.catalog, self.source), found);
            // A segment that has no text form is reported once.
            let has_finding = |place: Span| no_segments.iter().any(|told| told.primary == place);
            let new = found.split_off(before).into_iter().filter(|finding| !has_finding(finding.primary));
            found.extend(new);
        }
        found.extend(no_segments);
    }
}

/// The finding about a key that no tag takes.
fn broken_key(place: Span) -> Diagnostic {
    let message = "a key of `for_each` holds a line break or another control character";
    Diagnostic::error("bad-name", place, message)
        .help("the key is part of the instance's name, and of the tag that names it in the API: use letters and digits")
}

/// The finding about a template that cannot be evaluated.
fn failed(error: &TemplateError) -> Diagnostic {
    let finding = Diagnostic::error(code::TEMPLATE_ERROR, error.span, error.message.clone());
    error.help.clone().into_iter().fold(finding, Diagnostic::help)
}
