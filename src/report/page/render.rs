//! Writes a report: templates for HTML, Markdown and JUnit, serde for JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::markdown;
use super::super::story::without_ids;
use super::super::{clock, count, duration, sanitize};
use super::model::{Failure, Instance, InstanceState, Report};
use super::{Format, picture};
use crate::hash::IndexMap;
use crate::order::sort_by_key;
use crate::packed;
use crate::packed::Packed;
use crate::secret::{Redacted, Secrets};

/// The file extensions select the escaping.
const PAGES: [(&str, Packed); 3] = [
    ("report.html", packed!("src/report/page/report.html")),
    ("report.md", packed!("src/report/page/report.md")),
    ("report.xml", packed!("src/report/page/report.xml")),
];
/// The most names on one line.
const MOST_NAMES_SHOWN: usize = 30;
/// A step with more instances than this is folded.
const MOST_UNFOLDED: usize = 12;
/// The smallest visible part of a bar, in percent of the run.
const SMALLEST: f64 = 0.01;
/// The number of equal parts into which marks divide the time axis.
const MARKS: u64 = 4;

/// The whole document, with secrets redacted and untrusted text escaped.
pub fn render(report: &Report, format: Format, secrets: &Secrets) -> Redacted {
    let template = match format {
        Format::Json => return secrets.seal(json(report)).map(|report| format!("{report:#}\n")),
        Format::Html => "report.html",
        Format::Markdown => "report.md",
        Format::Junit => "report.xml",
    };
    let seen = json!({ "page": json(&View::of(report)), "graph": picture::graph(report).map(|graph| json(&graph)) });
    secrets.seal(seen).map(|seen| written(template, &harmless(&seen)))
}

/// Renders a template.
fn written(template: &str, seen: &Value) -> String {
    let pages = PAGES.map(|(name, page)| (name, page.text()));
    let mut environment = Environment::new();
    for (name, text) in &pages {
        environment.add_template(name, text).expect("the templates in the binary are right");
    }
    environment.add_filter("md", |text: String| markdown::text(&text));
    environment.add_filter("code", |text: String| markdown::code(&text));
    let template = environment.get_template(template).expect("it was added above");
    let (page, graph) = (Serde(seen["page"].clone()), Serde(seen["graph"].clone()));
    template
        .render(context! { page, graph, version => env!("CARGO_PKG_VERSION") })
        .expect("a page holds what its template names")
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("reports are made of types JSON can hold")
}

/// Every text as one line without control characters and direction marks.
fn harmless(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitize(text).into_owned()),
        Value::Array(items) => items.iter().map(harmless).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (sanitize(name).into_owned(), harmless(field))).collect()
        }
        plain => plain.clone(),
    }
}

/// A report in the form that the templates use.
#[derive(Serialize)]
struct View<'r> {
    #[serde(flatten)]
    report: &'r Report,
    good: bool,
    /// Whether no instance failed, but some are not done.
    open: bool,
    /// In whole seconds.
    began: Option<String>,
    took: String,
    totals: Vec<Total>,
    failures: Vec<SameFailure<'r>>,
    not_made: Vec<SameReason<'r>>,
    existing: Vec<Existing<'r>>,
    rows: Vec<TimelineRow>,
    axis: Vec<Mark>,
    critical: Vec<&'r str>,
    tests: Vec<Test<'r>>,
}

#[derive(Serialize)]
struct Total {
    state: InstanceState,
    word: &'static str,
    number: usize,
}

/// A failure, and all instances that have it.
#[derive(Serialize)]
struct SameFailure<'r> {
    state: InstanceState,
    word: &'static str,
    names: Vec<&'r str>,
    /// Instances that do not fit on the line.
    more: Vec<&'r str>,
    failure: &'r Failure,
    /// The facts that all instances have.
    facts: Vec<&'r (String, String)>,
    request_ids: Vec<&'r str>,
}

#[derive(Serialize)]
struct SameReason<'r> {
    reason: &'r str,
    names: Vec<&'r str>,
    more: Vec<&'r str>,
}

/// An existing resource.
#[derive(Serialize)]
struct Existing<'r> {
    /// Its step, when the resources of that step are folded.
    folded: Option<&'r str>,
    instances: Vec<&'r Instance>,
}

/// A row of the timeline; the rows from one with `opens` to one with `closes` are folded together.
#[derive(Serialize)]
struct TimelineRow {
    bar: TimelineBar,
    opens: bool,
    closes: bool,
}

/// A bar, in percent of the whole run.
#[derive(Serialize)]
struct TimelineBar {
    name: String,
    word: &'static str,
    start: f64,
    width: f64,
    parts: Vec<BarPart>,
    /// The style of its last part.
    end: &'static str,
    critical: bool,
    /// The meaning of the parts, as text.
    words: String,
    took: String,
}

#[derive(Serialize)]
struct BarPart {
    class: &'static str,
    share: f64,
}

