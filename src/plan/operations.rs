//! Checks the calls of a plan against the catalogue: their operations exist, and bodies and parameters are valid.
//!
//! The catalogue does not know YAML, and the plan no schemas: findings have a path into the body, and this module
//! determines the place in the file.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::doc::PlanDoc;
use super::model::{Call, ModuleInput, Segment};
use super::of_step::{OfStep, operations_by_step};
use super::partial::Given;
use super::step_doc::StepDoc;
use super::values::check_written;
use crate::catalog::{AllowedPath, Catalog, Difference, Effect, Method, NearestRoute, Operation};
use crate::diagnostic::{Diagnostic, Findings};
use crate::hash::{HashMap, HashSet};
use crate::source::{Source, Span};
use crate::template::{Expression, Shape};

/// A plan that is checked, as written.
#[derive(Clone, Copy)]
pub(super) struct Checking<'c> {
    pub doc: &'c PlanDoc,
    /// What modules are given.
    pub modules: &'c [ModuleInput],
    pub catalog: &'c Catalog,
    pub source: &'c Source,
}

/// The operations of a plan's calls.
pub(super) struct Operations {
    /// By step, in file order.
    steps: Vec<OfStep>,
}

impl Operations {
    /// Finds the operation of every call, and reports missing ones.
    pub(super) fn find<'d>(doc: &'d PlanDoc, catalog: &Catalog, findings: &mut Findings) -> Self {
        let (mut unknown, mut known) = (UnknownRoutes::default(), HashMap::default());
        let mut find = |call: Option<&'d Call>| {
            let call = call?;
            // Most steps of a long plan call few operations.
            if let Some(operation) = known.get(&(call.method, &*call.written)) {
                return Some(Arc::clone(operation));
            }
            let operation = operation(call, catalog, &mut unknown, findings)?;
            if !operation.deprecated && !call.segments.iter().any(|segment| segment.template().is_some()) {
                known.insert((call.method, &*call.written), Arc::clone(&operation));
            }
            Some(operation)
        };
        let steps = doc.steps.iter().map(|step| {
            let (undo, update) = step.calls();
            OfStep {
                own: find(step.call.as_ref()),
                undo: find(undo.map(|undo| &undo.call)),
                update: find(update.map(|update| &update.call)),
            }
        });
        Self { steps: steps.collect() }
    }

    pub(super) fn into_steps(self) -> Vec<OfStep> {
        self.steps
    }

    /// Checks bodies and parameters as far as they are known before a run.
    pub(super) fn check(&self, written: &Checking<'_>, given: Given<'_>, findings: &mut Findings) {
        let &Checking { doc, modules, catalog, source } = written;
        check_written(doc, &self.steps, modules, (catalog, source), given, findings);
        for (step, of) in doc.steps.iter().zip(&self.steps) {
            findings.extend(step_notes(step, of));
            findings.extend(only_reads(step, of));
            findings.extend(super::of_another::check(step, of));
            findings.extend(super::ignored::check(step, of, catalog));
            findings.extend(super::not_here::misspelt_field(step, of, catalog));
            findings.extend(super::always::check(step, of));
            findings.extend(super::stamp_tags::check(step, of));
            findings.extend(super::not_here::not_adopting(step, of));
            findings.extend(super::not_here::find_in_one_resource(step, of, catalog));
            findings.extend(known_already(step, of, catalog));
        }
        super::secret_addresses::check(doc, &self.steps, findings);
        // What follows is about references to steps, and about conditions.
        let refers = doc.programs().any(|program| !program.uses().steps.is_empty());
        if refers || doc.steps.iter().any(|step| condition(step).is_some()) {
            let by_step = operations_by_step(doc, &self.steps);
            check_never_made(doc, &by_step, findings);
            not_waited_for(doc, &by_step, findings);
            unreadable(doc, &by_step, findings);
            secret_names(doc, &by_step, findings);
        }
    }
}

impl Operations {
    /// Checks once more with the values of a run; findings without these values were reported.
    pub(super) fn check_assumed(&self, written: &Checking<'_>, given: Given<'_>, findings: &mut Findings) {
        let &Checking { doc, modules, catalog, source } = written;
        // Of one place the first error is enough; a warning is not about the value.
        let told: HashSet<Span> =
            findings.iter().filter(|finding| finding.is_error()).map(|finding| finding.primary).collect();
        let warned: HashSet<(Span, &str)> = findings.iter().map(|finding| (finding.primary, finding.code)).collect();
        let mut more = Findings::default();
        check_written(doc, &self.steps, modules, (catalog, source), given, &mut more);
        more.retain(|found| !told.contains(&found.primary) && !warned.contains(&(found.primary, found.code)));
        let (more, others) = more.finish();
        findings.add(more, others);
    }
}

