//! From the command line to what a run works with.

use std::collections::BTreeMap;

use super::ViewOptions;
use super::shell_words::quoted;
use crate::cli::RunFlags;
use crate::engine::{Settings, first_missing, is_read};
use crate::error::Error;
use crate::hash::{HashMap, HashSet};
use crate::id::StepId;
use crate::plan::{Graph, Plan, Segment, Selection};
use crate::report::shape::Shape;
use crate::report::{MOST_NAMES, list};
use crate::secret::Secrets;

/// The files that the flags name for events and report, and what the reporters need of the plan.
pub(super) fn view_options(plan: &Plan, flags: &RunFlags, shape: Shape) -> ViewOptions {
    ViewOptions { events: flags.events.clone(), source: Some(plan.source.clone()), report: flags.report.clone(), shape }
}

/// The number of all instances, when that of each step is known.
pub(super) fn all_instances(plan: &Plan, counts: &HashMap<StepId, usize>) -> Option<usize> {
    (counts.len() == plan.steps.len()).then(|| counts.values().sum())
}

/// The steps and instances named on the command line.
///
/// # Errors
///
/// When the plan has no such step, or the step no such instances.
pub(super) fn selection(plan: &Plan, names: &[String]) -> Result<Selection, Error> {
    let named = names.iter().map(|name| {
        let id = Selection::name(name);
        let Some(step) = plan.steps.get(&id.step) else {
            let error = Error::usage(format!("the plan has no step `{}`", id.step));
            return Err(match crate::diagnostic::nearest(id.step.as_str(), plan.steps.keys().map(StepId::as_str)) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error
                    .help(format!("it has {}", list(plan.steps.keys().map(|step| format!("`{step}`")), MOST_NAMES))),
            });
        };
        match &id.key {
            Some(_) if step.for_each.is_none() => {
                Err(Error::usage(format!("step `{}` has no instances", id.step)).help(format!("say `{}`", id.step)))
            }
            _ => Ok(id),
        }
    });
    named.collect()
}

/// The steps and instances that `--replace` names.
///
/// # Errors
///
/// As for [`selection`]; and when nothing can be replaced, because the call of a step only reads, or `--target` leaves
/// it out.
pub(super) fn replaced(plan: &Plan, names: &[String], target: &Selection) -> Result<Selection, Error> {
    let graph = Graph::of(plan);
    let earlier: HashSet<&StepId> = target.steps().flat_map(|step| graph.all_dependencies(step)).collect();
    for name in names {
        let id = Selection::name(name);
        let Some(step) = plan.steps.get(&id.step) else { continue };
        if is_read(step) {
            return Err(Error::usage(format!("`--replace {name}`: the call of `{}` only reads", id.step))
                .help("the resource that it created before it became a read is removed by `--prune`"));
        }
        let part = id.key.is_none() && target.steps().any(|step| *step == id.step);
        if !(target.is_empty() || earlier.contains(&id.step) || target.covers(&id) || part) {
            return Err(Error::usage(format!("`--replace {name}`: `--target` leaves `{}` out", id.step))
                .help(format!("add `--target {}`", quoted(name))));
        }
    }
    selection(plan, names)
}

/// Checks, before the first call, that the named instances exist, as far as their keys are known.
///
/// # Errors
///
/// When one does not: its step has no such instance.
pub(super) fn need_instances(
    plan: &Plan,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
    named: [&Selection; 2],
) -> Result<(), Error> {
    match named.into_iter().find_map(|named| first_missing(plan, settings, secrets, inputs, named)) {
        None => Ok(()),
        Some(missing) => Err(Error::usage(missing.message).help(missing.help)),
    }
}

/// Checks, before the first call, that calls which need project or region have them.
pub(super) fn need_places(plan: &Plan, project_id: Option<i64>, region_id: Option<i64>) -> Result<(), Error> {
    for step in plan.steps.values() {
        let needs = |own: bool, wanted: fn(&Segment) -> bool| !own && step.call.segments.iter().any(wanted);
        let missing = if project_id.is_none()
            && needs(step.project_id.is_some(), |segment| matches!(segment, Segment::ProjectId))
        {
            Some(("project", "--project-id", "GCORE_CLOUD_PROJECT_ID", "project_id"))
        } else if region_id.is_none() && needs(step.region_id.is_some(), |segment| matches!(segment, Segment::RegionId))
        {
            Some(("region", "--region-id", "GCORE_CLOUD_REGION_ID", "region_id"))
        } else {
            None
        };
        if let Some((what, flag, variable, key)) = missing {
            return Err(Error::usage(format!("step `{}` needs a {what}, and none is set", step.id))
                .help(format!("set `{variable}`, use `{flag} ID`, or say `{key}:` in the plan")));
        }
    }
    Ok(())
}
