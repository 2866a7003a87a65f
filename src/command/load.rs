//! Plan files: read, checked, their inputs resolved; what is wrong with them is told.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Account;
use super::findings::{self, Found};
use crate::catalog::Catalog;
use crate::cli::{ApiOptions, PlanOptions};
use crate::context::Context;
use crate::diagnostic::Diagnostic;
use crate::error::Error;
use crate::plan::inputs::{InputProblem, InputSources, resolve};
use crate::plan::{self, Checked, Plan};
use crate::source::Source;
use crate::template::{Scope, Template};
use crate::yaml;

/// What a plan from stdin is called.
const STDIN: &str = "-";

/// A plan that is right, and the catalogue it was checked against.
pub struct LoadedPlan {
    pub plan: Arc<Plan>,
    pub catalog: &'static Catalog,
}

/// Reads a plan file, or stdin for `-`.
///
/// # Errors
///
/// When it cannot be read, or is no text.
pub fn read_source(context: &Context, file: &Path) -> Result<Arc<Source>, Error> {
    let text = text(read_bytes(context, file)?).map_err(|error| Error::read(file, error))?;
    Ok(Arc::new(Source::new(file, text)))
}

fn read_bytes(context: &Context, file: &Path) -> Result<Vec<u8>, Error> {
    let bytes = match file == Path::new(STDIN) {
        true => context.read_stdin_bytes(),
        false => fs::read(context.resolve(file)),
    };
    bytes.map_err(|error| Error::read(file, error))
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text"))
}

/// The catalogue to check against: that of an OpenAPI document, or the built-in one.
///
/// # Errors
///
/// When the document cannot be read.
pub(super) fn catalog(context: &Context, spec: Option<&Path>) -> Result<&'static Catalog, Error> {
    let Some(spec) = spec else { return Ok(Catalog::embedded()) };
    let text = fs::read(context.resolve(spec)).and_then(text).map_err(|error| Error::read(spec, error))?;
    // One for the whole process, like the built-in one.
    Ok(Box::leak(Box::new(Catalog::from_openapi(&text)?)))
}

/// Reads a plan file, or stdin for `-`, and checks it against a catalogue. What is no text is a finding like any other.
///
/// # Errors
///
/// When it cannot be read.
pub(super) fn read_and_check(
    context: &Context,
    file: &Path,
    catalog: &'static Catalog,
) -> Result<(Arc<Source>, Checked), Error> {
    match yaml::decode(read_bytes(context, file)?) {
        Ok(text) => {
            let source = Arc::new(Source::new(file, text));
            let folder = context.resolve(source.path().parent().unwrap_or_else(|| Path::new("")));
            let checked = plan::check_in(&source, catalog, &folder);
            Ok((source, checked))
        }
        Err(no_text) => {
            let source = Arc::new(Source::new(file, no_text.readable));
            Ok((source, Checked { plan: None, findings: vec![no_text.finding] }))
        }
    }
}

/// Reads and checks a plan; findings are told, warnings too.
///
/// # Errors
///
/// [`Error::PlanWrong`] when it is; otherwise when something cannot be read.
pub fn load_plan(context: &Context, file: &Path, spec: Option<&Path>) -> Result<LoadedPlan, Error> {
    let catalog = catalog(context, spec)?;
    let (source, Checked { plan, findings }) = read_and_check(context, file, catalog)?;
    let Some(mut plan) = plan else {
        findings::tell(context, &[Found { source, findings }])?;
        return Err(Error::PlanWrong);
    };
    let warnings: Vec<Diagnostic> = findings.into_iter().filter(findings::is_worth_saying).collect();
    if !warnings.is_empty() {
        findings::warn(context, &[Found { source, findings: warnings }])?;
    }
    // `file(...)` reads beside the plan, wherever the command was typed.
    plan.folder = context.resolve(&plan.folder);
    Ok(LoadedPlan { plan: Arc::new(plan), catalog })
}

/// The values of a plan's inputs: its defaults, files, environment, flags; secret ones as markers.
///
/// # Errors
///
/// [`Error::PlanWrong`] when some are missing or do not fit, which is told; otherwise when a file cannot be read.
pub fn resolve_inputs(
    context: &Context,
    plan: &Plan,
    options: &PlanOptions,
) -> Result<BTreeMap<String, minijinja::Value>, Error> {
    resolve_inputs_over(context, plan, &BTreeMap::new(), options)
}