fn operation(
    call: &Call,
    catalog: &Catalog,
    unknown: &mut UnknownRoutes,
    findings: &mut Findings,
) -> Option<Arc<Operation>> {
    let segments: Vec<Option<&str>> = call
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => Some(&**text),
            Segment::ProjectId => Some("{project_id}"),
            Segment::RegionId => Some("{region_id}"),
            Segment::Template(_) => None,
        })
        .collect();
    let Some(operation) = catalog.matching_segments(call.method, &segments) else {
        findings.push(unknown_route(call, &segments, catalog, unknown));
        return None;
    };
    if operation.deprecated {
        let message = format!("`{}` is deprecated", operation.route);
        let finding = Diagnostic::warning("deprecated-operation", call.span, message);
        findings.push(match &operation.successor {
            Some(successor) => finding.help(format!("use `{successor}`")),
            None => finding,
        });
    }
    Some(operation)
}

/// What is probably meant by calls without an operation, each compared with all paths once. Plans are untrusted: one of
/// a hundred thousand wrong paths is not compared a hundred thousand times.
#[derive(Default)]
struct UnknownRoutes(HashMap<(Method, Vec<Option<String>>), NearestRoute>);

/// The most wrong paths that are compared; more findings are not shown.
const MOST_COMPARED: usize = 500;

impl UnknownRoutes {
    fn nearest(&mut self, call: &Call, segments: &[Option<&str>], catalog: &Catalog) -> NearestRoute {
        let owned = segments.iter().map(|segment| segment.map(str::to_owned)).collect();
        let is_full = self.0.len() >= MOST_COMPARED;
        match self.0.entry((call.method, owned)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(_) if is_full => NearestRoute::Nothing,
            Entry::Vacant(new) => new.insert(catalog.nearest(call.method, segments)).clone(),
        }
    }
}

fn unknown_route(call: &Call, segments: &[Option<&str>], catalog: &Catalog, unknown: &mut UnknownRoutes) -> Diagnostic {
    let written = format!("{} {}", call.method, call.written);
    let first = segments.first().copied().flatten();
    let is_known = first.is_some_and(|first| catalog.roots().any(|root| root == first));
    match unknown.nearest(call, segments, catalog) {
        NearestRoute::OtherMethod { methods, .. } => {
            let takes: Vec<&str> = methods.iter().copied().map(Method::as_str).collect();
            let message = format!("this path takes no {}", call.method);
            Diagnostic::error("unknown-method", call.span, message)
                .help(format!("it takes {}", super::fields::listed(takes)))
        }
        NearestRoute::Other { route, differences } => {
            let finding = Diagnostic::error("unknown-route", call.span, format!("the API has no `{written}`"));
            let found = finding.help(format!("did you mean `{route}`?{}", differing(&differences)));
            let may_be_newer = |one: &Difference| matches!(one, Difference::Spelling | Difference::Version(_));
            match differences.iter().any(may_be_newer) {
                true => found.help("if the API has it: `--spec FILE` checks against a newer API document"),
                false => found,
            }
        }
        NearestRoute::Nothing if !is_known => {
            let message = format!("`{written}` is outside the APIs that are known, and cannot be checked");
            let roots: Vec<String> = catalog.roots().map(|root| format!("`/{root}/`")).collect();
            Diagnostic::warning("unknown-route", call.span, message)
                .help(format!("their paths start with {}", roots.join(", ")))
        }
        NearestRoute::Nothing => {
            let finding = Diagnostic::error("unknown-route", call.span, format!("the API has no `{written}`"));
            finding.help("`plan ops WORDS` searches the API; `--spec FILE` checks against a newer API document")
        }
    }
}

