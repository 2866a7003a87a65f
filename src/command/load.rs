//! Loads plan files: reads and checks them, resolves inputs, reports findings.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::environment_file::{self, ReadFile};
use super::findings::{self, FileFindings};
use super::{Account, environment_name, warn};
use crate::catalog::Catalog;
use crate::cli::{ApiOptions, PlanOptions};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, sort_by_place};
use crate::error::Error;
use crate::files::read_at_most;
use crate::hash::IndexMap;
use crate::plan::inputs::{InputProblem, InputSources, resolve, resolve_known};
use crate::plan::{self, Assumed, Checked, EnvironmentFile, Input, Plan};
use crate::report::sanitize;
use crate::source::Source;
use crate::template::{Scope, Template};
use crate::yaml;

/// The file name for a plan from stdin.
const STDIN: &str = "-";

/// A valid plan, and the catalogue it was checked against.
pub struct LoadedPlan {
    pub plan: Arc<Plan>,
    pub catalog: &'static Catalog,
}

/// Reads a plan file, or stdin for `-`.
///
/// # Errors
///
/// When it cannot be read, or is not text.
pub fn read_source(context: &Context, file: &Path) -> Result<Arc<Source>, Error> {
    let text = text(read_bytes(context, file)?).map_err(|error| Error::read(file, error))?;
    Ok(Arc::new(Source::new(file, text)))
}

fn read_bytes(context: &Context, file: &Path) -> Result<Vec<u8>, Error> {
    let is_stdin = file == Path::new(STDIN);
    let read = || match is_stdin {
        true => context.read_stdin_bytes(yaml::LARGEST_FILE),
        false => {
            let path = context.resolve(file);
            if let Some(kind) = fs::metadata(&path).ok().and_then(|facts| no_text(facts.file_type())) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, and no file")));
            }
            let mut file = File::open(path)?;
            let expected = file.metadata().ok().map(|facts| facts.len());
            read_at_most(&mut file, yaml::LARGEST_FILE, expected)
        }
    };
    let is_read_once = is_stdin || fs::metadata(context.resolve(file)).is_ok_and(|facts| !facts.is_file());
    let bytes = if is_read_once { context.read_once(file, read) } else { read() };
    bytes.map_err(|error| Error::read(file, error))
}

/// What a file of this type is, when no plan can be read from it. A pipe, as `<(…)` makes one, can be read.
#[cfg(unix)]
fn no_text(kind: fs::FileType) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        _ if kind.is_socket() => Some("a socket"),
        _ if kind.is_block_device() => Some("a device"),
        _ => None,
    }
}

#[cfg(not(unix))]
fn no_text(_: fs::FileType) -> Option<&'static str> {
    None
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// The catalogue to check against: from an OpenAPI document, or the embedded one.
///
/// # Errors
///
/// When the document cannot be read.
pub(super) fn catalog(context: &Context, spec: Option<&Path>) -> Result<&'static Catalog, Error> {
    let Some(spec) = spec else { return Ok(Catalog::embedded()) };
    let text = fs::read(context.resolve(spec)).and_then(text).map_err(|error| Error::read(spec, error))?;
    // One for the whole process, like the embedded one.
    let catalog = Catalog::from_openapi(&text).map_err(|error| {
        Error::usage(format!("`{}`: {error}", spec.display()))
            .help("name the OpenAPI document of the API, as JSON or YAML")
    })?;
    Ok(Box::leak(Box::new(catalog)))
}

/// Reads a plan file, or stdin for `-`, and checks it against a catalogue. Invalid text is a finding as well. What the
/// inputs decide is left to [`check_values`].
///
/// # Errors
///
/// When it cannot be read.
pub(super) fn read_and_check(
    context: &Context,
    file: &Path,
    catalog: &'static Catalog,
) -> Result<(Arc<Source>, Checked), Error> {
    read(context, file, |source, folder| plan::check_before_values(source, catalog, folder))
}