/// The same, with values that everything else wins over.
///
/// # Errors
///
/// As [`resolve_inputs`].
pub fn resolve_inputs_over(
    context: &Context,
    plan: &Plan,
    given: &BTreeMap<String, serde_json::Value>,
    options: &PlanOptions,
) -> Result<BTreeMap<String, minijinja::Value>, Error> {
    match values_of(context, plan, given, options)? {
        Ok(values) => Ok(values),
        Err(problems) => {
            let findings = sort_problems(context, problems)?;
            if !findings.is_empty() {
                findings::tell(context, &[Found { source: Arc::clone(&plan.source), findings }])?;
            }
            Err(Error::PlanWrong)
        }
    }
}

/// Project and region of a plan's calls: a flag wins over the plan, the plan over the environment.
///
/// # Errors
///
/// [`Error::PlanWrong`] when the plan's template gives no number, which is told.
pub fn places(
    context: &Context,
    plan: &Plan,
    inputs: &BTreeMap<String, minijinja::Value>,
    environment: &str,
    options: &ApiOptions,
    account: &Account,
) -> Result<(Option<i64>, Option<i64>), Error> {
    let scope = Scope {
        environment,
        project_id: None,
        region_id: None,
        inputs,
        steps: &BTreeMap::new(),
        each: None,
        this: None,
        resource: None,
        folder: &plan.folder,
        secrets: Some(&context.secrets),
    };
    let mut findings = Vec::new();
    let mut place = |flag: Option<i64>, template: Option<&Template>, otherwise: Option<i64>| match (flag, template) {
        (Some(id), _) => Some(id),
        (None, None) => otherwise,
        (None, Some(template)) => match number(template, &scope) {
            Ok(id) => Some(id),
            Err(finding) => {
                findings.push(finding);
                None
            }
        },
    };
    let project_id = place(options.project_id, plan.project_id.as_ref(), account.project_id);
    let region_id = place(options.region_id, plan.region_id.as_ref(), account.region_id);
    if findings.is_empty() {
        return Ok((project_id, region_id));
    }
    findings::tell(context, &[Found { source: Arc::clone(&plan.source), findings }])?;
    Err(Error::PlanWrong)
}

fn number(template: &Template, scope: &Scope<'_>) -> Result<i64, Diagnostic> {
    let value = template.evaluate(scope).map_err(|error| {
        let finding = Diagnostic::error("input-value", error.span, error.message.clone());
        error.help.into_iter().fold(finding, Diagnostic::help)
    })?;
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    number.ok_or_else(|| {
        Diagnostic::error("input-value", template.span, "the id of a project or region is a whole number")
    })
}

/// What is wrong with the values of a plan's inputs; what has no place in the plan is told at once.
///
/// # Errors
///
/// [`Error::PlanWrong`] when there is nothing but what was told; otherwise when a file cannot be read.
pub(super) fn resolve_problems(
    context: &Context,
    plan: &Plan,
    options: &PlanOptions,
) -> Result<Vec<Diagnostic>, Error> {
    match values_of(context, plan, &BTreeMap::new(), options)? {
        Ok(_) => Ok(Vec::new()),
        Err(problems) => match sort_problems(context, problems)? {
            findings if findings.is_empty() => Err(Error::PlanWrong),
            findings => Ok(findings),
        },
    }
}

type Values = Result<BTreeMap<String, minijinja::Value>, Vec<InputProblem>>;

fn values_of(
    context: &Context,
    plan: &Plan,
    given: &BTreeMap<String, serde_json::Value>,
    options: &PlanOptions,
) -> Result<Values, Error> {
    let given = (!given.is_empty()).then(|| Ok(Source::new("preview", serde_json::json!(given).to_string())));
    let read = options.inputs.iter().map(|file| read_source(context, file).map(|source| Source::clone(&source)));
    let files = given.into_iter().chain(read).collect::<Result<Vec<_>, Error>>()?;
    let set: Vec<_> = options.set.iter().map(|given| (given.name.clone(), given.value.clone())).collect();
    let sources = InputSources { files: &files, environment: &context.environment.inputs.0, set: &set };
    Ok(resolve(plan, &sources, &context.secrets))
}

/// Problems with a declaration as findings about the plan; the others are told.
fn sort_problems(context: &Context, problems: Vec<InputProblem>) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Vec::new();
    for problem in problems {
        match problem.to_diagnostic() {
            Some(finding) => found.push(finding),
            None => {
                let message = format!("{}: {}", problem.origin, problem.message);
                findings::tell_line(context, &message, &problem.help)?;
            }
        }
    }
    Ok(found)
}