fn differing(differences: &[Difference]) -> String {
    let words = differences.iter().filter_map(|difference| match difference {
        Difference::NoPrefix(root) => Some(format!("it begins with `/{root}`")),
        Difference::Missing(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("{{{name}}}")).collect();
            Some(format!("it has {}", super::fields::listed(names.iter().map(String::as_str))))
        }
        Difference::Version(version) => Some(format!("it is in version {version}")),
        Difference::Spelling => None,
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// A note about a step that is not an error.
fn step_notes(step: &StepDoc, of: &OfStep) -> Option<Diagnostic> {
    let operation = of.own.as_ref()?;
    let undone = matches!(step.undo, super::model::Undo::Default)
        && operation.effect == Effect::Create
        && operation
            .creates
            .as_ref()
            .is_some_and(|creates| creates.resource.as_ref().is_none_or(|resource| resource.delete.is_none()));
    undone.then(|| {
        let place = step.call.as_ref().map_or(step.span, |call| call.span);
        Diagnostic::note("no-undo", place, "no undo is known for what this call creates")
            .help("write the call under `undo:`, or `undo: none` if it is deleted with another resource")
    })
}

/// Reports calls of `undo` and `on_change` that only read.
fn only_reads(step: &StepDoc, of: &OfStep) -> Vec<Diagnostic> {
    let (undo, update) = step.calls();
    let keep = "write a call that reverts it, or `undo: none` to keep what the step creates";
    let calls = [
        ("`undo`", undo, &of.undo, keep),
        ("`on_change: update`", update, &of.update, "write a call that changes what the step created"),
    ];
    let reading = calls.into_iter().filter_map(|(what, call, operation, help)| {
        let call = &call?.call;
        let reads = operation.as_ref().map_or(call.method == Method::Get, |known| known.effect == Effect::Read);
        reads.then(|| {
            let message = format!("`{} {}` only reads: as {what} it changes nothing", call.method, call.written);
            Diagnostic::error("only-reads", call.span, message).help(help)
        })
    });
    reading.collect()
}

/// Names in `allow_unknown` that all calls of the step know: their values should be checked.
fn known_already(step: &StepDoc, of: &OfStep, catalog: &Catalog) -> Vec<Diagnostic> {
    let operations = || [&of.own, &of.undo, &of.update].into_iter().flatten();
    let is_known = |path: &AllowedPath| {
        let mut concerned = operations().filter(|operation| path.concerns(operation)).peekable();
        concerned.peek().is_some()
            && concerned.all(|operation| path.is_known(operation, catalog.body_schema(operation).as_deref()))
    };
    let paths = step.allow_unknown.paths().iter().zip(&step.allowed_at);
    let known = paths.filter(|(path, _)| is_known(path)).map(|(path, span)| {
        let message = format!("`{path}` is known: it need not be allowed");
        Diagnostic::warning("known-field", *span, message).help("take it out of `allow_unknown`")
    });
    known.collect()
}

/// Reports references to the resources of a step with `wait: false`, which are not known.
fn not_waited_for(doc: &PlanDoc, by_step: &HashMap<&str, Arc<Operation>>, findings: &mut Findings) {
    const LATER: [&str; 6] = ["id", "name", "created", "touched", "response", "resource"];
    let unawaited = doc.steps.iter().filter(|step| step.wait.skip);
    let ids = unawaited.filter_map(|step| step.id.as_ref()).map(|id| id.value.as_str());
    let unawaited: HashSet<&str> = ids
        .filter(|id| by_step.get(id).is_some_and(|operation| operation.asynchronous && operation.creates.is_some()))
        .collect();
    if unawaited.is_empty() {
        return;
    }
    let mentions = doc.programs().flat_map(|program| program.uses().steps.iter().map(move |used| (program, used)));
    let later = mentions.filter(|(_, used)| !used.guarded && unawaited.contains(used.step.as_str())).filter_map(
        |(program, used)| {
            let skipped = if ["all", "each"].contains(&used.path.first()?.as_str()) { 2 } else { 0 };
            let (word, span) = (used.path.get(skipped)?, *used.path_spans.get(skipped)?);
            LATER.contains(&word.as_str()).then(|| {
                let message =
                    format!("`{}` has `wait: false`: its `{word}` is not known when the step is done", used.step);
                Diagnostic::error("unknown-result", program.place(span), message)
                    .help("take `wait: false` away; with it there are `task`, `tasks`, `status` and `outcome`")
            })
        },
    );
    findings.extend(later);
}

/// A condition about what a step made.
fn condition(step: &StepDoc) -> Option<&Expression> {
    step.ready.condition().or(step.fail_when.as_deref())
}

/// Reports what needs the resource of a step that the API has no call to read.
fn unreadable(doc: &PlanDoc, by_step: &HashMap<&str, Arc<Operation>>, findings: &mut Findings) {
    let is_unreadable = |id: &str| {
        let creates = by_step.get(id).and_then(|operation| operation.creates.as_ref());
        creates.is_some_and(|creates| creates.resource.as_ref().is_none_or(|resource| resource.read.is_none()))
    };
    let conditions = doc.steps.iter().filter_map(|step| {
        let condition = condition(step)?;
        Some((step.id.as_ref()?.value.as_str(), condition.span))
    });
    let mentions = doc.programs().flat_map(|program| program.uses().steps.iter().map(move |used| (program, used)));
    let mentions = mentions.filter_map(|(program, used)| {
        let skipped = if ["all", "each"].contains(&used.path.first()?.as_str()) { 2 } else { 0 };
        let span = *used.path_spans.get(skipped)?;
        (used.path[skipped] == "resource").then(|| (used.step.as_str(), program.place(span)))
    });
    let found = conditions.chain(mentions).filter(|(id, _)| is_unreadable(id));
    let finding = |(id, place): (&str, Span)| {
        let message = format!("the API has no call that reads what `{id}` makes: there is no `resource`");
        Diagnostic::error("unknown-result", place, message).help("use a GET step that looks for it")
    };
    findings.extend(found.map(finding));
}

/// Reports references to names of resources that hold a secret: such a name is not recorded.
fn secret_names(doc: &PlanDoc, by_step: &HashMap<&str, Arc<Operation>>, findings: &mut Findings) {
    let secret = doc.inputs.iter().filter(|input| input.input.secret);
    let secret: HashSet<&str> = secret.map(|input| input.name.as_str()).collect();
    if secret.is_empty() {
        return;
    }
    let named = doc.steps.iter().filter_map(|step| {
        let id = step.id.as_ref()?.value.as_str();
        let creates = by_step.get(id)?.creates.as_ref()?;
        let name = step.body.as_ref()?.at(creates.name_at.as_deref().unwrap_or("/name"));
        let is_scalar = !matches!(name.shape(), Shape::List(_) | Shape::Mapping(_) | Shape::For(_));
        let input = name.inputs().find(|used| is_scalar && secret.contains(used.name.as_str()))?;
        Some((id, (input.name.to_string(), name.span)))
    });
    let named: HashMap<&str, (String, Span)> = named.collect();
    let mentions = doc.programs().flat_map(|program| program.uses().steps.iter().map(move |used| (program, used)));
    let found = mentions.filter(|(_, used)| !used.guarded).filter_map(|(program, used)| {
        let id = used.step.as_str();
        let (input, place) = named.get(id)?;
        let skipped = if ["all", "each"].contains(&used.path.first()?.as_str()) { 2 } else { 0 };
        let (word, span) = (used.path.get(skipped)?, *used.path_spans.get(skipped)?);
        (*word == "name").then(|| {
            let message =
                format!("the name of `{id}` holds the secret input `{input}`: it is not recorded, and undefined here");
            Diagnostic::error("unknown-result", program.place(span), message)
                .related(*place, "the name is given here")
                .help("write here what the name is made of, or give a name without the secret")
        })
    });
    findings.extend(found);
}

/// Reports `created.<kind>` of calls that never create that kind.
fn check_never_made(doc: &PlanDoc, by_step: &HashMap<&str, Arc<Operation>>, findings: &mut Findings) {
    for program in doc.programs() {
        for used in &program.uses().steps {
            let Some(operation) = by_step.get(used.step.as_str()) else { continue };
            let Some(at) = used.path.iter().position(|name| name == "created").filter(|at| [0, 2].contains(at)) else {
                continue;
            };
            let (Some(kind), Some(&span)) = (used.path.get(at + 1), used.path_spans.get(at + 1)) else { continue };
            let kinds = operation.kinds_made();
            if kinds.contains(&kind.as_str()) || (kinds.is_empty() && operation.effect == Effect::Create) {
                continue;
            }
            let message = format!("`{}` never makes `{kind}`", operation.route);
            let finding = Diagnostic::error("never-made", program.place(span), message);
            findings.push(match kinds.is_empty() {
                true => finding.help("it makes nothing new"),
                false => finding.help(format!("it makes {}", super::fields::listed(kinds))),
            });
        }
    }
}