#[derive(Serialize)]
struct Mark {
    at: f64,
    label: String,
}

#[derive(Serialize)]
struct Test<'r> {
    name: &'r str,
    step: &'r str,
    seconds: f64,
    failure: Option<String>,
    details: Option<String>,
    skipped: Option<&'r str>,
}

impl<'r> View<'r> {
    fn of(report: &'r Report) -> Self {
        let end = report.instances.iter().filter_map(|instance| instance.ended_ms).max().unwrap_or(0);
        let whole = report.elapsed_ms.max(end).max(1);
        let mut critical: Vec<&Instance> = report.instances.iter().filter(|instance| instance.critical).collect();
        sort_by_key(&mut critical, |instance| instance.ended_ms);
        Self {
            report,
            good: report.exit == Some(0),
            open: report.instances.iter().all(|instance| {
                !matches!(instance.state, InstanceState::Failed | InstanceState::Left | InstanceState::Unknown)
            }),
            began: report.started.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
            took: duration_text(report.elapsed_ms),
            totals: totals(&report.instances),
            failures: failures(&report.instances),
            not_made: not_made(&report.instances),
            existing: existing(&report.instances),
            rows: rows(&report.instances, whole),
            axis: axis(whole),
            critical: critical.iter().map(|instance| instance.name.as_str()).collect(),
            tests: report.instances.iter().map(test).collect(),
        }
    }
}

fn duration_text(milliseconds: u64) -> String {
    duration(Duration::from_millis(milliseconds))
}

/// The gravest first.
fn totals(instances: &[Instance]) -> Vec<Total> {
    let mut numbers: BTreeMap<InstanceState, usize> = BTreeMap::new();
    for instance in instances {
        *numbers.entry(instance.state).or_default() += 1;
    }
    numbers.into_iter().rev().map(|(state, number)| Total { state, word: state.word(), number }).collect()
}

fn failures(instances: &[Instance]) -> Vec<SameFailure<'_>> {
    let mut same: IndexMap<_, SameFailure<'_>> = IndexMap::default();
    for instance in instances {
        let Some(failure) = &instance.failure else { continue };
        let group =
            same.entry((instance.state, without_ids(&failure.what), failure.place.clone())).or_insert_with(|| {
                SameFailure {
                    state: instance.state,
                    word: instance.state.word(),
                    names: Vec::new(),
                    more: Vec::new(),
                    failure,
                    facts: failure.facts.iter().collect(),
                    request_ids: Vec::new(),
                }
            });
        group.names.push(&instance.name);
        // Of the call and the fields only those that all of them have.
        group.facts.retain(|fact| failure.facts.contains(fact));
        group.request_ids.extend(failure.request_id.as_deref());
    }
    let mut failures: Vec<_> = same.into_values().collect();
    for group in &mut failures {
        group.more = group.names.split_off(group.names.len().min(MOST_NAMES_SHOWN));
    }
    sort_by_key(&mut failures, |failure| std::cmp::Reverse(failure.state));
    failures
}

fn not_made(instances: &[Instance]) -> Vec<SameReason<'_>> {
    let mut same: IndexMap<&str, Vec<&str>> = IndexMap::default();
    for instance in
        instances.iter().filter(|instance| matches!(instance.state, InstanceState::NotMade | InstanceState::Skipped))
    {
        same.entry(instance.reason.as_deref().unwrap_or_default()).or_default().push(&instance.name);
    }
    let reasons = same.into_iter().map(|(reason, mut names)| {
        // Interrupted instances stop in any order.
        sort_by_key(&mut names, |name| crate::report::natural(name));
        let more = names.split_off(names.len().min(MOST_NAMES_SHOWN));
        SameReason { reason, names, more }
    });
    reasons.collect()
}

fn existing(instances: &[Instance]) -> Vec<Existing<'_>> {
    let mut steps: IndexMap<&str, Vec<&Instance>> = IndexMap::default();
    for instance in instances.iter().filter(|instance| instance.exists()) {
        steps.entry(&instance.step).or_default().push(instance);
    }
    let (many, few): (Vec<_>, Vec<_>) = steps.into_iter().partition(|(_, instances)| instances.len() > MOST_UNFOLDED);
    let few: Vec<&Instance> = few.into_iter().flat_map(|(_, instances)| instances).collect();
    let few = (!few.is_empty()).then_some(Existing { folded: None, instances: few });
    few.into_iter()
        .chain(many.into_iter().map(|(step, instances)| Existing { folded: Some(step), instances }))
        .collect()
}