fn read(
    context: &Context,
    file: &Path,
    check: impl FnOnce(&Arc<Source>, &Path) -> Checked,
) -> Result<(Arc<Source>, Checked), Error> {
    match yaml::decode(read_bytes(context, file)?) {
        Ok(text) => {
            let source = Arc::new(Source::new(file, text));
            let folder = context.resolve(source.folder());
            let checked = check(&source, &folder);
            checked.secret.iter().for_each(|value| context.secrets.hide_value(value));
            Ok((Arc::clone(&checked.source), checked))
        }
        Err(no_text) => {
            let source = Arc::new(Source::new(file, no_text.readable));
            let checked = plan::no_text(&source, no_text.finding);
            checked.secret.iter().for_each(|value| context.secrets.hide_value(value));
            Ok((source, checked))
        }
    }
}

/// Reads and checks a plan, and reports its findings, including warnings.
///
/// # Errors
///
/// [`Error::PlanWrong`] when the plan has errors; otherwise when a file cannot be read.
pub fn load_plan(context: &Context, file: &Path, spec: Option<&Path>) -> Result<LoadedPlan, Error> {
    let catalog = catalog(context, spec)?;
    let (source, Checked { plan, findings, .. }) = read_and_check(context, file, catalog)?;
    let Some(mut plan) = plan else {
        findings::print(context, &[FileFindings { source, findings }])?;
        return Err(Error::PlanWrong);
    };
    let warnings: Vec<Diagnostic> = findings.into_iter().filter(findings::is_shown_before_run).collect();
    if !warnings.is_empty() {
        findings::warn(context, &[FileFindings { source, findings: warnings }])?;
    }
    // `file(...)` reads relative to the plan, not to the current folder.
    plan.folder = context.resolve(&plan.folder);
    Ok(LoadedPlan { plan: Arc::new(plan), catalog })
}

/// The values of a plan's inputs, from defaults, files, environment and flags; secret ones as secret markers.
///
/// # Errors
///
/// [`Error::PlanWrong`] when values are missing or invalid, which is reported; otherwise when a file cannot be read.
pub fn resolve_inputs(
    context: &Context,
    plan: &Plan,
    options: &PlanOptions,
) -> Result<BTreeMap<String, minijinja::Value>, Error> {
    resolve_inputs_over(context, plan, &BTreeMap::new(), options)
}

/// As [`resolve_inputs`], with base values in `given`, over which all other sources take precedence.
///
/// # Errors
///
/// As for [`resolve_inputs`].
pub fn resolve_inputs_over(
    context: &Context,
    plan: &Plan,
    given: &BTreeMap<String, serde_json::Value>,
    options: &PlanOptions,
) -> Result<BTreeMap<String, minijinja::Value>, Error> {
    context.typed.tell_public(plan.inputs.keys().filter(|name| plan.shows_input(name)).cloned());
    warn_of_joined(context, &plan.inputs, options)?;
    match values_of(context, plan, given, options)? {
        Ok(values) => Ok(values),
        Err(problems) => {
            let findings = sort_problems(context, problems)?;
            if !findings.is_empty() {
                findings::print(context, &[FileFindings { source: Arc::clone(&plan.source), findings }])?;
            }
            Err(Error::PlanWrong)
        }
    }
}

/// Warns about values of `--set` that go on with another input, as `a=1,b=2` does: other tools take that for two.
pub(super) fn warn_of_joined(
    context: &Context,
    declared: &IndexMap<String, Input>,
    options: &PlanOptions,
) -> Result<(), Error> {
    options.set.iter().try_for_each(|given| match joined(declared, &given.value) {
        Some(other) => {
            let name = sanitize(&given.name);
            let message = format!("`,{other}=` is part of the value that `--set {name}=…` gives to `{name}`");
            warn(context, &format!("{message}: write `--set {name}=… --set {other}=…` for two inputs"))
        }
        None => Ok(()),
    })
}