/// The rows of all steps, ordered by their first call; steps with many instances are folded.
fn rows(instances: &[Instance], whole: u64) -> Vec<TimelineRow> {
    let mut steps: IndexMap<&str, Vec<&Instance>> = IndexMap::default();
    for instance in instances.iter().filter(|instance| instance.called_ms.is_some()) {
        steps.entry(&instance.step).or_default().push(instance);
    }
    steps.sort_by_cached_key(|_, of_step| of_step.iter().filter_map(|instance| instance.called_ms).min());
    let mut rows = Vec::new();
    for (step, of_step) in &steps {
        let folded = of_step.len() > MOST_UNFOLDED;
        if folded {
            rows.push(TimelineRow { bar: together(step, of_step, whole), opens: true, closes: false });
        }
        for (at, instance) in of_step.iter().enumerate() {
            let closes = folded && at + 1 == of_step.len();
            rows.push(TimelineRow { bar: bar(instance, whole), opens: false, closes });
        }
    }
    rows
}

fn bar(instance: &Instance, whole: u64) -> TimelineBar {
    let called = instance.called_ms.unwrap_or(0);
    let eligible = instance.eligible_ms.unwrap_or(called);
    let ended = instance.ended_ms.unwrap_or(whole).max(called);
    let accepted = instance.accepted_ms.filter(|accepted| *accepted <= ended);
    let answered = accepted.unwrap_or(ended).max(called);
    let parts = [
        ("queue", "in the queue", called - eligible),
        ("call", "calling", answered - called),
        ("task", "waiting for its task", ended - answered),
    ];
    let parts = parts.into_iter().filter(|(.., span)| *span > 0);
    let mut said: Vec<String> =
        parts.clone().map(|(_, what, span)| format!("{} {what}", duration_text(span))).collect();
    said.extend(instance.delays.iter().cloned());
    if instance.attempts > 1 {
        said.push(count(instance.attempts as usize, "attempt"));
    }
    TimelineBar {
        name: instance.name.clone(),
        word: instance.state.word(),
        start: percent(eligible, whole),
        width: percent(ended - eligible, whole),
        parts: parts.map(|(class, _, span)| BarPart { class, share: percent(span, whole).max(SMALLEST) }).collect(),
        end: end_class(instance.state),
        critical: instance.critical,
        words: said.join(", "),
        took: duration_text(ended - called),
    }
}

/// One bar for all instances of a step.
fn together(step: &str, instances: &[&Instance], whole: u64) -> TimelineBar {
    let start = instances.iter().filter_map(|instance| instance.called_ms).min().unwrap_or(0);
    let ended = instances.iter().map(|instance| instance.ended_ms.unwrap_or(whole)).max().unwrap_or(whole).max(start);
    let state = instances.iter().map(|instance| instance.state).max().unwrap_or(InstanceState::Done);
    let number = count(instances.len(), "call");
    TimelineBar {
        name: format!("{step} ×{}", instances.len()),
        word: state.word(),
        start: percent(start, whole),
        width: percent(ended - start, whole),
        parts: vec![BarPart { class: "task", share: 1.0 }],
        end: end_class(state),
        critical: instances.iter().any(|instance| instance.critical),
        words: format!("{number} in {}", duration_text(ended - start)),
        took: duration_text(ended - start),
    }
}

/// The CSS class for the end of a bar.
fn end_class(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Failed | InstanceState::Left => "bad-end",
        InstanceState::Waiting | InstanceState::Unknown | InstanceState::Running => "open-end",
        _ => "",
    }
}

/// A share of the whole in percent, to a hundredth.
fn percent(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64 * 10_000.0).round() / 100.0
}

/// The marks of the time axis of a run of `whole_ms` milliseconds.
fn axis(whole_ms: u64) -> Vec<Mark> {
    (0..=MARKS)
        .map(|mark| {
            let at = whole_ms * mark / MARKS;
            let passed = Duration::from_millis(at);
            // A clock has no parts of a second, which would label several marks alike.
            let label = if whole_ms < MARKS * 1000 { duration(passed) } else { clock(passed) };
            Mark { at: percent(at, whole_ms), label }
        })
        .collect()
}

fn test(instance: &Instance) -> Test<'_> {
    let seconds = instance.ended_ms.unwrap_or(0).saturating_sub(instance.called_ms.unwrap_or(0)) as f64 / 1000.0;
    let failed = instance.state >= InstanceState::Waiting;
    let details = instance.failure.as_ref().map(|failure| {
        let facts = failure.facts.iter().map(|(label, text)| format!("{label}: {text}"));
        let place = failure.place.iter().map(|place| format!("at: {place}"));
        let help = failure.help.iter().map(|help| format!("help: {help}"));
        place.chain(facts).chain(help).collect::<Vec<_>>().join("; ")
    });
    let what = instance.failure.as_ref().map_or(instance.state.word(), |failure| failure.what.as_str());
    Test {
        name: &instance.name,
        step: &instance.step,
        seconds,
        failure: failed.then(|| what.to_owned()),
        details,
        skipped: instance
            .reason
            .as_deref()
            .filter(|_| matches!(instance.state, InstanceState::NotMade | InstanceState::Skipped)),
    }
}