/// The input that a value seems to be about besides its own.
fn joined<'d>(declared: &'d IndexMap<String, Input>, value: &str) -> Option<&'d str> {
    let rest = value.split(',').skip(1).filter_map(|part| part.split_once('='));
    rest.filter_map(|(name, _)| declared.get_key_value(name.trim())).map(|(name, _)| name.as_str()).next()
}

/// The values of the inputs, as far as they are known without those of the command line that ran the plan; none when
/// one is missing.
pub fn known_inputs(context: &Context, plan: &Plan, options: &PlanOptions) -> BTreeMap<String, minijinja::Value> {
    values_of(context, plan, &BTreeMap::new(), options).ok().and_then(Result::ok).unwrap_or_default()
}

/// Project and region of a plan's calls, in order of precedence: flag, environment file, plan, variable.
///
/// # Errors
///
/// [`Error::PlanWrong`] when the plan's template does not give a number, which is reported.
pub fn places(
    context: &Context,
    plan: &Plan,
    inputs: &BTreeMap<String, minijinja::Value>,
    environment: &str,
    options: &ApiOptions,
    account: &Account,
) -> Result<(Option<i64>, Option<i64>), Error> {
    let scope = Scope::of_inputs(environment, inputs, &plan.folder, &context.secrets);
    let file = environment_file(context, plan, environment)?.map(|read| read.file).unwrap_or_default();
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
    let project_id = place(options.project_id.or(file.project_id), plan.project_id.as_ref(), account.project_id);
    let region_id = place(options.region_id.or(file.region_id), plan.region_id.as_ref(), account.region_id);
    if findings.is_empty() {
        return Ok((project_id, region_id));
    }
    findings::print(context, &[FileFindings { source: Arc::clone(&plan.source), findings }])?;
    Err(Error::PlanWrong)
}

/// The environment file of a plan, if there is one.
///
/// # Errors
///
/// [`Error::PlanWrong`] when it has errors, which are reported; otherwise when it cannot be read.
pub(super) fn environment_file(context: &Context, plan: &Plan, environment: &str) -> Result<Option<ReadFile>, Error> {
    match environment_file::read(context, plan.source.path(), environment)? {
        Some(read) if !read.is_right() => {
            findings::print(context, &[read.found(plan.inputs.values().any(|input| input.secret))])?;
            Err(Error::PlanWrong)
        }
        read => Ok(read),
    }
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

/// Reads and checks a plan file as [`read_and_check`] does, also with its input values: the given ones, and defaults
/// for the rest. Invalid values are findings. Missing ones are findings only when others are given or `all_wanted`,
/// because a plan can be checked before its values are known.
///
/// # Errors
///
/// When a file cannot be read.
pub(super) fn check_with_inputs(
    context: &Context,
    file: &Path,
    catalog: &'static Catalog,
    options: &PlanOptions,
    all_wanted: bool,
) -> Result<(Arc<Source>, Checked, Vec<FileFindings>), Error> {
    let environment = environment_name(context, options.environment.as_deref())?;
    environment_file::print_near(context, file, &environment)?;
    let beside = environment_file::read(context, file, &environment)?;
    let are_given = all_wanted
        || beside.is_some()
        || !options.set.is_empty()
        || !options.inputs.is_empty()
        || !context.environment.inputs.0.is_empty();
    let (source, checked, wrong_files) = with_sources(context, None, beside.as_ref(), options, |sources| {
        let problems = RefCell::default();
        let inputs = |declared: &IndexMap<String, Input>| {
            let (values, found) = resolve_known(declared, sources, &context.secrets);
            problems.replace(found);
            values
        };
        let assumed = Assumed { inputs: &inputs, environment: &environment, secrets: &context.secrets };
        let (source, mut checked) =
            read(context, file, |source, folder| plan::check_assuming(source, catalog, folder, &assumed))?;
        let mut problems = if are_given { problems.into_inner() } else { Vec::new() };
        let mut wrong_files = Vec::new();
        for file in sources.beside.into_iter().map(|(file, _)| file).chain(sources.files) {
            let findings: Vec<Diagnostic> = problems.iter().filter_map(|problem| problem.in_file(file)).collect();
            problems.retain(|problem| problem.in_file(file).is_none());
            wrong_files.push(ReadFile { source: file.clone(), file: EnvironmentFile::default(), findings });
        }
        // A problem without a place is about the plan as a whole.
        let found = problems.iter().map(|problem| problem.diagnostic_at(problem.declared.unwrap_or_default()));
        checked.findings.extend(found);
        sort_by_place(&mut checked.findings);
        Ok::<_, Error>((source, checked, wrong_files))
    })??;
    let may_hold_secrets = checked.plan.as_ref().is_none_or(|plan| plan.inputs.values().any(|input| input.secret));
    let files = beside.into_iter().chain(wrong_files).filter(|read| !read.findings.is_empty());
    Ok((source, checked, files.map(|read| read.found(may_hold_secrets)).collect()))
}

type LoadedValues = Result<BTreeMap<String, minijinja::Value>, Vec<InputProblem>>;

fn values_of(
    context: &Context,
    plan: &Plan,
    given: &BTreeMap<String, serde_json::Value>,
    options: &PlanOptions,
) -> Result<LoadedValues, Error> {
    let given = (!given.is_empty()).then(|| Source::new("preview", serde_json::json!(given).to_string()));
    let environment = environment_name(context, options.environment.as_deref())?;
    let beside = environment_file(context, plan, &environment)?;
    with_sources(context, given, beside.as_ref(), options, |sources| resolve(&plan.inputs, sources, &context.secrets))
}

/// The sources of input values: command line and environment, all over `given`.
fn with_sources<T>(
    context: &Context,
    given: Option<Source>,
    beside: Option<&ReadFile>,
    options: &PlanOptions,
    read: impl FnOnce(&InputSources<'_>) -> T,
) -> Result<T, Error> {
    let named = options.inputs.iter().map(|file| read_source(context, file).map(|source| Source::clone(&source)));
    let files = given.into_iter().map(Ok).chain(named).collect::<Result<Vec<_>, _>>()?;
    let set: Vec<_> = options.set.iter().map(|given| (given.name.clone(), given.value.clone())).collect();
    let beside = beside.map(|read| (&read.source, &read.file));
    Ok(read(&InputSources { beside, files: &files, environment: &context.environment.inputs.0, set: &set }))
}

/// Converts problems with a declaration to findings, and reports the others.
fn sort_problems(context: &Context, problems: Vec<InputProblem>) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Vec::new();
    for problem in problems {
        match problem.to_diagnostic() {
            Some(finding) => found.push(finding),
            None => {
                let message = format!("{}: {}", problem.origin, problem.message);
                findings::print_line(context, &message, &problem.help)?;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_goes_on_with_another_input_is_seen() {
        const PLAN: &str = "name: demo\ninputs: { image: { type: string }, replicas: { default: 2 } }\nsteps:\n- id: a\n  \
                            call: POST /cloud/v1/ssh_keys/1\n  body: { name: \"{{ inputs.image }}{{ inputs.replicas }}\" }\n";
        let plan = plan::load(&Arc::new(Source::new("plan.yaml", PLAN))).unwrap_or_else(|found| panic!("{found:#?}"));
        for (value, other) in [
            ("a,replicas=3", Some("replicas")),
            ("a, replicas=3", Some("replicas")),
            ("a,b,replicas=3,x=1", Some("replicas")),
            ("a,size=3", None),
            ("a,replicas", None),
            ("replicas=3", None),
            ("a", None),
        ] {
            assert_eq!(joined(&plan.inputs, value), other, "{value}");
        }
    }
}
